"""Between a camera and whatever else wants its pictures: shots of them for a model that is tried."""

from collections.abc import Callable
from dataclasses import dataclass

from edge.bundle import NetworkSpecs
from edge.frames.driver import Keeper, Shot, Shots
from edge.types import RawFrame


@dataclass(slots=True)
class _Open:
    """A tap that is open. Only the camera's thread touches it."""

    shots: Shots
    take: Callable[[Shot], None]


class Tap:
    """A keeper of pictures that keeps none: while it is open it makes shots of them, and the next keeper gets them."""

    def __init__(self, then: Keeper | None = None) -> None:
        """Begin shut.

        Args:
            then: who wanted the pictures before.
        """
        self._then = then
        self._open: _Open | None = None

    def open(self, networks: NetworkSpecs, take: Callable[[Shot], None]) -> None:
        """Give shots from now on. May be called from any thread.

        Args:
            networks: of the model that is tried.
            take: takes each shot, in the camera's thread; returns at once.
        """
        self._open = _Open(Shots(networks), take)

    def shut(self) -> None:
        """Give no more shots. May be called from any thread."""
        self._open = None

    def see(self, frame: RawFrame) -> None:
        """Look at the next frame."""
        if self._then is not None:
            self._then.see(frame)
        if (opened := self._open) is not None and (shot := opened.shots.push(frame)) is not None:
            opened.take(shot)
