"""Who is in a camera's picture, for others: how many people, and stick figures of events."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol

from edge.cameras.writer import Work
from edge.people.figures import Figures
from edge.people.lying import lies, seems_to_lie
from edge.people.tracking import is_somebody
from edge.types import Body, Event


class Publishes(Protocol):
    """The publisher, as far as people go."""

    def people(self, camera: str, people: int | None, lying: int | None) -> None: ...

    def figure(self, event_id: str, content: bytes) -> None: ...


class Presence:
    """Tells of the bodies of one camera."""

    def __init__(
        self,
        camera: str,
        publisher: Publishes | None,
        write: Callable[[Work], object],
        *,
        publish_people: bool,
        figures: bool,
    ) -> None:
        """Prepare.

        Args:
            camera: its name.
            publisher: where to; None where there is no broker.
            write: has figures stored when no event waits for the disk.
            publish_people: whether it is told how many there are.
            figures: whether events are followed by stick figures.
        """
        self._camera = camera
        self._publisher = publisher
        self._write = write
        self._publishes_people = publish_people
        self._figures = Figures(camera) if figures and publisher is not None else None

    def see(self, bodies: Sequence[Body], now_ns: int, aspect: float) -> None:
        """Look at all bodies of a moment, before `told` of the events that it led to."""
        if self._publisher is None:
            return
        if self._publishes_people:
            self._publisher.people(self._camera, *count(bodies, now_ns))
        if self._figures is not None:
            self._figures, parts = self._figures.after([body.track for body in bodies], now_ns, aspect)
            for part in parts:
                self._write(partial(self._publisher.figure, part.event_id, part.content))

    def told(self, event: Event, now_ns: int) -> None:
        """An event was published."""
        if self._publisher is None or self._figures is None:
            return
        part = None
        if event.type == "started":
            self._figures, part = self._figures.begun(event.id, now_ns)
        elif event.type == "ended":
            self._figures, part = self._figures.ended(event.id)
        if part is not None:
            self._write(partial(self._publisher.figure, part.event_id, part.content))

    def gone(self) -> None:
        """Nobody looks any more."""
        if self._publisher is not None and self._publishes_people:
            self._publisher.people(self._camera, None, None)


def count(bodies: Sequence[Body], now_ns: int) -> tuple[int, int]:
    """How many people there are, and how many of them lie. Who lay when the network lost him is still there."""
    here = [
        body
        for body in bodies
        if is_somebody(body.track) and (body.track.last_ns == now_ns or seems_to_lie(body.track))
    ]
    return len(here), sum(lies(body) for body in here)
