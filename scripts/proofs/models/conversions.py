"""What each precision of each backbone keeps and costs, and which clips it answers otherwise than float32.

Evidence: `trainer convert` of a run to every precision, each in a process of its own, with the time it took, the most
memory that its process tree held and what the bundle says of itself; and, from `proofs.models.flips`, every clip's
score in every precision, out of fold. The runs are `runs/builtin` and `runs/lite0`, or EDGEWATCH_RUN and
EDGEWATCH_LITE0_RUN; where there is none, the first fold's run is converted. `int8` is converted for the Edge TPU, so
that its mapping is predicted too.
"""

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edge.bundle import BUILTIN, Bundle
from edge.errors import ConfigurationError, EdgewatchError
from proofs.frame.markdown import table
from proofs.frame.proof import ROOT, Evidence, Figure, Figures, Limit, Proof, Setting, Value, say
from proofs.models.flips import NETWORKS, SEEDS, SETS, Task, measure_flips, train_task
from proofs.models.memory import watch
from proofs.models.protocols import SCENES
from trainer.features.backbone import B0, LITE0
from trainer.files import file_sha256
from trainer.fitting.run import SETTINGS_NAME
from trainer.judging.metrics import binary

PRECISIONS = ("float32", "float16", "mixed", "int8")
PRECISIONS_SHORT = ("float32", "float16")
QUANTIZED = ("mixed", "int8")
RUNS = {B0: ("EDGEWATCH_RUN", "builtin"), LITE0: ("EDGEWATCH_LITE0_RUN", "lite0")}
"""Of each backbone: the variable that names its run, and the run's usual name."""
OPTIONS = {"int8": ("--target", "edgetpu")}
BYTES_PER_MB = 1e6
BYTES_PER_GB = 1e9
S_PER_MIN = 60.0
SHORT_NAMES = {B0: "b0", LITE0: "lite0", "surveillance-fight": "surveillance", "hockey-fights": "hockey"}
LEAST_DB = {"mixed": Limit(">=", 18), "int8": Limit(">=", 12)}
MOST_LATENCY = {"mixed": Limit("<=", 0.6), "int8": Limit("<=", 0.5)}
MOST_MB = {"int8": Limit("<=", 6)}
MOST_LOST = {(B0, "int8"): 2, (LITE0, "int8"): 1, (B0, "mixed"): 0, (LITE0, "mixed"): 0}
"""Clips of the 233 of `surveillance-fight`, net; of `hockey-fights` the same share."""
HOCKEY_CLIPS_A_CLIP = 1000 / 233
MOST_AUC_LOST = {"int8": Limit("<=", 0.01)}
LEAST_SAME = {"int8": Limit(">=", 0.97)}


COSTS = {
    "features_db": ("features", "{:.1f} dB"),
    "latency_ms": ("a picture", "{:.1f} ms"),
    "latency_ratio": ("of float32", "{:.2f}"),
    "size_mb": ("frame model", "{:.1f} MB"),
}
"""Columns of the README's table of costs, each with its figure."""


def _of_network(network: str) -> tuple[Figure, ...]:
    """What converting one run gives."""
    short, rows = SHORT_NAMES[network], list[Figure]()
    for p in PRECISIONS:
        what = f"{network}, {p}:"
        rows += [
            Figure(f"{short}_features_db_{p}", f"{what} features against Keras", "dB", LEAST_DB.get(p), 1),
            Figure(f"{short}_label_agreement_{p}", f"{what} same top label on held-out frames", "%", None, 1),
            Figure(f"{short}_latency_ms_{p}", f"{what} latency on one thread", "ms", None, 2),
            Figure(f"{short}_latency_ratio_{p}", f"{what} latency / float32", "", MOST_LATENCY.get(p), 2),
            Figure(f"{short}_size_mb_{p}", f"{what} frame model", "MB", MOST_MB.get(p), 2),
        ]
    mapped = f"{network}, int8: multiply-accumulates on the Edge TPU, predicted"
    return *rows, Figure(f"{short}_mapped_macs_int8", mapped, "%", Limit(">=", 0.99), 2)


def _of_clips(network: str, dataset: str) -> tuple[Figure, ...]:
    """What quantization changes about clips: means over the seeds."""
    key, where = _key(network, dataset), f"{network}, `{dataset}`"
    rows = [
        Figure(f"{key}_accuracy_float32", f"{where}, float32: videos right", "%", None, 1),
        Figure(f"{key}_auc_float32", f"{where}, float32: AUC", "", None, 3),
    ]
    for p in QUANTIZED:
        factor = 1.0 if dataset == SCENES.dataset else HOCKEY_CLIPS_A_CLIP
        lost = Limit("<=", round(factor * MOST_LOST[network, p], 1))
        rows += [
            Figure(f"{key}_net_lost_{p}", f"{where}, {p}: clips lost less clips won", "", lost, 1),
            Figure(f"{key}_flips_{p}", f"{where}, {p}: lost and won, seed by seed"),
            Figure(f"{key}_auc_lost_{p}", f"{where}, {p}: AUC lost", "", MOST_AUC_LOST.get(p), 4),
            Figure(f"{key}_same_answer_{p}", f"{where}, {p}: same answer", "%", LEAST_SAME.get(p), 1),
        ]
    return tuple(rows)


def _key(network: str, dataset: str) -> str:
    return f"{SHORT_NAMES[network]}_{SHORT_NAMES[dataset]}"


TABLE = (
    *(row for network in NETWORKS for row in _of_network(network)),
    *(row for network in NETWORKS for dataset in SETS for row in _of_clips(network, dataset)),
    Figure("minutes_max", "slowest conversion", "min", Limit("<=", 5), 1),
    Figure("memory_gb_max", "most memory in a conversion", "GB", Limit("<=", 3), 2),
)


def measure(setting: Setting) -> Evidence:
    """Hours, and resumed fold by fold; the short form converts the runs that are there to two precisions."""
    runs = {network: _run_of(network, setting) for network in NETWORKS}
    if setting.short and all(run is None for run in runs.values()):
        names = " or ".join(variable for variable, _ in RUNS.values())
        raise ConfigurationError(f"{ROOT / 'runs'}: no run to convert; train one, or set {names} to one")
    return {
        "bundle_sha256": Bundle.load(BUILTIN).digest,
        "conversions": {network: _conversions(network, run, setting) for network, run in runs.items() if run},
        "folds": [] if setting.short else measure_flips(setting),
    }


def _run_of(network: str, setting: Setting) -> Path | None:
    """The run of a backbone; None where there is none and training one takes too long.

    Raises:
        ConfigurationError: the one that was named is none.
    """
    variable, name = RUNS[network]
    named = os.environ.get(variable)
    run = Path(named) if named else ROOT / "runs" / name
    if (run / SETTINGS_NAME).is_file():
        return run
    if named:
        raise ConfigurationError(f"{run}: no run ({variable}); train one there, or leave the variable out")
    return None if setting.short else train_task(Task(network, SCENES.dataset, SEEDS[0], 0), setting).path


def _conversions(network: str, run: Path, setting: Setting) -> Evidence:
    made_from = {"run": file_sha256(run / "frame.keras")}
    return {
        precision: setting.once(
            f"{SHORT_NAMES[network]}-{precision}",
            made_from,
            lambda precision=precision: _convert(run, precision, setting),
        )
        for precision in (PRECISIONS_SHORT if setting.short else PRECISIONS)
    }


def figures(evidence: Evidence) -> Figures:
    """What each bundle says, the worst of the costs, and what quantization changed about clips."""
    found: Figures = {}
    conversions: dict[str, dict[str, Any]] = evidence["conversions"]
    for network, of_network in conversions.items():
        for precision, conversion in of_network.items():
            found |= _conversion_figures(SHORT_NAMES[network], precision, conversion["verification"])
    made = [one for of_network in conversions.values() for one in of_network.values()]
    found["minutes_max"] = max(one["seconds"] for one in made) / S_PER_MIN
    found["memory_gb_max"] = max(one["peak_bytes"] for one in made) / BYTES_PER_GB
    folds = evidence["folds"]
    for network, dataset in {(fold["network"], fold["dataset"]): None for fold in folds}:
        own = [fold for fold in folds if (fold["network"], fold["dataset"]) == (network, dataset)]
        found |= {f"{_key(network, dataset)}_{name}": value for name, value in _clip_figures(own).items()}
    return found


def _conversion_figures(short: str, precision: str, verification: dict[str, Any]) -> Figures:
    frame = verification["frame"]
    found: Figures = {
        f"{short}_features_db_{precision}": frame["features_snr_db"],
        f"{short}_label_agreement_{precision}": frame["label_agreement"],
        f"{short}_latency_ratio_{precision}": frame["latency_ratio"],
        f"{short}_latency_ms_{precision}": frame["latency_ms"],
        f"{short}_size_mb_{precision}": frame["size_bytes"] / BYTES_PER_MB,
    }
    if "edgetpu" in verification:
        found[f"{short}_mapped_macs_{precision}"] = verification["edgetpu"]["predicted_mac_share"]
    return found


def _clip_figures(folds: Sequence[Evidence]) -> Figures:
    """Of one backbone and set: each seed's folds pooled, then the mean over the seeds."""
    seeds = sorted({fold["seed"] for fold in folds})
    pooled = [_pool([fold for fold in folds if fold["seed"] == seed]) for seed in seeds]
    found: Figures = {
        "accuracy_float32": _mean([of_seed["float32"]["accuracy"] for of_seed in pooled]),
        "auc_float32": _mean([of_seed["float32"]["auc"] for of_seed in pooled]),
    }
    for precision in QUANTIZED:
        own = [of_seed[precision] for of_seed in pooled]
        found |= {
            f"net_lost_{precision}": _mean([one["lost"] - one["won"] for one in own]),
            f"flips_{precision}": ", ".join(f"{one['lost']} and {one['won']}" for one in own),
            f"auc_lost_{precision}": _mean(
                [of_seed["float32"]["auc"] - of_seed[precision]["auc"] for of_seed in pooled]
            ),
            f"same_answer_{precision}": _mean([one["same"] for one in own]),
        }
    return found


def _pool(folds: Sequence[Evidence]) -> dict[str, dict[str, Any]]:
    """One seed's folds together: for each precision its figures, and what it answers otherwise than float32."""
    paths = [path for fold in folds for path in fold["paths"]]
    if len(set(paths)) != len(paths):
        raise ValueError("a clip stands in two folds")
    truth = np.asarray([is_fight for fold in folds for is_fight in fold["truth"]], bool)
    thresholds = np.repeat([fold["threshold"] for fold in folds], [len(fold["paths"]) for fold in folds])
    scores = {
        precision: np.asarray([score for fold in folds for score in fold["scores"][precision]])
        for precision in ("float32", *QUANTIZED)
    }
    right = {precision: (values >= thresholds) == truth for precision, values in scores.items()}
    return {
        precision: {
            **binary(truth, values, thresholds),
            "lost": int((right["float32"] & ~right[precision]).sum()),
            "won": int((~right["float32"] & right[precision]).sum()),
            "same": float((right["float32"] == right[precision]).mean()),
        }
        for precision, values in scores.items()
    }


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values))


def layout(found: Mapping[str, Value]) -> list[str]:
    """Two tables for the README: what each precision costs, and what it does to the clips of each set."""
    networks = [network for network in NETWORKS if f"{SHORT_NAMES[network]}_size_mb_float32" in found]
    costs = [_cost_cells(found, network, precision) for network in networks for precision in PRECISIONS]
    flips = [_flip_cells(found, network, dataset) for network in networks for dataset in SETS]
    heads_of_costs = ("network", "precision", *(title for title, _ in COSTS.values()))
    heads_of_flips = ("network", "clips", "float32: right, AUC", *(f"{p}: lost and won" for p in QUANTIZED))
    return [*table(heads_of_costs, costs), "", *table(heads_of_flips, flips)]


def _cost_cells(found: Mapping[str, Value], network: str, precision: str) -> list[str]:
    key = f"{SHORT_NAMES[network]}_{{}}_{precision}"
    return [network, precision, *(form.format(found[key.format(name)]) for name, (_, form) in COSTS.items())]


def _flip_cells(found: Mapping[str, Value], network: str, dataset: str) -> list[str]:
    key = _key(network, dataset)
    float32 = f"{found[f'{key}_accuracy_float32']:.1%}, {found[f'{key}_auc_float32']:.3f}"
    flips = [f"{found[f'{key}_flips_{p}']} ({found[f'{key}_same_answer_{p}']:.1%} as before)" for p in QUANTIZED]
    return [network, f"`{dataset}`", float32, *flips]


def _convert(run: Path, precision: str, setting: Setting) -> Evidence:
    """Convert in a process of its own; its losses are accepted, since they are what is measured."""
    out, note = setting.work / f"{run.name}-{precision}", setting.work / f"peak-{run.name}-{precision}.txt"
    setting.work.mkdir(parents=True, exist_ok=True)
    note.unlink(missing_ok=True)
    command = [sys.executable, "-m", "trainer.cli", "convert", str(run), "--out", str(out), "--force", "--accept-loss"]
    command += ["--precision", precision, *OPTIONS.get(precision, ())]
    say(" ".join(command[2:]))
    begin_s = time.monotonic()
    with subprocess.Popen(command, stdout=sys.stderr) as process:
        peak_bytes = watch(process, note)
    if process.returncode:
        raise EdgewatchError(f"trainer convert --precision {precision} exited with {process.returncode}; see above")
    seconds = round(time.monotonic() - begin_s, 1)
    verification = Bundle.load(out).spec.verification
    kept = {key: verification[key] for key in ("frame", "edgetpu") if key in verification}
    return {"seconds": seconds, "peak_bytes": peak_bytes, "verification": kept}


PROOF = Proof(
    name="converters",
    summary="every precision of both backbones: what it keeps, costs and answers otherwise, and what converting takes",
    table=TABLE,
    measure=measure,
    figures=figures,
    short_keeps_limits=False,
    layout=layout,
)
