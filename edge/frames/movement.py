"""Where in the picture something moves, coarsely. It says nothing of what moves."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge.frames.glance import GLANCE_PX, Glance
from edge.types import NS_PER_S

MIN_CHANGE: Final = 6
"""Grey levels. A cell of the glance is a mean over hundreds of pixels, in which a camera's noise is under 1."""
MAX_GAP_S: Final = 2.0
"""Between pictures that lie further apart nothing is compared."""
MIN_MOVING_CELLS: Final = 2
"""In a place in which something moves."""

Cells = NDArray[np.bool_]
"""bool GLANCE_PX."""


@dataclass(frozen=True, slots=True)
class Movement:
    """What moves."""

    glance: Glance | None = None
    moving: Cells | None = None
    """What moved between the last two glances; None where they are no two, or too far apart."""

    def after(self, glance: Glance) -> "Movement":
        """Return the movement after one more glance."""
        if self.glance is None or glance.capture_ns - self.glance.capture_ns > MAX_GAP_S * NS_PER_S:
            return Movement(glance)
        change = glance.grey.astype(np.int16) - self.glance.grey
        # A lamp that is switched on changes all of the picture, and is no movement.
        return Movement(glance, np.asarray(np.abs(change - round(float(np.median(change)))) >= MIN_CHANGE))

    def now(self) -> Cells:
        """Return what moved between the last two glances."""
        return np.zeros(GLANCE_PX, bool) if self.moving is None else self.moving
