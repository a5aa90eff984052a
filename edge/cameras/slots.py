"""Between the cameras and the model: one slot a camera, that holds its newest sample, and fair turns over the slots."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

Item = TypeVar("Item")

CHECK_INTERVAL_S = 0.1
"""How often a recording that waits for its slot looks whether it shall end."""


@dataclass(frozen=True, slots=True, eq=False)
class Session:
    """The token of one stretch of a camera's watching: equal to no other, and in force until the slot is shut."""

    camera: str


def _newer(item: Item, _waiting: Item) -> Item:
    return item


class Slots(Generic[Item]):
    """What a camera puts into its slot replaces what nobody has taken, so latency never builds up.

    When the taker cannot keep up with all, every camera gets the same number of turns. A thread that outlives its
    session, because it hangs in a driver, can put nothing any more.
    """

    def __init__(self, names: Sequence[str], replace: Callable[[Item, Item], Item] = _newer) -> None:
        """Prepare; every slot is shut until `open`.

        Args:
            names: of the cameras.
            replace: makes, of an item and the older one that nobody has taken, what takes its place.
        """
        self._replace = replace
        self._sessions: dict[str, Session | None] = dict.fromkeys(names)
        self._items: dict[str, Item | None] = dict.fromkeys(names)
        self._replaced = dict.fromkeys(names, 0)
        self._turns = list(names)  # who has waited longest since its last turn comes first
        self._changed = threading.Condition()
        self._woken = False

    def open(self, name: str) -> Session:
        """Begin a session of a camera, and end the one before."""
        with self._changed:
            self._end(name)
            session = self._sessions[name] = Session(name)
            return session

    def shut(self, name: str) -> None:
        """End a camera's session: forget its item, and take no more of it."""
        with self._changed:
            self._end(name)

    def put(self, session: Session, item: Item) -> None:
        """Show the newest item of a camera. After the session's end, nothing happens."""
        with self._changed:
            if self._sessions[session.camera] is session:
                waiting = self._items[session.camera]
                if waiting is not None:
                    self._replaced[session.camera] += 1
                    item = self._replace(item, waiting)
                self._items[session.camera] = item
                self._changed.notify_all()

    def put_when_free(self, session: Session, item: Item, is_over: Callable[[], bool]) -> None:
        """Wait until the last item was taken, for a recording that is read as fast as it can be watched."""
        with self._changed:
            while self._sessions[session.camera] is session and self._items[session.camera] is not None:
                if is_over():
                    return
                self._changed.wait(CHECK_INTERVAL_S)
            if self._sessions[session.camera] is session:
                self._items[session.camera] = item
                self._changed.notify_all()

    def take(self, timeout_s: float) -> tuple[str, Item] | None:
        """Take the item of the camera whose turn it is; wait for one, or for `wake`."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._woken or any(item is not None for item in self._items.values()), timeout_s
            )
            self._woken = False
            for name in self._turns:
                item = self._items[name]
                if item is not None:
                    self._turns.remove(name)
                    self._turns.append(name)
                    self._items[name] = None
                    self._changed.notify_all()
                    return name, item
        return None

    def wake(self) -> None:
        """Let `take` return."""
        with self._changed:
            self._woken = True
            self._changed.notify_all()

    def is_empty(self, name: str) -> bool:
        """Whether nothing of a camera waits."""
        return self._items[name] is None

    def replaced(self, name: str) -> int:
        """How many items of a camera nobody has taken in time."""
        return self._replaced[name]

    def _end(self, name: str) -> None:
        self._sessions[name] = self._items[name] = None
        self._changed.notify_all()
