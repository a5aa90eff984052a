"""Features of clips played backwards: a fall becomes someone getting up, which looks alike but must not alert."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.backends.tflite import Interpreter, open_interpreter
from edge.bundle import InputSpec
from edge.errors import DatasetError, SourceError
from edge.preprocess import resize
from edge.sampling import sample
from edge.sources.file import FileSource
from edge.types import NS_PER_S, Frame
from trainer.backbone import Weights, export_pooled
from trainer.features import FORMAT, Cache, frame_features, write_entry
from trainer.manifest import Clip
from trainer.pool import map_clips


def reversed_frames(path: Path, spec: InputSpec) -> list[Frame]:
    """Resized frames of a clip, last one first, at times from 0.

    Raises:
        DatasetError: the file cannot be read as video.
    """
    source = FileSource(path)
    try:
        frames = [Frame(resize(frame.pixels, spec), frame.sequence, frame.capture_ns) for frame in source.frames()]
    except SourceError as error:
        raise DatasetError(f"{error} (replace the clip or leave it out)") from error
    end_ns = frames[-1].capture_ns
    return [Frame(frame.pixels, number, end_ns - frame.capture_ns) for number, frame in enumerate(reversed(frames))]


def extract_backwards(
    clips: Sequence[Clip], spec: InputSpec, weights: Weights, cache: Cache, *, workers: int, seed: int
) -> list[Path]:
    """Make sure that the features of every clip, played backwards, are cached.

    Returns:
        Path of each clip's entry, for `trainer.features.read_features`.

    Raises:
        DatasetError: a clip cannot be read.
    """
    backbone = export_pooled(spec, weights, seed, cache.folder)
    settings = f"{FORMAT} backwards {backbone.name} {spec.model_dump_json()}"
    entries = [cache.path(clip, settings) for clip in clips]
    todo = [(clip.path, entry) for clip, entry in zip(clips, entries, strict=True) if not entry.is_file()]
    initargs = (backbone, spec)
    for _ in map_clips(_extract_clip, todo, workers, "backwards", initializer=_open_backbone, initargs=initargs):
        pass
    return entries


_worker: list[tuple[Interpreter, InputSpec]] = []


def _open_backbone(backbone: Path, spec: InputSpec) -> None:
    _worker[:] = [(open_interpreter(backbone.read_bytes(), threads=1), spec)]


def _extract_clip(job: tuple[Path, Path]) -> None:
    path, entry = job
    interpreter, spec = _worker[0]
    times_s: list[float] = []
    rows: list[NDArray[np.float32]] = []
    for sampled in sample(reversed_frames(path, spec), spec):
        times_s.append(sampled.capture_ns / NS_PER_S)
        rows.append(np.stack([frame_features(interpreter, picture) for picture in sampled.streams]))
    if not rows:
        raise DatasetError(f"{path}: too short for one sample; leave it out or give a longer clip")
    write_entry(entry, {"times_s": np.asarray(times_s), "features": np.stack(rows)})
