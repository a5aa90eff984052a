"""Frozen features of clips: made by the backbone once, kept in the cache."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.bundle import InputSpec
from edge.inference.tflite import Interpreter
from edge.types import NS_PER_S
from trainer.clips.choosing import chosen_samples
from trainer.clips.decoding import ahead, samples
from trainer.clips.manifest import Clip
from trainer.features.backbone import Weights
from trainer.features.backbones import POOLED, Backbone
from trainer.features.cache import FORMAT, Arrays, Cache, sound_entry
from trainer.features.extraction import fill


@dataclass(frozen=True, slots=True)
class Features:
    """What the frozen backbone says of a clip's samples."""

    times_s: NDArray[np.float64]  # (n_samples,)
    values: NDArray[np.float32]  # (n_samples, n_streams, n_features)


def extract(
    clips: Sequence[Clip],
    spec: InputSpec,
    weights: Weights,
    cache: Cache,
    *,
    workers: int,
    seed: int,
    backbone: Backbone = POOLED,
    choice: str = "",
) -> list[Path]:
    """Make sure that the features of every clip are cached; memory stays flat however many there are.

    Args:
        clips: whose features.
        spec: of the samples.
        weights: of the backbone.
        cache: where entries lie, and who makes them.
        workers: processes.
        seed: of random weights.
        backbone: what makes features of a picture.
        choice: of a clip's frames, see `trainer.clips.choosing`; none takes the spec's rate.

    Returns:
        Path of each clip's entry, for `read_features`.

    Raises:
        ConfigurationError: the cache cannot be written, or its cluster cannot be used.
        DatasetError: a clip cannot be read.
    """
    exported = backbone.export(spec, weights, seed, cache.folder)
    settings = settings_of(exported.name if exported else backbone.name, spec, choice)
    compute = partial(features_of, spec=spec, dtype=backbone.dtype, choice=choice)
    return fill(cache, clips, settings, compute, workers=workers, description="features", backbone=exported)


def settings_of(backbone: str, spec: InputSpec, choice: str) -> str:
    """What decides a clip's features beside its bytes. A changed text makes every user's cache worthless."""
    settings = f"{FORMAT} {backbone} {spec.model_dump_json()}"
    return f"{settings} {choice}" if choice else settings


def read_features(entry: Path) -> Features:
    """Read one clip's features from its cache entry.

    Raises:
        DatasetError: the entry is damaged.
    """
    arrays = sound_entry(entry)
    return Features(arrays["times_s"].astype(np.float64), arrays["features"].astype(np.float32))


def features_of(interpreter: Interpreter | None, path: Path, *, spec: InputSpec, dtype: str, choice: str) -> Arrays:
    """Times (n_samples,) and features (n_samples, n_streams, n_features) of a clip.

    Raises:
        DatasetError: it cannot be read.
    """
    times_s: list[float] = []
    rows: list[NDArray[np.generic]] = []
    for sample in ahead(chosen_samples(path, spec, choice) if choice else samples(path, spec)):
        times_s.append(sample.capture_ns / NS_PER_S)
        rows.append(_of_sample(interpreter, sample.streams).astype(dtype))
    return {"times_s": np.asarray(times_s), "features": np.stack(rows)}


def _of_sample(interpreter: Interpreter | None, streams: NDArray[np.uint8]) -> NDArray[np.generic]:
    """Features of the streams of one sample, (n_streams, n_features); without a backbone the pictures themselves."""
    if interpreter is None:
        return streams.reshape(len(streams), -1)
    return np.stack([frame_features(interpreter, picture) for picture in streams])


def frame_features(interpreter: Interpreter, picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Features (n_features,) of one picture (height, width, 3)."""
    (name,) = interpreter.inputs
    (features,) = interpreter.run({name: picture[np.newaxis]}).values()
    return np.asarray(features, np.float32).reshape(-1)
