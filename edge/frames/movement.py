"""Where in the picture something moves, coarsely. It says nothing of what moves: the model does.

Two things are made of it. In a rest zone (a bed, a sofa) a fall does not begin: whoever lies down there is no
alarm. And whoever does not move any more after a fall is reported once, as `still_down`.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge.frames.glance import GLANCE_PX, Glance
from edge.types import NS_PER_S

MIN_CHANGE: Final = 6
"""Grey levels. A cell of the glance is a mean over hundreds of pixels, in which a camera's noise is under 1."""
MEMORY_S: Final = 1.0
"""Movement counts less and less: after so long, a third."""
MAX_GAP_S: Final = 2.0
"""Between pictures that lie further apart nothing is compared."""
REST_SHARE: Final = 0.6
"""So much of the movement of the last second in rest zones is movement there. Who falls out of a bed moves mostly
beside it in the end; who sits down on one comes from outside."""
REGION_SHARE: Final = 0.2
"""The region of a fall: cells that moved at least so much of what the one that moved most did."""
MIN_MOVING_CELLS: Final = 2

Cells = NDArray[np.bool_]
"""bool GLANCE_PX."""


@dataclass(frozen=True, slots=True)
class Movement:
    """What moved until now."""

    glance: Glance | None = None
    moving: Cells | None = None
    """What moved between the last two glances."""
    recent: NDArray[np.float32] | None = None  # GLANCE_PX
    """How much moved in the last second or so."""

    def after(self, glance: Glance) -> "Movement":
        """Return the movement after one more glance."""
        nothing = np.zeros(GLANCE_PX, bool)
        if self.glance is None or self.recent is None:
            return Movement(glance, nothing, np.zeros(GLANCE_PX, np.float32))
        gap_s = (glance.capture_ns - self.glance.capture_ns) / NS_PER_S
        if gap_s > MAX_GAP_S:
            return Movement(glance, nothing, np.zeros(GLANCE_PX, np.float32))
        change = glance.grey.astype(np.int16) - self.glance.grey
        # A lamp that is switched on changes all of the picture, and is no movement.
        change = np.abs(change - round(float(np.median(change))))
        moving = np.asarray(change >= MIN_CHANGE)
        recent = self.recent * np.float32(np.exp(-gap_s / MEMORY_S)) + np.where(moving, change, 0)
        return Movement(glance, moving, recent.astype(np.float32))

    def now(self) -> Cells:
        """Return what moved between the last two glances."""
        return np.zeros(GLANCE_PX, bool) if self.moving is None else self.moving

    def share_in(self, cells: Cells) -> float:
        """Return how much of the recent movement lies in these cells, from 0 to 1."""
        total = 0.0 if self.recent is None else float(self.recent.sum())
        return float(self.recent[cells].sum()) / total if self.recent is not None and total else 0.0

    def region(self) -> Cells:
        """Return where the recent movement is, with a margin of a cell."""
        if self.recent is None or not self.recent.any():
            return np.ones(GLANCE_PX, bool)
        padded = np.pad(self.recent >= REGION_SHARE * self.recent.max(), 1)
        height, width = GLANCE_PX
        shifted = [padded[y : y + height, x : x + width] for y in range(3) for x in range(3)]
        return np.logical_or.reduce(shifted)


@dataclass(frozen=True, slots=True)
class Stillness:
    """Whether whoever has fallen still moves."""

    region: Cells
    since_ns: int
    """Of the last movement in the region."""
    said: bool = False

    def after(self, movement: Movement, now_ns: int) -> "Stillness":
        """Look once more. The region follows who crawls on."""
        if movement.moving is None or int((movement.moving & self.region).sum()) < MIN_MOVING_CELLS:
            return self
        return replace(self, region=movement.region(), since_ns=now_ns)
