"""Outboxes of earlier versions: what waits in them is taken over, in its order."""

import json
import sqlite3
from collections.abc import Callable

from edge.events.schema import to_json
from edge.mqtt.outbox import DROPPED_FIRST, DROPPED_LAST, DROPPED_NEXT
from edge.mqtt.store import Store

OF_AN_EARLIER_BOOT = ""
NEW_FIELDS = {"acknowledged_at": None, "test": False}
DROPPED_AS = {"updated": DROPPED_FIRST, "ended": DROPPED_NEXT}


def adopt(store: Store, report: Callable[[str], None]) -> None:
    """Move what the first version of the outbox held (tables `events` and `active`) to where it is looked for now.

    Args:
        store: opened with today's schema.
        report: takes a line where there was something.
    """
    adopted = store.write(_adopt)
    if adopted is not None:
        report(f"{store.path}: made by an earlier version; {adopted} events that wait in it are taken over")


def _adopt(database: sqlite3.Connection) -> int | None:
    tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if not {"events", "active"} <= tables:
        return None
    waiting = database.execute("SELECT type, fields FROM events ORDER BY sequence").fetchall()
    for type_, fields in waiting:
        database.execute(
            "INSERT INTO waiting (type, dropped_as, boot, since_boot_s, fields) VALUES (?, ?, ?, 0, ?)",
            (
                type_,
                DROPPED_AS.get(type_, DROPPED_LAST),
                OF_AN_EARLIER_BOOT,
                to_json(NEW_FIELDS | json.loads(fields)),
            ),
        )
    active = [event for (event,) in database.execute("SELECT event FROM active")]
    database.executemany(
        "INSERT INTO recent (id, ended, event) VALUES (?, 0, ?)", [(json.loads(event)["id"], event) for event in active]
    )
    database.execute("DROP TABLE events")
    database.execute("DROP TABLE active")
    return len(waiting)
