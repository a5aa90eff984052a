"""What a place looks like when nobody is there, and whether it looks so again, in whatever light."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.frames.glance import GLANCE_PX, Glance
from edge.frames.movement import Cells
from edge.types import NS_PER_S, Box

LEARN_S: Final = 10.0
"""After so long, two thirds of what a place looks like are new."""
SAME_LEVELS: Final = 6.0
"""Grey levels by which a cell may differ: a camera's noise is under 1."""
SAME_SHARE: Final = 0.06
"""The same, of the cell's own level, where that is more: light does not change evenly."""
AROUND_CELLS: Final = 6
"""How far around a place the light is measured."""
LEAST_AROUND: Final = 20
"""Cells that it takes; else the whole picture says what the light is."""
LEAST_KNOWN: Final = 0.5
"""Of a place's cells."""
COMPARABLE_SHARE: Final = 0.6
"""Of the cells around a place that look as before, in the light as it is; with fewer the camera looks elsewhere."""


@dataclass(frozen=True, slots=True)
class Background:
    """The picture without the people in it."""

    levels: NDArray[np.float32] | None = None  # GLANCE_PX
    known: Cells | None = None
    """Which cells were seen without anybody in them."""
    last_ns: int = 0

    def after(self, seen: Glance, taken: Cells) -> "Background":
        """Look once more.

        Args:
            seen: the picture.
            taken: cells where somebody is.
        """
        now_ns = seen.capture_ns
        if self.levels is None or self.known is None:
            return Background(seen.grey.astype(np.float32), ~taken, now_ns)
        share = 1 - np.exp(-max(now_ns - self.last_ns, 0) / NS_PER_S / LEARN_S)
        learned = np.where(self.known, self.levels + share * (seen.grey - self.levels), seen.grey)
        return Background(np.where(taken, self.levels, learned).astype(np.float32), self.known | ~taken, now_ns)

    def likeness(self, seen: Glance, place: Cells, taken: Cells) -> float | None:
        """How much of a place looks as it does without anybody, from 0 to 1; None where nobody can say.

        Args:
            seen: the picture.
            place: cells that are asked about.
            taken: cells where somebody is, who is not asked about.
        """
        if self.levels is None or self.known is None:
            return None
        asked = place & self.known & ~taken
        if not place.any() or asked.sum() < LEAST_KNOWN * place.sum():
            return None
        around = grown(place, AROUND_CELLS) & ~grown(place, 1) & self.known & ~taken
        if around.sum() < LEAST_AROUND:
            around = ~grown(place, 1) & self.known & ~taken
        if around.sum() < LEAST_AROUND:
            return None
        return max(_likeness(self.levels, seen.grey.astype(np.float32), asked, around), key=lambda pair: pair[1])[0]


def cells_of(boxes: Sequence[Box]) -> Cells:
    """Cells that boxes touch: bool GLANCE_PX."""
    cells = np.zeros(GLANCE_PX, bool)
    height, width = GLANCE_PX
    for y0, x0, y1, x1 in boxes:
        cells[int(y0 * height) : int(np.ceil(y1 * height)), int(x0 * width) : int(np.ceil(x1 * width))] = True
    return cells


def grown(cells: Cells, margin: int) -> Cells:
    """Cells and those around them."""
    window = np.ones((2 * margin + 1, 2 * margin + 1), np.uint8)
    return np.asarray(cv2.dilate(cells.astype(np.uint8), window) > 0)


def _likeness(
    before: NDArray[np.float32], now: NDArray[np.float32], place: Cells, around: Cells
) -> list[tuple[float, float]]:
    """Shares of a place and of what is around it that look as before: if light was added, and if it was multiplied
    too; (0, ...) where not even what is around does."""
    found: list[tuple[float, float]] = []
    for gain in (1.0, _gain(before[around], now[around])):
        expected = gain * before + np.median(now[around] - gain * before[around])
        same = np.abs(now - expected) <= np.maximum(SAME_LEVELS, SAME_SHARE * np.abs(expected))
        alike = float(same[around].mean())
        found.append((float(same[place].mean()), alike) if alike >= COMPARABLE_SHARE else (0.0, alike))
    return found


def _gain(before: NDArray[np.float32], now: NDArray[np.float32]) -> float:
    """How many times more contrast there is, by the middle halves of the levels: a few cells may have changed."""
    spans = [float(np.subtract(*np.percentile(levels, (75, 25)))) for levels in (now, before)]
    return spans[0] / spans[1] if spans[1] > SAME_LEVELS else 1.0
