"""`trainer evaluate`."""

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge.errors import ConfigurationError
from trainer.commands.shared import (
    known,
    network_of,
    read_clips,
    recipe_of,
    required,
    sound,
    wishes_of,
    workers_of,
    workshop_of,
)

if TYPE_CHECKING:  # heavy; the commands import them when they run
    from collections.abc import Sequence

    from trainer.clips.manifest import Clip
    from trainer.judging.evaluation import Judge
    from trainer.judging.scoring import ClipScores


def evaluate(options: argparse.Namespace) -> int:
    """`trainer evaluate`."""
    if (options.model is None) == (options.recipe is None):
        raise ConfigurationError("give either a bundle or run to judge, or --recipe with --folds")
    if options.held_out and options.model is None:
        raise ConfigurationError("--held-out: folds judge only what they have not learned from anyway; leave it out")
    clips = read_clips(options.data, options)
    judged = sound(clips, options)
    if options.held_out:
        judged = _held_out(options.model, judged)
    figures = _judge_model(options, judged) if options.model is not None else _cross_validate(options, clips, judged)
    if options.report is not None:
        for precision, of_precision in figures.items():
            _write_report(options.report / precision, judged, of_precision)
    if options.json:
        print(json.dumps(figures, indent=2))
        return 0
    from trainer.judging.reports import summary  # noqa: PLC0415

    for precision, of_precision in figures.items():
        print(f"{precision}:")
        print(summary(of_precision))
    return 0


def _write_report(folder: Path, clips: list["Clip"], figures: dict[str, Any]) -> None:
    """Everything that can be looked at: figures, confusion matrices, curves and the clips that were wrong."""
    from trainer.files import write_json  # noqa: PLC0415
    from trainer.judging.gallery import write_gallery  # noqa: PLC0415
    from trainer.judging.reports import write_confusions, write_curves  # noqa: PLC0415

    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "figures.json", figures)
    write_confusions(folder, figures)
    write_curves(folder, figures)
    write_gallery(folder, clips, figures)


def _held_out(model: Path, clips: list["Clip"]) -> list["Clip"]:
    """The clips that a bundle or run has not learned from."""
    from trainer.judging.judging import unseen  # noqa: PLC0415

    learned = _learned(model)
    if not learned:
        raise ConfigurationError(f"--held-out: {model} does not say which clips it learned from; leave it out")
    return unseen(clips, learned)


def _learned(model: Path) -> "Sequence[str]":
    """The beginnings of the digests of the clips that a bundle or run has learned from."""
    from edge.bundle import Bundle  # noqa: PLC0415
    from trainer.fitting.run import SETTINGS_NAME, Run  # noqa: PLC0415

    if (model / SETTINGS_NAME).is_file():
        return Run.load(model).settings.learned
    return Bundle.load(model).spec.provenance.get("clips", ())


def _judge_model(options: argparse.Namespace, clips: list["Clip"]) -> dict[str, Any]:
    """Figures of a bundle, or of a run in each precision that was asked for."""
    from trainer.fitting.run import SETTINGS_NAME  # noqa: PLC0415

    if (options.model / SETTINGS_NAME).is_file():
        return _judge_run(options, clips)
    figures = judge_bundle(options.model, clips, workers_of(options))
    return {figures["model"]["precision"]: figures}


def judge_bundle(path: Path, clips: list["Clip"], workers: int) -> dict[str, Any]:
    from edge.bundle import Bundle  # noqa: PLC0415
    from trainer.judging.evaluation import refuse_unknown  # noqa: PLC0415
    from trainer.judging.judging import judge_of  # noqa: PLC0415
    from trainer.judging.scoring import watch_clips  # noqa: PLC0415

    bundle = Bundle.load(path)
    judge = judge_of(path)
    refuse_unknown(clips, judge.labels)
    results = list(watch_clips(path, clips, workers))
    model = {"name": bundle.spec.name, "sha256": bundle.digest, "precision": bundle.spec.networks.scene.precision}
    return {"model": model, **_figures(results, judge, bundle.spec.provenance.get("clips", ()))}


def _judge_run(options: argparse.Namespace, clips: list["Clip"]) -> dict[str, Any]:
    from trainer.commands.quiet import import_tensorflow  # noqa: PLC0415

    import_tensorflow()
    from trainer.fitting.run import Run  # noqa: PLC0415
    from trainer.judging.evaluation import refuse_unknown  # noqa: PLC0415
    from trainer.studies.verdict import judge  # noqa: PLC0415

    run = Run.load(options.model)
    refuse_unknown(clips, run.settings.labels)
    recipe = recipe_of(run.settings.recipe)
    workshop = workshop_of(options, recipe, run.settings.network or recipe.network)
    figures: dict[str, Any] = {}
    for precision in options.precision:
        verdict = judge(run, clips, precision, workshop)
        model = {"name": run.settings.recipe, "sha256": verdict.digest, "precision": precision}
        figures[precision] = {"model": model, **_figures(verdict.results, verdict.judge, run.settings.learned)}
    return figures


def _figures(results: list["ClipScores"], judge: "Judge", learned: "Sequence[str]") -> dict[str, Any]:
    """All figures, and how many of the clips the model learned from, which is said aloud."""
    from trainer.judging.evaluation import evaluate as figures_of  # noqa: PLC0415
    from trainer.judging.judging import seen_in_training  # noqa: PLC0415

    seen = seen_in_training(learned, results)
    if seen:
        print(
            f"trainer: the model learned from {len(seen)} of the {len(results)} clips; figures on those prove nothing",
            file=sys.stderr,
        )
    return {"clips_seen_in_training": len(seen), **figures_of(results, judge)}


def _cross_validate(options: argparse.Namespace, clips: list["Clip"], judged: list["Clip"]) -> dict[str, Any]:
    """Figures of a recipe; the fold files name all clips, the sound ones are learned from and judged."""
    from trainer.commands.quiet import import_tensorflow  # noqa: PLC0415

    recipe_name, folds_of = known(options.recipe), required(options, "folds")
    import_tensorflow()
    from trainer.studies.crossvalidation import cross_validate, plan, read_fold_files  # noqa: PLC0415

    recipe = recipe_of(recipe_name)
    folds, torn = read_fold_files(folds_of, clips)
    fold_of = {clip.path: fold for clip, fold in zip(clips, folds, strict=True)}
    also = sound(read_clips(options.also, options), options) if options.also else []
    own = [fold_of[clip.path] for clip in judged]
    tasks = plan(recipe, wishes_of(options), judged, own, also, torn=torn)
    workshop = workshop_of(options, recipe, network_of(recipe, options))
    name = "-".join(filter(None, (recipe.name, workshop.weights.network.lower(), "folds")))
    return cross_validate(tasks, options.out or Path("runs") / name, workshop, options.precision)
