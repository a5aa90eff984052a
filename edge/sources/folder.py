"""A folder of pictures, taken for a recording at a given rate."""

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from edge.errors import SourceError
from edge.sources import shown_path
from edge.sources.opencv import prepare, to_rgb
from edge.types import NS_PER_S, Pixels, RawFrame

SUFFIXES: Final = frozenset({".bmp", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp"})


class FolderSource:
    """The pictures of a folder in the order of their names, numbers read as numbers (`img2` before `img10`)."""

    live = False

    def __init__(self, path: Path, rate_hz: float) -> None:
        self.name = shown_path(path)
        self.skipped_frames = 0
        self._path = path
        self._rate_hz = rate_hz
        self._closed = False

    def frames(self) -> Iterator[RawFrame]:
        """Yield the pictures; a damaged one is passed over, its time stays empty.

        Raises:
            SourceError: the folder cannot be read, or holds no picture that can be decoded.
        """
        prepare()
        self.skipped_frames = 0
        pictures = self._pictures()
        for sequence, path in enumerate(pictures):
            if self._closed:
                return
            yield RawFrame(sequence, round(sequence * NS_PER_S / self._rate_hz), partial(self._decode, path))
        if self.skipped_frames == len(pictures):
            raise SourceError(f"{self.name}: none of its {len(pictures)} pictures can be decoded; copy them again")

    def close(self) -> None:
        self._closed = True

    def _decode(self, path: Path) -> Pixels | None:
        pixels = _read(path)
        self.skipped_frames += pixels is None
        return None if pixels is None else to_rgb(pixels)

    def _pictures(self) -> list[Path]:
        try:
            pictures = [path for path in self._path.iterdir() if path.suffix.lower() in SUFFIXES]
        except OSError as error:
            raise SourceError(f"{self.name}: {error.strerror}; give a folder of pictures") from error
        if not pictures:
            raise SourceError(f"{self.name}: holds no picture ({', '.join(sorted(SUFFIXES))})")
        return sorted(pictures, key=_natural)


def _natural(path: Path) -> list[tuple[int, int, str]]:
    """Sort key in which numbers count as numbers."""
    parts: list[str] = re.findall(r"\d+|\D+", path.name)
    return [(0, int(part), part) if part.isdecimal() else (1, 0, part) for part in parts]


def _read(path: Path) -> cv2.typing.MatLike | None:
    try:
        encoded = np.fromfile(path, dtype=np.uint8)
    except OSError:
        return None
    return cv2.imdecode(encoded, cv2.IMREAD_COLOR) if encoded.size else None
