"""The history's bounds and order, and what the desk makes of hostile messages."""

import json
import os
from contextlib import closing

import pytest

from edge.dashboard import fleet
from edge.dashboard.desk import Desk
from edge.dashboard.fleet import MAX_BOXES, MAX_CAMERAS
from edge.dashboard.history import PRUNE_EVERY, History, Wanted
from edge.errors import ConfigurationError
from edge.mqtt import store as store_module
from edge.mqtt.allowance import EVENTS_AT_ONCE
from edge.mqtt.connection import Message
from edge.mqtt.incoming import EventMessage, read_event

EVENT = {
    "schema": 1,
    "id": "E",
    "type": "started",
    "label": "fall",
    "camera": "hall",
    "score": 0.9,
    "peak_score": 0.9,
    "started_at": "2026-01-02T03:04:05.678Z",
}
JPEG = b"\xff\xd8\xff" + bytes(10_000)


def event(**changes) -> EventMessage:
    read = read_event(json.dumps(EVENT | changes).encode())
    assert read is not None
    return read


@pytest.fixture
def history():
    with closing(History(None, 1000, 1_000_000)) as history:
        yield history


@pytest.fixture
def desk(history) -> Desk:
    return Desk(history)


def send(desk: Desk, topic: str, payload, *, retained: bool = False) -> None:
    content = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    desk.receive(Message(f"edgewatch/{topic}", content, retained))


def test_the_oldest_to_arrive_go_first_with_their_pictures(history) -> None:
    history.add("box", event(id="first", started_at="2099-01-01T00:00:00Z"))
    history.keep_picture("box", "first", "snapshot", JPEG)
    for number in range(1000 + PRUNE_EVERY):
        history.add("box", event(id=f"E{number}"))
    assert history.count(Wanted()) <= 1000 + PRUNE_EVERY
    assert history.card("box", "first") is None
    assert history.picture("box", "first", "snapshot") is None
    assert history.card("box", f"E{999 + PRUNE_EVERY}") is not None


def test_pictures_are_bounded_in_bytes(history) -> None:
    for number in range(200):
        history.add("box", event(id=f"E{number}"))
        history.keep_picture("box", f"E{number}", "snapshot", JPEG)
    kept = [number for number in range(200) if history.picture("box", f"E{number}", "snapshot")]
    assert kept == list(range(101, 200))


def leave_no_page(history: History) -> None:
    database = history._store._database
    (pages,) = database.execute("PRAGMA page_count").fetchone()
    database.execute(f"PRAGMA max_page_count = {pages}")


def test_a_full_disk_goes_on_in_memory_and_comes_back(tmp_path, monkeypatch) -> None:
    now_s = 0.0
    monkeypatch.setattr(store_module.time, "monotonic", lambda: now_s)
    said: list[str] = []
    with closing(History(tmp_path, 1000, 1_000_000, said.append)) as history:
        secret = history.setting("secret", "kept")
        history.add("box", event(id="before"))
        leave_no_page(history)
        for number in range(300):
            history.add("box", event(id=f"E{number}"))
        assert history.answer("box", "before", "seen") is not None
        assert (history.count(Wanted()), history.setting("secret", "new")) == (301, secret)
        now_s = 61.0
        history.add("box", event(id="after"))
    assert [line.split(": ")[1].split(" (")[0] for line in said] == ["the disk refuses", "the disk takes events again"]
    with closing(History(tmp_path, 1000, 1_000_000)) as history:
        assert history.count(Wanted()) == 302
        assert [row["answer"] for row in history.find(Wanted(), 302)].count("seen") == 1


def test_a_damaged_file_is_set_aside_when_it_is_opened_and_later(tmp_path) -> None:
    path = tmp_path / "dashboard.sqlite"
    path.write_text("damaged" * 1000, encoding="utf-8")
    said: list[str] = []
    with closing(History(tmp_path, 1000, 1_000_000, said.append)) as history:
        for number in range(300):
            history.add("box", event(id=f"E{number}"))
    content = path.read_bytes()
    path.write_bytes(content[:4096] + b"x" * (len(content) - 4096))
    with closing(History(tmp_path, 1000, 1_000_000, said.append)) as history:
        history.add("box", event(id="after"))
        assert history.card("box", "after") is not None
    assert [line.split(" (")[0] for line in said] == [f"{path}: corrupt"] * 2


def test_a_file_found_damaged_on_the_way_back_is_set_aside(tmp_path, monkeypatch) -> None:
    now_s = 0.0
    monkeypatch.setattr(store_module.time, "monotonic", lambda: now_s)
    path = tmp_path / "dashboard.sqlite"
    said: list[str] = []
    with closing(History(tmp_path, 1000, 1_000_000, said.append)) as history:
        leave_no_page(history)
        for number in range(300):
            history.add("box", event(id=f"E{number}"))
        path.write_bytes(os.urandom(path.stat().st_size))
        now_s = 61.0
        assert history.count(Wanted()) == 300
        now_s = 200.0
        history.add("box", event(id="after"))
    assert [line.split(": ")[1].split(" (")[0] for line in said] == [
        "the disk refuses",
        "corrupt",
        "the disk takes events again",
    ]
    assert len(list(tmp_path.glob("dashboard.sqlite.corrupt-20*Z"))) == 1
    with closing(History(tmp_path, 1000, 1_000_000)) as history:
        assert history.count(Wanted()) == 301


def test_the_latest_events_outlive_a_file_that_breaks_while_it_is_used(tmp_path) -> None:
    path = tmp_path / "dashboard.sqlite"
    said: list[str] = []
    with closing(History(tmp_path, 1000, 1_000_000, said.append)) as history:
        secret = history.setting("secret", "kept")
        for number in range(300):
            history.add("box", event(id=f"E{number}"))
            history.keep_picture("box", f"E{number}", "snapshot", b"picture" * 500)
        database = history._store._database
        (page,) = database.execute("SELECT rootpage FROM sqlite_master WHERE name = 'by_label'").fetchone()
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        database.execute("PRAGMA cache_size = 0")
        with path.open("r+b") as file:
            file.seek((page - 1) * 4096)
            file.write(os.urandom(4096))
        history.add("box", event(id="after"))
        assert (history.count(Wanted()), history.setting("secret", "new")) == (301, secret)
    assert [line.split(" (")[0] for line in said] == [f"{path}: corrupt"]


def test_a_second_dashboard_on_one_state_directory_is_refused(tmp_path) -> None:
    with closing(History(tmp_path, 1000, 1_000_000)), pytest.raises(ConfigurationError, match="another edge runs"):
        History(tmp_path, 1000, 1_000_000)


def test_an_event_keeps_its_newest_transition_and_its_acknowledgement(history) -> None:
    seen = "2026-01-02T03:05:00.000Z"
    history.add("box", event(), [(1, 0.5)])
    history.add("box", event(type="ended", ended_at="2026-01-02T03:04:09.000Z", acknowledged_at=seen), [(2, 0.7)])
    row, is_new = history.add("box", event(type="updated"))
    assert (row["type"], row["acknowledged_at"], is_new) == ("ended", seen, False)
    assert history.card("box", "E")["trace"] == [[1, 0.5], [2, 0.7]]


@pytest.mark.parametrize("moment", ["9999-12-31T23:59:59Z", "1970-01-01T00:00:00Z", "yesterday", "2026-01-02T03:04:05"])
def test_impossible_times_give_way_to_the_arrival(history, moment) -> None:
    row, _ = history.add("box", event(started_at=moment))
    assert row["clock_wrong"]
    assert row["started_ms"] == row["arrived_ms"]


@pytest.mark.parametrize(
    "changes",
    [{"score": float("nan")}, {"score": 2}, {"id": "a/b"}, {"id": "<b>"}, {"schema": 2}, {"type": "begun"},
     {"label": "x" * 65}, {"camera": ""}, {"started_at": 5}],
)  # fmt: skip
def test_what_is_no_event_is_counted(desk, changes) -> None:
    send(desk, "box/events", EVENT | changes)
    state = desk.state()
    assert state["boxes"]["box"]["unreadable"] == 1
    assert state["alarms"] == []


def test_no_flood_of_names_or_events_grows_without_bound(desk, history) -> None:
    for number in range(2 * MAX_BOXES):
        send(desk, f"box-{number}/availability", b"online")
    for number in range(2 * MAX_CAMERAS):
        send(desk, f"box-0/camera-{number}/status", {"state": "ok"})
    for number in range(int(EVENTS_AT_ONCE) + 200):
        send(desk, "box-1/events", EVENT | {"id": f"E{number}"})
    send(desk, f"box-2/{'x' * 65}/status", {"state": "ok"})
    send(desk, "box-2/a/b/c/d/e", b"?")
    state = desk.state()
    assert len(state["boxes"]) == MAX_BOXES
    assert len(state["cameras"]) == MAX_CAMERAS + 1
    assert EVENTS_AT_ONCE <= history.count(Wanted()) < EVENTS_AT_ONCE + 100
    assert state["passed_over"] >= MAX_BOXES + MAX_CAMERAS + 100


def test_invented_names_keep_no_box_off_the_page(desk, history) -> None:
    send(desk, "old/stats", {"version": "1"})
    for number in range(3 * MAX_BOXES):
        send(desk, f"ghost-{number}/hall/status", {"state": "lost"}, retained=True)
    send(desk, "new/events", EVENT)
    send(desk, "new/stats", {"version": "1"})
    for number in range(3 * MAX_BOXES):
        send(desk, f"ghost-{number}/hall/status", {"state": "lost"}, retained=True)
    assert history.card("new", "E") is not None
    assert {"old", "new"} < set(desk.state()["boxes"])


def test_invented_cameras_keep_no_event_off_the_page(desk, history) -> None:
    for number in range(MAX_CAMERAS):
        send(desk, f"box/camera-{number}/status", {"state": "lost"})
    send(desk, "box/events", EVENT)
    assert history.card("box", "E") is not None


def test_alarms_of_invented_cameras_are_remembered_in_bounds(desk, history, monkeypatch) -> None:
    monkeypatch.setattr(fleet, "MAX_LATEST", 100)
    for number in range(300):
        send(desk, f"box-{number // 30}/events", EVENT | {"id": f"E{number}", "camera": f"camera-{number}"})
    assert history.count(Wanted()) == 300
    assert len(desk._fleet.latest) == len(desk._started) == 100
    assert "box-9/camera-299" in desk._fleet.latest


def test_of_boxes_that_are_too_many_the_longest_silent_is_forgotten(desk) -> None:
    for number in [*range(MAX_BOXES), 0]:
        send(desk, f"box-{number}/stats", {"version": "1"})
    send(desk, "new/stats", {"version": "1"})
    boxes = set(desk.state()["boxes"])
    assert {"box-0", "new"} < boxes
    assert "box-1" not in boxes


def test_what_is_no_text_does_not_end_every_page(desk) -> None:
    send(desk, "box/availability", b"online")
    for topic in ("stats", "hall/status", "hall/scores", "events"):
        texts = {"state": "\ud800", "reason": "\ud800", "version": "\ud800", "\ud800": 0.5}
        send(desk, f"box/{topic}", EVENT | texts | {"camera": "\ud800"})
    json.dumps(desk.state(), ensure_ascii=False).encode()


def test_a_camera_that_its_box_retires_is_gone(desk) -> None:
    send(desk, "box/hall/status", {"state": "ok"})
    send(desk, "box/hall/fall/state", b"OFF")
    assert list(desk.state()["cameras"]) == ["box/hall"]
    send(desk, "box/hall/status", b"")
    send(desk, "box/hall/fall/state", b"")
    assert desk.state()["cameras"] == {}


def test_a_snapshot_finds_its_event_whichever_comes_first(desk, history) -> None:
    for number in range(50):  # whose events never come
        send(desk, f"box/camera-{number}/snapshot", JPEG)
    send(desk, "box/hall/snapshot", JPEG)
    send(desk, "box/events", EVENT)
    send(desk, "box/events", EVENT | {"id": "S", "camera": "stairs"})
    send(desk, "box/stairs/snapshot", JPEG)
    send(desk, "box/stairs/snapshot", b"<script>")
    send(desk, "box/events/S/clip", b"\x1a\x45\xdf\xa3clip")
    send(desk, "box/events/none/clip", b"\x1a\x45\xdf\xa3clip")
    assert history.card("box", "E")["pictures"] == ["snapshot"]
    assert sorted(history.card("box", "S")["pictures"]) == ["clip", "snapshot"]
    assert history.picture("box", "S", "snapshot") == JPEG
