"""Whether it is worth looking: the box's usual hour is a room where nothing moves, and costs a thumbnail's difference.

A glance is compared with one of a while ago, so that what sinks slowly shows too. Movement opens the gate at the very
glance in which it shows. While it is shut the networks look once every few seconds all the same.
"""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.frames.glance import Glance
from edge.types import NS_PER_S

LOOK_INTERVAL_S: Final = 5.0
"""Between looks where nothing moves."""
HOLD_S: Final = 3.0
"""The gate stays open for so long after the last movement, and after the first glance: tracks begin and settle, and
who has fallen lies for some looks."""
REFERENCE_S: Final = 2.0
"""While the gate is open, a glance is compared with one of so long ago at most."""
MAX_GAP_S: Final = 7.0
"""After a longer pause without any glance all begins anew: the camera was away."""
BOX_CELLS: Final = 3
"""Changes are means over so many cells in both directions: of a body, even one far away, the neighbours change the same
way; of noise they do not."""
N_CHANGED: Final = BOX_CELLS * BOX_CELLS
"""So many of these means have to be large: as many as one cell that changes makes so. A codec's blocks make fewer."""
LEAST_CHANGE: Final = 1.7
"""Grey levels of such a mean, in the dark: a still scene in a tenth of daylight with noise stays under 1.6 in H.264 at
a camera's usual rates, keyframes and all."""
CHANGE_PER_LEVEL: Final = 0.01
"""What is added for light, of the mean grey level: by day codecs err by up to 2.1, and bodies stand out by more."""
CHANGE_PER_NOISE: Final = 5.0
"""What is added for noise, in lower quartiles of all means."""
MOST_CHANGE: Final = 6.0
"""This is movement however much else changes: who fills the picture is no noise."""


@dataclass(frozen=True, slots=True)
class Gate:
    """Whether the networks run, as of the last glance. Times are the data's."""

    is_open: bool = True
    """Whether they run at this glance."""
    is_resting: bool = False
    """Whether nothing moves, so that they run only once every `LOOK_INTERVAL_S`."""
    reference: Glance | None = None
    """What the next glance is compared with."""
    now_ns: int = 0
    moved_ns: int = 0
    """Of the last movement; of the first glance, where there was none."""

    def after(self, seen: Glance, must_look: bool) -> "Gate":
        """Look once more.

        Args:
            seen: later than the last.
            must_look: whether the networks have to run at the full rate, whatever moves: an alert is active or pending.
        """
        now_ns = seen.capture_ns
        if self.reference is None or not 0 < now_ns - self.now_ns <= MAX_GAP_S * NS_PER_S:
            return Gate(reference=seen, now_ns=now_ns, moved_ns=now_ns)
        moves = is_movement(self.reference.grey, seen.grey)
        moved_ns = now_ns if moves else self.moved_ns
        is_resting = not must_look and now_ns - moved_ns >= HOLD_S * NS_PER_S
        since_ns = now_ns - self.reference.capture_ns
        is_due = since_ns >= (LOOK_INTERVAL_S if is_resting else REFERENCE_S) * NS_PER_S
        return Gate(
            is_open=is_due or not is_resting,
            is_resting=is_resting,
            reference=seen if is_due else self.reference,
            now_ns=now_ns,
            moved_ns=moved_ns,
        )


def is_movement(before: NDArray[np.uint8], now: NDArray[np.uint8]) -> bool:
    """Say whether something moved between two glances, uint8 `GLANCE_PX`; light that changes everywhere did not."""
    change = now.astype(np.float32) - before
    change -= np.median(change)
    size = np.abs(cv2.blur(change, (BOX_CELLS, BOX_CELLS))).ravel()
    quarter, largest = size.size // 4, size.size - N_CHANGED
    ranked = np.partition(size, (quarter, largest))
    least = LEAST_CHANGE + CHANGE_PER_LEVEL * float(now.mean()) + CHANGE_PER_NOISE * float(ranked[quarter])
    return bool(ranked[largest] >= min(least, MOST_CHANGE))
