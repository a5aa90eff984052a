"""When the frames of a recording were taken."""

import math
from typing import Final

MIN_RATE_HZ: Final = 1 / 60
MAX_RATE_HZ: Final = 240.0
DEFAULT_RATE_HZ: Final = 25.0
MAX_STEP_S: Final = 60.0
"""A stamp further than this after the one before is taken for damage."""
MAX_DISORDERED_FRAMES: Final = 64
"""After damage, decoders give out frames in the wrong order until their buffers are through."""
MS_PER_S: Final = 1000.0


class FrameTimes:
    """Times of a recording's frames, in seconds from its first: the container's stamps where they are finite and
    increase, else one frame period after the frame before."""

    def __init__(self, rate_hz: float) -> None:
        sane = MIN_RATE_HZ <= rate_hz <= MAX_RATE_HZ  # which NaN is not
        self.period_s = 1 / (rate_hz if sane else DEFAULT_RATE_HZ)
        self._offset_s = 0.0  # the first frame's stamp
        self._last_s: float | None = None
        self._stamped = False  # whether the last time came from a stamp
        self._damaged = False
        self._disordered = 0

    def of(self, stamp_ms: float, lost: int = 0) -> float | None:
        """Return the time of the next frame, or None for one that damage has put out of order.

        Args:
            stamp_ms: what the container says, in milliseconds.
            lost: frames that could not be decoded between the frame before and this one.
        """
        stamp_s = stamp_ms / MS_PER_S
        self._damaged |= lost > 0
        if self._last_s is None:
            self._offset_s = stamp_s if math.isfinite(stamp_s) else 0.0
            self._last_s = 0.0
            return 0.0
        time_s = stamp_s - self._offset_s
        self._disordered += 1
        if math.isfinite(time_s) and 0 < time_s - self._last_s <= MAX_STEP_S:
            self._stamped = True
        elif self._damaged and self._stamped and self._disordered <= MAX_DISORDERED_FRAMES:
            return None
        else:
            self._stamped = False
            time_s = self._last_s + (lost + 1) * self.period_s
        self._disordered = 0
        self._last_s = time_s
        return time_s

    @property
    def length_s(self) -> float:
        """From the first frame to the end of the last."""
        return 0.0 if self._last_s is None else self._last_s + self.period_s
