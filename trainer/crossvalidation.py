"""Out-of-fold figures: for each fold a model is trained without it, converted, and run over it by the box's pipeline.

Every step leaves its files in the fold's run directory, so that what was stopped goes on where it stopped.
"""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from converters import Plan
from edge.bundle import Bundle
from edge.errors import DatasetError
from trainer.conversion import Precision, bundle_of
from trainer.evaluation import Judge, evaluate
from trainer.files import write_json
from trainer.judging import judge_of
from trainer.labels import NORMAL
from trainer.manifest import Clip
from trainer.recipe import Recipe, Workshop
from trainer.run import Run
from trainer.scoring import ClipScores, watch_clips
from trainer.splits import Split, read_folds, refuse_leak, split_validation
from trainer.training import Wishes, train

SCHEMA = 1


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


def plan(
    recipe: Recipe, wishes: Wishes, clips: Sequence[Clip], folds: Sequence[int], also: Sequence[Clip] = ()
) -> list[FoldTask]:
    """Make a task of each fold.

    Args:
        recipe: the system.
        wishes: changes to its settings.
        clips: clips that are each held out once.
        folds: of each clip.
        also: clips that every fold learns from and none is judged on.

    Raises:
        DatasetError: a group would stand on both sides of a split.
    """
    tasks: list[FoldTask] = []
    for fold in sorted(set(folds)):
        held_out = [clip for clip, number in zip(clips, folds, strict=True) if number == fold]
        outside = [clip for clip, number in zip(clips, folds, strict=True) if number != fold] + list(also)
        inner = split_validation(outside, wishes.seed)
        tasks.append(FoldTask(recipe, wishes, fold, Split(outside, held_out), inner))
    return tasks


def read_fold_files(paths: Sequence[Path], clips: Sequence[Clip]) -> list[int]:
    """Folds of each clip, every data set's from the one file that names its clips.

    Raises:
        DatasetError: no file fits a data set; the message is that of the first file.
    """
    fold_of: dict[Path, int] = {}
    for dataset in sorted({clip.dataset for clip in clips}):
        own = [clip for clip in clips if clip.dataset == dataset]
        fold_of |= zip((clip.path for clip in own), _fitting_folds(paths, own), strict=True)
    return [fold_of[clip.path] for clip in clips]


def _fitting_folds(paths: Sequence[Path], clips: Sequence[Clip]) -> list[int]:
    refusals: list[DatasetError] = []
    for path in paths:
        try:
            return read_folds(path, clips)
        except DatasetError as error:
            refusals.append(error)
    raise refusals[0]


def score_fold(
    task: FoldTask, out: Path, workshop: Workshop, precision: Precision, plan: Plan | None = None
) -> tuple[Path, list[ClipScores]]:
    """Train the fold's model where it is not there, and return its bundle and what that says of the held-out clips."""
    refuse_leak([*task.inner.train, *task.inner.held_out], task.split.held_out)
    run = train(task.recipe, task.wishes, task.inner, out, workshop)
    bundle = bundle_of(run, precision, plan)
    return bundle, _scores(run, bundle, task.split.held_out, workshop.workers)


def _scores(run: Run, bundle: Path, clips: Sequence[Clip], workers: int) -> list[ClipScores]:
    """What a bundle says of clips, kept beside it and read from there as long as bundle and clips are the same."""
    path = run.path / f"scores-{bundle.name}.json"
    digest = Bundle.load(bundle).digest
    names = [f"{clip.dataset}/{clip.name}" for clip in clips]
    if path.is_file():
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["bundle_sha256"] == digest and [row["path"] for row in content["clips"]] == names:
            return [ClipScores.from_json(row, clip) for row, clip in zip(content["clips"], clips, strict=True)]
    results = list(watch_clips(bundle, clips, workers))
    write_json(path, {"bundle_sha256": digest, "clips": [result.to_json() for result in results]})
    return results


def cross_validate(
    tasks: Sequence[FoldTask], out: Path, workshop: Workshop, precisions: Sequence[Precision]
) -> dict[str, Any]:
    """Pooled out-of-fold figures of each precision, each clip judged by its own fold's thresholds."""
    figures: dict[str, Any] = {}
    for precision in precisions:
        pooled: list[ClipScores] = []
        judges: list[Judge] = []
        folds: list[int] = []
        for number, task in enumerate(tasks, start=1):
            print(f"fold {number} of {len(tasks)}, {precision}", file=sys.stderr)
            bundle, results = score_fold(task, out / f"fold-{task.fold}", workshop, precision)
            pooled += results
            judges += [judge_of(bundle)] * len(results)
            folds += [task.fold] * len(results)
        figures[precision] = evaluate(pooled, judges, folds)
    return figures


def run_fold(
    task: FoldTask,
    out: Path,
    workshop: Workshop,
    precisions: tuple[Precision, Precision] = ("float32", "mixed"),
    mixed_plan: Plan | None = None,
) -> dict[str, Any]:
    """Train, convert and score one fold: the record that figures of the first precision (named `float`) and of the
    second (`quantized`) are computed from."""
    named = dict(zip(("float", "quantized"), precisions, strict=True))
    scored = {name: score_fold(task, out, workshop, precision, mixed_plan) for name, precision in named.items()}
    judges = {name: judge_of(bundle) for name, (bundle, _) in scored.items()}
    events = [label for label in judges["float"].labels if label != NORMAL]
    rows = {name: evaluate(results, judges[name])["clips"] for name, (_, results) in scored.items()}
    clips = [
        {key: of_quantized[key] for key in ("path", "sha256", "group", "label", "start_s", "duration_s", "events")}
        | {"float": _of(of_float, events), "quantized": _of(of_quantized, events)}
        for of_float, of_quantized in zip(rows["float"], rows["quantized"], strict=True)
    ]
    return {
        "schema": SCHEMA,
        "dataset": ",".join(sorted({clip.dataset for clip in task.split.held_out})),
        "fold": task.fold,
        "recipe": task.recipe.name,
        "seed": task.wishes.seed,
        "bundle_sha256": Bundle.load(scored["quantized"][0]).digest,
        "thresholds": {name: {label: judge.threshold(label) for label in events} for name, judge in judges.items()},
        "clips": clips,
    }


def _of(clip: dict[str, Any], labels: Sequence[str]) -> dict[str, float]:
    return {label: clip["scores"][label] for label in labels}
