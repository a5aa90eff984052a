"""Between a camera and whatever else wants its pictures: samples of them for a model that is tried."""

from collections.abc import Callable
from dataclasses import dataclass

from edge.bundle import InputSpec
from edge.frames.driver import Keeper
from edge.frames.sampling import Sampler
from edge.types import RawFrame, Sample


@dataclass(slots=True)
class _Open:
    """A tap that is open. Only the camera's thread touches it."""

    sampler: Sampler
    take: Callable[[Sample], None]


class Tap:
    """A keeper of pictures that keeps none: it samples them while it is open, and hands them on to the next keeper."""

    def __init__(self, then: Keeper | None = None) -> None:
        """Begin shut.

        Args:
            then: who wanted the pictures before.
        """
        self._then = then
        self._open: _Open | None = None

    def open(self, spec: InputSpec, take: Callable[[Sample], None]) -> None:
        """Give samples from now on. May be called from any thread.

        Args:
            spec: of the model that is tried.
            take: takes each sample, in the camera's thread; returns at once.
        """
        self._open = _Open(Sampler(spec), take)

    def shut(self) -> None:
        """Give no more samples. May be called from any thread."""
        self._open = None

    def see(self, frame: RawFrame) -> None:
        """Look at the next frame."""
        if self._then is not None:
            self._then.see(frame)
        if (opened := self._open) is not None and (sample := opened.sampler.push(frame)) is not None:
            opened.take(sample)
