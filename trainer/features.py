"""Frozen features of clips, cached by content: one file a clip, written as it goes, so that nothing is done twice.

A cache entry's name is made of the digest of the clip's bytes and of the settings that decide its content. Entries are
written beside their place and renamed, so a process that is killed leaves either an entry or none.
"""

import functools
import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge import preprocess, sampling
from edge.backends.tflite import Interpreter, open_interpreter
from edge.bundle import InputSpec
from edge.sources import times
from edge.types import NS_PER_S
from trainer.backbone import Weights
from trainer.backbones import POOLED, Backbone
from trainer.choosing import chosen_samples
from trainer.decoding import samples
from trainer.files import file_sha256, write_atomically
from trainer.manifest import Clip
from trainer.pool import map_clips

Arrays = dict[str, NDArray[np.generic]]

FORMAT = "features-v1"
SAMPLING_MODULES = (preprocess, sampling, times)
DEFAULT_FOLDER = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "edgewatch"


@dataclass(frozen=True, slots=True)
class Features:
    """What the frozen backbone says of a clip's samples."""

    times_s: NDArray[np.float64]  # (n_samples,)
    values: NDArray[np.float32]  # (n_samples, n_streams, n_features)


@dataclass(frozen=True, slots=True)
class Cache:
    """A folder of arrays by clip content and settings. Recipes may keep their own arrays in it."""

    folder: Path = DEFAULT_FOLDER

    def path(self, clip: Clip, settings: str) -> Path:
        """Where the entry of a clip (by its content) under these settings lies."""
        key = hashlib.sha256(f"{preprocessing_digest()} {settings}".encode()).hexdigest()[:16]
        content = file_sha256(clip.path)[:32]
        return self.folder / key / content[:2] / f"{content}.npz"

    def arrays(self, clip: Clip, settings: str, compute: Callable[[], Arrays]) -> Arrays:
        """Return the entry, computed and kept first where it is not there or cannot be read."""
        path = self.path(clip, settings)
        found = read_entry(path)
        if found is None:
            found = compute()
            write_entry(path, found)
        return found


@functools.cache
def preprocessing_digest() -> str:
    """Digest of the code that makes samples of frames: when it changes, no entry that it made is used again."""
    return hashlib.sha256(
        b"".join(file_sha256(Path(str(module.__file__))).encode() for module in SAMPLING_MODULES)
    ).hexdigest()


def read_entry(path: Path) -> Arrays | None:
    """Read a cache entry; None where there is none, or a damaged one."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as entry:
            return dict(entry)
    except (OSError, ValueError, EOFError, KeyError):
        return None
    except Exception as error:  # numpy raises zipfile's and zlib's own errors for damaged archives
        if type(error).__module__.split(".")[0] in {"zipfile", "zlib"}:
            return None
        raise


def write_entry(path: Path, arrays: Arrays) -> None:
    """Write a cache entry, whole or not at all."""
    write_atomically(path, lambda temporary: np.savez(temporary, **arrays))  # pyright: ignore[reportArgumentType]


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
        cache: where entries lie.
        workers: processes.
        seed: of random weights.
        backbone: what makes features of a picture.
        choice: of a clip's frames, see `trainer.choosing`; none takes the spec's rate.

    Returns:
        Path of each clip's entry, for `read_features`.

    Raises:
        DatasetError: a clip cannot be read.
    """
    exported = backbone.export(spec, weights, seed, cache.folder)
    settings = f"{FORMAT} {exported.name if exported else backbone.name} {spec.model_dump_json()}"
    if choice:
        settings += f" {choice}"
    entries = [cache.path(clip, settings) for clip in clips]
    missing = [(clip.path, entry) for clip, entry in zip(clips, entries, strict=True) if not entry.is_file()]
    todo = list({entry: (path, entry) for path, entry in missing}.values())  # equal files share an entry
    initargs = (exported, spec, backbone.dtype, choice)
    for _ in map_clips(_extract_clip, todo, workers, "features", initializer=_open_backbone, initargs=initargs):
        pass
    return entries


def read_features(entry: Path) -> Features:
    """Read one clip's features from its cache entry."""
    arrays = read_entry(entry)
    assert arrays is not None, entry
    return Features(arrays["times_s"].astype(np.float64), arrays["features"].astype(np.float32))


@dataclass
class _Worker:
    """What a worker process keeps between clips."""

    interpreter: Interpreter | None
    """None where the features are the pictures themselves."""
    spec: InputSpec
    dtype: str
    choice: str


_worker: list[_Worker] = []


def _open_backbone(exported: Path | None, spec: InputSpec, dtype: str, choice: str) -> None:
    interpreter = open_interpreter(exported.read_bytes(), threads=1) if exported is not None else None
    _worker[:] = [_Worker(interpreter, spec, dtype, choice)]


def _extract_clip(job: tuple[Path, Path]) -> None:
    path, entry = job
    worker = _worker[0]
    times_s: list[float] = []
    rows: list[NDArray[np.generic]] = []
    chosen = chosen_samples(path, worker.spec, worker.choice) if worker.choice else samples(path, worker.spec)
    for sample in chosen:
        times_s.append(sample.capture_ns / NS_PER_S)
        rows.append(_of_sample(worker.interpreter, sample.streams).astype(worker.dtype))
    write_entry(entry, {"times_s": np.asarray(times_s), "features": np.stack(rows)})


def _of_sample(interpreter: Interpreter | None, streams: NDArray[np.uint8]) -> NDArray[np.generic]:
    """Features of the streams of one sample, (n_streams, n_features)."""
    if interpreter is None:
        return streams.reshape(len(streams), -1)
    return np.stack([frame_features(interpreter, picture) for picture in streams])


def frame_features(interpreter: Interpreter, picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Features (n_features,) of one picture (height, width, 3)."""
    (name,) = interpreter.inputs
    (features,) = interpreter.run({name: picture[np.newaxis]}).values()
    return np.asarray(features, np.float32).reshape(-1)
