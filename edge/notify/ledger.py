"""Who is still to be told what, on disk: nothing is told twice, or forgotten, because a program restarted."""

import json
import sqlite3
import threading
import time
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from edge.errors import ConfigurationError

FILE: Final = "notify.sqlite"
S_PER_DAY: Final = 86_400
SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS messages (
    number INTEGER PRIMARY KEY, subject TEXT NOT NULL, rule TEXT NOT NULL, step INTEGER NOT NULL, person TEXT NOT NULL,
    title TEXT NOT NULL, body TEXT NOT NULL, due_s REAL NOT NULL,
    state TEXT NOT NULL, noted_s REAL NOT NULL, UNIQUE (subject, rule, step, person));
CREATE INDEX IF NOT EXISTS by_due ON messages (state, due_s);
CREATE TABLE IF NOT EXISTS happened (number INTEGER PRIMARY KEY, at_s REAL NOT NULL, what TEXT NOT NULL,
    box TEXT NOT NULL, camera TEXT, key TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""
BOX: Final = "substr(subject, 1, instr(subject, '/') - 1)"
IS_URGENT: Final = "rule IN (SELECT value FROM json_each(?))"
WAITING, SENDING, SENT, CANCELLED = "waiting", "sending", "sent", "cancelled"


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
    """Safe to use from several threads; every change is synced to disk before it returns."""

    def __init__(self, state_dir: Path) -> None:
        """Open it; what was on its way when the last program ended abruptly waits again.

        Raises:
            ConfigurationError: the directory or the file cannot be used.
        """
        self._lock = threading.Lock()
        path = state_dir / FILE
        try:
            state_dir.mkdir(parents=True, exist_ok=True)
            self._database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
            self._database.executescript(f"PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;{SCHEMA}")
            self._database.execute("UPDATE messages SET state = ? WHERE state = ?", (WAITING, SENDING))
        except (OSError, sqlite3.Error) as error:
            raise ConfigurationError(f"{path}: cannot be used ({error}); correct state_dir, or move it away") from error

    def close(self) -> None:
        with self._lock:
            self._database.close()

    def add(self, notes: Iterable[Note], happened: tuple[float, str, str, str | None, str] | None = None) -> int:
        """Keep what is to be told, in one transaction; return how many of the notes were new.

        Args:
            notes: those that are known already change nothing.
            happened: for the digest: Unix time, what, box, camera, and a key that is the same for a repeat.
        """
        with self._transaction():
            if happened is not None:
                self._database.execute(
                    "INSERT OR IGNORE INTO happened (at_s, what, box, camera, key) VALUES (?, ?, ?, ?, ?)", happened
                )
            return sum(self._insert(note) for note in notes)

    def cancel(self, subject: str, *, from_step: int) -> int:
        """Do not send what waits on a subject, from a step on; return how many messages that were."""
        with self._lock:
            return self._database.execute(
                "UPDATE messages SET state = ? WHERE subject = ? AND step >= ? AND state = ?",
                (CANCELLED, subject, from_step, WAITING),
            ).rowcount

    def was_told(self, subject: str) -> list[tuple[str, str]]:
        """Return by which rules and who was told of a subject."""
        sql = "SELECT DISTINCT rule, person FROM messages WHERE subject = ? AND state IN (?, ?)"
        with self._lock:
            return self._database.execute(sql, (subject, SENT, SENDING)).fetchall()

    def boxes_due(self, person: str, now_s: float, urgent_rules: Sequence[str]) -> list[tuple[str, bool]]:
        """Return the boxes of which somebody is to be told now, and whether it is urgent; who waits longest first."""
        sql = (
            f"SELECT {BOX}, max({IS_URGENT}) FROM messages "  # noqa: S608 - from our own words
            "WHERE state = ? AND person = ? AND due_s <= ? GROUP BY 1 ORDER BY min(due_s), min(number)"
        )
        with self._lock:
            rows = self._database.execute(sql, (json.dumps(urgent_rules), WAITING, person, now_s)).fetchall()
        return [(box, bool(is_urgent)) for box, is_urgent in rows]

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
        with self._transaction():
            notes = [Note(*row) for row in self._database.execute(sql, values)]
            self._mark(SENDING, notes)
        return notes

    def next_due_s(self, person: str, after_s: float) -> float | None:
        """Return when the next message may be sent to somebody, of those that may not yet."""
        sql = "SELECT min(due_s) FROM messages WHERE state = ? AND person = ? AND due_s > ?"
        with self._lock:
            return self._database.execute(sql, (WAITING, person, after_s)).fetchone()[0]

    def sent(self, notes: Sequence[Note]) -> None:
        """Take note that somebody was told, also by what other rules still wanted to tell him of the same."""
        told = [(SENT, note.subject, note.person, WAITING) for note in notes if note.step == 0]
        sql = "UPDATE messages SET state = ? WHERE subject = ? AND person = ? AND step = 0 AND state = ?"
        with self._transaction():
            self._mark(SENT, notes)
            self._database.executemany(sql, told)

    def give_back(self, notes: Sequence[Note]) -> None:
        """Have messages wait on."""
        with self._transaction():
            self._mark(WAITING, notes)

    def drop_others(self, people: Iterable[str]) -> list[str]:
        """Do not send what waits for people who are none of these; return who they were."""
        known = json.dumps(list(people))
        others = "state = ? AND person NOT IN (SELECT value FROM json_each(?))"
        with self._transaction():
            names = self._database.execute(f"SELECT DISTINCT person FROM messages WHERE {others}", (WAITING, known))  # noqa: S608
            found = [name for (name,) in names]
            self._database.execute(f"UPDATE messages SET state = ? WHERE {others}", (CANCELLED, WAITING, known))  # noqa: S608
        return found

    def counted(self, since_s: float) -> list[tuple[str, str, str | None, int]]:
        """Count what happened: what, box, camera, how often."""
        sql = (
            "SELECT what, box, camera, count(*) FROM happened WHERE at_s >= ? GROUP BY 1, 2, 3 ORDER BY 4 DESC, 1, 2, 3"
        )
        with self._lock:
            return self._database.execute(sql, (since_s,)).fetchall()

    def setting(self, name: str, default: Any) -> Any:
        """Return a kept value; the first time, keep the default."""
        with self._lock:
            self._database.execute("INSERT OR IGNORE INTO settings VALUES (?, ?)", (name, json.dumps(default)))
            value = self._database.execute("SELECT value FROM settings WHERE name = ?", (name,)).fetchone()[0]
        return json.loads(value)

    def settings(self, prefix: str) -> list[tuple[str, Any]]:
        """Return what is kept under names that begin so, without their beginnings."""
        sql = "SELECT substr(name, ?), value FROM settings WHERE substr(name, 1, ?) = ? AND value != 'null'"
        with self._lock:
            rows = self._database.execute(sql, (len(prefix) + 1, len(prefix), prefix)).fetchall()
        return [(name, json.loads(value)) for name, value in rows]

    def put(self, name: str, value: Any) -> None:
        """Keep a value; None forgets it."""
        with self._lock:
            if value is None:
                self._database.execute("DELETE FROM settings WHERE name = ?", (name,))
            else:
                self._database.execute("INSERT OR REPLACE INTO settings VALUES (?, ?)", (name, json.dumps(value)))

    def forget(self, before_s: float) -> None:
        """Forget what is long done."""
        with self._lock:
            self._database.execute(
                "DELETE FROM messages WHERE noted_s < ? AND state IN (?, ?)", (before_s, SENT, CANCELLED)
            )
            self._database.execute("DELETE FROM happened WHERE at_s < ?", (before_s,))

    @contextmanager
    def _transaction(self) -> Generator[None]:
        with self._lock, self._database:
            self._database.execute("BEGIN")
            yield

    def _mark(self, state: str, notes: Sequence[Note]) -> None:
        self._database.executemany(
            "UPDATE messages SET state = ? WHERE number = ?", [(state, note.number) for note in notes]
        )

    def _insert(self, note: Note) -> int:
        return self._database.execute(
            "INSERT OR IGNORE INTO messages (subject, rule, step, person, title, body, due_s, state, noted_s) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (note.subject, note.rule, note.step, note.person, note.title, note.body, note.due_s, WAITING, time.time()),
        ).rowcount
