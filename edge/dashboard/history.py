"""Events and their pictures in SQLite, bounded in rows and bytes."""

import json
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from edge.dashboard.tables import FILE, LOCK, SCHEMA, carry
from edge.mqtt.incoming import EventMessage, plausible_ms
from edge.mqtt.store import Store

PRUNE_EVERY: Final = 500
"""Events between two looks at the bounds."""
MAX_NAMES: Final = 5000
MAX_SHELTERED_BYTES: Final = 20_000_000
"""Of pictures, while memory stands for the disk."""
S_PER_HOUR: Final = 3600
MS_PER_S: Final = 1000
ORDER: Final = {"started": 0, "updated": 1, "ended": 2}
COLUMNS: Final = (
    "number, device, id, camera, label, type, score, peak, started_ms, ended_ms, duration_s, reason, "
    "acknowledged_at, test, delayed, model, arrived_ms, clock_wrong, answer, answered_ms"
)
UNANSWERED: Final = "acknowledged_at IS NULL AND answer IS NULL AND test = 0"
Kind = Literal["snapshot", "clip"]
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events to look for; None is any."""

    box: str | None = None
    camera: str | None = None
    label: str | None = None
    from_ms: int | None = None
    to_ms: int | None = None
    unanswered: bool = False
    before: tuple[int, int] | None = None
    """Start and number of the event to go on after, backwards in time."""

    def condition(self) -> tuple[str, list[Any]]:
        """Return SQL and its values."""
        parts = [
            ("device = ?", self.box),
            ("camera = ?", self.camera),
            ("label = ?", self.label),
            ("started_ms >= ?", self.from_ms),
            ("started_ms < ?", self.to_ms),
        ]
        words = [sql for sql, value in parts if value is not None]
        values: list[Any] = [value for _, value in parts if value is not None]
        if self.unanswered:
            words.append(UNANSWERED)
        if self.before is not None:
            words.append("(started_ms, number) < (?, ?)")
            values += self.before
        return " AND ".join(words) or "1", values


class History:
    """Safe to use from several threads."""

    def __init__(
        self,
        state_dir: Path | None,
        max_events: int,
        max_picture_bytes: int,
        report: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Open it.

        Args:
            state_dir: where it lies; None keeps it in memory.
            max_events: how many are kept.
            max_picture_bytes: how much of pictures is kept.
            report: takes a line when the disk fails, and when it comes back.

        Raises:
            ConfigurationError: the directory cannot be used by this user, or another dashboard uses it.
        """
        self._max_events = max_events
        self._max_picture_bytes = max_picture_bytes
        self._since_pruned = 0
        self._store = Store(state_dir, SCHEMA, report, file_name=FILE, lock_name=LOCK, carry=carry)

    def close(self) -> None:
        """Close the file, and let others have the directory."""
        self._store.close()

    def setting(self, name: str, default: str) -> str:
        """Return a kept value; the first time, keep the default."""
        found = self._rows("SELECT value FROM settings WHERE name = ?", name)
        if found:
            return found[0]["value"]
        self.put(name, default)
        return default

    def put(self, name: str, value: str) -> None:
        """Keep a value."""
        sql = "INSERT OR REPLACE INTO settings VALUES (?, ?)"
        self._store.write(lambda database: database.execute(sql, (name, value)))

    def add(self, device: str, event: EventMessage, trace: Sequence[tuple[int, float]] = ()) -> tuple[Row, bool]:
        """Keep a transition; return the event as it stands now, and whether it is new.

        Args:
            device: whose event.
            event: as it came; an older transition than the known one changes nothing but an acknowledgement.
            trace: Unix ms and score, to be added to those known.
        """
        now_ms = time.time_ns() // 1_000_000

        def work(database: sqlite3.Connection) -> tuple[Row, bool]:
            sql = "SELECT number, type, trace FROM events WHERE device = ? AND id = ?"
            known = _select(database, sql, device, event.id)
            if known:
                _update(database, known[0], event, trace, now_ms)
            else:
                _insert(database, device, event, trace, now_ms)
            return _event(database, device, event.id), not known

        row, is_new = self._store.write(work)
        self._since_pruned += is_new
        if self._since_pruned >= PRUNE_EVERY:
            self._since_pruned = 0
            self._store.write(self._prune)
        return row, is_new

    def answer(self, device: str, event_id: str, answer: str) -> Row | None:
        """Keep what somebody said of an event; None when there is none."""
        now_ms = time.time_ns() // 1_000_000

        def work(database: sqlite3.Connection) -> Row | None:
            sql = "UPDATE events SET answer = ?, answered_ms = ? WHERE device = ? AND id = ?"
            changed = database.execute(sql, (answer, now_ms, device, event_id)).rowcount
            return _event(database, device, event_id) if changed else None

        return self._store.write(work)

    def unheard(self, since_ms: int, limit: int) -> list[Row]:
        """Return the latest events that were answered here since a Unix time, and whose boxes have not said so."""
        sql = (
            f"SELECT {COLUMNS} FROM events WHERE answered_ms >= ? AND acknowledged_at IS NULL "  # noqa: S608
            "ORDER BY answered_ms DESC LIMIT ?"
        )
        return [_read(row) for row in self._rows(sql, since_ms, limit)]

    def find(self, wanted: Wanted, limit: int) -> list[Row]:
        """Return events, the latest first."""
        condition, values = wanted.condition()
        sql = f"SELECT {COLUMNS} FROM events WHERE {condition} ORDER BY started_ms DESC, number DESC LIMIT ?"  # noqa: S608 - from our own words
        return [_read(row) for row in self._rows(sql, *values, limit)]

    def count(self, wanted: Wanted) -> int:
        """Return how many there are."""
        condition, values = wanted.condition()
        return self._rows(f"SELECT count(*) FROM events WHERE {condition}", *values)[0][0]  # noqa: S608

    def hours(self, wanted: Wanted, day_ms: int) -> list[int]:
        """Count the events of each of the hours after `day_ms`, 25 at most: a day may have so many."""
        condition, values = wanted.condition()
        sql = f"SELECT (started_ms - ?) / ?, count(*) FROM events WHERE {condition} GROUP BY 1"  # noqa: S608
        counted = {row[0]: row[1] for row in self._rows(sql, day_ms, S_PER_HOUR * MS_PER_S, *values)}
        return [counted.get(hour, 0) for hour in range(25)]

    def card(self, device: str, event_id: str) -> Row | None:
        """Return all that is known of one event."""
        sql = f"SELECT {COLUMNS}, trace FROM events WHERE device = ? AND id = ?"  # noqa: S608
        found = self._rows(sql, device, event_id)
        kinds = self._rows("SELECT kind FROM pictures WHERE device = ? AND id = ?", device, event_id)
        return _read(found[0]) | {"pictures": [kind for (kind,) in kinds]} if found else None

    def latest(self) -> list[Row]:
        """Return the latest event of every camera."""
        sql = f"SELECT {COLUMNS}, max(started_ms) FROM events GROUP BY device, camera"  # noqa: S608
        return [_read(row) for row in self._rows(sql)]

    def names(self) -> list[tuple[str, str, str]]:
        """Return every box, camera and label that ever had an event."""
        rows = self._rows("SELECT device, camera, label FROM names ORDER BY 1, 2, 3")
        return [(device, camera, label) for device, camera, label in rows]

    def keep_picture(self, device: str, event_id: str, kind: Kind, content: bytes) -> None:
        """Keep a picture of a known event."""

        def work(database: sqlite3.Connection) -> None:
            sql = "INSERT OR REPLACE INTO pictures (device, id, kind, content) VALUES (?, ?, ?, ?)"
            database.execute(sql, (device, event_id, kind, content))
            self._prune_pictures(database)

        self._store.write(work)

    def picture(self, device: str, event_id: str, kind: str) -> bytes | None:
        """Return a picture, if there is one."""
        sql = "SELECT content FROM pictures WHERE device = ? AND id = ? AND kind = ?"
        found = self._rows(sql, device, event_id, kind)
        return found[0]["content"] if found else None

    def _rows(self, sql: str, *values: Any) -> list[sqlite3.Row]:
        self._store.tend()
        return self._store.read(lambda database: _select(database, sql, *values))

    def _prune(self, database: sqlite3.Connection) -> None:
        """Drop what arrived first: the sender's times may be wrong."""
        newest = database.execute("SELECT max(number) FROM events").fetchone()[0]
        gone = "SELECT device, id FROM events WHERE number <= ?"
        bound = (newest - self._max_events,)
        database.execute(f"DELETE FROM pictures WHERE (device, id) IN ({gone})", bound)  # noqa: S608
        database.execute("DELETE FROM events WHERE number <= ?", bound)

    def _prune_pictures(self, database: sqlite3.Connection) -> None:
        while True:
            held = database.execute("SELECT sum(length(content)), min(number) FROM pictures").fetchone()
            if (held[0] or 0) <= (MAX_SHELTERED_BYTES if self._store.fault else self._max_picture_bytes):
                return
            database.execute("DELETE FROM pictures WHERE number = ?", (held[1],))


def _insert(
    database: sqlite3.Connection, device: str, event: EventMessage, trace: Sequence[tuple[int, float]], now_ms: int
) -> None:
    started_ms = plausible_ms(event.started_at, now_ms)
    values: Mapping[str, Any] = {
        "device": device,
        "id": event.id,
        "camera": event.camera,
        "label": event.label,
        "started_ms": now_ms if started_ms is None else started_ms,
        "test": event.test,
        "delayed": event.delayed,
        "model": event.model.name,
        "arrived_ms": now_ms,
        "clock_wrong": started_ms is None,
        "trace": json.dumps(trace),
    } | _changing(event, now_ms)
    names, marks = ", ".join(values), ", ".join("?" * len(values))
    database.execute(f"INSERT INTO events ({names}) VALUES ({marks})", list(values.values()))  # noqa: S608
    if database.execute("SELECT count(*) FROM names").fetchone()[0] < MAX_NAMES:
        database.execute("INSERT OR IGNORE INTO names VALUES (?, ?, ?)", (device, event.camera, event.label))


def _update(
    database: sqlite3.Connection,
    known: sqlite3.Row,
    event: EventMessage,
    trace: Sequence[tuple[int, float]],
    now_ms: int,
) -> None:
    changes: Row = {"trace": json.dumps(_merged(json.loads(known["trace"]), trace))}
    if ORDER[event.type] >= ORDER[known["type"]]:
        changes |= _changing(event, now_ms)
    if event.acknowledged_at is not None:
        changes["acknowledged_at"] = event.acknowledged_at
    elif "acknowledged_at" in changes:
        del changes["acknowledged_at"]
    sets = ", ".join(f"{name} = ?" for name in changes)
    database.execute(f"UPDATE events SET {sets} WHERE number = ?", [*changes.values(), known["number"]])  # noqa: S608


def _event(database: sqlite3.Connection, device: str, event_id: str) -> Row:
    sql = f"SELECT {COLUMNS} FROM events WHERE device = ? AND id = ?"  # noqa: S608
    return _read(_select(database, sql, device, event_id)[0])


def _select(database: sqlite3.Connection, sql: str, *values: Any) -> list[sqlite3.Row]:
    cursor = database.cursor()
    cursor.row_factory = sqlite3.Row
    return cursor.execute(sql, values).fetchall()


def _changing(event: EventMessage, now_ms: int) -> Row:
    return {
        "type": event.type,
        "score": event.score,
        "peak": event.peak_score,
        "ended_ms": (plausible_ms(event.ended_at, now_ms) or now_ms) if event.type == "ended" else None,
        "duration_s": event.duration_s,
        "reason": event.reason,
        "acknowledged_at": event.acknowledged_at,
    }


def _merged(known: list[list[float]], trace: Sequence[tuple[int, float]]) -> list[list[float]]:
    by_time = {int(at_ms): score for at_ms, score in known} | dict(trace)
    return [[at_ms, by_time[at_ms]] for at_ms in sorted(by_time)][-300:]


def _read(row: sqlite3.Row) -> Row:
    fields = dict(row)
    fields.pop("max(started_ms)", None)
    if "trace" in fields:
        fields["trace"] = json.loads(fields["trace"])
    return fields | {name: bool(fields[name]) for name in ("test", "delayed", "clock_wrong")}
