"""Hours, quiet hours, digest and faults of the file, with a clock of the test."""

import json
from datetime import UTC, datetime, timedelta

import pytest

pytest.importorskip("apprise", reason="apprise is not installed (extra notify)")

from edge.errors import ConfigurationError
from edge.mqtt.connection import Message
from edge.notify.bridge import Bridge
from edge.notify.courier import Courier, services
from edge.notify.ledger import Ledger
from edge.notify.settings import addresses, load

BASE = """
state_dir = "state"
timezone = "Europe/Vienna"
broker.url = "mqtt://127.0.0.1"
people.nurse = { quiet = "22:00-06:00" }
people.doctor = {}
"""
RULE = '[[rules]]\nname = "all"\nwhen = ["fall", "offline"]\ntell = ["nurse"]\n'


class Desk:
    """Bridge and courier with a clock that the test sets."""

    def __init__(self, folder, text: str) -> None:
        path = folder / "notify.toml"
        path.write_text(text, encoding="utf-8")
        self.config = load(path)
        self.told: list[tuple[str, str, str]] = []
        self.now = datetime(2026, 1, 2, 23, 0, tzinfo=UTC)
        self.ledger = Ledger(self.config.state_dir)
        reach = {person: self._service(person) for person in self.config.people}
        self.bridge = Bridge(self.config, self.ledger, self._now_s)
        self.courier = Courier(self.config, self.ledger, reach, lambda _: None, self._now_s)

    def _now_s(self) -> float:
        return self.now.timestamp()

    def _service(self, person: str):
        def tell(title: str, body: str) -> bool:
            self.told.append((person, title, body))
            return True

        return tell

    def fall(self, number: str, **changes) -> None:
        event = {"schema": 1, "id": number, "type": "started", "label": "fall", "camera": "hall", "score": 0.9}
        event |= {"peak_score": 0.9, "started_at": self.now.isoformat()} | changes
        self.bridge.receive(Message("edgewatch/box/events", json.dumps(event).encode(), False))

    def pass_time(self, **span: float) -> None:
        self.now += timedelta(**span)
        self.courier.tick()


@pytest.fixture
def at_desk(tmp_path):
    desks: list[Desk] = []

    def make(text: str) -> Desk:
        desks.append(Desk(tmp_path, text))
        return desks[-1]

    yield make
    for desk in desks:
        desk.ledger.close()


def test_quiet_hours_hold_messages_back_and_bring_them_as_one(at_desk) -> None:
    desk = at_desk(BASE + RULE)
    desk.fall("A")  # midnight in Vienna
    desk.fall("B", camera="stairs")
    desk.pass_time(hours=5, minutes=59)
    assert desk.told == []
    desk.pass_time(minutes=2)
    [(person, title, body)] = desk.told
    assert (person, title) == ("nurse", "2 messages came in quiet hours")
    assert "Fall: hall in box. 00:00:00 on 03 January" in body
    assert "Fall: stairs in box" in body


def test_urgent_messages_do_not_wait(at_desk) -> None:
    desk = at_desk(BASE + RULE + "urgent = true\n")
    desk.fall("A")
    desk.courier.tick()
    assert [title for _, title, _ in desk.told] == ["Fall: hall in box"]


def test_who_was_found_lying_is_said_to_be(at_desk) -> None:
    desk = at_desk(BASE + RULE + "urgent = true\n")
    desk.fall("A", reason="found_down")
    desk.fall("B", reason="of another version")
    desk.courier.tick()
    [(_, _, body)] = desk.told
    first, second = body.splitlines()
    assert first.endswith("score 90%. Somebody lies there; nobody was seen falling.")
    assert second.endswith("score 90%.")


def test_a_rule_keeps_to_its_hours_days_boxes_and_cameras(at_desk) -> None:
    rule = RULE.replace('"nurse"', '"doctor"')
    desk = at_desk(BASE + rule + 'hours = "20:00-07:00"\ndays = ["sat"]\nboxes = ["b*"]\ncameras = ["ha*"]\n')
    desk.fall("A")  # Saturday, 00:00 in Vienna
    desk.fall("B", camera="stairs")
    desk.pass_time(hours=9)
    desk.fall("C")
    desk.pass_time(hours=18)
    desk.fall("D")
    desk.courier.tick()
    assert len(desk.told) == 1


def test_a_short_trouble_is_nobodys_business(at_desk) -> None:
    desk = at_desk(BASE + RULE.replace('"nurse"', '"doctor"') + "after_s = 60\n")
    availability = "edgewatch/box/availability"
    desk.bridge.receive(Message(availability, b"offline", True))
    desk.pass_time(seconds=59)
    desk.bridge.receive(Message(availability, b"online", True))
    desk.pass_time(seconds=10)
    assert desk.told == []
    desk.bridge.receive(Message(availability, b"offline", True))
    desk.pass_time(seconds=61)
    desk.bridge.connected("no broker")
    desk.pass_time(seconds=61)
    assert [title for _, title, _ in desk.told] == ["Offline: box", "Offline: broker"]


def test_the_digest_comes_once_a_day(at_desk) -> None:
    desk = at_desk(BASE + RULE + '[digest]\nat = "07:00"\ntell = ["doctor"]\n')
    desk.courier.tick()
    desk.fall("A")
    desk.fall("A")
    desk.fall("B", label="violence")
    desk.pass_time(hours=7, minutes=1)
    desk.pass_time(hours=1)
    digests = [(title, body) for person, title, body in desk.told if person == "doctor"]
    assert digests == [("The last 24 hours, 03 January", "1 x fall: box, hall\n1 x violence: box, hall")]
    desk.pass_time(hours=24)
    assert desk.told[-1][2] == "Nothing happened."


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (BASE, "rules: Field required"),
        (BASE + RULE.replace("nurse", "norse"), "rules.0.tell: nobody is called 'norse'; people are nurse, doctor"),
        (BASE + RULE + 'huors = "1"\n', "rules.0.huors: unknown key; did you mean 'hours'?"),
        (BASE + RULE + 'hours = "9-17"\n', "rules.0.hours: '9-17' are no hours; write 22:00-06:00"),
        (BASE.replace("Vienna", "Wien") + RULE, "timezone: 'Europe/Wien' is no time zone"),
    ],
)
def test_a_fault_in_the_file_is_one_line(tmp_path, text, fault) -> None:
    path = tmp_path / "notify.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError) as error:
        load(path)
    assert str(error.value).startswith(f"{path}: {fault}")
    assert "\n" not in str(error.value)


def test_addresses_come_from_the_environment_and_are_never_repeated(at_desk, monkeypatch) -> None:
    people = at_desk(BASE + RULE).config.people
    with pytest.raises(ConfigurationError, match="EDGEWATCH_NOTIFY_NURSE"):
        addresses(people)
    monkeypatch.setenv("EDGEWATCH_NOTIFY_NURSE", "nonsense-token")
    monkeypatch.setenv("EDGEWATCH_NOTIFY_DOCTOR", "json://127.0.0.1/")
    with pytest.raises(ConfigurationError) as error:
        services(addresses(people))
    assert "people.nurse" in str(error.value)
    assert "nonsense" not in str(error.value)
