"""The dashboard's SQLite file, and what becomes of it when the disk fails: the page goes on.

- The disk refuses (full, read-only, broken): the latest events go on in memory, which is said, and back to the disk
  once it takes them.
- The file is damaged: it is set aside, which is said, and a new one is begun.
"""

import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, closing, suppress
from functools import wraps
from pathlib import Path
from typing import Concatenate, Final, ParamSpec, TypeVar

from edge.errors import ConfigurationError
from edge.mqtt.store import COMPANIONS, CORRUPT_CODES, DISK_CODES, PRIMARY_CODE_MASK, locked

FILE, LOCK = "dashboard.sqlite", "dashboard.lock"
IN_MEMORY: Final = ":memory:"
RETRY_INTERVAL_S: Final = 60.0
CACHE_KIB: Final = 8000
SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS events (
    number INTEGER PRIMARY KEY, device TEXT NOT NULL, id TEXT NOT NULL, camera TEXT NOT NULL, label TEXT NOT NULL,
    type TEXT NOT NULL, score REAL NOT NULL, peak REAL NOT NULL, started_ms INTEGER NOT NULL, ended_ms INTEGER,
    duration_s REAL NOT NULL, reason TEXT, acknowledged_at TEXT, test INTEGER NOT NULL, delayed INTEGER NOT NULL,
    model TEXT NOT NULL, arrived_ms INTEGER NOT NULL, clock_wrong INTEGER NOT NULL, answer TEXT, answered_ms INTEGER,
    trace TEXT NOT NULL, UNIQUE (device, id));
CREATE INDEX IF NOT EXISTS by_time ON events (started_ms);
CREATE INDEX IF NOT EXISTS by_box ON events (device, started_ms);
CREATE INDEX IF NOT EXISTS by_camera ON events (camera, started_ms);
CREATE INDEX IF NOT EXISTS by_label ON events (label, started_ms);
CREATE TABLE IF NOT EXISTS pictures (
    number INTEGER PRIMARY KEY, device TEXT NOT NULL, id TEXT NOT NULL, kind TEXT NOT NULL, content BLOB NOT NULL,
    UNIQUE (device, id, kind));
CREATE TABLE IF NOT EXISTS names (device TEXT, camera TEXT, label TEXT, PRIMARY KEY (device, camera, label));
CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""
TABLES: Final = {
    "events": (
        "device, id",
        (
            "device, id, camera, label, type, score, peak, started_ms, ended_ms, duration_s, reason, acknowledged_at, "
            "test, delayed, model, arrived_ms, clock_wrong, answer, answered_ms, trace"
        ),
    ),
    "names": ("device, camera, label", "device, camera, label"),
    "settings": ("name", "name, value"),
}
"""Key and columns of those whose rows go along; pictures stay on the disk."""
CARRIED: Final = 5000
"""The latest rows of each table, that go to memory with us."""

_Self = TypeVar("_Self", bound="Durable")
_Arguments = ParamSpec("_Arguments")
_Answer = TypeVar("_Answer")


class Durable:
    """Has a database; methods under `lasting` may use it."""

    def __init__(self, state_dir: Path | None, report: Callable[[str], None]) -> None:
        """Open it.

        Args:
            state_dir: where it lies; None keeps it in memory.
            report: takes a line when the disk fails, and when it comes back.

        Raises:
            ConfigurationError: the directory cannot be used by this user, or another dashboard uses it.
        """
        self._report = report
        self._lock = threading.Lock()
        self._path = None if state_dir is None else state_dir / FILE
        self._is_on_disk = False
        self._retry_at_s = 0.0
        self._opened = ExitStack()
        if state_dir is not None:
            self._opened.enter_context(locked(state_dir, LOCK))
        self._database = self._open()

    def close(self) -> None:
        """Close the file, and let others have the directory."""
        with self._lock:
            self._database.close()
            self._opened.close()

    @property
    def _is_sheltered(self) -> bool:
        """Whether memory stands for the disk."""
        return self._path is not None and not self._is_on_disk

    def _open(self) -> sqlite3.Connection:
        """Open the file, a new one where it is damaged; memory takes its place where the disk refuses."""
        if self._path is None:
            return _connect(IN_MEMORY)
        try:
            database = _connect(str(self._path))
        except sqlite3.Error as error:
            if _is_of(CORRUPT_CODES, error) and self._set_aside(error):
                return self._open()
            if not _is_of(CORRUPT_CODES | DISK_CODES, error):
                raise ConfigurationError(
                    f"{self._path}: cannot be used ({error}); check state_dir and its rights"
                ) from error
            self._note_refusal(error)
            return _connect(IN_MEMORY)
        self._is_on_disk = True
        return database

    def _leave_disk(self, error: sqlite3.Error) -> None:
        """Go on elsewhere after a fault of the disk.

        Raises:
            sqlite3.Error: it is none.
        """
        if not self._is_on_disk or not _is_of(CORRUPT_CODES | DISK_CODES, error):
            raise error
        self._is_on_disk = False
        memory = _connect(IN_MEMORY)
        with suppress(sqlite3.Error), closing(self._database):
            _carry(self._database, memory)
        if _is_of(CORRUPT_CODES, error) and self._set_aside(error):
            self._database = self._open()
            with suppress(sqlite3.Error), closing(memory):
                _carry(memory, self._database)
        else:
            self._note_refusal(error)
            self._database = memory

    def _return_to_disk(self) -> None:
        """Take what came meanwhile to the disk."""
        if not self._is_sheltered or time.monotonic() < self._retry_at_s:
            return
        self._retry_at_s = time.monotonic() + RETRY_INTERVAL_S
        try:
            disk = _connect(str(self._path))
        except sqlite3.Error:
            return
        try:
            _carry(self._database, disk)
        except sqlite3.Error:
            disk.close()
            return
        self._database.close()
        self._database = disk
        self._is_on_disk = True
        self._report(f"{self._path}: the disk takes events again")

    def _note_refusal(self, error: sqlite3.Error) -> None:
        self._retry_at_s = time.monotonic() + RETRY_INTERVAL_S
        self._report(
            f"{self._path}: the disk refuses ({error}); what comes is kept in memory until it does not; free space, or "
            "replace the disk"
        )

    def _set_aside(self, error: sqlite3.Error) -> bool:
        """Rename a damaged file; return whether that worked."""
        kept = f"{self._path}.corrupt"
        try:
            for suffix in ("", *COMPANIONS):
                with suppress(FileNotFoundError):
                    Path(f"{self._path}{suffix}").replace(f"{kept}{suffix}")
        except OSError:
            return False
        self._report(f"{self._path}: corrupt ({error}); set aside as {kept}, a new one is begun; check the disk")
        return True


def lasting(
    method: Callable[Concatenate[_Self, _Arguments], _Answer],
) -> Callable[Concatenate[_Self, _Arguments], _Answer]:
    """Have a method run alone, and once more elsewhere where the disk fails under it."""

    @wraps(method)
    def run(self: _Self, *arguments: _Arguments.args, **named: _Arguments.kwargs) -> _Answer:
        with self._lock:  # pyright: ignore[reportPrivateUsage]
            self._return_to_disk()  # pyright: ignore[reportPrivateUsage]
            try:
                return method(self, *arguments, **named)
            except sqlite3.Error as error:
                self._leave_disk(error)  # pyright: ignore[reportPrivateUsage]
                return method(self, *arguments, **named)

    return run


def _is_of(codes: frozenset[int], error: sqlite3.Error) -> bool:
    return getattr(error, "sqlite_errorcode", 0) & PRIMARY_CODE_MASK in codes


def _connect(path: str) -> sqlite3.Connection:
    database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
    try:
        database.row_factory = sqlite3.Row
        database.executescript(
            f"PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA cache_size=-{CACHE_KIB};{SCHEMA}"
        )
    except BaseException:
        database.close()
        raise
    return database


def _carry(source: sqlite3.Connection, target: sqlite3.Connection) -> None:
    """Copy the latest rows, in their order."""
    with target:
        target.execute("BEGIN")
        for table, (key, columns) in TABLES.items():
            names = columns.split(", ")
            marks, sets = ", ".join("?" * len(names)), ", ".join(f"{name} = excluded.{name}" for name in names)
            latest = f"SELECT {columns} FROM {table} ORDER BY rowid DESC LIMIT {CARRIED}"  # noqa: S608 - our own words
            rows = [tuple(row) for row in source.execute(latest)]
            kept = f"INSERT INTO {table} ({columns}) VALUES ({marks}) ON CONFLICT ({key}) DO UPDATE SET {sets}"  # noqa: S608
            target.executemany(kept, reversed(rows))
