"""Commands: what is one is kept, echoed and carried out; what is none changes nothing."""

import contextlib
import random
import string
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import paho.mqtt.publish as paho_publish
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.config import BrokerConfig
from edge.mqtt.commands import CHANGES_A_MINUTE, REFUSALS_A_MINUTE, Commands
from edge.mqtt.connection import Message
from edge.mqtt.outbox import SCHEMA, Outbox
from edge.mqtt.publisher import Publisher
from edge.mqtt.settings import Settings
from edge.mqtt.store import Store
from edge.types import Event

BASE = "edgewatch/box"
EVENT = Event(
    "01JCAFE0000000000000000000", "hall", "fall", "started", 0.9, 0.9, "2026-01-02T03:04:05.500Z", None, 1, None, "m",
    "0", None,
)  # fmt: skip
CONFIGURED = {"hall": {"fall": 0.7, "violence": 0.6}, "attic": {"fall": 0.7}}


class Carried:
    """Remembers what was to be carried out."""

    def __init__(self) -> None:
        self.calls: list[tuple] = []

    def set_enabled(self, camera: str, on: bool) -> None:
        self.calls.append(("enabled", camera, on))

    def set_threshold(self, camera: str, label: str, onset: float) -> None:
        self.calls.append(("threshold", camera, label, onset))

    def acknowledge(self, event_id: str, false_alarm: bool) -> None:
        self.calls.append(("acknowledge", event_id, false_alarm))


class Box:
    """All behind the command topics, without a connection."""

    def __init__(
        self, store: Store, url: str = "mqtt://127.0.0.1:1", configured=CONFIGURED, *, allowed=True, version="3.1.1"
    ) -> None:
        self.store = store
        self.outbox = Outbox(store, 1000, 1_000_000)
        broker = BrokerConfig.model_validate({"url": url, "version": version})
        self.publisher = Publisher(broker, None, device_id="box", outbox=self.outbox, report=lambda _: None)
        self.lines: list[str] = []
        self.carried = Carried()
        self.commands = Commands(
            self.publisher, self.outbox, Settings(store), configured, allowed=allowed, report=self.lines.append
        )
        self.commands.attach(self.carried)

    def receive(self, topic: str, payload: bytes, *, retained: bool = False) -> None:
        self.commands.receive(Message(f"{BASE}/{topic}", payload, retained))

    def retained(self) -> dict[str, str]:
        return dict(self.publisher._retained._payloads)

    def counted(self) -> tuple[int, int]:
        fields = self.commands.fields()
        return fields["accepted"], fields["refused"]


@pytest.fixture
def open_box(tmp_path: Path) -> Iterator[Callable[..., Box]]:
    """Open a box on the test's folder; the one before is closed."""
    with contextlib.ExitStack() as stack:

        def opened(*arguments, **words) -> Box:
            stack.close()
            store = stack.enter_context(contextlib.closing(Store(tmp_path, SCHEMA)))
            box = Box(store, *arguments, **words)
            stack.callback(box.publisher.close)
            return box

        yield opened


def test_values_in_force_are_said_from_the_start(open_box) -> None:
    assert open_box(allowed=False).retained() == {
        f"{BASE}/hall/enabled": "ON",
        f"{BASE}/hall/fall/threshold": "0.7",
        f"{BASE}/hall/violence/threshold": "0.6",
        f"{BASE}/attic/enabled": "ON",
        f"{BASE}/attic/fall/threshold": "0.7",
    }


def test_a_command_is_carried_out_echoed_and_survives_a_restart(open_box) -> None:
    box = open_box()
    box.receive("hall/fall/threshold/set", b"0.85")
    box.receive("attic/enabled/set", b"OFF")
    assert box.carried.calls == [("threshold", "hall", "fall", 0.85), ("enabled", "attic", False)]
    echoed = box.retained()
    assert echoed[f"{BASE}/hall/fall/threshold"] == "0.85"
    assert echoed[f"{BASE}/attic/enabled"] == "OFF"
    again = open_box()
    assert sorted(again.carried.calls) == sorted(box.carried.calls)
    assert again.retained() == echoed


def test_the_configuration_wins_when_it_says_something_new_or_forbids_commands(open_box) -> None:
    open_box().receive("hall/fall/threshold/set", b"0.85")
    changed = {**CONFIGURED, "hall": {"fall": 0.9, "violence": 0.6}}
    assert open_box(configured=changed).commands.threshold("hall", "fall") == 0.9
    assert open_box(allowed=False).commands.threshold("hall", "fall") == 0.7
    assert open_box().commands.threshold("hall", "fall") == 0.85


def test_the_same_command_again_changes_nothing(open_box) -> None:
    box = open_box()
    for _ in range(5 * CHANGES_A_MINUTE):
        box.receive("hall/enabled/set", b"ON")
    assert box.carried.calls == []
    assert box.counted() == (5 * CHANGES_A_MINUTE, 0)


def test_a_flood_of_changes_does_not_reach_the_disk(open_box) -> None:
    box = open_box()
    for number in range(3 * CHANGES_A_MINUTE):
        box.receive("hall/enabled/set", b"ON" if number % 2 else b"OFF")
    assert CHANGES_A_MINUTE <= len(box.carried.calls) <= CHANGES_A_MINUTE + 3
    assert "more than 60 a minute" in box.lines[-1]


def test_a_flood_of_what_is_no_command_is_few_lines(open_box) -> None:
    box = open_box()
    letters = random.Random(7)
    for _ in range(3000):
        box.receive(f"{''.join(letters.choices(string.ascii_letters, k=8))}/enabled/set", b"ON")
    assert box.counted() == (0, 3000)
    assert REFUSALS_A_MINUTE <= len(box.lines) <= REFUSALS_A_MINUTE + 3


@pytest.mark.parametrize(("payload", "false_alarm"), [(b"", False), (b"{}", False), (b'{"false_alarm": true}', True)])
def test_an_event_is_acknowledged(open_box, payload: bytes, false_alarm: bool) -> None:
    box = open_box()
    box.publisher.publish(EVENT)
    box.publisher.publish(replace(EVENT, type="ended"))
    box.receive(f"events/{EVENT.id}/ack", payload)
    assert box.carried.calls == [("acknowledge", EVENT.id, false_alarm)]
    assert box.outbox.depth() == 3
    box.receive(f"events/{EVENT.id}/ack", payload)
    assert box.outbox.depth() == 3


def test_acknowledging_what_has_ended_leaves_the_alarm_of_now_alone(open_box) -> None:
    box = open_box()
    box.publisher.publish(EVENT)
    box.publisher.publish(replace(EVENT, type="ended"))
    box.publisher.publish(replace(EVENT, id="01JCAFE0000000000000000001"))
    box.receive(f"events/{EVENT.id}/ack", b"")
    assert box.retained()[f"{BASE}/hall/fall/state"] == "ON"
    box.receive("events/01JCAFE0000000000000000001/ack", b"")
    assert box.retained()[f"{BASE}/hall/fall/state"] == "ON", "seen is not over"


REFUSED = [
    ("hall/fall/threshold/set", b"1.5", "no number from 0 to 1"),
    ("hall/fall/threshold/set", b"nan", "no number from 0 to 1"),
    ("hall/fall/threshold/set", b"1e-1", "no number from 0 to 1"),
    ("hall/fall/threshold/set", b"0.5\n", "no number from 0 to 1"),
    ("hall/fall/threshold/set", "\u0660".encode(), "no number from 0 to 1"),
    ("hall/fall/threshold/set", b".", "no number from 0 to 1"),
    ("hall/normal/threshold/set", b"0.5", "no such camera and label"),
    ("cellar/enabled/set", b"ON", "no such camera"),
    ("hall/enabled/set", b"on", "neither ON nor OFF"),
    ("events/01JCAFE0000000000000000001/ack", b"", "no such event"),
    ("events/x/ack", b"", "no such event"),
    (f"events/{EVENT.id}/ack", b"[]", "no JSON object"),
    (f"events/{EVENT.id}/ack", b'{"false_alarm": 1}', "nothing but"),
    (f"events/{EVENT.id}/ack", b'{"delete": true}', "nothing but"),
    (f"events/{EVENT.id}/ack", b"\xff", "neither empty nor JSON"),
    (f"events/{EVENT.id}/ack", b"[" * 250, "neither empty nor JSON"),
    (f"events/{EVENT.id}/ack", b" " * 300, "too long"),
]


@pytest.mark.parametrize(("topic", "payload", "reason"), REFUSED)
def test_what_is_no_command_is_counted_and_said_in_one_line(open_box, topic, payload, reason) -> None:
    box = open_box()
    box.publisher.publish(EVENT)
    box.receive(topic, payload)
    assert box.carried.calls == []
    assert box.counted() == (0, 1)
    (line,) = box.lines
    assert reason in line
    assert line.endswith("(1 so far)")


def test_a_retained_command_is_refused(open_box) -> None:
    box = open_box()
    box.receive("hall/enabled/set", b"OFF", retained=True)
    assert box.carried.calls == []
    assert "retained" in box.lines[0]


levels = st.text(st.characters(exclude_characters="\0+#", exclude_categories=["Cs"]), max_size=20) | st.sampled_from(
    ["hall", "attic", "fall", "enabled", "threshold", "set", "events", "ack", "", EVENT.id, "../hall", "hall\n"]
)
topics = st.lists(levels, min_size=1, max_size=6).map("/".join) | st.sampled_from(
    ["hall/enabled/set", "hall/fall/threshold/set", f"events/{EVENT.id}/ack"]
)
hostile = st.binary(max_size=400) | st.text(max_size=100).map(str.encode) | st.sampled_from([b"0.", b"1.1", b"-0.5"])


@settings(max_examples=500)
@given(st.lists(st.tuples(topics, hostile, st.booleans()), max_size=5))
def test_hostile_messages_change_nothing(messages) -> None:
    with contextlib.closing(Store(None, SCHEMA)) as store:
        box = Box(store)
        box.publisher.publish(EVENT)
        before = box.retained()
        valid = 0
        for topic, payload, retained in messages:
            accepted, refused = box.counted()
            box.receive(topic, payload, retained=retained)
            now_accepted, now_refused = box.counted()
            valid += now_accepted - accepted
            assert now_accepted + now_refused - accepted - refused <= 1
        if not valid:
            assert box.carried.calls == []
            assert box.retained() == before
            assert box.outbox.depth() == 1
        assert len(box.lines) == box.counted()[1]
        assert all(line.isprintable() for line in box.lines)
        box.publisher.close()


@settings(max_examples=200)
@given(st.binary(max_size=12))
def test_only_a_number_from_0_to_1_is_a_threshold(payload: bytes) -> None:
    with contextlib.closing(Store(None, SCHEMA)) as store:
        box = Box(store)
        box.receive("hall/fall/threshold/set", payload)
        if box.carried.calls or box.counted()[0]:
            assert 0 <= float(payload) <= 1
        box.publisher.close()


# With a real broker


@pytest.mark.parametrize("version", ["3.1.1", "5"])
def test_commands_through_a_broker(mosquitto, open_box, until, version: str) -> None:
    subscriber = mosquitto.subscribe()
    box = open_box(mosquitto.url, version=version)
    box.publisher.start()
    box.publisher.publish(EVENT)
    until(lambda: subscriber.payloads("hall/enabled") == ["ON"], "the connection")

    def send(topic: str, payload: bytes) -> None:
        paho_publish.single(f"{BASE}/{topic}", payload, qos=1, hostname="127.0.0.1", port=mosquitto.port)

    send("hall/enabled/set", b"OFF")
    send("hall/fall/threshold/set", b"0.25")
    send("hall/fall/threshold/set", b"a quarter")
    send(f"events/{EVENT.id}/ack", b'{"false_alarm":true}')
    until(lambda: len(subscriber.events()) == 2, "the acknowledgement")
    assert [event["acknowledged_at"] is None for event in subscriber.events()] == [True, False]
    assert subscriber.payloads("hall/enabled") == ["ON", "OFF"]
    assert subscriber.payloads("hall/fall/threshold") == ["0.7", "0.25"]
    assert box.counted() == (3, 1)
    assert len(box.carried.calls) == 3


@pytest.mark.parametrize("version", ["3.1.1", "5"])
def test_a_message_that_would_fill_the_memory_does_not(mosquitto, open_box, until, version: str) -> None:
    box = open_box(mosquitto.url, version=version)
    box.publisher.start()
    assert box.publisher.flush(10) == 0
    paho_publish.single(
        f"{BASE}/hall/enabled/set", bytes(30_000_000), qos=1, hostname="127.0.0.1", port=mosquitto.port, retain=True
    )
    box.publisher.publish(EVENT)
    until(lambda: box.outbox.depth() == 0, "the delivery")
    paho_publish.single(f"{BASE}/attic/enabled/set", b"OFF", qos=1, hostname="127.0.0.1", port=mosquitto.port)
    until(lambda: box.carried.calls == [("enabled", "attic", False)], "a command after it")
    assert box.publisher.fields()["connections"] == 1
