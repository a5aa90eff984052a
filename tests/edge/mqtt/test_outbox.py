"""The outbox: order, bounds, durability, and what a restart finds."""

import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from edge.errors import ConfigurationError
from edge.mqtt.events import event_fields
from edge.mqtt.outbox import Outbox
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


@pytest.fixture(params=["memory", "disk"])
def directory(request: pytest.FixtureRequest, tmp_path: Path) -> Path | None:
    return None if request.param == "memory" else tmp_path / "state"


def drain(outbox: Outbox) -> list[dict]:
    """Everything, in the order in which it would be sent one by one."""
    fields = []
    while waiting := outbox.oldest():
        fields.append(waiting.fields)
        outbox.acknowledge(waiting.sequence)
    return fields


def test_events_come_out_in_the_order_in_which_they_went_in(directory: Path | None) -> None:
    outbox = Outbox(directory, 100, PLENTY)
    for event in (EVENT, replace(EVENT, label="violence"), ENDED):
        outbox.add(event, 1.5)
    assert outbox.depth() == 3
    assert [fields["label"] for fields in drain(outbox)] == ["fall", "violence", "fall"]
    assert outbox.depth() == 0
    outbox.close()


def test_an_event_stays_until_it_is_acknowledged(directory: Path | None) -> None:
    outbox = Outbox(directory, 100, PLENTY)
    outbox.add(UPDATED, 1.5)
    waiting = outbox.oldest()
    assert waiting == outbox.oldest()
    assert waiting is not None
    assert waiting.fields == event_fields(UPDATED)
    assert waiting.stored_at_s == 1.5
    outbox.acknowledge(waiting.sequence)
    assert outbox.oldest() is None
    outbox.acknowledge(waiting.sequence)  # dropped, or acknowledged twice
    assert outbox.depth() == 0
    outbox.close()


def test_the_oldest_updates_are_dropped_first_then_ends_and_counted(directory: Path | None) -> None:
    outbox = Outbox(directory, 4, PLENTY)
    for number, event in enumerate((EVENT, UPDATED, ENDED, UPDATED, EVENT, ENDED, EVENT)):
        outbox.add(replace(event, id=f"{number:026}"), 0.0)
    assert outbox.depth() == 4
    assert outbox.fields() == {"waiting": 4, "dropped": 3}
    assert [(int(fields["id"]), fields["type"]) for fields in drain(outbox)] == [
        (0, "started"),
        (4, "started"),
        (5, "ended"),
        (6, "started"),
    ]
    outbox.close()


def test_the_bound_in_bytes(directory: Path | None) -> None:
    outbox = Outbox(directory, 100, 1000)
    for _ in range(10):
        outbox.add(UPDATED, 0.0)
    assert 1 <= outbox.depth() <= 3
    assert outbox.depth() + outbox.dropped() == 10
    outbox.close()


def test_bounds_count_what_was_there_before(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path, 3, PLENTY)
    outbox.add(UPDATED, 0.0)
    outbox.add(UPDATED, 0.0)
    outbox.close()
    again = Outbox(tmp_path, 3, PLENTY)
    assert again.depth() == 2
    again.add(EVENT, 0.0)
    again.add(ENDED, 0.0)
    assert [fields["type"] for fields in drain(again)] == ["updated", "started", "ended"]
    assert again.dropped() == 1
    again.close()


def test_what_was_active_is_known_after_a_restart(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path, 100, PLENTY)
    fight = replace(EVENT, label="violence")
    for event in (EVENT, fight, replace(fight, type="updated", peak_score=0.99), ENDED):
        outbox.add(event, 0.0)
    outbox.close()
    again = Outbox(tmp_path, 100, PLENTY)
    assert again.active() == [replace(fight, type="updated", peak_score=0.99)]
    drain(again)
    assert len(again.active()) == 1  # delivered does not mean ended
    again.add(replace(fight, type="ended", reason="restart"), 0.0)
    assert again.active() == []
    again.close()


WRITER = """
import sys
from pathlib import Path
from edge.mqtt.outbox import Outbox
from edge.types import Event
outbox = Outbox(Path(sys.argv[1]), 10**6, 10**9)
for number in range(10**6):
    outbox.add(Event(f"{number:026}", "hall", "fall", "updated", 1, 1, "", None, 0, None, "m", "0", None), 0.0)
    print(number, flush=True)
"""


def test_what_was_added_survives_kill_9(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", WRITER, tmp_path], stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        first_lines = [writer.stdout.readline() for _ in range(30)]
        writer.send_signal(signal.SIGKILL)
        last = int([*first_lines, *writer.stdout.read().splitlines()][-1])
    outbox = Outbox(tmp_path, 10**6, 10**9)
    numbers = [int(fields["id"]) for fields in drain(outbox)]
    assert numbers[: last + 1] == list(range(last + 1))
    outbox.close()


def test_it_syncs_every_commit(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path, 10, PLENTY)
    assert outbox._database.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL
    assert outbox._database.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    outbox.close()


def test_a_second_daemon_with_the_same_directory_is_refused(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path, 10, PLENTY)
    with pytest.raises(ConfigurationError, match="another edge"):
        Outbox(tmp_path, 10, PLENTY)
    outbox.close()
    Outbox(tmp_path, 10, PLENTY).close()


def test_a_directory_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(
        ConfigurationError, match=r"file/state/outbox\.db: the outbox cannot be used \(Not a directory\)"
    ):
        Outbox(tmp_path / "file" / "state", 10, PLENTY)


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "outbox.db").write_bytes(b"not a database" * 100)
    with pytest.raises(ConfigurationError, match=r"outbox\.db: .*not a database"):
        Outbox(tmp_path, 10, PLENTY)
