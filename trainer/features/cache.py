"""A folder of arrays by what a clip's bytes are and by the settings that decide them: nothing is worked out twice.

An entry's name is made of the digest of the clip's bytes and of the settings. Entries are written beside their place
and renamed, so a process that is killed, or that the disk has no room for, leaves either an entry or none.
"""

import functools
import hashlib
import os
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.errors import DatasetError
from edge.frames.preprocess import PICTURES_VERSION
from edge.inference.tflite import Interpreter
from edge.sources.libav import DECODER
from trainer.clips.manifest import Clip
from trainer.files import file_sha256, write_atomically

Arrays = dict[str, NDArray[np.generic]]
Compute = Callable[[Interpreter | None, Path], Arrays]
"""`compute(backbone, clip)`: what a clip's entry holds; a function of a module or a partial of one, since it goes to
other processes. The backbone is None where there is none."""

FORMAT = "features-v1"


def default_folder() -> Path:
    """Of the user, as the environment says now."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "edgewatch"


@dataclass(frozen=True, slots=True)
class Cache:
    """Where entries lie. Recipes may keep their own arrays in it."""

    folder: Path = field(default_factory=default_folder)
    scheduler: str | None = None
    """Address of the Dask scheduler whose workers make the entries that are missing; None: processes of this machine.
    The folder itself is this machine's in any case."""

    def path(self, clip: Clip, settings: str) -> Path:
        """Where the entry of a clip (by its content) under these settings lies.

        Raises:
            DatasetError: the clip's file cannot be read.
        """
        key = hashlib.sha256(f"{pictures()} {settings}".encode()).hexdigest()[:16]
        content = content_sha256(clip.path)[:32]
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
def pictures() -> str:
    """What decides the pixels of a clip's samples beside its bytes and the settings: when it changes, no entry that was
    made with another is used again."""
    return f"pictures-v{PICTURES_VERSION} opencv-{cv2.__version__} {DECODER}"


def content_sha256(path: Path) -> str:
    """Digest of a clip's bytes, worked out once while the file stays the same.

    Raises:
        DatasetError: the file cannot be read.
    """
    try:
        stat = path.stat()
        return _content_sha256(path, stat.st_ino, stat.st_size, stat.st_mtime_ns)
    except OSError as error:
        raise DatasetError(f"{path}: {error.strerror}; replace the clip or leave it out") from error


@functools.lru_cache(maxsize=1 << 20)
def _content_sha256(path: Path, *_state: int) -> str:
    return file_sha256(path)


def is_entry(path: Path) -> bool:
    """Whether an entry is there and was not cut off, as by a power cut; its content is checked where it is read."""
    return zipfile.is_zipfile(path)


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


def sound_entry(path: Path) -> Arrays:
    """Read an entry that was made before.

    Raises:
        DatasetError: it is damaged.
    """
    arrays = read_entry(path)
    if arrays is None:
        raise DatasetError(f"{path}: this entry of the cache is damaged; delete it and give the same command again")
    return arrays


def write_entry(path: Path, arrays: Arrays) -> None:
    """Write a cache entry, whole or not at all.

    Raises:
        ConfigurationError: there is no room or no permission for it.
    """
    write_atomically(path, lambda temporary: np.savez(temporary, **arrays))  # pyright: ignore[reportArgumentType]
