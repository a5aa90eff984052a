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
TRIAL_NS: Final = NS_PER_S
MAX_SPEED: Final = 2.0
"""Stamps that go by so much faster or slower than the time are no times: some cameras count in another unit than they
declare."""


class StreamTimes:
    """Capture times on the monotonic clock, never after the arrival; begun anew when stamps jump."""

    def __init__(self) -> None:
        self._offset_ns: int | None = None
        self._next_offset_ns = 0  # the least since `_since_ns`
        self._since_ns = 0
        self._last_stamp_ns = 0
        self._first: tuple[int, int] | None = None
        self._trusted = True

    def of(self, stamp_ns: int, arrival_ns: int) -> int:
        """Return when the picture of this stamp, which arrived now, was taken."""
        offset_ns = arrival_ns - stamp_ns
        is_jump = stamp_ns <= self._last_stamp_ns
        self._last_stamp_ns = stamp_ns
        if self._offset_ns is None or is_jump or offset_ns - self._offset_ns > MAX_DELAY_NS:
            self._offset_ns = self._next_offset_ns = offset_ns
            self._since_ns = arrival_ns
            self._first = (stamp_ns, arrival_ns) if self._first is None or is_jump else self._first
            return arrival_ns
        if not self._is_trusted(stamp_ns, arrival_ns):
            return arrival_ns
        self._next_offset_ns = min(self._next_offset_ns, offset_ns)
        self._offset_ns = min(self._offset_ns, offset_ns)
        if arrival_ns - self._since_ns > WINDOW_NS:
            self._offset_ns, self._next_offset_ns, self._since_ns = self._next_offset_ns, offset_ns, arrival_ns
        return stamp_ns + self._offset_ns

    def _is_trusted(self, stamp_ns: int, arrival_ns: int) -> bool:
        """Whether the stamps have gone by about as fast as the time, since they began."""
        if self._first is not None and arrival_ns - self._first[1] >= TRIAL_NS:
            speed = (stamp_ns - self._first[0]) / (arrival_ns - self._first[1])
            self._trusted = 1 / MAX_SPEED <= speed <= MAX_SPEED
        return self._trusted
