"""What has to be done now and then, beside watching."""

import threading
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from edge.system.log import one_line
from edge.system.rounds import Rounds

TICK_S: Final = 1.0
STOP_TIMEOUT_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class Chore:
    """Something to be done."""

    name: str
    interval_s: float
    do: Callable[[], None]


@contextmanager
def housekeeping(chores: Sequence[Chore], report: Callable[[str], None]) -> Generator[Rounds]:
    """Do chores in a thread of their own while the context is open; a round is a chore. One that fails is reported, and
    tried again."""
    stop, rounds = threading.Event(), Rounds()
    thread = threading.Thread(target=_keep_house, args=(chores, report, stop, rounds), name="housekeeping", daemon=True)
    thread.start()
    try:
        yield rounds
    finally:
        stop.set()
        thread.join(STOP_TIMEOUT_S)


def _keep_house(chores: Sequence[Chore], report: Callable[[str], None], stop: threading.Event, rounds: Rounds) -> None:
    due_s = dict.fromkeys(chores, float("-inf"))
    while not stop.is_set():
        for chore in chores:
            if time.monotonic() >= due_s[chore]:
                due_s[chore] = time.monotonic() + chore.interval_s
                rounds.begin()
                try:
                    chore.do()
                except Exception as error:  # noqa: BLE001 - the others are done nevertheless
                    report(f"{chore.name}: {one_line(error)}")
        rounds.rest()
        stop.wait(TICK_S)
