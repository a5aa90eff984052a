"""Regions over pictures: privacy masks are blackened before anybody sees the picture."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.frames.regions import Polygon
from edge.sources import Source
from edge.types import Pixels, RawFrame

BLACK: Final = (0, 0, 0)


def corners_px(polygon: Polygon, height_px: int, width_px: int) -> NDArray[np.int32]:
    """Return a polygon's corners in pixels, (n, 2), x before y."""
    return np.array([(round(x * (width_px - 1)), round(y * (height_px - 1))) for x, y in polygon], np.int32)


def blacken(pixels: Pixels, polygons: Sequence[Polygon]) -> Pixels:
    """Return a copy of (height, width, 3) in which what the polygons cover is black."""
    masked = pixels.copy()
    height_px, width_px, _ = pixels.shape
    for polygon in polygons:
        cv2.fillPoly(masked, [corners_px(polygon, height_px, width_px)], BLACK)
    masked.setflags(write=False)
    return masked


class MaskedSource:
    """A source behind privacy masks: nobody after it sees what they cover."""

    def __init__(self, source: Source, masks: Sequence[Polygon]) -> None:
        self.name = source.name
        self.live = source.live
        self._source = source
        self._masks = masks

    @property
    def skipped_frames(self) -> int:
        """Frames that could not be decoded and were passed over."""
        return self._source.skipped_frames

    def frames(self) -> Iterator[RawFrame]:
        """Yield the frames, masked."""
        for frame in self._source.frames():
            yield frame.over(partial(self._masked, frame))

    def close(self) -> None:
        """End `frames` at the next frame."""
        self._source.close()

    def _masked(self, frame: RawFrame) -> Pixels | None:
        pixels = frame.pixels()
        return None if pixels is None else blacken(pixels, self._masks)
