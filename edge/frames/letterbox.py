"""The picture that the pose network sees: the whole frame, its aspect ratio kept, in the middle of black.

Black is what the published network's own examples pad with.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.frames.preprocess import resize_to
from edge.types import Pixels


@dataclass(frozen=True, slots=True)
class Letterbox:
    """Where a picture lies in its letterboxed one, in pixels of that one."""

    height_px: int
    width_px: int
    top_px: int
    left_px: int
    inner_height_px: int
    inner_width_px: int

    def undone(self, places: NDArray[np.float32]) -> NDArray[np.float32]:
        """Places relative to the whole picture, of places relative to the letterboxed one: (..., 2) y, x both."""
        inner = np.array([self.inner_height_px, self.inner_width_px], np.float32)
        size = np.array([self.height_px, self.width_px], np.float32)
        return (places * size - np.array([self.top_px, self.left_px], np.float32)) / inner


def fit(source: Pixels, height_px: int, width_px: int) -> Letterbox:
    """Where a source (height, width, 3) lies in a letterboxed picture of this size."""
    scale = min(height_px / source.shape[0], width_px / source.shape[1])
    inner_height_px = min(max(round(source.shape[0] * scale), 1), height_px)
    inner_width_px = min(max(round(source.shape[1] * scale), 1), width_px)
    top_px, left_px = (height_px - inner_height_px) // 2, (width_px - inner_width_px) // 2
    return Letterbox(height_px, width_px, top_px, left_px, inner_height_px, inner_width_px)


def letterbox(source: Pixels, place: Letterbox) -> Pixels:
    """Lay a source (height, width, 3) where `fit` says; black around it."""
    picture = np.zeros((place.height_px, place.width_px, 3), np.uint8)
    rows = slice(place.top_px, place.top_px + place.inner_height_px)
    columns = slice(place.left_px, place.left_px + place.inner_width_px)
    picture[rows, columns] = resize_to(source, place.inner_height_px, place.inner_width_px)
    return picture
