"""Between a camera and whatever else wants its pictures: samples of them for a model that is tried."""

from collections.abc import Callable
from dataclasses import dataclass

from edge.bundle import InputSpec
from edge.capture import Keeper
from edge.glance import shrink
from edge.sampling import Sampler
from edge.types import Frame, Sample


@dataclass(slots=True)
class _Open:
    """A tap that is open. Only the camera's thread touches it."""

    sampler: Sampler
    spec: InputSpec
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
        self._is_sampled: _Open | None = None
        self._is_kept = False

    def open(self, spec: InputSpec, take: Callable[[Sample], None]) -> None:
        """Give samples from now on. May be called from any thread.

        Args:
            spec: of the model that is tried.
            take: takes each sample, in the camera's thread; returns at once.
        """
        self._open = _Open(Sampler(spec), spec, take)

    def shut(self) -> None:
        """Give no more samples. May be called from any thread."""
        self._open = None

    def wants(self, capture_ns: int) -> bool:
        """Whether somebody wants the picture of this time."""
        opened = self._open
        self._is_sampled = opened if opened is not None and opened.sampler.wants(capture_ns) else None
        self._is_kept = self._then is not None and self._then.wants(capture_ns)
        return self._is_sampled is not None or self._is_kept

    def keep(self, frame: Frame) -> None:
        """Take a picture that somebody wants."""
        if self._is_kept and self._then is not None:
            self._then.keep(frame)
        if (opened := self._is_sampled) is not None:
            sample = opened.sampler.push(shrink(frame, opened.spec))
            if sample is not None:
                opened.take(sample)
