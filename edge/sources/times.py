"""When the frames of a recording were taken."""

from typing import Final

DEFAULT_RATE_HZ: Final = 25.0
FAR_S: Final = 60.0
"""A stamp further than this after the one before is a gap in the recording, or damage: what follows it tells. One that
goes back further is of another recording, laid behind the first."""
MAX_DISORDERED_FRAMES: Final = 64
"""After damage, decoders give out frames in the wrong order until their buffers are through."""


class FrameTimes:
    """Times of a recording's frames, in seconds from its first: the container's stamps where they increase, else one
    frame period after the frame before."""

    def __init__(self, rate_hz: float | None) -> None:
        self.period_s = 1 / (rate_hz or DEFAULT_RATE_HZ)
        self._offset_s = 0.0  # the first frame's stamp
        self._last_s: float | None = None
        self._stamped = False  # whether the last time came from a stamp
        self._damaged = False
        self._disordered = 0

    def is_far(self, stamp_s: float | None) -> bool:
        """Whether so long after the frame before that the stamp after it has to bear it out."""
        return stamp_s is not None and self._last_s is not None and stamp_s - self._offset_s - self._last_s > FAR_S

    def of(self, stamp_s: float | None, lost: int = 0, following_s: float | None = None) -> float | None:
        """Return the time of the next frame, or None for one that damage has put out of order.

        Args:
            stamp_s: when the frame is shown, if its container says so.
            lost: frames that could not be decoded between the frame before and this one.
            following_s: the stamp of the frame after a far one.
        """
        self._damaged |= lost > 0
        if self._last_s is None:
            self._offset_s = stamp_s or 0.0
            self._last_s = 0.0
            return 0.0
        if self.is_far(stamp_s) and following_s is not None and stamp_s is not None and following_s <= stamp_s:
            stamp_s = None
        time_s = None if stamp_s is None else stamp_s - self._offset_s
        self._disordered += 1
        if time_s is not None and time_s > self._last_s:
            self._stamped = True
        elif self._damaged and self._stamped and self._disordered <= MAX_DISORDERED_FRAMES:
            return None
        else:
            self._stamped = False
            next_s = self._last_s + (lost + 1) * self.period_s
            if stamp_s is not None and time_s is not None and self._last_s - time_s > FAR_S:
                self._offset_s, self._stamped = stamp_s - next_s, True
            time_s = next_s
        self._disordered = 0
        self._last_s = time_s
        return time_s

    @property
    def length_s(self) -> float:
        """From the first frame to the end of the last."""
        return 0.0 if self._last_s is None else self._last_s + self.period_s
