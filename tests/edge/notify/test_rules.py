"""Hours, quiet hours, digest and faults of the file, with a clock of the test."""

import json
import threading
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

pytest.importorskip("apprise", reason="apprise is not installed (extra notify)")

from edge.errors import ConfigurationError
from edge.mqtt.connection import Message
from edge.notify.bridge import Bridge
from edge.notify.courier import Courier, services
from edge.notify.delivery import Delivery
from edge.notify.digest import Digest
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
        self.mailed: list[str] = []
        """By the second address of anybody."""
        self.said: list[str] = []
        self.now = datetime(2026, 1, 2, 23, 0, tzinfo=UTC)
        self.clock_was_set_by = timedelta()
        self.ledger = Ledger(self.config.state_dir, self.said.append)
        self.refuses: Callable[[str], bool] = lambda _: False
        """Whether services do not take a message with a title."""
        self.broken_addresses: set[str] = set()
        self.bridge = Bridge(self.config, self.ledger, report=self.said.append, now_s=self._now_s)
        self._digest = Digest(self.config, self.ledger, self._now_s)
        self._couriers = [
            Courier(
                person,
                [self._service(person), self._service(f"{person}'s mail")],
                self.config,
                self.ledger,
                report=self.said.append,
                now_s=self._now_s,
                monotonic_s=lambda: self._now_s() - self.clock_was_set_by.total_seconds(),
            )
            for person in self.config.people
        ]

    def _now_s(self) -> float:
        return self.now.timestamp()

    def _service(self, address: str):
        def tell(title: str, body: str) -> bool:
            if address in self.broken_addresses:
                raise OSError("no route")
            if self.refuses(title):
                return False
            if not address.endswith("mail"):
                self.told.append((address, title, body))
            else:
                self.mailed.append(title)
            return True

        return tell

    def deliver(self) -> None:
        self._digest.tick()
        for courier in self._couriers:
            courier.tick()

    def titles(self, person: str = "nurse") -> list[str]:
        return [title for told, title, _ in self.told if told == person]

    def fall(self, number: str, box: str = "box", **changes) -> None:
        event = {"schema": 1, "id": number, "type": "started", "label": "fall", "camera": "hall", "score": 0.9}
        event |= {"peak_score": 0.9, "started_at": self.now.isoformat()} | changes
        self.bridge.receive(Message(f"edgewatch/{box}/events", json.dumps(event).encode(), False))

    def condition(self, camera: str | None, state: str, box: str = "box") -> None:
        topic, payload = (f"{camera}/status", json.dumps({"state": state})) if camera else ("availability", state)
        self.bridge.receive(Message(f"edgewatch/{box}/{topic}", payload.encode(), True))

    def restart(self) -> None:
        self.bridge = Bridge(self.config, self.ledger, report=self.said.append, now_s=self._now_s)

    def pass_time(self, **span: float) -> None:
        self.now += timedelta(**span)
        self.deliver()


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
    assert (person, title) == ("nurse", "Fall: hall in box, and 1 more")
    assert "Fall: hall in box. 00:00:00 on 03 January" in body
    assert "Fall: stairs in box" in body


URGENT = RULE + "urgent = true\n"
OTHER = RULE.replace('"all"', '"more"').replace('"fall"', '"violence"')


def test_a_service_that_is_silent_delays_nobody_else(tmp_path, until) -> None:
    (tmp_path / "notify.toml").write_text(BASE + URGENT.replace('["nurse"]', '["nurse", "doctor"]'), encoding="utf-8")
    config = load(tmp_path / "notify.toml")
    told: list[str] = []
    ends = threading.Event()
    reach = {"nurse": lambda *_: ends.wait(), "doctor": lambda title, _: told.append(title) or True}
    with closing(Ledger(config.state_dir, lambda _: None)) as ledger:
        delivery = Delivery(
            Courier(name, [tell], config, ledger, report=lambda _: None) for name, tell in reach.items()
        )
        bridge = Bridge(config, ledger, report=lambda _: None)
        bridge.wake = delivery.wake
        with closing(delivery):
            delivery.start()
            event = {"schema": 1, "id": "A", "type": "started", "label": "fall", "camera": "hall", "score": 0.9}
            event |= {"peak_score": 0.9, "started_at": "2026-01-02T23:00:00Z"}
            bridge.receive(Message("edgewatch/box/events", json.dumps(event).encode(), False))
            until(lambda: told, "the message to the other")
            ends.set()
        delivery.check()


def test_what_is_urgent_goes_first(at_desk) -> None:
    desk = at_desk(BASE + OTHER.replace("nurse", "doctor") + URGENT.replace("nurse", "doctor"))
    desk.fall("A", label="violence")
    desk.now += timedelta(seconds=1)
    desk.fall("B", box="other")
    desk.deliver()
    assert desk.titles("doctor") == ["Fall: hall in other", "Violence: hall in box"]


def test_many_falls_of_one_box_are_few_messages_and_hold_no_other_box_back(at_desk) -> None:
    desk = at_desk(BASE + URGENT)
    for second in range(300):
        desk.fall(f"A{second}")
        if second == 10:
            desk.now += timedelta(milliseconds=1)
            desk.fall("B", box="other")
        desk.pass_time(seconds=1)
    desk.pass_time(seconds=30)
    titles = desk.titles()
    assert titles[:3] == ["Fall: hall in box", "Fall: hall in box, and 4 more", "Fall: hall in other"]
    assert len(titles) <= 15
    told = sum(int(title.partition(" and ")[2].split()[0]) + 1 if " and " in title else 1 for title in titles)
    assert told == 301
    assert max(body.count("\n") for _, _, body in desk.told) == 10
    desk.pass_time(minutes=11)
    desk.fall("C")
    desk.deliver()
    assert desk.titles()[-1] == "Fall: hall in box", "a box that was calm is told of at once"


def test_a_service_that_refuses_is_tried_ever_more_rarely_but_soon_where_it_is_urgent(at_desk) -> None:
    desk = at_desk(BASE.replace("22:00-06:00", "01:00-02:00") + OTHER + URGENT)
    desk.refuses = lambda _: True
    desk.fall("A", label="violence")
    for _ in range(10):
        desk.pass_time(minutes=10)
    desk.fall("B", box="other")
    desk.refuses = lambda _: False
    desk.deliver()
    assert desk.told == [], "the service has just refused"
    desk.pass_time(seconds=30)
    assert desk.titles() == ["Fall: hall in other", "Late: Violence: hall in box"]
    assert desk.told[1][2].endswith("It comes 100 min late.")


def test_a_message_that_is_always_refused_holds_no_other_back(at_desk) -> None:
    desk = at_desk(BASE + URGENT)
    desk.refuses = lambda title: "stairs" in title
    desk.fall("A", camera="stairs")
    desk.fall("B", box="other")
    for _ in range(3):
        desk.pass_time(seconds=30)
    assert desk.titles() == ["Fall: hall in other"]


def test_a_message_that_is_refused_for_weeks_is_dropped_and_said_and_one_that_merely_waited_is_sent(at_desk) -> None:
    desk = at_desk("keep_days = 7\n" + BASE + URGENT)
    desk.refuses = lambda title: "stairs" in title
    desk.fall("A", camera="stairs")
    for _ in range(8):  # it is refused since the first
        desk.pass_time(hours=23)
    assert not any("dropped" in line for line in desk.said)
    desk.fall("B")
    desk.now += timedelta(days=1)  # switched off meanwhile
    desk.pass_time(minutes=1)
    assert "nurse: the service has not taken 'Fall: stairs in box' in 7 days; it is dropped" in desk.said
    desk.pass_time(minutes=1)
    assert desk.titles() == ["Late: Fall: hall in box"]


def test_a_message_that_was_noted_before_the_clock_was_set_is_tried_on(at_desk) -> None:
    desk = at_desk("keep_days = 7\n" + BASE + URGENT)
    desk.refuses = lambda _: True
    desk.fall("A")
    desk.pass_time(minutes=1)
    desk.clock_was_set_by = timedelta(days=8)
    desk.now += desk.clock_was_set_by
    for _ in range(6):
        desk.pass_time(hours=23)
    assert not any("dropped" in line for line in desk.said)
    desk.refuses = lambda _: False
    desk.pass_time(minutes=1)
    assert desk.titles() == ["Late: Fall: hall in box"]


def test_an_urgent_message_that_is_always_refused_does_not_hold_calm_ones_back(at_desk) -> None:
    desk = at_desk(BASE.replace("22:00-06:00", "01:00-02:00") + OTHER + URGENT)
    desk.refuses = lambda title: "Fall" in title
    desk.fall("A", box="ward-1")
    desk.pass_time(minutes=5)
    desk.fall("B", label="violence")
    for _ in range(20):
        desk.pass_time(seconds=10)
    assert desk.titles() == ["Violence: hall in box"]


@pytest.mark.parametrize(("broken", "other"), [("nurse's mail", "titles"), ("nurse", "mailed")])
def test_an_address_that_fails_has_nobody_told_twice_by_the_other(at_desk, broken, other) -> None:
    desk = at_desk(BASE.replace("22:00-06:00", "01:00-02:00") + OTHER + URGENT)
    desk.broken_addresses = {broken}
    desk.fall("A", box="ward-1")
    desk.pass_time(seconds=10)
    desk.fall("B", box="ward-2")
    desk.fall("C", label="violence")
    for _ in range(180):
        desk.pass_time(seconds=10)
    told = desk.titles() if other == "titles" else desk.mailed
    assert sorted(told) == ["Fall: hall in ward-1", "Fall: hall in ward-2", "Violence: hall in box"]
    desk.broken_addresses = set()
    desk.pass_time(minutes=20)
    assert len(desk.titles()) + len(desk.mailed) == 3, "after a quarter of an hour the other address is given up"


def test_an_address_that_comes_back_is_told_what_it_missed(at_desk) -> None:
    desk = at_desk(BASE + URGENT)
    desk.broken_addresses = {"nurse's mail"}
    desk.fall("A")
    desk.deliver()
    assert (desk.titles(), desk.mailed) == (["Fall: hall in box"], [])
    desk.broken_addresses = set()
    for _ in range(4):
        desk.pass_time(seconds=10)
    assert (desk.titles(), desk.mailed) == (["Fall: hall in box"], ["Fall: hall in box"])


def test_what_is_over_while_it_is_on_its_way_is_not_tried_again(at_desk) -> None:
    desk = at_desk(BASE + RULE + "after_s = 0\n")
    desk.bridge.receive(Message("edgewatch/other/availability", b"offline", True))

    def answer(_title: str) -> bool:
        desk.bridge.receive(Message("edgewatch/other/availability", b"online", True))
        return True

    desk.refuses = answer
    desk.pass_time(hours=8)
    desk.refuses = lambda _: False
    for _ in range(5):
        desk.pass_time(hours=1)
    assert not [title for title in desk.titles() if "Offline" in title]


def test_two_rules_tell_one_person_of_one_thing_once(at_desk) -> None:
    desk = at_desk(BASE + URGENT + RULE.replace("all", "more") + "after_s = 600\n")
    desk.fall("A")
    desk.deliver()
    assert desk.titles() == ["Fall: hall in box"]
    desk.bridge.receive(Message("edgewatch/other/availability", b"offline", True))
    for _ in range(8):
        desk.pass_time(hours=1)  # also the end of the quiet hours
    desk.bridge.receive(Message("edgewatch/other/availability", b"online", True))
    desk.deliver()
    assert desk.titles() == ["Fall: hall in box", "Late: Offline: other", "Back: other"]


def test_urgent_messages_do_not_wait(at_desk) -> None:
    desk = at_desk(BASE + RULE + "urgent = true\n")
    desk.fall("A")
    desk.deliver()
    assert [title for _, title, _ in desk.told] == ["Fall: hall in box"]


def test_who_was_found_lying_is_said_to_be(at_desk) -> None:
    desk = at_desk(BASE + RULE + "urgent = true\n")
    desk.fall("A", reason="found_down")
    desk.fall("B", reason="of another version")
    desk.deliver()
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
    desk.deliver()
    assert len(desk.told) == 1


def test_a_clock_that_is_wrong_does_not_silence_a_rule(at_desk) -> None:
    desk = at_desk(BASE + RULE.replace('"nurse"', '"doctor"') + 'hours = "20:00-07:00"\n')
    noon = (desk.now - timedelta(days=3, hours=12)).isoformat()
    desk.fall("A", started_at=noon)
    desk.deliver()
    [(_, _, body)] = desk.told
    assert body == "12:00:00 on 30 December by the box's clock; it came at 00:00:00 on 03 January, score 90%."
    desk.fall("B", started_at=noon, delayed=True)
    desk.pass_time(minutes=1)
    assert len(desk.told) == 1, "who had no connection knows when it was"
    desk.fall("C", started_at=(desk.now - timedelta(minutes=1)).isoformat())
    desk.pass_time(minutes=1)
    assert desk.told[-1][2] == "00:00:00 on 03 January, score 90%."


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


def test_statuses_of_invented_names_cost_no_write_and_few_messages(at_desk) -> None:
    desk = at_desk(BASE + RULE.replace('"offline"', '"blind"').replace('"nurse"', '"doctor"'))
    before = desk.ledger._store._database.total_changes
    for number in range(4000):
        desk.condition(f"camera-{number}", "ok")
    assert desk.ledger._store._database.total_changes == before
    for number in range(4000):
        desk.condition(f"camera-{number}", "blind")
    desk.now += timedelta(milliseconds=1)
    desk.condition("hall", "blind", box="other")
    desk.pass_time(seconds=40)
    assert desk.titles("doctor") == ["Blind: camera-0 in box, and 63 more", "Blind: hall in other"]


def test_a_flood_of_alarms_of_one_box_is_passed_over_and_said(at_desk) -> None:
    desk = at_desk(BASE + URGENT)
    for number in range(1000):
        desk.fall(f"A{number}")
    desk.now += timedelta(milliseconds=1)
    desk.fall("B", box="other")
    desk.deliver()
    assert desk.titles() == ["Fall: hall in box, and 399 more", "Fall: hall in other"]
    assert desk.said == ["box: sends more alarms than anybody can be told of; some are passed over"]


def test_a_trouble_is_remembered_over_a_restart(at_desk) -> None:
    desk = at_desk(BASE + RULE.replace('"nurse"', '"doctor"') + "after_s = 0\n")
    desk.condition(None, "offline")
    desk.deliver()
    desk.restart()
    desk.condition(None, "offline")
    desk.condition(None, "online")
    desk.pass_time(seconds=40)
    desk.restart()
    desk.condition(None, "online")
    desk.deliver()
    assert desk.titles("doctor") == ["Offline: box", "Back: box"]


def test_a_second_notifier_on_one_state_directory_is_refused_in_one_line(at_desk) -> None:
    desk = at_desk(BASE + RULE)
    with pytest.raises(ConfigurationError) as error:
        Ledger(desk.config.state_dir, desk.said.append)
    assert (
        str(error.value)
        == f"{desk.config.state_dir}: another edge runs with this state_dir; stop it, or give this one another"
    )


def test_on_a_full_disk_everybody_is_told_from_memory_and_it_is_said(at_desk) -> None:
    desk = at_desk(BASE + URGENT)
    database = desk.ledger._store._database
    database.execute(f"PRAGMA max_page_count = {database.execute('PRAGMA page_count').fetchone()[0]}")
    for number in range(100):
        desk.fall(f"A{number}")
    desk.deliver()
    assert desk.titles() == ["Fall: hall in box, and 99 more"]
    assert "notify.sqlite: the disk refuses (database or disk is full)" in desk.said[0]


def test_a_damaged_ledger_is_set_aside_and_a_new_one_begun(tmp_path) -> None:
    (tmp_path / "notify.sqlite").write_text("damaged" * 1000, encoding="utf-8")
    said: list[str] = []
    with closing(Ledger(tmp_path, said.append)) as ledger:
        assert ledger.setting("client", "new") == "new"
    assert "notify.sqlite: corrupt" in said[0]


def test_the_digest_comes_once_a_day(at_desk) -> None:
    desk = at_desk(BASE + RULE + '[digest]\nat = "07:00"\ntell = ["doctor"]\n')
    desk.deliver()
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
        (BASE.replace("Vienna", "x" * 300) + RULE, f"timezone: 'Europe/{'x' * 300}' is no time zone"),
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
