"""Features of clips played backwards: a fall becomes someone getting up, which looks alike but must not alert."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.bundle import InputSpec
from edge.errors import DatasetError
from edge.frames.preprocess import resize
from edge.frames.sampling import samples
from edge.inference.tflite import Interpreter
from edge.sources import decoded_frames
from edge.sources.file import FileSource
from edge.types import NS_PER_S, RawFrame
from trainer.clips.decoding import reading_clips
from trainer.clips.manifest import Clip
from trainer.features.backbone import Weights, export_pooled
from trainer.features.cache import FORMAT, Arrays, Cache
from trainer.features.extraction import fill
from trainer.features.features import frame_features


def reversed_frames(path: Path, spec: InputSpec) -> list[RawFrame]:
    """Resized frames of a clip, last one first, at times from 0.

    Raises:
        DatasetError: the file cannot be read as video.
    """
    source = FileSource(path)
    with reading_clips():
        resized = [(frame.capture_ns, resize(frame.pixels, spec)) for frame in decoded_frames(source)]
    end_ns = resized[-1][0]
    return [
        RawFrame.of(pixels, number, end_ns - capture_ns)
        for number, (capture_ns, pixels) in enumerate(reversed(resized))
    ]


def extract_backwards(
    clips: Sequence[Clip], spec: InputSpec, weights: Weights, cache: Cache, *, workers: int, seed: int
) -> list[Path]:
    """Make sure that the features of every clip, played backwards, are cached.

    Returns:
        Path of each clip's entry, for `trainer.features.features.read_features`.

    Raises:
        DatasetError: a clip cannot be read.
    """
    backbone = export_pooled(spec, weights, seed, cache.folder)
    settings = f"{FORMAT} backwards {backbone.name} {spec.model_dump_json()}"
    compute = partial(features_backwards, spec=spec)
    return fill(cache, clips, settings, compute, workers=workers, description="backwards", backbone=backbone)


def features_backwards(interpreter: Interpreter | None, path: Path, *, spec: InputSpec) -> Arrays:
    """Times (n_samples,) and features (n_samples, n_streams, n_features) of a clip, played backwards.

    Raises:
        DatasetError: it cannot be read, or is too short.
    """
    assert interpreter is not None
    times_s: list[float] = []
    rows: list[NDArray[np.float32]] = []
    for sampled in samples(reversed_frames(path, spec), spec):
        times_s.append(sampled.capture_ns / NS_PER_S)
        rows.append(np.stack([frame_features(interpreter, picture) for picture in sampled.streams]))
    if not rows:
        raise DatasetError(f"{path}: too short for one sample; leave it out or give a longer clip")
    return {"times_s": np.asarray(times_s), "features": np.stack(rows)}
