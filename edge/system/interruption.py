"""SIGTERM and Ctrl-C: both ask to finish properly; a second Ctrl-C does not wait for that."""

import contextlib
import os
import select
import signal
import sys
from collections.abc import Callable, Generator
from types import FrameType
from typing import NoReturn

from edge.errors import INTERRUPTED_EXIT_CODE


class Interruption:
    """Remembers that the process was asked to stop."""

    def __init__(self) -> None:
        self._signal: signal.Signals | None = None
        self._callbacks: list[Callable[[], None]] = []
        self._woken, self._waker = os.pipe()
        os.set_blocking(self._waker, False)

    @property
    def exit_code(self) -> int:
        """0 after SIGTERM, or when nothing came; 130 after Ctrl-C."""
        return INTERRUPTED_EXIT_CODE if self._signal == signal.SIGINT else 0

    def __bool__(self) -> bool:
        """Whether the process was asked to stop."""
        return self._signal is not None

    def on_stop(self, callback: Callable[[], None]) -> None:
        """Have something called from the signal's handler, or now if the signal has come already.

        It runs between any two steps of the main thread: it may set a plain attribute, but take no lock.
        """
        self._callbacks.append(callback)
        if self:
            callback()

    def wait(self, timeout_s: float) -> bool:
        """Wait for the signal; return whether it has come."""
        if not self:
            select.select([self._woken], [], [], timeout_s)
        return bool(self)

    @contextlib.contextmanager
    def installed(self) -> Generator[None]:
        """Catch the signals while the context is open. Only in the main thread."""
        previous = {number: signal.signal(number, self._catch) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)
            os.close(self._woken)
            os.close(self._waker)

    def _catch(self, number: int, _frame: FrameType | None) -> None:
        if self._signal == signal.SIGINT == number:
            raise KeyboardInterrupt
        self._signal = signal.Signals(number)
        with contextlib.suppress(BlockingIOError):
            os.write(self._waker, b"\0")
        for callback in self._callbacks:
            callback()


def start_again() -> NoReturn:
    """Run this command anew in this process: systemd sees no end, and nothing of the former run is left."""
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 - our own command line
