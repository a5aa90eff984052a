"""Where events go besides the broker: the terminal, and a file of JSON lines."""

import errno
import os
from pathlib import Path
from typing import Protocol, TextIO

from edge.errors import DISK_ERRNOS, ConfigurationError, EdgewatchError
from edge.events.schema import event_line, to_json
from edge.types import Event

S_PER_MIN = 60


class Sink(Protocol):
    """Takes events, one after the other."""

    def publish(self, event: Event) -> None: ...


class Printer:
    """Prints one line an event, for people."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def publish(self, event: Event) -> None:
        """Print where in the video (or when), what, which camera, how sure."""
        print(describe(event), file=self._stream, flush=True)


def describe(event: Event) -> str:
    """One line for people."""
    when = event.ended_at or event.started_at if event.position_s is None else position(event.position_s)
    line = f"{when}  {event.label} {event.type}  camera {event.camera}  score {event.score:.2f}"
    if event.type != "started":
        line += f"  peak {event.peak_score:.2f}  after {event.duration_s:.1f} s"
    return f"{line}  ({event.reason})" if event.reason else line


def position(position_s: float) -> str:
    """Minutes, seconds and tenths: `01:07.4`."""
    minutes, seconds = divmod(round(position_s, 1), S_PER_MIN)
    return f"{minutes:02.0f}:{seconds:04.1f}"


class JsonLines:
    """Appends one JSON line an event to a file. A line is in the file whole, or not at all.

    The file is made when the first frame has been inferred, so that a run that cannot begin leaves nothing behind.
    """

    def __init__(self, path: Path) -> None:
        """Look whether the file can be written.

        Raises:
            ConfigurationError: it cannot.
        """
        self._path = path
        self._descriptor: int | None = None
        target = path if path.exists() else path.parent
        if path.is_dir() or not os.access(target, os.W_OK):
            raise ConfigurationError(
                f"{path}: cannot be written; give --events the path of a file in a writable folder"
            )

    def open(self) -> None:
        """Make the file, unless it is open.

        Raises:
            EdgewatchError: the disk does not take it.
            ConfigurationError: it cannot be made for another reason.
        """
        if self._descriptor is not None:
            return
        try:
            self._descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise self._unwritable(error) from error

    def publish(self, event: Event) -> None:
        """Append the event.

        Raises:
            EdgewatchError: the disk does not take the whole line.
            ConfigurationError: the file cannot be written for another reason.
        """
        self.open()
        assert self._descriptor is not None
        line = f"{to_json(event_line(event))}\n".encode()
        try:
            size = os.fstat(self._descriptor).st_size
            written = os.write(self._descriptor, line)  # unbuffered
            if written < len(line):
                os.ftruncate(self._descriptor, size)
        except OSError as error:
            raise self._unwritable(error) from error
        if written < len(line):
            raise self._unwritable(OSError(errno.ENOSPC, f"{written} of {len(line)} bytes fit"))

    def close(self) -> None:
        """Close the file, if it was made."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _unwritable(self, error: OSError) -> EdgewatchError:
        kind = EdgewatchError if error.errno in DISK_ERRNOS else ConfigurationError
        return kind(f"{self._path}: cannot be written ({error.strerror}); free space, or give another file")
