"""Out-of-fold figures: for each fold a model is trained without it, converted, and run over it by the box's pipeline.

Every step leaves its files in the fold's run directory, so that what was stopped goes on where it stopped.
"""

import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edge.errors import DatasetError
from trainer.bundles.conversion import Precision
from trainer.clips.manifest import Clip
from trainer.clips.splits import (
    TRAIN_ONLY,
    Split,
    TornSplit,
    is_ungrouped,
    read_folds,
    refuse_leak,
    refuse_unlearned,
    sides_of,
    split_validation,
    torn_splits,
)
from trainer.files import write_json
from trainer.fitting.recipe import Recipe, Workshop
from trainer.fitting.run import Run
from trainer.judging.evaluation import Judge, evaluate
from trainer.judging.scoring import ClipScores
from trainer.studies.latency import keep_latency
from trainer.studies.training import Wishes, train
from trainer.studies.verdict import Verdict, judge

FOLDS_NAME = "folds.json"
"""Pooled figures of a cross-validation, beside its folds' runs."""


@dataclass(frozen=True, slots=True)
class FoldTask:
    """One fold: what to train, on what, and which clips to hold out."""

    recipe: Recipe
    wishes: Wishes
    fold: int
    split: Split
    """Training clips of the outer split, and the held-out ones."""
    inner: Split
    """The training clips again, split for every choice that training makes."""
    torn: tuple[TornSplit, ...] = ()
    """Splits that have groups on both sides."""


def plan(
    recipe: Recipe,
    wishes: Wishes,
    clips: Sequence[Clip],
    folds: Sequence[int],
    also: Sequence[Clip] = (),
    *,
    torn: Sequence[TornSplit] = (),
) -> list[FoldTask]:
    """Make a task of each fold.

    Args:
        recipe: the system.
        wishes: changes to its settings.
        clips: clips that are each held out once.
        folds: of each clip, or `TRAIN_ONLY` or `UNUSED`.
        also: clips that every fold learns from and none is judged on.
        torn: splits that may have groups on both sides, see `trainer.clips.splits.torn_splits`.

    Raises:
        DatasetError: a group would stand on both sides of another split, or a fold judges a class that it does not
            learn.
    """
    numbers = sorted(number for number in set(folds) if number > TRAIN_ONLY)
    return [plan_fold(recipe, wishes, clips, folds, also, fold=number, torn=torn) for number in numbers]


def plan_fold(
    recipe: Recipe,
    wishes: Wishes,
    clips: Sequence[Clip],
    folds: Sequence[int],
    also: Sequence[Clip] = (),
    *,
    fold: int,
    torn: Sequence[TornSplit] = (),
) -> FoldTask:
    """Make the task of one fold; arguments and errors as of `plan`. Drawing its inner split takes seconds."""
    outside, held_out = sides_of(clips, folds, fold)
    outside += also
    refuse_unlearned(outside, held_out, fold)
    inner = split_validation(outside, wishes.seed)
    outer = Split(outside, held_out, frozenset(split.dataset for split in torn))
    return FoldTask(recipe, wishes, fold, outer, inner, tuple(torn))


def read_fold_files(paths: Sequence[Path], clips: Sequence[Clip]) -> tuple[list[int], list[TornSplit]]:
    """Folds of each clip, every data set's from the one file that names its clips, and which of them tear groups.

    Raises:
        DatasetError: no file fits a data set; the message is that of the first file.
    """
    fold_of: dict[Path, int] = {}
    ungrouped: set[str] = set()
    for dataset in sorted({clip.dataset for clip in clips}):
        own = [clip for clip in clips if clip.dataset == dataset]
        path, folds = _fitting_folds(paths, own)
        fold_of |= zip((clip.path for clip in own), folds, strict=True)
        if is_ungrouped(path):
            ungrouped.add(dataset)
    folds = [fold_of[clip.path] for clip in clips]
    return folds, torn_splits(clips, folds, ungrouped)


def _fitting_folds(paths: Sequence[Path], clips: Sequence[Clip]) -> tuple[Path, list[int]]:
    refusals: list[DatasetError] = []
    for path in paths:
        try:
            return path, read_folds(path, clips)
        except DatasetError as error:
            refusals.append(error)
    raise refusals[0]


def train_fold(task: FoldTask, out: Path, workshop: Workshop) -> Run:
    """Train the fold's model where it is not trained yet."""
    refuse_leak([*task.inner.train, *task.inner.held_out], task.split.held_out, task.split.as_published)
    return train(task.recipe, task.wishes, task.inner, out, workshop)


def score_fold(task: FoldTask, out: Path, workshop: Workshop, precision: Precision) -> Verdict:
    """Let the fold's model, trained where it is not trained yet, judge the clips that were held out."""
    return judge(train_fold(task, out, workshop), task.split.held_out, precision, workshop)


def cross_validate(
    tasks: Sequence[FoldTask], out: Path, workshop: Workshop, precisions: Sequence[Precision]
) -> dict[str, Any]:
    """Pooled out-of-fold figures of each precision, each clip judged by its own fold's thresholds.

    They are kept in `out`, for `trainer compare`; with them, which splits have groups on both sides.
    """
    figures: dict[str, Any] = {}
    torn = {"torn_splits": [asdict(split) for split in tasks[0].torn]} if tasks[0].torn else {}
    for split in tasks[0].torn:
        print(f"trainer: {split}", file=sys.stderr)
    names = [f"fold-{task.fold}" for task in tasks]
    for precision in precisions:
        pooled: list[ClipScores] = []
        judges: list[Judge] = []
        folds: list[int] = []
        for number, (task, name) in enumerate(zip(tasks, names, strict=True), start=1):
            print(f"fold {number} of {len(tasks)}, {precision}", file=sys.stderr)
            verdict = score_fold(task, out / name, workshop, precision)
            pooled += verdict.results
            judges += [verdict.judge] * len(verdict.results)
            folds += [task.fold] * len(verdict.results)
        figures[precision] = {**evaluate(pooled, judges, folds), **torn}
    keep_latency(Run.load(out / names[0]), workshop)
    write_json(out / FOLDS_NAME, {"folds": names, "figures": figures})
    return figures
