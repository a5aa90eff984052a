"""Every system of the five papers on the grouped folds of `surveillance-fight`, beside each other.

`EDGEWATCH_RECIPES=lrcn,convlstm` trains and records these alone, `EDGEWATCH_SEEDS=0,1,2` more than one seed; stopped,
the same command goes on. The comparison page is in the work folder. Settings are reduced, see `proofs.recipe_runs`, so
the figures are no judgement of the papers: their sets, weights and hours of training were others.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.errors import DatasetError
from proofs import record
from proofs.proof import INTERVAL, Evidence, Figure, Figures, Limit, Proof, Setting, Value, say
from proofs.recipe_runs import DATASET, LABEL, REDUCED, clips_and_folds, cross_validated, folder_of, jobs, weights_of
from trainer.metrics import auc_of, bootstrap

TABLE = (
    Figure("best_recipe", "best of them"),
    Figure("best_accuracy", "its videos right", "%", Limit(">=", 0.88), 1),
    Figure("best_auc", "its AUC", "", Limit(">=", 0.94), 3),
    Figure("n_clips", "clips"),
    Figure("n_seeds", "seeds"),
)
COLUMNS = ("recipe", "backbone", "samples", "parameters", "videos right", "AUC", "ms an answer", "settings")
MILLION = 1e6


def measure(setting: Setting) -> Evidence:
    """Cross-validate what is not done yet, and write the comparison page."""
    if not setting.short and not (setting.data / DATASET).is_dir():
        raise DatasetError(f"{setting.data / DATASET}: no such folder; set EDGEWATCH_DATA to where the data sets lie")
    wanted = jobs(setting)
    clips, folds = clips_and_folds(setting)
    data = sorted([clip.name, clip.group, clip.label, fold] for clip, fold in zip(clips, folds, strict=True))
    digest = record.digest_of_files(setting.data / DATASET) if not setting.short else ""
    found: list[Evidence] = []
    folders = []
    for job in wanted:
        weights = weights_of(setting, job.reduced.recipe(job.name).network).described
        made_from = [job.describe(), data, digest, weights]
        folder = folder_of(job, made_from, setting)
        found.append(
            setting.once(
                f"{job.name}-seed{job.seed}",
                made_from,
                lambda job=job, folder=folder: cross_validated(job, folder, setting),
            )
        )
        folders.append(folder)
    from trainer.comparison import compare  # noqa: PLC0415 it brings Keras

    say(f"comparison page: {compare(folders, setting.work / 'comparison')}")
    return {"data_sha256": digest, "runs": found}


def figures(evidence: Evidence) -> Figures:
    """Of each recipe the mean over its seeds, with intervals by drawing whole scenes again."""
    runs: list[Mapping[str, Any]] = evidence["runs"]
    names = [name for name in REDUCED if any(run["recipe"] == name for run in runs)]
    found: Figures = {}
    for name in names:
        found |= _of_recipe(name, [run for run in runs if run["recipe"] == name])
    best = max(names, key=lambda name: _number(found[f"{name}_accuracy"]))
    found["best_recipe"] = best
    for key in ("accuracy", "auc"):
        found[f"best_{key}"] = found[f"{best}_{key}"]
        found[f"best_{key}{INTERVAL}"] = found[f"{best}_{key}{INTERVAL}"]
    found["n_clips"] = len(runs[0]["clips"])
    found["n_seeds"] = len({run["seed"] for run in runs})
    return found


def _of_recipe(name: str, runs: Sequence[Mapping[str, Any]]) -> Figures:
    clips = runs[0]["clips"]
    groups = [clip["group"] for clip in clips]
    truth = np.asarray([clip["label"] == LABEL for clip in clips])
    right = np.asarray([[clip["answer"] == clip["label"] for clip in run["clips"]] for run in runs])
    scores = np.asarray([[clip["score"] for clip in run["clips"]] for run in runs], float)

    def of_chosen(chosen: NDArray[np.int64]) -> dict[str, float]:
        told = {"accuracy": float(right[:, chosen].mean())}
        if truth[chosen].any() and not truth[chosen].all():
            told["auc"] = float(np.mean([auc_of(truth[chosen], row[chosen]) for row in scores]))
        return told

    whole = of_chosen(np.arange(len(clips)))
    intervals = bootstrap(groups, of_chosen)
    found: Figures = {f"{name}_{key}": whole.get(key) for key in ("accuracy", "auc")}
    found |= {f"{name}_{key}{INTERVAL}": intervals.get(key) for key in ("accuracy", "auc")}
    for key in ("backbone", "sampling", "parameters", "latency_ms", "settings"):
        found[f"{name}_{key}"] = runs[0][key]
    return found


def layout(found: Mapping[str, Value]) -> list[str]:
    """A row a recipe, for the README."""
    lines = [f"| {' | '.join(COLUMNS)} |", "|" + "---|" * len(COLUMNS)]
    names = [name for name in REDUCED if f"{name}_accuracy" in found]
    for name in sorted(names, key=lambda name: -_number(found[f"{name}_accuracy"])):
        cells = [
            f"`{name}`",
            str(found[f"{name}_backbone"]),
            str(found[f"{name}_sampling"]),
            f"{_number(found[f'{name}_parameters']) / MILLION:.2f} M",
            _with_interval(found, f"{name}_accuracy", 100, 1, " %"),
            _with_interval(found, f"{name}_auc", 1, 3, ""),
            _shown(found[f"{name}_latency_ms"]),
            str(found[f"{name}_settings"]),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


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
    summary="every system of the five papers on grouped folds of surveillance-fight, at reduced settings",
    table=TABLE,
    measure=measure,
    figures=figures,
    short_keeps_limits=False,
    layout=layout,
)
