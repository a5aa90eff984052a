"""The parts of the accuracy proof that take hours or run the edge pipeline: one task a fold."""

import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import trainer
from edge.bundle import BUILTIN
from edge.errors import DatasetError
from proofs.frame.proof import Evidence, Setting, say
from trainer.bundles.conversion import Precision
from trainer.clips.datasets import read_dataset
from trainer.clips.labels import NORMAL
from trainer.clips.manifest import Clip, Segment
from trainer.clips.splits import leave_one_group_out, read_folds
from trainer.features.backbone import find_weights
from trainer.features.cache import Cache
from trainer.fitting.recipe import Workshop
from trainer.judging.scoring import container_shape, watch_clips
from trainer.studies.crossvalidation import FoldTask, plan_fold, run_fold
from trainer.studies.training import Wishes
from trainer.synth import render_dataset

NORMAL_SET = "normal"
TRAINED_ON = ("surveillance-fight", "gmdcsa24", "t2v-bed-fall")
FOLD_FILES = Path(trainer.__file__).parent / "clips" / "folds"
VIDEO_SUFFIXES = {".avi", ".mp4"}
N_FIGHT_FOLDS, N_FALL_SUBJECTS = 5, 4
N_RENDERED, RENDERED_SEED = 240, 1
RECIPE = "edgewatch"
PRECISION: Precision = "int8"
"""Of the shipped bundle."""
SEED = 0


@dataclass(frozen=True, slots=True)
class Task:
    """Train on everything but one fold of one set, quantize, score the fold."""

    dataset: str
    fold: int
    rendered: bool
    """Whether rendered clips are among the training clips."""
    recipe: str = RECIPE
    seed: int = SEED
    precision: Precision = PRECISION

    @property
    def name(self) -> str:
        return f"{self.dataset}-{self.fold}-{'with' if self.rendered else 'without'}-rendered"

    def describe(self) -> dict[str, Any]:
        """What the outcome depends on, beside code and data."""
        return asdict(self)


TASKS = [
    Task(dataset, fold, rendered)
    for rendered in (True, False)
    for dataset, n_folds in (("surveillance-fight", N_FIGHT_FOLDS), ("gmdcsa24", N_FALL_SUBJECTS))
    for fold in range(n_folds)
]


def run_task(task: Task, setting: Setting) -> Evidence:
    """Train, convert and score one fold; an hour or more on two cores, and resumed where it was stopped."""
    weights = find_weights(str(setting.weights) if setting.weights.is_dir() else None)
    workshop = Workshop(Cache(), weights, os.cpu_count() or 1)
    planned = fold_task(task, setting)
    out = setting.work / task.name
    scored = run_fold(planned, out, workshop, ("float32", PRECISION))
    for clip in scored["clips"]:
        clip["shape"] = container_shape(setting.data / clip["path"])
    return task.describe() | scored


def fold_task(task: Task, setting: Setting) -> FoldTask:
    """What the fold learns from and is judged on: every set but the one in question lends all its clips."""
    from trainer.recipes.catalogue import RECIPES  # noqa: PLC0415 brings Keras, which listing proofs need not wait for

    clips = read_dataset(setting.data / task.dataset)
    fold_file = FOLD_FILES / f"{task.dataset}.csv"
    folds = read_folds(fold_file, clips) if fold_file.is_file() else leave_one_group_out(clips)
    others = [clip for name in TRAINED_ON if name != task.dataset for clip in read_dataset(setting.data / name)]
    also = others + (read_dataset(rendered_folder(setting)) if task.rendered else [])
    return plan_fold(RECIPES[task.recipe], Wishes(seed=task.seed), clips, folds, also, fold=task.fold)


def rendered_folder(setting: Setting) -> Path:
    """Where the rendered training clips lie, of other seeds than tests and demonstrations use; made where they are
    not."""
    folder = setting.work / f"rendered-{RENDERED_SEED}-{N_RENDERED}"
    if not (folder / "manifest.csv").is_file():
        say(f"rendering {N_RENDERED} clips")
        render_dataset(folder, N_RENDERED, RENDERED_SEED, lambda _: None)
    return folder


def eventless(folder: Path) -> list[Clip]:
    """Videos of a folder in which nothing happens that alerts.

    Raises:
        DatasetError: there are none.
    """
    paths = sorted(path for path in folder.glob("*") if path.suffix in VIDEO_SUFFIXES)
    if not paths:
        raise DatasetError(f"{folder}: no videos; set EDGEWATCH_DATA to where the data sets lie")
    return [Clip(path, path.stem, frozenset(), (Segment(NORMAL),), path.name, folder.name) for path in paths]


def alarms_on_normal(setting: Setting) -> list[dict[str, Any]]:
    """What the shipped bundle raises, at its default thresholds, on videos without events."""
    clips = eventless(setting.data / NORMAL_SET)
    say(f"the shipped bundle on {NORMAL_SET}/")
    return [
        {
            "path": result.clip.name,
            "sha256": result.sha256,
            "duration_s": result.shape[3],
            "events": [{"label": alarm.label, "position_s": alarm.position_s} for alarm in result.alarms],
        }
        for result in watch_clips(BUILTIN, clips, workers=1)
    ]
