"""Has events written beside the judging of pictures: a card that takes seconds to sync would stop it for as long.

Order is kept, and what follows an event (its picture, its figures) follows it here too: nothing happens to an event
before it is on disk.
"""

import threading
from collections.abc import Callable
from queue import SimpleQueue

from edge.system.rounds import Rounds

Work = Callable[[], object]


class Writer:
    """A thread that does one work after the other. What fails ends it, and is raised by `check`."""

    def __init__(self) -> None:
        self.rounds = Rounds()
        self._works: SimpleQueue[Work | None] = SimpleQueue()
        self._fatal: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def put(self, work: Work) -> None:
        """Have something written after all that was put before. Returns at once."""
        self._works.put(work)

    def check(self) -> None:
        """Raise what ended the thread, if something did."""
        if self._fatal is not None:
            raise self._fatal

    def close(self, timeout_s: float) -> bool:
        """Have the thread end with what was put; return whether it did so in time."""
        self._works.put(None)
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            while (work := self._works.get()) is not None:
                self.rounds.begin()
                work()
                self.rounds.rest()
        except BaseException as error:  # noqa: BLE001 - raised again by `check`, in the thread that can act
            self._fatal = error
