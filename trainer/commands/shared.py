"""What several commands of `trainer` need: recipes, clips and wishes from the command line."""

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge.errors import ConfigurationError
from trainer.clips.labels import alike, parse_positive

if TYPE_CHECKING:  # heavy; the commands import them when they run
    from trainer.clips.manifest import Clip
    from trainer.features.cache import Cache
    from trainer.fitting.recipe import Recipe, Workshop
    from trainer.studies.training import Wishes

RECIPE_NAMES = (
    "edgewatch",
    "efficientnetb0-mean",
    "efficientnetb0-gru",
    "efficientnetb0-lstm",
    "efficientnetb0-bilstm",
    "convlstm",
    "lrcn",
    "vgg16-lstm",
    "inceptionv3-lstm-binary",
    "inceptionv3-lstm",
    "inceptionv3-simplernn-tanh",
    "inceptionv3-simplernn-relu",
)
BACKBONE_NAMES = ("efficientnetb0", "efficientnet-lite0")


def required(options: argparse.Namespace, key: str) -> Any:
    value = getattr(options, key)
    if value is None:
        raise ConfigurationError(f"--{key} is missing; see trainer --help")
    return value


def known(name: str) -> str:
    if name not in RECIPE_NAMES:
        raise ConfigurationError(f"--recipe {name}: no such recipe; choose one of {', '.join(RECIPE_NAMES)}")
    return name


def recipe_of(name: str) -> "Recipe":
    from trainer.recipes.catalogue import RECIPES  # noqa: PLC0415

    return RECIPES[name]


def read_clips(paths: list[Path], options: argparse.Namespace) -> list["Clip"]:
    from trainer.clips.datasets import read_datasets  # noqa: PLC0415

    clips = read_datasets(paths, parse_positive(options.positive or ()), options.groups)
    for names in alike(segment.label for clip in clips for segment in clip.segments):
        print(
            f"trainer: labels {', '.join(names)} differ only in spelling; if they are one, spell them alike",
            file=sys.stderr,
        )
    return clips


def sound(clips: list["Clip"], options: argparse.Namespace) -> list["Clip"]:
    """The clips that can be read; broken ones are named and left out, up to --max-broken."""
    from trainer.features.soundness import without_broken  # noqa: PLC0415

    return without_broken(clips, options.max_broken, cache_of(options), workers_of(options))


def cache_of(options: argparse.Namespace) -> "Cache":
    from trainer.features.cache import Cache, default_folder  # noqa: PLC0415

    return Cache(options.cache or default_folder(), getattr(options, "dask", None))


def wishes_of(options: argparse.Namespace) -> "Wishes":
    from trainer.studies.training import Wishes  # noqa: PLC0415

    pairs = [text.partition("=") for text in options.set or ()]
    for key, equals, _ in pairs:
        if not equals:
            raise ConfigurationError(f"--set {key}: is not KEY=VALUE")
    changed = {key: value for key, _, value in pairs}
    return Wishes(options.seed or 0, options.epochs, options.stream, options.rate_hz, changed, options.devices)


def network_of(recipe: "Recipe", options: argparse.Namespace) -> str:
    from trainer.fitting.recipe import network_of  # noqa: PLC0415

    return network_of(recipe, options.backbone)


def workshop_of(options: argparse.Namespace, recipe: "Recipe", network: str) -> "Workshop":
    from trainer.features.backbone import find_weights  # noqa: PLC0415
    from trainer.fitting.recipe import Workshop  # noqa: PLC0415

    if options.tensorboard is not None and recipe.epochs == 1:
        raise ConfigurationError(f"--tensorboard: {recipe.name} is fitted at once, without epochs to log; leave it out")
    weights = find_weights(options.weights, network)
    return Workshop(cache_of(options), weights, workers_of(options), options.tensorboard)


def workers_of(options: argparse.Namespace) -> int:
    return options.workers or os.cpu_count() or 1
