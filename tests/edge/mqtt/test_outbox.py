"""The outbox: order, bounds, durability, and what a restart finds."""

import contextlib
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from edge.events.schema import event_fields
from edge.mqtt import outbox as module
from edge.mqtt.outbox import MAX_FIGURES, REMEMBERED_EVENTS, SCHEMA, Outbox
from edge.mqtt.store import FILE_NAME, Store
from edge.types import Event

PLENTY = 1_000_000
EVENT = Event(
    id="0" * 26,
    camera="hall",
    label="fall",
    type="started",
    score=0.93,
    peak_score=0.97,
    started_at="2026-01-02T03:04:05.678Z",
    ended_at=None,
    duration_s=1.8,
    reason=None,
    model_name="m",
    model_sha256="ab" * 32,
    position_s=None,
)
ENDED = replace(EVENT, type="ended", ended_at="2026-01-02T03:04:09.000Z")
UPDATED = replace(EVENT, type="updated")
MOMENT = "2026-01-02T04:00:00.000Z"


@pytest.fixture(params=["memory", "disk"])
def directory(request: pytest.FixtureRequest, tmp_path: Path) -> Path | None:
    return None if request.param == "memory" else tmp_path / "state"


@pytest.fixture
def open_outbox() -> Iterator[Callable[..., Outbox]]:
    """`open_outbox(directory, max_events, max_bytes)`; the one before, on the same directory, is closed."""
    with contextlib.ExitStack() as stores:

        def opened(directory: Path | None, max_events: int = 1000, max_bytes: int = PLENTY) -> Outbox:
            stores.close()
            store = stores.enter_context(contextlib.closing(Store(directory, SCHEMA)))
            return Outbox(store, max_events, max_bytes)

        yield opened


def drain(outbox: Outbox) -> list[dict]:
    """Everything, in the order in which it would be sent one by one."""
    fields = []
    while waiting := outbox.oldest():
        fields.append(waiting.fields)
        outbox.remove(waiting.sequence)
    return fields


def numbered(*events: Event) -> Iterator[Event]:
    for number, event in enumerate(events):
        yield replace(event, id=f"{number:026}")


def test_events_come_out_in_the_order_in_which_they_went_in(open_outbox, directory: Path | None) -> None:
    outbox = open_outbox(directory)
    for event in (EVENT, replace(EVENT, label="violence"), ENDED):
        outbox.add(event)
    assert outbox.depth() == 3
    assert [fields["label"] for fields in drain(outbox)] == ["fall", "violence", "fall"]
    assert outbox.depth() == 0


def test_an_event_stays_until_it_is_removed(open_outbox, directory: Path | None) -> None:
    outbox = open_outbox(directory)
    outbox.add(UPDATED)
    waiting = outbox.oldest()
    assert waiting is not None
    assert waiting.fields == outbox.oldest().fields == event_fields(UPDATED)
    outbox.remove(waiting.sequence)
    assert outbox.oldest() is None
    outbox.remove(waiting.sequence)  # dropped, or acknowledged twice
    assert outbox.depth() == 0


def test_the_oldest_updates_are_dropped_first_then_ends_and_counted(open_outbox, directory: Path | None) -> None:
    outbox = open_outbox(directory, 4)
    still_down = replace(UPDATED, reason="still_down")
    for event in numbered(EVENT, still_down, UPDATED, ENDED, UPDATED, EVENT, ENDED, EVENT):
        outbox.add(event)
    fields = outbox.fields()
    assert (fields["waiting"], fields["dropped"], fields["fault"]) == (4, 4, None)
    assert fields["dropped_by_type"] == {"updated": 2, "ended": 2}
    assert [(int(fields["id"]), fields["type"]) for fields in drain(outbox)] == [
        (0, "started"),
        (1, "updated"),
        (5, "started"),
        (7, "started"),
    ]


def test_the_bound_in_bytes(open_outbox, directory: Path | None) -> None:
    outbox = open_outbox(directory, 100, 1000)
    for _ in range(10):
        outbox.add(replace(UPDATED, model_name="ü" * 20))
    fields = outbox.fields()
    assert 1 <= fields["waiting"] <= 3
    assert fields["waiting"] + fields["dropped"] == 10
    waiting = drain(outbox)
    assert fields["bytes"] >= len(waiting) * 300
    assert outbox.fields()["bytes"] == 0


def test_bounds_count_what_was_there_before(open_outbox, tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path, 3)
    outbox.add(UPDATED)
    outbox.add(UPDATED)
    again = open_outbox(tmp_path, 3)
    assert again.depth() == 2
    again.add(EVENT)
    again.add(ENDED)
    assert [fields["type"] for fields in drain(again)] == ["updated", "started", "ended"]
    assert again.dropped() == {"updated": 1}


def test_what_was_active_is_known_after_a_restart(open_outbox, tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path)
    fight = replace(EVENT, id="1" * 26, label="violence")
    for event in (EVENT, fight, replace(fight, type="updated", peak_score=0.99), ENDED):
        outbox.add(event)
    again = open_outbox(tmp_path)
    assert again.active() == [replace(fight, type="updated", peak_score=0.99)]
    drain(again)
    assert len(again.active()) == 1  # delivered does not mean ended
    again.add(replace(fight, type="ended", reason="restart"))
    assert again.active() == []


def test_a_test_beside_the_real_thing_does_not_hide_it(open_outbox, tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path)
    outbox.add(EVENT)
    outbox.add(replace(EVENT, id="1" * 26, test=True))
    outbox.add(replace(ENDED, id="1" * 26, test=True))
    assert outbox.active() == [EVENT]


def test_what_waited_for_the_disk_before_counts(open_outbox, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(module, "since_boot_s", lambda: 500.0)
    outbox = open_outbox(tmp_path)
    outbox.add(EVENT, waited_s=150.0)
    assert outbox.oldest().waited_s == 150.0


def test_waiting_is_measured_whatever_the_wall_clock_does(
    open_outbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "since_boot_s", lambda: 1000.0)
    outbox = open_outbox(tmp_path)
    outbox.add(EVENT)
    monkeypatch.setattr(module, "since_boot_s", lambda: 1012.5)
    again = open_outbox(tmp_path)
    assert again.oldest().waited_s == 12.5
    monkeypatch.setattr(module, "boot_id", lambda: "another")
    assert again.oldest().waited_s is None


# Stick figures beside the events


def figures(outbox: Outbox) -> list[tuple[str, bytes]]:
    found = []
    while (figure := outbox.oldest_figure()) is not None:
        found.append((figure.event_id, figure.content))
        outbox.remove_figure(figure.sequence)
    return found


def test_figures_wait_for_all_events_and_keep_their_order(open_outbox, tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path)
    outbox.add(EVENT)
    outbox.add_figure(EVENT.id, b"first")
    outbox.add(replace(EVENT, id="1" * 26))
    outbox.add_figure(EVENT.id, b"rest")
    assert outbox.oldest_figure() is None
    again = open_outbox(tmp_path)
    assert (again.depth(), again.figures()) == (2, 2)
    drain(again)
    assert figures(again) == [(EVENT.id, b"first"), (EVENT.id, b"rest")]
    assert again.figures() == 0


def test_a_figure_of_no_event_is_none(open_outbox, directory: Path | None) -> None:
    outbox = open_outbox(directory)
    outbox.add_figure(EVENT.id, b"figure")
    assert outbox.figures() == 0


def test_the_oldest_figures_are_dropped_and_no_event_for_them(open_outbox, directory: Path | None) -> None:
    outbox = open_outbox(directory, 10)
    outbox.add(EVENT)
    for number in range(MAX_FIGURES + 3):
        outbox.add_figure(EVENT.id, bytes([number]) * 60_000)
    assert (outbox.depth(), outbox.figures(), outbox.dropped()) == (1, MAX_FIGURES, {})
    drain(outbox)
    assert [content[0] for _, content in figures(outbox)] == list(range(3, MAX_FIGURES + 3))


# Acknowledged by people


def test_an_acknowledgement_repeats_the_last_transition(open_outbox, directory: Path | None) -> None:
    outbox = open_outbox(directory)
    outbox.add(EVENT)
    assert outbox.acknowledge(EVENT.id, MOMENT) == EVENT
    outbox.add(ENDED)
    assert outbox.acknowledge(EVENT.id, "2027-01-01T00:00:00.000Z") == ENDED  # changes nothing
    sent = [(fields["type"], fields["acknowledged_at"]) for fields in drain(outbox)]
    assert sent == [("started", None), ("updated", MOMENT), ("ended", MOMENT)]


def test_an_event_that_has_ended_can_be_acknowledged(open_outbox, directory: Path | None) -> None:
    outbox = open_outbox(directory)
    outbox.add(EVENT)
    outbox.add(ENDED)
    drain(outbox)
    outbox.acknowledge(EVENT.id, MOMENT)
    (repeated,) = drain(outbox)
    assert repeated == event_fields(ENDED) | {"acknowledged_at": MOMENT}
    assert outbox.active() == []


def test_only_the_latest_events_can_be_acknowledged(open_outbox) -> None:
    outbox = open_outbox(None, 10_000)
    outbox.add(replace(EVENT, id="A" * 26))  # active: remembered however long it lasts
    for event in numbered(*[ENDED] * (REMEMBERED_EVENTS + 10)):
        outbox.add(event)
    assert outbox.acknowledge("A" * 26, MOMENT) is not None
    assert outbox.acknowledge(f"{9:026}", MOMENT) is None
    assert outbox.acknowledge(f"{10:026}", MOMENT) is not None
    assert outbox.acknowledge("B" * 26, MOMENT) is None


# Written by other versions


def rewrite(directory: Path, expression: str) -> None:
    """Change the rows of events that are remembered, as another version would have written them."""
    with contextlib.closing(sqlite3.connect(directory / FILE_NAME)) as database, database:
        database.execute(f"UPDATE recent SET event = {expression}")  # noqa: S608 - of this test


def test_a_field_that_a_later_version_added_does_not_keep_an_event_from_being_ended(open_outbox, tmp_path) -> None:
    outbox = open_outbox(tmp_path)
    outbox.add(EVENT)
    rewrite(tmp_path, "json_set(event, '$.version', 9, '$.weather', json('[0.1, 0.2, 0.3, 0.4]'))")
    again = open_outbox(tmp_path)
    assert again.active() == [EVENT]
    assert again.acknowledge(EVENT.id, MOMENT) == EVENT
    again.add(ENDED)
    assert again.active() == []


def test_an_event_that_happens_somewhere_is_remembered_as_it_was(open_outbox, tmp_path: Path) -> None:
    event = replace(EVENT, region=(0.1, 0.2, 0.3, 0.4), people=2)
    open_outbox(tmp_path).add(event)
    assert open_outbox(tmp_path).active() == [event]


def test_a_field_that_an_earlier_version_did_not_have_has_its_default(open_outbox, tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path)
    outbox.add(replace(EVENT, test=True))
    rewrite(tmp_path, "json_remove(event, '$.version', '$.test')")
    assert open_outbox(tmp_path).active() == [replace(EVENT, test=False)]


@pytest.mark.parametrize("written", ["json_remove(event, '$.camera')", "'[]'", "'{'"])
def test_a_row_that_is_no_event_is_passed_over(open_outbox, tmp_path: Path, written: str) -> None:
    outbox = open_outbox(tmp_path)
    outbox.add(EVENT)
    rewrite(tmp_path, written)
    again = open_outbox(tmp_path)
    assert again.active() == []
    assert again.acknowledge(EVENT.id, MOMENT) is None


def test_rows_carry_their_version(open_outbox, tmp_path: Path) -> None:
    open_outbox(tmp_path).add(EVENT)
    with contextlib.closing(sqlite3.connect(tmp_path / FILE_NAME)) as database:
        assert database.execute("SELECT json_extract(event, '$.version') FROM recent").fetchall() == [(1,)]


WRITER = """
import sys
from pathlib import Path
from edge.mqtt.outbox import SCHEMA, Outbox
from edge.mqtt.store import Store
from edge.types import Event
outbox = Outbox(Store(Path(sys.argv[1]), SCHEMA), 10**6, 10**9)
for number in range(10**6):
    outbox.add(Event(f"{number:026}", "hall", "fall", "updated", 1, 1, "", None, 0, None, "m", "0", None))
    print(number, flush=True)
"""


def test_what_was_added_survives_kill_9(open_outbox, tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", WRITER, tmp_path], stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        first_lines = [writer.stdout.readline() for _ in range(30)]
        writer.send_signal(signal.SIGKILL)
        last = int([*first_lines, *writer.stdout.read().splitlines()][-1])
    numbers = [int(fields["id"]) for fields in drain(open_outbox(tmp_path))]
    assert numbers[: last + 1] == list(range(last + 1))
