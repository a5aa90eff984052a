"""What an outbox of the first version holds is not lost by an update."""

import contextlib
import json
import sqlite3
from dataclasses import asdict
from pathlib import Path

from edge.events.schema import event_fields
from edge.mqtt.migration import adopt
from edge.mqtt.outbox import SCHEMA, Outbox
from edge.mqtt.store import FILE_NAME, Store
from edge.types import Event, Transition

FIRST_VERSION = """
CREATE TABLE events (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL, type TEXT NOT NULL, camera TEXT NOT NULL, label TEXT NOT NULL,
    stored_at_s REAL NOT NULL,
    fields TEXT NOT NULL
);
CREATE TABLE active (camera TEXT NOT NULL, label TEXT NOT NULL, event TEXT NOT NULL, PRIMARY KEY (camera, label));
CREATE TABLE dropped (type TEXT PRIMARY KEY, events INTEGER NOT NULL);
INSERT INTO dropped VALUES ('updated', 4);
"""


def an_event(number: int, type_: Transition) -> Event:
    moment = "2026-11-21T12:00:00.000Z"
    return Event(
        f"01JD0000000000000000000{number:03}", "hall", "fall", type_, 0.9, 0.95, moment, None, 1.0, None, "m", "0" * 64,
        None,
    )  # fmt: skip


def of_the_first_version(folder: Path, waiting: list[Event], active: Event) -> None:
    with contextlib.closing(sqlite3.connect(folder / FILE_NAME)) as database, database:
        database.executescript(FIRST_VERSION)
        for event in waiting:
            fields = event_fields(event)
            for name in ("acknowledged_at", "test"):
                fields.pop(name, None)
            row = (event.id, event.type, event.camera, event.label, 1.5, json.dumps(fields))
            database.execute("INSERT INTO events VALUES (NULL, ?, ?, ?, ?, ?, ?)", row)
        kept = {name: value for name, value in asdict(active).items() if name != "test"}
        database.execute("INSERT INTO active VALUES (?, ?, ?)", ("hall", "fall", json.dumps(kept)))


def test_what_waits_and_what_is_active_is_taken_over(tmp_path: Path):
    waiting = [an_event(1, "started"), an_event(1, "ended"), an_event(2, "started")]
    of_the_first_version(tmp_path, waiting, waiting[-1])
    lines: list[str] = []
    with contextlib.closing(Store(tmp_path, SCHEMA, lines.append)) as store:
        adopt(store, lines.append)
        adopt(store, lines.append)  # the second time there is nothing left
        assert lines == [f"{tmp_path / FILE_NAME}: made by an earlier version; 3 events that wait in it are taken over"]
        outbox = Outbox(store, 100, 10**6)
        assert outbox.active() == [waiting[-1]]
        assert outbox.dropped() == {"updated": 4}
        assert outbox.depth() == 3
        for event in waiting:
            oldest = outbox.oldest()
            assert oldest is not None
            assert (oldest.fields["id"], oldest.fields["type"], oldest.waited_s) == (event.id, event.type, None)
            assert oldest.fields["test"] is False
            outbox.remove(oldest.sequence)
        assert outbox.depth() == 0


def test_nothing_is_said_of_today_s_outbox(tmp_path: Path):
    lines: list[str] = []
    for _ in range(2):
        with contextlib.closing(Store(tmp_path, SCHEMA, lines.append)) as store:
            adopt(store, lines.append)
    assert lines == []
