"""What a crash left behind."""

import contextlib
from dataclasses import replace
from pathlib import Path

from edge.cameras.recovery import end_interrupted, ended_by_restart
from edge.cameras.watching import Outlets
from edge.mqtt.outbox import SCHEMA, Outbox
from edge.mqtt.store import Store
from edge.types import Event

ACTIVE = Event(
    "0" * 26, "hall", "fall", "updated", 0.9, 0.95, "2026-01-02T03:04:05.500Z", None, 61.25, None, "m", "0", 4.0
)


def test_an_interrupted_event_ends_where_it_was_last_known() -> None:
    ended = ended_by_restart(ACTIVE)
    assert (ended.type, ended.reason, ended.position_s) == ("ended", "restart", None)
    assert ended.ended_at == "2026-01-02T03:05:06.750Z"
    assert (ended.id, ended.duration_s) == (ACTIVE.id, 61.25)


class Kept:
    """Stands for the ways out."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def publish(self, event: Event) -> None:
        self.events.append(event)


def test_all_that_was_active_is_ended_in_its_order(tmp_path: Path) -> None:
    fight = replace(ACTIVE, id="1" * 26, label="violence", type="started")
    over = replace(ACTIVE, id="2" * 26, type="ended")
    with contextlib.closing(Store(tmp_path, SCHEMA)) as store:
        outbox = Outbox(store, 100, 100_000)
        for event in (fight, ACTIVE, over):
            outbox.add(event)
    with contextlib.closing(Store(tmp_path, SCHEMA)) as store:
        outbox, kept = Outbox(store, 100, 100_000), Kept()
        end_interrupted(outbox, Outlets(None, None, [kept]))
        assert [(event.id[0], event.label, event.reason) for event in kept.events] == [
            ("1", "violence", "restart"),
            ("0", "fall", "restart"),
        ]
