"""A thread for each person, so that nobody waits for somebody else's service."""

import threading
from collections.abc import Iterable
from typing import Final

from edge.notify.courier import Courier

STOP_S: Final = 20.0
"""Longer than Apprise waits for a service. What is still on its way then is sent again after the next start."""


class Delivery:
    """Has couriers work until `close`."""

    def __init__(self, couriers: Iterable[Courier]) -> None:
        self._stopping = threading.Event()
        self._fatal: BaseException | None = None
        self._threads: list[threading.Thread] = []
        self._news: list[threading.Event] = []
        for courier in couriers:
            news = threading.Event()
            self._news.append(news)
            self._threads.append(threading.Thread(target=self._run, args=(courier, news), name="courier", daemon=True))

    def start(self) -> None:
        """Begin to send."""
        for thread in self._threads:
            thread.start()

    def wake(self) -> None:
        """Say that there may be something to send. From any thread."""
        for news in self._news:
            news.set()

    def check(self) -> None:
        """Raise what ended a thread, if something did."""
        if self._fatal is not None:
            raise self._fatal

    def close(self) -> None:
        """Finish what is on its way, and end the threads."""
        self._stopping.set()
        self.wake()
        for thread in self._threads:
            thread.join(STOP_S)

    def _run(self, courier: Courier, news: threading.Event) -> None:
        try:
            while not self._stopping.is_set():
                news.clear()
                news.wait(courier.tick(self._stopping.is_set))
        except BaseException as error:  # noqa: BLE001 - raised again by `check`, in the thread that can act
            self._fatal = error
