"""One training run, from clips to a trained model with its figures."""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from edge.bundle import InputSpec
from edge.errors import ConfigurationError, DatasetError
from trainer.bundles.calibration import PEOPLE_FILE_NAME, calibration_pictures, people_pictures, read_calibration
from trainer.clips.labels import NORMAL, ordered
from trainer.clips.manifest import Clip
from trainer.clips.splits import Split
from trainer.features.backbone import Weights
from trainer.features.cache import content_sha256
from trainer.fitting.augmentation import augmented, wanted_kinds
from trainer.fitting.devices import found_devices, n_devices
from trainer.fitting.finetuning import refuse_untrainable
from trainer.fitting.mixed import refuse_without_gpu
from trainer.fitting.objective import Objective
from trainer.fitting.recipe import ACCURACY, LAST, Hyperparameter, Recipe, Workshop
from trainer.fitting.rules import Rules
from trainer.fitting.run import METRICS_NAME, Run, Settings

SHORT_DIGEST = 16
"""Hexadecimal digits of a clip's SHA-256 that tell it from all others."""
PACKAGES = ("edgewatch", "tensorflow", "keras", "numpy", "opencv-python-headless")


@dataclass(frozen=True, slots=True)
class Wishes:
    """What may be changed of a recipe; None and nothing leave it as published."""

    seed: int = 0
    epochs: int | None = None
    stream: str | None = None
    rate_hz: float | None = None
    hyperparameters: Mapping[str, str] = field(default_factory=dict)
    devices: str | None = None
    """How many to train on, or `all`."""


def make_settings(recipe: Recipe, wishes: Wishes, split: Split, weights: Weights) -> Settings:
    """Settle everything that decides a run's outcome.

    Raises:
        ConfigurationError: a wish does not fit the recipe.
        DatasetError: the clips hold a single label, or one that the recipe does not know.
    """
    labels, hyperparameters = _labels(recipe, [*split.train, *split.held_out]), _hyperparameters(recipe, wishes)
    Objective.of(hyperparameters).refuse_unknown(labels)
    return Settings(
        recipe=recipe.name,
        seed=wishes.seed,
        epochs=wishes.epochs or recipe.epochs,
        labels=labels,
        input=_input(recipe, wishes, labels),
        hyperparameters=hyperparameters,
        data=tuple(sorted({clip.dataset for clip in split.train})),
        train_clips=_digests(split.train),
        validation_clips=_digests(split.held_out),
        network=weights.network,
        weights=weights.described,
        devices=n_devices(wishes.devices, recipe, hyperparameters),
        versions={package: version(package) for package in PACKAGES},
    )


def _labels(recipe: Recipe, clips: Sequence[Clip]) -> tuple[str, ...]:
    found = ordered(segment.label for clip in clips for segment in clip.segments)
    if recipe.labels is None:
        if len(found) < 2:
            raise DatasetError(f"the data holds the single label {found[0]!r}; a model needs at least two")
        return tuple(found)
    if unknown := sorted(set(found) - set(recipe.labels)):
        raise DatasetError(
            f"label {unknown[0]!r} is not among those of {recipe.name} ({', '.join(recipe.labels)}); "
            f"map its class, such as --positive {unknown[0]}={recipe.labels[-1]}"
        )
    return tuple(label for label in recipe.labels if label == NORMAL or label in found)


def _input(recipe: Recipe, wishes: Wishes, labels: Sequence[str]) -> InputSpec:
    only = labels[-1] if len(labels) == 2 else ""
    changes: dict[str, Any] = {"stream": wishes.stream or recipe.streams_of_one.get(only), "rate_hz": wishes.rate_hz}
    kept = {key: value for key, value in changes.items() if value is not None}
    return InputSpec.model_validate(recipe.input.model_dump() | kept)


def _hyperparameters(recipe: Recipe, wishes: Wishes) -> dict[str, Hyperparameter]:
    chosen, known = dict(recipe.hyperparameters), {**recipe.optional, **recipe.hyperparameters}
    for key, text in wishes.hyperparameters.items():
        if key not in known:
            raise ConfigurationError(f"--set {key}: {recipe.name} knows {', '.join(sorted(known))}")
        try:
            chosen[key] = _parsed(text, known[key])
        except ValueError as error:
            raise ConfigurationError(f"--set {key}={text}: {error}") from error
    Objective.of(chosen)
    Rules.of(ACCURACY, chosen)
    wanted_kinds(chosen)
    refuse_without_gpu(chosen)
    refuse_untrainable(chosen)
    return chosen


def _parsed(text: str, like: Hyperparameter) -> Hyperparameter:
    """Read a value of the same type as the published one."""
    if isinstance(like, bool):
        if text not in {"true", "false"}:
            raise ValueError("is true or false")
        return text == "true"
    return type(like)(text)


def _digests(clips: Sequence[Clip]) -> dict[str, str]:
    return {f"{clip.dataset}/{clip.name}": content_sha256(clip.path)[:SHORT_DIGEST] for clip in clips}


def train(recipe: Recipe, wishes: Wishes, split: Split, out: Path, workshop: Workshop) -> Run:
    """Train, or go on with a run of the same settings that was stopped.

    Everything that is finished is kept as it is: a run that is done is not done again.

    Raises:
        ConfigurationError: `out` holds something else.
        DatasetError: a clip cannot be used.
    """
    run = Run.start(out, make_settings(recipe, wishes, split, workshop.weights))
    if not run.finished:
        keeps_last = run.settings.hyperparameters.get("keep") == LAST
        clips = [*split.train, *split.held_out] if keeps_last else split.train
        choice = "keeping the last epoch" if keeps_last else f"choosing by {len(split.held_out)}"
        where = "" if wishes.devices is None else f", on {', '.join(found_devices()[: run.settings.devices])}"
        print(f"{recipe.name}: learning from {len(clips)} clips, {choice}{where}", file=sys.stderr)
        learned = augmented(clips, run.settings, workshop)
        run.save_model(recipe.fit(learned, split.held_out, run, workshop))
    if not run.settings.judges_whole_clips and read_calibration(run) is None:
        calibration_pictures(run, split.train, split.held_out, workshop)
    if run.follows_people and read_calibration(run, PEOPLE_FILE_NAME) is None:
        people_pictures(run, split.train, split.held_out, workshop)
    return run


def judge_run(run: Run, clips: Sequence[Clip], workshop: Workshop) -> dict[str, Any]:
    """Figures of a run on its validation clips, with pictures; those that are there are kept."""
    from trainer.judging.evaluation import evaluate  # noqa: PLC0415
    from trainer.judging.gallery import write_gallery  # noqa: PLC0415
    from trainer.judging.reports import write_confusions, write_curves  # noqa: PLC0415
    from trainer.studies.latency import keep_latency  # noqa: PLC0415
    from trainer.studies.verdict import judge  # noqa: PLC0415  (imports tensorflow)

    path = run.path / METRICS_NAME
    if path.is_file():
        return json.loads(path.read_text(encoding="utf-8"))
    verdict = judge(run, clips, "float32", workshop)
    keep_latency(run, workshop)
    figures = evaluate(verdict.results, verdict.judge)
    write_confusions(run.path, figures)
    write_curves(run.path, figures)
    write_gallery(run.path, clips, figures)
    run.write_metrics(figures)
    return figures
