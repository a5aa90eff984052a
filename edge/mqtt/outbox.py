"""Events on disk until the broker has acknowledged them.

An event is added, and synced, before anything else happens to it, and leaves after its acknowledgement: delivery is at
least once. Events are sent one at a time, so that no reconnection can put two of them in the wrong order. The outbox
also remembers the latest events, so that a restart after a crash can end what was active, and people can acknowledge
what has ended.

Stick figures wait beside the events, and for them: there is none to send while an event waits.
"""

import contextlib
import json
import sqlite3
from dataclasses import asdict, dataclass, replace
from typing import Any

from edge.events.clock import boot_id, since_boot_s
from edge.events.schema import event_fields, to_json
from edge.mqtt.store import Store
from edge.system.stored import from_fields
from edge.types import Event

REMEMBERED_EVENTS = 500
"""That have ended, so that they can be acknowledged."""
ROW_VERSION = 1
"""Of `recent.event`, which carries it. It is raised when a field is renamed or means something else; a new field has a
default instead, and is passed over by versions that do not know it. (`waiting.fields` carry the contract's `schema`.)
"""
MAX_FIGURES = 64
"""Parts that wait; the oldest are dropped. They are 60 kB at most, and evidence, not alarms."""
DROPPED_FIRST, DROPPED_NEXT, DROPPED_LAST = range(3)

SCHEMA = """
CREATE TABLE IF NOT EXISTS waiting (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    type TEXT NOT NULL, dropped_as INTEGER NOT NULL,
    boot TEXT NOT NULL, since_boot_s REAL NOT NULL,
    fields TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS waiting_by_drop ON waiting (dropped_as, sequence);
CREATE TABLE IF NOT EXISTS totals (one INTEGER PRIMARY KEY CHECK (one = 1), events INTEGER, bytes INTEGER);
INSERT OR IGNORE INTO totals VALUES (1, 0, 0);
CREATE TRIGGER IF NOT EXISTS added AFTER INSERT ON waiting BEGIN
    UPDATE totals SET events = events + 1, bytes = bytes + length(CAST(NEW.fields AS BLOB));
END;
CREATE TRIGGER IF NOT EXISTS removed AFTER DELETE ON waiting BEGIN
    UPDATE totals SET events = events - 1, bytes = bytes - length(CAST(OLD.fields AS BLOB));
END;
CREATE TABLE IF NOT EXISTS dropped (type TEXT PRIMARY KEY, events INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS recent (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE, ended INTEGER NOT NULL, acknowledged_at TEXT, event TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS figures (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL, content BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A stored event."""

    sequence: int
    waited_s: float | None
    """However the clock was set meanwhile; None when it waits since before the machine was switched on."""
    fields: dict[str, Any]
    """As `events.event_fields` made them."""


@dataclass(frozen=True, slots=True)
class WaitingFigure:
    """A stored part of an event as stick figures."""

    sequence: int
    event_id: str
    content: bytes


class Outbox:
    """Bounded, ordered, as durable as the store. Safe to use from several threads."""

    def __init__(self, store: Store, max_events: int, max_bytes: int) -> None:
        """Take up what waits.

        Args:
            store: opened with `SCHEMA`.
            max_events: bound of the events that wait.
            max_bytes: bound of their JSON.
        """
        self._store = store
        self._max_events = max_events
        self._max_bytes = max_bytes

    def add(self, event: Event, waited_s: float = 0.0) -> None:
        """Store an event; it is on disk when this returns, unless the store's `fault` says why not.

        Args:
            event: the transition.
            waited_s: how long it has waited until now, for a disk that takes its time.
        """
        since_s = since_boot_s() - waited_s  # the disk may take its time
        self._store.write(lambda database: self._add(database, event, since_s))

    def oldest(self) -> Waiting | None:
        """Return the event that is to be sent next, if there is one."""
        row = self._store.read(
            lambda database: database.execute(
                "SELECT sequence, boot, since_boot_s, fields FROM waiting ORDER BY sequence LIMIT 1"
            ).fetchone()
        )
        if row is None:
            return None
        sequence, boot, stored_s, fields = row
        return Waiting(sequence, since_boot_s() - stored_s if boot == boot_id() else None, json.loads(fields))

    def remove(self, sequence: int) -> None:
        """Forget an event that the broker has. One that was dropped meanwhile is passed over."""
        self._store.write(lambda database: database.execute("DELETE FROM waiting WHERE sequence = ?", (sequence,)))

    def add_figure(self, event_id: str, content: bytes) -> None:
        """Store a part of an event as stick figures, after the event itself: of one that was never added it is none."""
        self._store.write(lambda database: _add_figure(database, event_id, content))

    def oldest_figure(self) -> WaitingFigure | None:
        """Return the part that is to be sent next, if there is one and no event waits."""
        row = self._store.read(
            lambda database: database.execute(
                "SELECT sequence, id, content FROM figures WHERE NOT EXISTS (SELECT 1 FROM waiting) "
                "ORDER BY sequence LIMIT 1"
            ).fetchone()
        )
        return None if row is None else WaitingFigure(*row)

    def remove_figure(self, sequence: int) -> None:
        """Forget a part that the broker has, or does not want."""
        self._store.write(lambda database: database.execute("DELETE FROM figures WHERE sequence = ?", (sequence,)))

    def figures(self) -> int:
        """Parts of stick figures that wait."""
        return self._store.read(lambda database: database.execute("SELECT count(*) FROM figures").fetchone())[0]

    def active(self) -> list[Event]:
        """Return the last transition of every event that has not ended: after a start, what a crash interrupted.

        A row that is no event, of whatever version, is passed over.
        """
        rows = self._store.read(
            lambda database: database.execute("SELECT event FROM recent WHERE NOT ended ORDER BY number").fetchall()
        )
        return [event for (text,) in rows if (event := _event(text)) is not None]

    def acknowledge(self, event_id: str, moment: str) -> Event | None:
        """Note that somebody has taken care of an event, and send its last transition once more with that moment.

        Args:
            event_id: of one of the latest events.
            moment: RFC 3339, UTC.

        Returns:
            its last transition, or None when no event of this id is remembered. Acknowledging twice changes nothing.
        """
        return self._store.write(lambda database: self._acknowledge(database, event_id, moment))

    def is_waiting(self, event_id: str) -> bool:
        """Whether the broker has still to acknowledge something of an event."""
        return self._store.read(
            lambda database: database.execute(
                "SELECT EXISTS (SELECT 1 FROM waiting WHERE json_extract(fields, '$.id') = ?)", (event_id,)
            ).fetchone()
        ) == (1,)

    def depth(self) -> int:
        """Events that wait for the broker's acknowledgement."""
        return self._totals()[0]

    def dropped(self) -> dict[str, int]:
        """Events that the bounds pushed out since the database was made, by their type."""
        return dict(self._store.read(lambda database: database.execute("SELECT type, events FROM dropped").fetchall()))

    def fields(self) -> dict[str, Any]:
        """Return what stands in the stats."""
        waiting, size_bytes = self._totals()
        dropped = self.dropped()
        return {
            "waiting": waiting,
            "bytes": size_bytes,
            "dropped": sum(dropped.values()),
            "dropped_by_type": dropped,
            "fault": self._store.fault,
        }

    def _totals(self) -> tuple[int, int]:
        return self._store.read(lambda database: database.execute("SELECT events, bytes FROM totals").fetchone())

    def _add(self, database: sqlite3.Connection, event: Event, since_s: float) -> None:
        row = database.execute("SELECT acknowledged_at FROM recent WHERE id = ?", (event.id,)).fetchone()
        acknowledged_at = row[0] if row else None
        database.execute(
            "INSERT INTO recent (id, ended, event) VALUES (?, ?, ?) "
            "ON CONFLICT (id) DO UPDATE SET ended = excluded.ended, event = excluded.event",
            (event.id, event.type == "ended", json.dumps({"version": ROW_VERSION} | asdict(event))),
        )
        if event.type == "ended":
            database.execute(
                "DELETE FROM recent WHERE ended AND number <= "
                "(SELECT number FROM recent WHERE ended ORDER BY number DESC LIMIT 1 OFFSET ?)",
                (REMEMBERED_EVENTS,),
            )
        self._enqueue(database, event, acknowledged_at, since_s)

    def _enqueue(self, database: sqlite3.Connection, event: Event, acknowledged_at: str | None, since_s: float) -> None:
        fields = to_json(event_fields(event) | {"acknowledged_at": acknowledged_at})
        database.execute(
            "INSERT INTO waiting (type, dropped_as, boot, since_boot_s, fields) VALUES (?, ?, ?, ?, ?)",
            (event.type, _dropped_as(event), boot_id(), since_s, fields),
        )
        while True:
            events, size_bytes = database.execute("SELECT events, bytes FROM totals").fetchone()
            if events <= self._max_events and size_bytes <= self._max_bytes:
                return
            (kind,) = database.execute(
                "DELETE FROM waiting WHERE sequence = "
                "(SELECT sequence FROM waiting ORDER BY dropped_as, sequence LIMIT 1) RETURNING type"
            ).fetchone()
            database.execute(
                "INSERT INTO dropped VALUES (?, 1) ON CONFLICT (type) DO UPDATE SET events = events + 1", (kind,)
            )

    def _acknowledge(self, database: sqlite3.Connection, event_id: str, moment: str) -> Event | None:
        row = database.execute("SELECT acknowledged_at, event FROM recent WHERE id = ?", (event_id,)).fetchone()
        if row is None or (event := _event(row[1])) is None:
            return None
        if row[0] is None:
            database.execute("UPDATE recent SET acknowledged_at = ? WHERE id = ?", (moment, event_id))
            repeated = event if event.type == "ended" else replace(event, type="updated")
            self._enqueue(database, repeated, moment, since_boot_s())
        return event


def _add_figure(database: sqlite3.Connection, event_id: str, content: bytes) -> None:
    database.execute(
        "INSERT INTO figures (id, content) SELECT ?, ? WHERE EXISTS (SELECT 1 FROM recent WHERE id = ?)",
        (event_id, content, event_id),
    )
    database.execute(
        "DELETE FROM figures WHERE sequence <= (SELECT sequence FROM figures ORDER BY sequence DESC LIMIT 1 OFFSET ?)",
        (MAX_FIGURES,),
    )


def _event(text: str) -> Event | None:
    with contextlib.suppress(ValueError):
        event = from_fields(Event, json.loads(text))
        if event.region is None:
            return event
        y0, x0, y1, x1 = event.region
        return replace(event, region=(y0, x0, y1, x1))  # which JSON has as a list
    return None


def _dropped_as(event: Event) -> int:
    if event.type == "updated" and event.reason is None:
        return DROPPED_FIRST
    return DROPPED_NEXT if event.type == "ended" else DROPPED_LAST
