"""How often something happens, by the times that it carries."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from edge.types import NS_PER_S

RATE_WINDOW_S: Final = 10.0
"""How far back a rate looks."""


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


@dataclass(frozen=True, slots=True)
class Rate:
    """How often a network gets pictures, and how often it should."""

    name: str
    """Of the network."""
    wanted_hz: float
    least_hz: float
    """What it was trained for at the least."""
    found_hz: float | None
    """None before anything is known."""

    @property
    def share(self) -> float | None:
        """Of the least rate; under 1 is a fault."""
        return None if self.found_hz is None else self.found_hz / self.least_hz


class NetworkRates:
    """How often each network of a bundle gets pictures. One thread notes, any thread may ask."""

    def __init__(self, networks: Mapping[str, tuple[float, float]]) -> None:
        """Begin.

        Args:
            networks: by name, the wanted and the least rate.
        """
        self._networks = dict(networks)
        self._windows = {name: RateWindow() for name in networks}

    def note(self, name: str, time_ns: int) -> None:
        """Take note of a picture."""
        self._windows[name].note(time_ns)

    def clear(self) -> None:
        """Begin anew, where a gap is no matter of the rate."""
        for window in self._windows.values():
            window.clear()

    def worst(self, min_span_s: float = 0.0) -> Rate:
        """Return the rate that is the least of what it should be; one that is known before one that is not.

        Args:
            min_span_s: less is too little to tell.
        """
        rates = [
            Rate(name, wanted_hz, least_hz, window.rate_hz if window.span_s >= min_span_s else None)
            for (name, (wanted_hz, least_hz)), window in zip(
                self._networks.items(), self._windows.values(), strict=True
            )
        ]
        return min(rates, key=lambda rate: float("inf") if rate.share is None else rate.share)
