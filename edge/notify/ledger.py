"""Who is still to be told what, on disk: nothing is told twice, or forgotten, because a program restarted."""

import json
import sqlite3
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from edge.mqtt.store import Store

FILE, LOCK = "notify.sqlite", "notify.lock"
"""A box's outbox may lie in the same directory."""
S_PER_DAY: Final = 86_400
WAITING, SENDING, SENT, CANCELLED = "waiting", "sending", "sent", "cancelled"
SCHEMA: Final = f"""
CREATE TABLE IF NOT EXISTS messages (
    number INTEGER PRIMARY KEY, subject TEXT NOT NULL, rule TEXT NOT NULL, step INTEGER NOT NULL, person TEXT NOT NULL,
    title TEXT NOT NULL, body TEXT NOT NULL, due_s REAL NOT NULL,
    state TEXT NOT NULL, noted_s REAL NOT NULL, UNIQUE (subject, rule, step, person));
CREATE INDEX IF NOT EXISTS by_due ON messages (state, due_s);
CREATE TABLE IF NOT EXISTS happened (number INTEGER PRIMARY KEY, at_s REAL NOT NULL, what TEXT NOT NULL,
    box TEXT NOT NULL, camera TEXT, key TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT NOT NULL);
UPDATE messages SET state = '{WAITING}' WHERE state = '{SENDING}';
"""  # noqa: S608 - our own words
"""What was on its way when a program ended abruptly waits again, whenever the file can be opened."""
BOX: Final = "substr(subject, 1, instr(subject, '/') - 1)"
IS_URGENT: Final = "rule IN (SELECT value FROM json_each(?))"


@dataclass(frozen=True, slots=True)
class Note:
    """A message to one person."""

    subject: str
    """What it is about; the same subject, rule, step and person is told once."""
    rule: str
    step: int
    person: str
    title: str
    body: str
    due_s: float
    """Unix time from which it may be sent."""
    number: int = 0


class Ledger:
    """Safe to use from several threads; every change is synced to disk before it returns, or it is said why not."""

    def __init__(self, state_dir: Path, report: Callable[[str], None]) -> None:
        """Open it; what was on its way when the last program ended abruptly waits again.

        Args:
            state_dir: where it lies.
            report: takes a line when the disk fails, and when it comes back.

        Raises:
            ConfigurationError: the directory cannot be used by this user, or another `edge notify` uses it.
        """
        self._store = Store(state_dir, SCHEMA, report, file_name=FILE, lock_name=LOCK)

    def close(self) -> None:
        self._store.close()

    def add(self, notes: Iterable[Note], happened: tuple[float, str, str, str | None, str] | None = None) -> None:
        """Keep what is to be told, in one transaction.

        Args:
            notes: those that are known already change nothing.
            happened: for the digest: Unix time, what, box, camera, and a key that is the same for a repeat.
        """
        rows = [
            (note.subject, note.rule, note.step, note.person, note.title, note.body, note.due_s, WAITING, time.time())
            for note in notes
        ]

        def work(database: sqlite3.Connection) -> None:
            if happened is not None:
                database.execute(
                    "INSERT OR IGNORE INTO happened (at_s, what, box, camera, key) VALUES (?, ?, ?, ?, ?)", happened
                )
            database.executemany(
                "INSERT OR IGNORE INTO messages (subject, rule, step, person, title, body, due_s, state, noted_s) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                rows,
            )

        self._store.write(work)

    def cancel(self, subject: str, *, from_step: int) -> None:
        """Do not send what waits on a subject, from a step on, nor again what is on its way."""
        sql = "UPDATE messages SET state = ? WHERE subject = ? AND step >= ? AND state IN (?, ?)"
        self._store.write(lambda database: database.execute(sql, (CANCELLED, subject, from_step, WAITING, SENDING)))

    def was_told(self, subject: str) -> list[tuple[str, str]]:
        """Return by which rules and who was told of a subject."""
        sql = "SELECT DISTINCT rule, person FROM messages WHERE subject = ? AND state IN (?, ?)"
        return self._rows(sql, subject, SENT, SENDING)

    def boxes_due(self, person: str, now_s: float, urgent_rules: Sequence[str]) -> list[tuple[str, bool]]:
        """Return the boxes of which somebody is to be told now, and whether it is urgent; who waits longest first."""
        sql = (
            f"SELECT {BOX}, max({IS_URGENT}) FROM messages "  # noqa: S608 - from our own words
            "WHERE state = ? AND person = ? AND due_s <= ? GROUP BY 1 ORDER BY min(due_s), min(number)"
        )
        return [
            (box, bool(is_urgent))
            for box, is_urgent in self._rows(sql, json.dumps(urgent_rules), WAITING, person, now_s)
        ]

    def take(
        self, person: str, box: str, now_s: float, urgent_rules: Sequence[str], *, is_alone: bool, limit: int
    ) -> list[Note]:
        """Take what somebody is to be told now of a box; it counts as on its way.

        Args:
            person: who.
            box: of which.
            now_s: Unix time.
            urgent_rules: whose messages come first.
            is_alone: without what waited for the same moment of other boxes, as the end of quiet hours.
            limit: how many messages at most.
        """
        sql = (
            "SELECT subject, rule, step, person, title, body, due_s, number FROM messages "  # noqa: S608
            f"WHERE state = ? AND person = ? AND due_s <= ? AND ({BOX} = ? OR NOT ? AND due_s = "
            f"(SELECT min(due_s) FROM messages WHERE state = ? AND person = ? AND {BOX} = ?)) "
            f"ORDER BY {IS_URGENT} DESC, {BOX} != ?, due_s, number LIMIT ?"
        )
        urgent = json.dumps(urgent_rules)
        values = (WAITING, person, now_s, box, is_alone, WAITING, person, box, urgent, box, limit)

        def work(database: sqlite3.Connection) -> list[Note]:
            notes = [Note(*row) for row in database.execute(sql, values)]
            _mark(database, SENDING, notes)
            return notes

        return self._store.write(work)

    def next_due_s(self, person: str, after_s: float) -> float | None:
        """Return when the next message may be sent to somebody, of those that may not yet."""
        sql = "SELECT min(due_s) FROM messages WHERE state = ? AND person = ? AND due_s > ?"
        return self._rows(sql, WAITING, person, after_s)[0][0]

    def sent(self, notes: Sequence[Note]) -> None:
        """Take note that somebody was told, also by what other rules still wanted to tell him of the same."""
        told = [(SENT, note.subject, note.person, WAITING) for note in notes if note.step == 0]
        sql = "UPDATE messages SET state = ? WHERE subject = ? AND person = ? AND step = 0 AND state = ?"

        def work(database: sqlite3.Connection) -> None:
            _mark(database, SENT, notes)
            database.executemany(sql, told)

        self._store.write(work)

    def give_back(self, notes: Sequence[Note]) -> None:
        """Have messages wait on; those that were cancelled meanwhile are."""
        rows = [(WAITING, note.number, SENDING) for note in notes]
        sql = "UPDATE messages SET state = ? WHERE number = ? AND state = ?"
        self._store.write(lambda database: database.executemany(sql, rows))

    def drop(self, notes: Sequence[Note]) -> None:
        """Do not send them any more."""
        self._store.write(lambda database: _mark(database, CANCELLED, notes))

    def drop_others(self, people: Iterable[str]) -> list[str]:
        """Do not send what waits for people who are none of these; return who they were."""
        others = "state = ? AND person NOT IN (SELECT value FROM json_each(?))"
        values = (WAITING, json.dumps(list(people)))

        def work(database: sqlite3.Connection) -> list[str]:
            names = database.execute(f"SELECT DISTINCT person FROM messages WHERE {others}", values).fetchall()  # noqa: S608
            database.execute(f"UPDATE messages SET state = ? WHERE {others}", (CANCELLED, *values))  # noqa: S608
            return [name for (name,) in names]

        return self._store.write(work)

    def counted(self, since_s: float) -> list[tuple[str, str, str | None, int]]:
        """Count what happened: what, box, camera, how often."""
        sql = (
            "SELECT what, box, camera, count(*) FROM happened WHERE at_s >= ? GROUP BY 1, 2, 3 ORDER BY 4 DESC, 1, 2, 3"
        )
        return self._rows(sql, since_s)

    def setting(self, name: str, default: Any) -> Any:
        """Return a kept value; the first time, keep the default."""
        found = self._rows("SELECT value FROM settings WHERE name = ?", name)
        if found:
            return json.loads(found[0][0])
        self.put(name, default)
        return default

    def settings(self, prefix: str) -> list[tuple[str, Any]]:
        """Return what is kept under names that begin so, without their beginnings."""
        sql = "SELECT substr(name, ?), value FROM settings WHERE substr(name, 1, ?) = ? AND value != 'null'"
        return [(name, json.loads(value)) for name, value in self._rows(sql, len(prefix) + 1, len(prefix), prefix)]

    def put(self, name: str, value: Any) -> None:
        """Keep a value; None forgets it."""
        if value is None:
            self._store.write(lambda database: database.execute("DELETE FROM settings WHERE name = ?", (name,)))
            return
        row = (name, json.dumps(value))
        self._store.write(lambda database: database.execute("INSERT OR REPLACE INTO settings VALUES (?, ?)", row))

    def tend(self, before_s: float) -> None:
        """Forget what is long done, and go back to a disk that takes us again; to be called now and then."""
        self._store.tend()

        def work(database: sqlite3.Connection) -> None:
            done = (before_s, SENT, CANCELLED)
            database.execute("DELETE FROM messages WHERE noted_s < ? AND state IN (?, ?)", done)
            database.execute("DELETE FROM happened WHERE at_s < ?", (before_s,))

        self._store.write(work)

    def _rows(self, sql: str, *values: Any) -> list[Any]:
        return self._store.read(lambda database: database.execute(sql, values).fetchall())


def _mark(database: sqlite3.Connection, state: str, notes: Sequence[Note]) -> None:
    database.executemany("UPDATE messages SET state = ? WHERE number = ?", [(state, note.number) for note in notes])
