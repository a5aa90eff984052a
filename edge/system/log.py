"""Lines for the journal: one an occurrence, none twice too often, no secrets."""

import os
import re
import sys
import time
import traceback
from collections.abc import Callable, Iterable
from typing import Final, TextIO

WINDOW_S: Final = 60.0
LINES_PER_WINDOW: Final = 5
"""Of lines that differ in figures only."""
MAX_KINDS: Final = 1000
INFO_PRIORITY: Final = 6
"""As syslog counts."""
HIDDEN: Final = "***"
_DIGITS: Final = re.compile(r"\d+")
_ADDRESS: Final = re.compile(
    r"(?<![a-z0-9+.-])(?P<scheme>[a-z][a-z0-9+.-]*://)(?P<user>\S*@)?(?P<host>[^\s/?#]*)(?P<rest>[/?#]\S*)?",
    re.IGNORECASE,
)
"""User, path and query may hold passwords."""
_PUNCTUATION: Final = ",:;.)'\""
"""Of the sentence, where an address ends with it."""


class Log:
    """Writes lines to a stream; where that is the journal, with their priority. Safe to use from several threads:
    a line is written by one call."""

    def __init__(
        self, stream: TextIO | None = None, secrets: Iterable[str] = (), now_s: Callable[[], float] = time.monotonic
    ) -> None:
        """Prepare.

        Args:
            stream: by default standard error.
            secrets: are never written.
            now_s: monotonic seconds.
        """
        self._stream = stream or sys.stderr
        self._secrets = [secret for secret in secrets if secret]
        self._prefix = f"<{INFO_PRIORITY}>" if _is_journal(self._stream) else ""
        self._now_s = now_s
        self._windows: dict[str, tuple[float, int]] = {}
        """By kind of line: when its window began, and how many lines came since."""
        self.left_out = 0

    def __call__(self, line: str) -> None:
        """Write a line, unless there were too many like it in the last minute."""
        line = self._clean(line)
        kind, now_s = _DIGITS.sub("0", line), self._now_s()
        began_s, n_lines = self._windows.get(kind, (now_s, 0))
        if now_s - began_s >= WINDOW_S:
            if (more := n_lines - LINES_PER_WINDOW) > 0:
                self._write(f"{more} more lines like the next one were left out")
            began_s, n_lines = now_s, 0
        if len(self._windows) >= MAX_KINDS:
            self._windows.clear()
        self._windows[kind] = (began_s, n_lines + 1)
        if n_lines < LINES_PER_WINDOW:
            self._write(line)
        else:
            self.left_out += 1

    def fields(self) -> dict[str, int]:
        """Return what stands in the stats."""
        return {"left_out": self.left_out}

    def _write(self, line: str) -> None:
        self._stream.write(f"{self._prefix}{line}\n")
        self._stream.flush()

    def _clean(self, line: str) -> str:
        for secret in self._secrets:
            line = line.replace(secret, HIDDEN)
        return masked(line)


def masked(line: str) -> str:
    """Return a line that can be shown anywhere: of addresses only where they are, and nothing that does not print."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in _ADDRESS.sub(_without_secrets, line))


def _without_secrets(address: re.Match[str]) -> str:
    user = f"{HIDDEN}@" if address["user"] else ""
    rest: str = address["rest"] or ""
    path = rest.rstrip(_PUNCTUATION)
    shown = f"/{HIDDEN}" if path.strip("/") else path
    return f"{address['scheme']}{user}{address['host']}{shown}{rest[len(path) :]}"


def one_line(error: BaseException) -> str:
    """Say what an unexpected error is and where it was raised."""
    frames = traceback.extract_tb(error.__traceback__)
    where = " < ".join(f"{os.path.basename(frame.filename)}:{frame.lineno}" for frame in reversed(frames[-4:]))  # noqa: PTH119 - a name only
    return f"{type(error).__name__}: {error} (at {where})" if where else f"{type(error).__name__}: {error}"


def _is_journal(stream: TextIO) -> bool:
    """Whether systemd reads the stream: it names the stream's device and inode."""
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"
