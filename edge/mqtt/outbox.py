"""Events on disk until the broker has acknowledged them.

An event is added, and synced, before anything else happens to it, and leaves after its acknowledgement: delivery is at
least once. Events are sent one at a time, so that no reconnection can put two of them in the wrong order. The database
also remembers what is active, so that a restart after a crash can end it.
"""

import contextlib
import fcntl
import json
import sqlite3
import threading
from collections.abc import Generator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edge.errors import ConfigurationError
from edge.mqtt.events import event_fields, to_json
from edge.types import Event

FILE_NAME = "outbox.db"
LOCK_FILE_NAME = "lock"
IN_MEMORY = ":memory:"
FIRST_TO_DROP = ("updated", "ended", "started")

_TABLES = """
CREATE TABLE IF NOT EXISTS events (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL, type TEXT NOT NULL, camera TEXT NOT NULL, label TEXT NOT NULL,
    stored_at_s REAL NOT NULL,
    fields TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS active (
    camera TEXT NOT NULL, label TEXT NOT NULL, event TEXT NOT NULL, PRIMARY KEY (camera, label)
);
CREATE TABLE IF NOT EXISTS dropped (type TEXT PRIMARY KEY, events INTEGER NOT NULL);
"""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A stored event."""

    sequence: int
    stored_at_s: float
    """Wall clock, seconds since 1970."""
    fields: dict[str, Any]
    """As `events.event_fields` made them."""


class Outbox:
    """Bounded, ordered, durable. Safe to use from several threads."""

    def __init__(self, directory: Path | None, max_events: int, max_bytes: int) -> None:
        """Open the outbox.

        Args:
            directory: where the database lies; None keeps it in memory.
            max_events: bound of the events that wait.
            max_bytes: bound of their JSON.

        Raises:
            ConfigurationError: the directory cannot be written, or holds something else under the outbox's name.
        """
        self.path = IN_MEMORY if directory is None else str(directory / FILE_NAME)
        self._max_events = max_events
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        with contextlib.ExitStack() as opened:
            with self._named_errors():
                if directory is not None:
                    directory.mkdir(parents=True, exist_ok=True)
                    opened.enter_context(_locked(directory))
                self._database = opened.enter_context(contextlib.closing(_open_database(self.path)))
                self._waiting, self._bytes = self._database.execute(
                    "SELECT count(*), coalesce(sum(length(fields)), 0) FROM events"
                ).fetchone()
            self._opened = opened.pop_all()

    def add(self, event: Event, now_s: float) -> None:
        """Store an event; it is on disk when this returns.

        Args:
            event: the transition.
            now_s: wall clock, seconds since 1970.

        Raises:
            ConfigurationError: the disk refuses it.
        """
        fields = to_json(event_fields(event))
        with self._transaction() as database:
            database.execute(
                "INSERT INTO events (id, type, camera, label, stored_at_s, fields) VALUES (?, ?, ?, ?, ?, ?)",
                (event.id, event.type, event.camera, event.label, now_s, fields),
            )
            if event.type == "ended":
                database.execute("DELETE FROM active WHERE camera = ? AND label = ?", (event.camera, event.label))
            else:
                database.execute(
                    "INSERT OR REPLACE INTO active VALUES (?, ?, ?)",
                    (event.camera, event.label, json.dumps(asdict(event))),
                )
            self._waiting += 1
            self._bytes += len(fields)
            self._keep_bounds(database)

    def oldest(self) -> Waiting | None:
        """Return the event that is to be sent next, if there is one."""
        with self._lock, self._named_errors():
            row = self._database.execute(
                "SELECT sequence, stored_at_s, fields FROM events ORDER BY sequence LIMIT 1"
            ).fetchone()
        return None if row is None else Waiting(row[0], row[1], json.loads(row[2]))

    def acknowledge(self, sequence: int) -> None:
        """Forget an event that the broker has. One that was dropped meanwhile is passed over."""
        with self._transaction() as database:
            self._delete(database, sequence)

    def active(self) -> list[Event]:
        """Return the last transition of every event that has not ended: after a start, what a crash interrupted."""
        with self._lock, self._named_errors():
            rows = self._database.execute("SELECT event FROM active ORDER BY camera, label").fetchall()
        return [Event(**json.loads(row[0])) for row in rows]

    def depth(self) -> int:
        """Events that wait for an acknowledgement."""
        with self._lock:
            return self._waiting

    def dropped(self) -> int:
        """Events that the bounds pushed out since the database was made."""
        with self._lock, self._named_errors():
            return self._database.execute("SELECT coalesce(sum(events), 0) FROM dropped").fetchone()[0]

    def fields(self) -> dict[str, Any]:
        """Return what stands in the stats."""
        return {"waiting": self.depth(), "dropped": self.dropped()}

    def close(self) -> None:
        """Close the database. What waits stays in it, unless it was in memory."""
        with self._lock:
            self._opened.close()

    def _keep_bounds(self, database: sqlite3.Connection) -> None:
        while self._waiting > self._max_events or self._bytes > self._max_bytes:
            sequence, kind = database.execute(
                "SELECT sequence, type FROM events "
                "ORDER BY CASE type WHEN ? THEN 0 WHEN ? THEN 1 ELSE 2 END, sequence LIMIT 1",
                FIRST_TO_DROP[:2],
            ).fetchone()
            self._delete(database, sequence)
            database.execute(
                "INSERT INTO dropped VALUES (?, 1) ON CONFLICT (type) DO UPDATE SET events = events + 1", (kind,)
            )

    def _delete(self, database: sqlite3.Connection, sequence: int) -> None:
        row = database.execute("DELETE FROM events WHERE sequence = ? RETURNING length(fields)", (sequence,)).fetchone()
        if row is not None:
            self._waiting -= 1
            self._bytes -= row[0]

    @contextlib.contextmanager
    def _transaction(self) -> Generator[sqlite3.Connection]:
        with self._lock, self._named_errors():
            counts = self._waiting, self._bytes
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield self._database
                self._database.execute("COMMIT")
            except BaseException:
                self._waiting, self._bytes = counts
                if self._database.in_transaction:
                    self._database.execute("ROLLBACK")
                raise

    @contextlib.contextmanager
    def _named_errors(self) -> Generator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            raise ConfigurationError(
                f"{self.path}: the outbox cannot be used ({reason}); check state_dir, its rights and free space"
            ) from error


def _open_database(path: str) -> sqlite3.Connection:
    database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
    try:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = FULL")
        database.executescript(_TABLES)
    except sqlite3.Error:
        database.close()
        raise
    return database


@contextlib.contextmanager
def _locked(directory: Path) -> Generator[None]:
    """Keep a second daemon out: both would send everything, and end each other's events."""
    with (directory / LOCK_FILE_NAME).open("w", encoding="utf-8") as lock_file:
        try:
            fcntl.flock(lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ConfigurationError(
                f"{directory}: another edge runs with this state_dir; stop it, or give this one another"
            ) from error
        yield
