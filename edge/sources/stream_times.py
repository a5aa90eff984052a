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
MAX_GAIN_NS: Final = NS_PER_S // 2
"""So much may the soonest picture of a second come later than that of another one, by its stamp: two seconds in a row
that do not keep to it are no delay, but stamps that go slower or faster than the time."""


class StreamTimes:
    """Capture times on the monotonic clock, never after the arrival; begun anew when stamps jump."""

    def __init__(self) -> None:
        self.n_given_up = 0
        """How often stamps that had been believed no more were: before the next time lies no gap in the pictures."""
        self._offset_ns: int | None = None
        self._next_offset_ns = 0  # the least since `_since_ns`
        self._since_ns = 0
        self._last_stamp_ns = 0
        self._first: tuple[int, int] | None = None
        self._trusted = True
        self._pace = _Pace()

    def of(self, stamp_ns: int, arrival_ns: int) -> int:
        """Return when the picture of this stamp, which arrived now, was taken."""
        offset_ns = arrival_ns - stamp_ns
        is_jump = stamp_ns <= self._last_stamp_ns
        self._last_stamp_ns = stamp_ns
        self._pace = _Pace() if is_jump else self._pace
        self._pace.see(offset_ns, arrival_ns)
        if self._offset_ns is None or is_jump or offset_ns - self._offset_ns > MAX_DELAY_NS:
            self._offset_ns = self._next_offset_ns = offset_ns
            self._since_ns = arrival_ns
            self._first = (stamp_ns, arrival_ns) if self._first is None or is_jump else self._first
            return arrival_ns
        was_trusted = self._trusted
        self._trusted = self._is_trusted(stamp_ns, arrival_ns)
        if not self._trusted:
            self.n_given_up += was_trusted
            self._offset_ns = None
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
            if not 1 / MAX_SPEED <= speed <= MAX_SPEED:
                return False
        return self._pace.is_even


class _Pace:
    """Whether stamps go by as fast as the time does: from second to second, the soonest picture comes as soon."""

    def __init__(self) -> None:
        self.is_even = True
        self._second: tuple[int, int] | None = None  # when it began, and the least offset since
        self._anchor: tuple[int, int] | None = None  # the same of the second that the others are compared with
        self._n_off = 0

    def see(self, offset_ns: int, arrival_ns: int) -> None:
        """Take the next picture."""
        begun_ns, soonest_ns = self._second or (arrival_ns, offset_ns)
        self._second = (begun_ns, min(soonest_ns, offset_ns))
        if arrival_ns - begun_ns < TRIAL_NS:
            return
        ended, self._second = self._second, None
        if self._anchor is None:
            self._anchor = ended
            return
        is_off = abs(ended[1] - self._anchor[1]) > MAX_GAIN_NS
        self._n_off = self._n_off + 1 if is_off else 0
        is_long = ended[0] - self._anchor[0] >= WINDOW_NS
        if self._n_off > 1:
            self.is_even = False
        elif is_long and not is_off:
            self.is_even = True
        if is_long:
            self._anchor, self._n_off = ended, 0
