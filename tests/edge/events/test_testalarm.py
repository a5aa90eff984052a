"""`edge test-alarm`: request, event, answer."""

import contextlib
import errno
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.cameras.watching import Outlets
from edge.errors import BrokerError, ConfigurationError
from edge.events.testalarm import FOLDER, TestAlarms, request_alarm
from edge.mqtt.outbox import SCHEMA, Outbox
from edge.mqtt.store import Store
from edge.types import Event


class Box:
    """The daemon's side, with a clock that a test sets and a broker that acknowledges when it is told to."""

    def __init__(self, state_dir: Path, store: Store) -> None:
        self.now_s = 0.0
        self.outbox = Outbox(store, 100, 100_000)
        self.alarms = TestAlarms(
            state_dir,
            {"hall": ["fall"]},
            ("m", "0"),
            Outlets(None, None, [self]),
            is_waiting=self.outbox.is_waiting,
            now_s=lambda: self.now_s,
        )

    def publish(self, event: Event) -> None:
        self.outbox.add(event)

    def sent(self) -> list[dict]:
        """Have the broker acknowledge everything."""
        fields = []
        while waiting := self.outbox.oldest():
            fields.append(waiting.fields)
            self.outbox.remove(waiting.sequence)
        return fields


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    with contextlib.closing(Store(tmp_path, SCHEMA)) as store:
        yield Box(tmp_path, store)


@contextlib.contextmanager
def asking(state_dir: Path, camera: str, label: str, timeout_s: float = 60) -> Iterator[list[Exception | None]]:
    """Ask from a thread; afterwards the list holds what came of it."""
    outcome: list[Exception | None] = []

    def ask() -> None:
        try:
            request_alarm(state_dir, camera, label, timeout_s)
            outcome.append(None)
        except Exception as error:  # noqa: BLE001 - for the test to see
            outcome.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    yield outcome
    thread.join()


def test_a_test_starts_ends_and_is_answered_when_the_broker_has_it(box: Box, tmp_path: Path, until) -> None:
    with asking(tmp_path, "hall", "fall") as outcome:
        until(lambda: list((tmp_path / FOLDER).glob("*.request")), "the request")
        box.alarms.tick()
        (started,) = box.sent()
        assert (started["type"], started["test"], started["camera"], started["label"]) == (
            "started", True, "hall", "fall",
        )  # fmt: skip
        box.now_s = 2.9
        box.alarms.tick()
        assert box.sent() == []
        box.now_s = 3.0
        box.alarms.tick()
        box.alarms.tick()
        assert not outcome
        (ended,) = box.sent()
        assert (ended["type"], ended["id"], ended["test"]) == ("ended", started["id"], True)
        box.alarms.tick()
    assert outcome == [None]
    assert list((tmp_path / FOLDER).iterdir()) == []


def test_a_camera_that_is_not_there_is_said_to_be_none(box: Box, tmp_path: Path, until) -> None:
    with asking(tmp_path, "cellar", "fall") as outcome:
        until(lambda: list((tmp_path / FOLDER).glob("*.request")), "the request")
        box.alarms.tick()
    assert isinstance(outcome[0], ConfigurationError)
    assert str(outcome[0]) == "cellar fall: does not alert; those that do are hall fall"
    assert box.sent() == []


def test_a_broker_that_does_not_answer_is_waited_for_only_so_long(box: Box, tmp_path: Path) -> None:
    with pytest.raises(BrokerError, match="waits in the outbox"):
        request_alarm(tmp_path, "hall", "fall", timeout_s=0)
    del box


@pytest.mark.parametrize("is_kept", [False, True], ids=["full", "read-only"])
def test_where_the_disk_takes_no_answer_a_test_is_sent_once_all_the_same(
    box: Box, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_kept: bool
) -> None:
    request = tmp_path / FOLDER / "a.request"
    request.write_text('{"camera": "hall", "label": "fall"}')
    (tmp_path / FOLDER / "a.unfinished").mkdir()  # so that no answer can be written, whoever we are
    if is_kept:
        monkeypatch.setattr(Path, "unlink", refuse)
    sent = []
    for box.now_s in range(20):
        box.alarms.tick()
        sent += box.sent()
    assert [fields["type"] for fields in sent] == ["started", "ended"]
    assert request.exists() == is_kept


def refuse(*_: object, **__: object) -> None:
    raise OSError(errno.EROFS, "Read-only file system")


@pytest.mark.parametrize("content", ["", "{", "[]", '{"camera": "hall"}', "x" * 5000, "\x00"])
def test_what_is_no_request_sends_nothing(box: Box, tmp_path: Path, content: str) -> None:
    (tmp_path / FOLDER / "a.request").write_text(content)
    box.alarms.tick()
    assert box.sent() == []
    assert (tmp_path / FOLDER / "a.answer").read_text() == "is no request"


def test_requests_of_an_earlier_run_are_forgotten(tmp_path: Path) -> None:
    (tmp_path / FOLDER).mkdir()
    (tmp_path / FOLDER / "a.request").write_text(json.dumps({"camera": "hall", "label": "fall"}))
    with contextlib.closing(Store(tmp_path, SCHEMA)) as store:
        box = Box(tmp_path, store)
        box.alarms.tick()
        assert box.sent() == []


def test_without_a_daemon_nobody_can_be_asked(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no edge runs"):
        request_alarm(tmp_path, "hall", "fall")
    with contextlib.closing(Store(tmp_path, SCHEMA)):
        pass
    (tmp_path / FOLDER).mkdir()
    with pytest.raises(ConfigurationError, match="no edge runs"):
        request_alarm(tmp_path, "hall", "fall")
    with pytest.raises(ConfigurationError, match="state_dir"):
        request_alarm(None, "hall", "fall")
