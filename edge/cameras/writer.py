"""Has events written beside the judging of pictures: a card that takes seconds to sync would stop it for as long.

Order is kept, and what follows an event (its picture, its figures) follows it here too: nothing happens to an event
before it is on disk. What is optional waits until no event does.
"""

import threading
import time
from collections import deque
from collections.abc import Callable

from edge.system.rounds import Rounds

Work = Callable[[], object]
POLL_S = 0.05
"""How often it is looked at whether a thread that ends still goes on."""


class Writer:
    """A thread that does one work after the other. What fails first is raised by `check`; the others are done."""

    def __init__(self) -> None:
        self.rounds = Rounds()
        self._works: deque[Work] = deque()
        self._optional: deque[Work] = deque()
        self._changes = threading.Condition()
        self._closing = False
        self._fault: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def put(self, work: Work) -> None:
        """Have something written after all that was put before. Returns at once."""
        with self._changes:
            self._works.append(work)
            self._changes.notify()

    def put_optional(self, work: Work) -> None:
        """Have something written when nothing else is left, or never, where the end comes first."""
        with self._changes:
            self._optional.append(work)
            self._changes.notify()

    def check(self) -> None:
        """Raise what failed first, if something did."""
        if self._fault is not None:
            raise self._fault

    def close(self, stuck_s: float, most_s: float) -> bool:
        """Have the thread end with what was put; return whether it did so in time.

        Args:
            stuck_s: a work that takes longer is not waited for any more.
            most_s: nor is what is left after so long.
        """
        with self._changes:
            self._closing = True
            self._optional.clear()
            self._changes.notify()
        deadline_s = time.monotonic() + most_s
        while self._thread.is_alive() and time.monotonic() < deadline_s and self.rounds.last_s() < stuck_s:
            self._thread.join(POLL_S)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while (work := self._next()) is not None:
            self.rounds.begin()
            try:
                work()
            except BaseException as error:  # noqa: BLE001 - raised again by `check`, in the thread that can act
                self._fault = self._fault or error
            self.rounds.rest()

    def _next(self) -> Work | None:
        """Wait for the next work; None where the end has come, and nothing is left."""
        with self._changes:
            self._changes.wait_for(lambda: self._works or self._optional or self._closing)
            for waiting in (self._works, self._optional):
                if waiting:
                    return waiting.popleft()
            return None
