"""When the pictures of a network camera were taken, by our own clock.

Pictures arrive late and in bursts, but carry stamps of the camera's clock, which are even. What lies between the two
clocks is learned from the pictures that came soonest.
"""

from typing import Final

from edge.types import NS_PER_S

WINDOW_NS: Final = 30 * NS_PER_S
"""For so long the soonest picture is believed; then a clock that goes slower than ours has drifted by 3 ms at most."""
MAX_DELAY_NS: Final = 2 * NS_PER_S
"""A stamp that says more than this is of a camera whose clock was set, or that repeats one stamp."""


class StreamTimes:
    """Capture times on the monotonic clock, never after the arrival; begun anew when stamps jump."""

    def __init__(self) -> None:
        self._offset_ns: int | None = None
        self._next_offset_ns = 0  # the least since `_since_ns`
        self._since_ns = 0
        self._last_stamp_ns = 0

    def of(self, stamp_ns: int, arrival_ns: int) -> int:
        """Return when the picture of this stamp, which arrived now, was taken."""
        offset_ns = arrival_ns - stamp_ns
        is_jump = stamp_ns <= self._last_stamp_ns
        self._last_stamp_ns = stamp_ns
        if self._offset_ns is None or is_jump or offset_ns - self._offset_ns > MAX_DELAY_NS:
            self._offset_ns = self._next_offset_ns = offset_ns
            self._since_ns = arrival_ns
            return arrival_ns
        self._next_offset_ns = min(self._next_offset_ns, offset_ns)
        self._offset_ns = min(self._offset_ns, offset_ns)
        if arrival_ns - self._since_ns > WINDOW_NS:
            self._offset_ns, self._next_offset_ns, self._since_ns = self._next_offset_ns, offset_ns, arrival_ns
        return stamp_ns + self._offset_ns
