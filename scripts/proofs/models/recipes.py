"""Every system of the five papers on the grouped folds of `surveillance-fight`, beside each other and beside the
built-in one; on `hockey-fights`, by random folds as the literature judges it and by grouped ones, the best of them;
and on `gmdcsa24`, one subject left out at a time, those that find falls, the built-in one also as its bundle is made:
with rendered clips beside.

`EDGEWATCH_RECIPES=lrcn,convlstm` trains and records these alone, `EDGEWATCH_PROTOCOLS=scenes` on these folds alone,
`EDGEWATCH_SEEDS=0,1,2` with other seeds than usual; stopped, the same command goes on. The comparison page is in the
work folder. Settings are reduced, see `proofs.models.recipe_runs`, so the figures are no judgement of the papers: their
sets, weights and hours of training were others.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from proofs.frame import record
from proofs.frame.markdown import table
from proofs.frame.proof import INTERVAL, Evidence, Figure, Figures, Limit, Proof, Setting, Value, say
from proofs.models.protocols import PROTOCOLS, RANDOM_CLIPS, SCENES, SUBJECTS, refuse_absent
from proofs.models.recipe_runs import RENDERED, cross_validated, folder_of, jobs, set_folder, sets_beside, weights_of
from trainer.judging.metrics import over_seeds

LEAST_RIGHT = {SCENES.name: Limit(">=", 0.88), RANDOM_CLIPS.name: Limit(">=", 0.975)}
LEAST_BALANCED = {SUBJECTS.name: Limit(">=", 0.92)}
LEAST_AUC = {SCENES.name: Limit(">=", 0.94)}
TABLE = tuple(
    row
    for name, protocol in PROTOCOLS.items()
    for row in (
        Figure(f"{name}_best_recipe", f"{protocol.title}: best"),
        Figure(f"{name}_best_accuracy", "its videos right", "%", LEAST_RIGHT.get(name), 1),
        Figure(f"{name}_best_balanced_accuracy", "its balanced accuracy", "%", LEAST_BALANCED.get(name), 1),
        Figure(f"{name}_best_auc", "its AUC", "", LEAST_AUC.get(name), 3),
        Figure(f"{name}_n_clips", "clips"),
        Figure(f"{name}_n_seeds", "its seeds"),
    )
)
MEASURES = ("accuracy", "balanced_accuracy", "auc")
COLUMNS = (
    "recipe", "backbone", "samples", "parameters", "videos right", "balanced", "AUC", "ms an answer", "seeds",
    "settings",
)  # fmt: skip
MILLION = 1e6


def measure(setting: Setting) -> Evidence:
    """Cross-validate what is not done yet, and write the comparison page."""
    wanted = jobs(setting)
    sets = sorted({name for job in wanted for name in (job.protocol.dataset, *sets_beside(job))})
    if not setting.short:
        refuse_absent([name for name in sets if name != RENDERED], setting)
    digests = {name: "" if setting.short else record.digest_of_files(set_folder(name, setting)) for name in sets}
    judged = {protocol: protocol.read(setting) for protocol in {job.protocol for job in wanted}}
    found: list[Evidence] = []
    folders = []
    for job in wanted:
        clips, folds = judged[job.protocol]
        data = sorted([clip.name, clip.group, clip.label, fold] for clip, fold in zip(clips, folds, strict=True))
        learned = [digests[name] for name in (job.protocol.dataset, *sets_beside(job))]
        weights = weights_of(setting, job.reduced.recipe(job.name).network).described
        made_from = [job.describe(), data, learned, weights]
        folder = folder_of(job, made_from, setting)
        found.append(
            setting.once(folder.name, made_from, lambda job=job, folder=folder: cross_validated(job, folder, setting))
        )
        folders.append(folder)
    from trainer.studies.comparison import compare  # noqa: PLC0415 it brings Keras

    say(f"comparison page: {compare(folders, setting.work / 'comparison')}")
    return {"data_sha256": digests, "runs": found}


def figures(evidence: Evidence) -> Figures:
    """Of each protocol and recipe the mean over its seeds, with intervals by drawing whole groups again."""
    found: Figures = {}
    for name, protocol in PROTOCOLS.items():
        runs = [run for run in evidence["runs"] if run["protocol"] == name]
        if runs:
            found |= {f"{name}_{key}": value for key, value in _of_protocol(runs, protocol.label).items()}
    return found


def _of_protocol(runs: Sequence[Mapping[str, Any]], label: str) -> Figures:
    names = list(dict.fromkeys(run["recipe"] for run in runs))
    found: Figures = {}
    for name in names:
        found |= _of_recipe(name, [run for run in runs if run["recipe"] == name], label)
    best = max(names, key=lambda name: _number(found[f"{name}_accuracy"]))
    found["best_recipe"] = best
    for key in MEASURES:
        found[f"best_{key}"] = found[f"{best}_{key}"]
        found[f"best_{key}{INTERVAL}"] = found[f"{best}_{key}{INTERVAL}"]
    found["n_clips"] = len(runs[0]["clips"])
    found["n_seeds"] = found[f"{best}_seeds"]
    return found


def _of_recipe(name: str, runs: Sequence[Mapping[str, Any]], label: str) -> Figures:
    clips = runs[0]["clips"]
    groups = [clip["group"] for clip in clips]
    truth = np.asarray([clip["label"] == label for clip in clips])
    right = np.asarray([[clip["answer"] == clip["label"] for clip in run["clips"]] for run in runs])
    scores = np.asarray([[clip["score"] for clip in run["clips"]] for run in runs], float)
    whole, intervals = over_seeds(truth, right, scores, groups)
    found: Figures = {f"{name}_{key}": whole.get(key) for key in MEASURES}
    found |= {f"{name}_{key}{INTERVAL}": intervals.get(key) for key in MEASURES}
    for key in ("backbone", "sampling", "parameters", "latency_ms", "settings"):
        found[f"{name}_{key}"] = runs[0][key]
    return found | {f"{name}_seeds": len(runs)}


def layout(found: Mapping[str, Value]) -> list[str]:
    """A table a protocol, with a row a recipe, for the README."""
    lines: list[str] = []
    for name, protocol in PROTOCOLS.items():
        own = {key.removeprefix(f"{name}_"): value for key, value in found.items() if key.startswith(f"{name}_")}
        if own:
            lines += [*([""] if lines else []), f"{protocol.title}:", "", *table(COLUMNS, _rows(own))]
    return lines


def _rows(found: Mapping[str, Value]) -> list[list[str]]:
    rows: list[list[str]] = []
    names = [key.removesuffix("_settings") for key in found if key.endswith("_settings")]
    for name in sorted(names, key=lambda name: -_number(found[f"{name}_accuracy"])):
        row = [
            f"`{name}`",
            str(found[f"{name}_backbone"]),
            str(found[f"{name}_sampling"]),
            f"{_number(found[f'{name}_parameters']) / MILLION:.2f} M",
            _with_interval(found, f"{name}_accuracy", 100, 1, " %"),
            _with_interval(found, f"{name}_balanced_accuracy", 100, 1, " %"),
            _with_interval(found, f"{name}_auc", 1, 3, ""),
            _shown(found[f"{name}_latency_ms"]),
            str(found[f"{name}_seeds"]),
            str(found[f"{name}_settings"]),
        ]
        rows.append(row)
    return rows


def _with_interval(found: Mapping[str, Value], key: str, factor: float, digits: int, unit: str) -> str:
    value, between = found[key], found.get(key + INTERVAL)
    if value is None:
        return "-"
    edges = [f"{factor * edge:.{digits}f}" for edge in between] if isinstance(between, list) else []
    return f"{factor * _number(value):.{digits}f}{unit}" + (f" ({' to '.join(edges)})" if edges else "")


def _shown(value: Value) -> str:
    return "-" if value is None else f"{_number(value):.1f}"


def _number(value: Value) -> float:
    assert isinstance(value, (int, float))
    return float(value)


PROOF = Proof(
    name="recipes",
    summary="every system of the five papers on sets of fights, at reduced settings",
    table=TABLE,
    measure=measure,
    figures=figures,
    short_keeps_limits=False,
    layout=layout,
)
