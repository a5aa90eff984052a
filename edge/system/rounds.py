"""Whether a thread that works in rounds goes on, or hangs in one."""

import time
from collections.abc import Callable


class Rounds:
    """How long the present round lasts. The thread notes, another one asks."""

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        """Rest.

        Args:
            now_s: monotonic seconds.
        """
        self._now_s = now_s
        self._began_s: float | None = None

    def begin(self) -> None:
        """A round begins, and the one before is over."""
        self._began_s = self._now_s()

    def rest(self) -> None:
        """There is nothing to be done, for as long as it may be."""
        self._began_s = None

    def last_s(self) -> float:
        """For how long the present round has lasted; 0 while the thread rests."""
        began_s = self._began_s
        return 0.0 if began_s is None else self._now_s() - began_s
