"""One SQLite file in which a box remembers what must survive a crash, and what becomes of it when the disk fails.

- The disk refuses (full, read-only, broken): everything goes on in memory, which is said, and back to the disk once it
  takes it again.
- The file is corrupt: it is set aside with a date, which is said, and a new one is begun.

Work is given as functions over a connection, so that it can be done again elsewhere.
"""

import contextlib
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Generator
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from edge.errors import DISK_ERRNOS, ConfigurationError
from edge.mqtt.salvage import add_older, copied
from edge.system.locking import LOCK_FILE, lock

FILE_NAME = "outbox.db"
IN_MEMORY = ":memory:"
COMPANIONS = ("-wal", "-shm")
FORMAT_VERSION = 1
"""Files of the format 0 are understood: see `migration`."""
KEPT_CORRUPT_FILES = 3
RETRY_INTERVAL_S = 60.0
CLOSE_TIMEOUT_S = 2.0
DISK_CODES = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN})
CORRUPT_CODES = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
PRIMARY_CODE_MASK = 0xFF

_Answer = TypeVar("_Answer")
Work = Callable[[sqlite3.Connection], _Answer]
"""Reads and writes; may be called twice, so it changes nothing but the database."""
Carry = Callable[[sqlite3.Connection, sqlite3.Connection], None]
"""Copies rows to a database of the same schema, which may have some of them, all or none."""


class _CorruptError(sqlite3.DatabaseError):
    """The file is no database, or a damaged one."""

    sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    kind, advice = "corrupt", "check the disk"


class _NewerError(_CorruptError):
    """The file is whole, and made by a later version."""

    kind, advice = "newer", "what waits in it is sent by the version that made it, once it is renamed back"


class Store:
    """Durable while the disk is, available always. Safe to use from several threads."""

    def __init__(
        self,
        directory: Path | None,
        schema: str,
        report: Callable[[str], None] = lambda _: None,
        *,
        file_name: str = FILE_NAME,
        lock_name: str = LOCK_FILE,
        carry: Carry | None = None,
    ) -> None:
        """Open the file, or make it.

        Args:
            directory: where it lies; None keeps everything in memory.
            schema: `CREATE ... IF NOT EXISTS` statements, and pragmas.
            report: takes a line when the disk fails, and when it comes back.
            file_name: the database's.
            lock_name: of the file beside it that keeps others out.
            carry: takes along to memory, and back, what is wanted of a file that is too large to be read as a whole;
                None takes everything along.

        Raises:
            ConfigurationError: the directory cannot be used by this user, or another edge uses it.
        """
        self.path = IN_MEMORY if directory is None else str(directory / file_name)
        self.fault: str | None = None
        """Why nothing is kept on disk; None while it is, and where memory was asked for."""
        self._schema = schema
        self._report = report
        self._carry = carry
        self._lock = threading.Lock()
        self._retry_at_s = 0.0
        self._is_unread = False
        """Whether the file may hold rows that memory lacks."""
        self._locked = contextlib.ExitStack()
        if directory is not None:
            self._locked.enter_context(locked(directory, lock_name))
        self._database = self._open()

    def write(self, work: Work[_Answer]) -> _Answer:
        """Do some work in a transaction; it is on disk when this returns, or `fault` says why not."""
        with self._lock:
            self._return_to_disk()
            for _ in range(2):  # in memory nothing fails, so the second time is the last
                try:
                    return self._transact(work)
                except sqlite3.Error as error:
                    self._recover(error)
            return self._transact(work)

    def read(self, work: Work[_Answer]) -> _Answer:
        """Do some work that changes nothing."""
        with self._lock:
            for _ in range(2):
                try:
                    return work(self._database)
                except sqlite3.Error as error:
                    self._recover(error)
            return work(self._database)

    def tend(self) -> None:
        """Go back to the disk, if it takes us; to be called now and then, for the time when nothing is written."""
        with self._lock:
            self._return_to_disk()

    def close(self) -> None:
        """Close the file, and let others have the directory. Where a disk hangs in somebody's hands, the process's end
        does that."""
        if not self._lock.acquire(timeout=CLOSE_TIMEOUT_S):
            return
        self._database.close()
        self._locked.close()
        self._lock.release()

    def _transact(self, work: Work[_Answer]) -> _Answer:
        self._database.execute("BEGIN IMMEDIATE")
        try:
            answer = work(self._database)
            self._database.execute("COMMIT")
        except BaseException:
            if self._database.in_transaction:
                with contextlib.suppress(sqlite3.Error):
                    self._database.execute("ROLLBACK")
            raise
        return answer

    def _open(self) -> sqlite3.Connection:
        if self.path == IN_MEMORY:
            return self._in_memory()
        for _ in range(2):
            try:
                return self._on_disk()
            except (sqlite3.Error, OSError) as error:
                if _is_disk_fault(error):
                    self._note_fault(str(error))
                    return self._salvaged()
                if not _is_corrupt(error):
                    raise ConfigurationError(
                        f"{self.path}: cannot be used ({error}); check state_dir and its rights"
                    ) from error
                if not self._set_aside(error):
                    return self._in_memory()
        self._note_fault("a new file is corrupt at once")
        return self._in_memory()

    def _on_disk(self) -> sqlite3.Connection:
        database = sqlite3.connect(self.path, check_same_thread=False, isolation_level=None)
        try:
            if not self._carry:
                _check_content(database)
            _check_version(database)
            _prepare(database, self._schema)
            database.execute("BEGIN IMMEDIATE")  # a read-only file says so here
            database.execute("ROLLBACK")
        except BaseException:
            database.close()
            raise
        return database

    def _in_memory(self) -> sqlite3.Connection:
        database = sqlite3.connect(IN_MEMORY, check_same_thread=False, isolation_level=None)
        _prepare(database, self._schema)
        return database

    def _salvaged(self) -> sqlite3.Connection:
        """Take into memory what an unwritable disk holds."""
        memory = self._in_memory()
        if self._carry:
            return memory
        try:
            with copied(Path(self.path)) as found:
                _check_content(found)
                _check_version(found)
                found.backup(memory)
        except (sqlite3.Error, OSError) as error:
            self._note_unread(error)
        _prepare(memory, self._schema)
        return memory

    def _recover(self, error: sqlite3.Error) -> None:
        """Go on elsewhere after a fault of the disk.

        Raises:
            sqlite3.Error: it is none.
        """
        if self.path == IN_MEMORY or self.fault is not None or not (_is_corrupt(error) or _is_disk_fault(error)):
            raise error
        memory = self._in_memory()
        if self._carry or not _is_corrupt(error):  # a copy of everything would be as corrupt
            try:
                self._copy(self._database, memory)
            except sqlite3.Error as refusal:
                self._note_unread(refusal)
        _prepare(memory, self._schema)  # also where the copy failed
        with contextlib.suppress(sqlite3.Error):
            self._database.close()
        self._database = memory
        if not _is_corrupt(error):
            self._note_fault(str(error))
        elif self._set_aside(error):
            try:
                self._move_to_disk()
            except (sqlite3.Error, OSError) as refusal:
                self._note_fault(str(refusal))

    def _copy(self, source: sqlite3.Connection, target: sqlite3.Connection) -> None:
        if self._carry:
            self._carry(source, target)
        else:
            source.backup(target)

    def _return_to_disk(self) -> None:
        """Take memory to the disk: what that still holds is older, and in memory unless it could not be read."""
        if self.fault is None or time.monotonic() < self._retry_at_s:
            return
        self._retry_at_s = time.monotonic() + RETRY_INTERVAL_S
        for _ in range(2):
            try:
                self._move_to_disk()
            except (sqlite3.Error, OSError) as error:
                if not _is_corrupt(error) or not self._set_aside(error):
                    return
            else:
                self.fault = None
                self._report(f"{self.path}: the disk takes events again")
                return

    def _move_to_disk(self) -> None:
        """Have the disk stand for memory.

        Raises:
            sqlite3.Error, OSError: it does not; nothing has changed.
        """
        disk = self._on_disk()
        try:
            if self._is_unread:
                add_older(disk, self._database)
                self._is_unread = False
            self._copy(self._database, disk)
        except BaseException:
            disk.close()
            raise
        self._database.close()
        self._database = disk

    def _note_fault(self, reason: str) -> None:
        self.fault = reason
        self._retry_at_s = time.monotonic() + RETRY_INTERVAL_S
        self._report(
            f"{self.path}: the disk refuses ({reason}); events are kept in memory until it does not; free space, or "
            "replace the disk"
        )

    def _note_unread(self, reason: Exception) -> None:
        self._is_unread = self._carry is None
        if self._is_unread:
            self._report(
                f"{self.path}: cannot be read now ({reason}); what is in it is kept, and taken along once the disk "
                "takes events again"
            )

    def _set_aside(self, fault: Exception) -> bool:
        """Rename a file that cannot be used, with its date; return whether that worked."""
        file, reason = Path(self.path), str(fault)
        found = fault if isinstance(fault, _CorruptError) else _CorruptError
        kept = file.with_name(f"{file.name}.{found.kind}-{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}")
        try:
            file.rename(kept)
            for suffix in COMPANIONS:
                with contextlib.suppress(FileNotFoundError):
                    Path(self.path + suffix).rename(f"{kept}{suffix}")
            for old in sorted(file.parent.glob(f"{file.name}.{found.kind}-*Z"))[:-KEPT_CORRUPT_FILES]:
                for suffix in ("", *COMPANIONS):
                    Path(f"{old}{suffix}").unlink(missing_ok=True)
        except OSError as error:
            self._note_fault(f"{reason}, and {error.strerror}")
            return False
        self._report(
            f"{self.path}: {found.kind} ({reason}); set aside as {kept.name}, a new one is begun; {found.advice}"
        )
        return True


def _prepare(database: sqlite3.Connection, schema: str) -> None:
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = FULL")
    database.executescript(schema)
    database.execute(f"PRAGMA user_version = {FORMAT_VERSION}")


def _check_content(database: sqlite3.Connection) -> None:
    (found,) = database.execute("PRAGMA quick_check(1)").fetchone()
    if found != "ok":
        raise _CorruptError(str(found))


def _check_version(database: sqlite3.Connection) -> None:
    (version,) = database.execute("PRAGMA user_version").fetchone()
    if version > FORMAT_VERSION:
        raise _NewerError(f"of format {version}, made by a later edge")


def _code(error: Exception) -> int:
    """SQLite's primary result code; 0 for other errors."""
    return getattr(error, "sqlite_errorcode", 0) & PRIMARY_CODE_MASK


def _is_corrupt(error: Exception) -> bool:
    return _code(error) in CORRUPT_CODES


def _is_disk_fault(error: Exception) -> bool:
    return error.errno in DISK_ERRNOS if isinstance(error, OSError) else _code(error) in DISK_CODES


@contextlib.contextmanager
def locked(directory: Path, name: str) -> Generator[None]:
    """Keep a second daemon out: both would send everything, and end each other's events.

    Raises:
        ConfigurationError: another edge is there, or this user may not write.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        descriptor = lock(directory, name)
    except BlockingIOError as error:
        raise ConfigurationError(
            f"{directory}: another edge runs with this state_dir; stop it, or give this one another"
        ) from error
    except OSError as error:
        if error.errno not in DISK_ERRNOS:
            raise ConfigurationError(
                f"{directory / name}: cannot be written ({error.strerror}); check state_dir and its rights"
            ) from error
        yield  # whoever comes second on such a disk finds as little as we do
        return
    try:
        yield
    finally:
        os.close(descriptor)
