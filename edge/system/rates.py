"""How often something happens, by the times that it carries."""

from collections import deque
from typing import Final

from edge.types import NS_PER_S

RATE_WINDOW_S: Final = 10.0
"""How far back a rate looks."""
MIN_RATE_SHARE: Final = 0.9
"""A rate under this share of the bundle's is a fault: the model was trained on another."""


class RateWindow:
    """The times of the last ten seconds. One thread notes, any thread may ask."""

    def __init__(self) -> None:
        self._times_ns: deque[int] = deque()

    def note(self, time_ns: int) -> None:
        """Take note of one more, later than the last."""
        self._times_ns.append(time_ns)
        while time_ns - self._times_ns[0] > RATE_WINDOW_S * NS_PER_S:
            self._times_ns.popleft()

    def clear(self) -> None:
        """Begin anew, where a gap is no matter of the rate."""
        self._times_ns.clear()

    @property
    def span_s(self) -> float:
        """How long the times stretch."""
        times_ns = tuple(self._times_ns)
        return (times_ns[-1] - times_ns[0]) / NS_PER_S if times_ns else 0.0

    @property
    def rate_hz(self) -> float | None:
        """Times a second; None before there are two."""
        times_ns = tuple(self._times_ns)
        span_ns = times_ns[-1] - times_ns[0] if times_ns else 0
        return (len(times_ns) - 1) * NS_PER_S / span_ns if span_ns else None
