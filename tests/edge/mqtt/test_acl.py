"""The access control list that ships: what it lets pass, and what it stops, in a real mosquitto."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import paho.mqtt.publish as paho_publish
import pytest

from edge.bundle import AlertSpec
from edge.config import Config
from edge.mqtt.box import MAX_SWEPT, announce, open_mqtt
from edge.mqtt.connection import Message
from edge.mqtt.discovery import Device
from edge.types import Event

ACL = Path(__file__).parents[3] / "systemd" / "mosquitto-edgewatch.acl"
WORD = "correct horse"
EVENT = Event(
    "01JCAFE0000000000000000000", "hall", "fall", "started", 0.9, 0.9, "2026-01-02T03:04:05.500Z", None, 1, None, "m",
    "0", None,
)  # fmt: skip


@pytest.fixture
def broker(start_mosquitto, tmp_path: Path):
    """A mosquitto with the list, and the users `box`, `other`, `homeassistant`, `dashboard` and `notify`."""
    acl = tmp_path / "edgewatch.acl"
    acl.write_text(ACL.read_text(encoding="utf-8"), encoding="utf-8")
    acl.chmod(0o600)
    broker = start_mosquitto(running=False, password=WORD, lines=(f"acl_file {acl}",))
    for user in ("other", "homeassistant", "dashboard", "notify"):
        subprocess.run(
            ["mosquitto_passwd", "-b", tmp_path / "broker-0" / "users", user, WORD], check=True, capture_output=True
        )
    broker.start()
    return broker


@pytest.fixture
def start_box(broker) -> Iterator:
    """Start a box of this version of MQTT, as the user `box`; its log's lines are beside it."""
    with ExitStack() as opened:

        def start(version: str):
            tables = {
                "device_id": "box",
                "broker": {"url": f"mqtt://box@127.0.0.1:{broker.port}", "version": version, "commands": True},
                "cameras": {"hall": {"source": "0"}},
            }
            config = Config.model_validate(tables)
            lines: list[str] = []
            assert config.broker is not None
            mqtt = open_mqtt(
                config,
                config.broker,
                WORD,
                {"hall": {"fall": AlertSpec().onset_threshold}},
                stats=dict,
                report=lines.append,
                report_connection=lines.append,
                opened=opened,
            )
            announce(config, mqtt, {"hall": ["fall"]}, Device("box", "m", "0"), snapshots=False)
            opened.callback(mqtt.publisher.close)
            mqtt.publisher.start()
            return mqtt, lines

        yield start


@pytest.mark.parametrize("version", ["3.1.1", "5"])
def test_boxes_and_home_assistant_do_what_they_have_to(broker, start_box, until, version: str) -> None:
    home_assistant = broker.subscribe("homeassistant", WORD, ("edgewatch/#", "homeassistant/#"))
    mqtt, lines = start_box(version)
    mqtt.publisher.publish(EVENT)
    assert mqtt.publisher.flush(20) == 0
    until(home_assistant.events, "the event")
    until(lambda: home_assistant.payloads("homeassistant/device/box/config"), "the announcement")
    assert "hall__fall__state" in json.loads(home_assistant.payloads("/config")[0])["components"]

    def send(user: str, topic: str, payload: str) -> None:
        paho_publish.single(
            topic, payload, 1, hostname="127.0.0.1", port=broker.port, auth={"username": user, "password": WORD}
        )

    for user in ("notify", "other"):
        send(user, "edgewatch/box/hall/enabled/set", "OFF")
        send(user, "edgewatch/box/hall/fall/state", "ON")
    send("dashboard", "edgewatch/box/hall/fall/state", "ON")
    for user, onset in (("homeassistant", "0.25"), ("dashboard", "0.35")):
        send(user, "edgewatch/box/hall/fall/threshold/set", onset)
        until(lambda onset=onset: home_assistant.payloads("hall/fall/threshold")[-1:] == [onset], "the echo")
    assert mqtt.commands.fields() == {"allowed": True, "accepted": 2, "refused": 0}
    send("homeassistant", "homeassistant/status", "online")
    until(lambda: len(home_assistant.payloads("/config")) == 2, "the announcement again")
    assert lines == [f"connected to mqtt://127.0.0.1:{broker.port}"]
    notifier = broker.subscribe("notify", WORD)
    mqtt.publisher.send_picture("hall/snapshot", b"jpeg")
    mqtt.publisher.publish(EVENT)
    until(notifier.events, "the event at the notifier")
    assert not notifier.payloads("hall/snapshot")
    assert not notifier.payloads("hall/enabled")


@pytest.mark.parametrize("version", ["3.1.1", "5"])
def test_without_a_state_directory_what_is_retained_of_cameras_that_are_no_more_is_cleared(
    broker, start_box, until, version: str
) -> None:
    left = {
        "attic/status": '{"state": "ok"}',
        "attic/people": "{}",
        "attic/fall/state": "OFF",
        "attic/fall/threshold": "0.5",
        "hall/violence/state": "ON",
        "hall/status": '{"state": "lost"}',
    }
    for topic, payload in left.items():
        paho_publish.single(
            f"edgewatch/box/{topic}",
            payload,
            1,
            retain=True,
            hostname="127.0.0.1",
            port=broker.port,
            auth={"username": "box", "password": WORD},
        )
    watching = broker.subscribe("homeassistant", WORD, ("edgewatch/box/+/#",))
    mqtt, _ = start_box(version)
    until(lambda: watching.payloads("attic/fall/threshold")[-1:] == [""], "the end of the threshold")
    until(lambda: watching.payloads("hall/violence/state")[-1:] == [""], "the end of the label")
    assert mqtt.publisher.flush(20) == 0
    late = broker.subscribe("homeassistant", WORD, ("edgewatch/box/+/#",))
    until(lambda: late.payloads("hall/status"), "what is retained")
    assert not [topic for topic, _, _ in late.messages if "attic" in topic or "violence" in topic]


def test_of_invented_cameras_only_some_are_cleared(start_box) -> None:
    mqtt, _ = start_box("5")
    for number in range(10 * MAX_SWEPT):
        for receive in mqtt.publisher._receivers:
            receive(Message(f"edgewatch/box/camera-{number}/status", b"{}", retained=True))
    assert MAX_SWEPT <= len(mqtt.publisher._retained._payloads) < 2 * MAX_SWEPT


def test_what_the_list_does_not_let_pass_is_said_and_does_not_hold_events_up(broker, start_box, until) -> None:
    """A list that forbids announcements; only MQTT 5 says so."""
    acl = broker.folder.parent / "edgewatch.acl"
    acl.write_text(acl.read_text(encoding="utf-8").replace("pattern write homeassistant/device/%u/config", ""))
    broker.end()
    broker.start()
    mqtt, lines = start_box("5")
    mqtt.publisher.publish(EVENT)
    assert mqtt.publisher.flush(20) == 0
    until(lambda: any("does not take homeassistant/device/box/config" in line for line in lines), "the line")
    assert mqtt.publisher.fields()["connections"] == 1


def test_only_who_brings_models_may_offer_them(broker, until) -> None:
    """The list's lines of updates, with the box's and the sender's users."""
    users = broker.folder / "users"
    subprocess.run(["mosquitto_passwd", "-b", users, "models", WORD], check=True, capture_output=True)
    broker.end()
    broker.start()
    box = broker.subscribe("box", WORD, ("edgewatch/box/update/set", "edgewatch/box/update/+/set"))
    sender = broker.subscribe("models", WORD, ("edgewatch/box/update",))

    def send(user: str, topic: str, payload: str) -> None:
        paho_publish.single(
            topic, payload, 1, hostname="127.0.0.1", port=broker.port, auth={"username": user, "password": WORD}
        )

    for user in ("dashboard", "homeassistant", "notify", "other", "models"):
        send(user, "edgewatch/box/update/set", user)
        send(user, "edgewatch/box/update/32768/set", user)
    send("models", "edgewatch/box/update", "models")
    send("box", "edgewatch/box/update", "box")
    until(lambda: len(box.messages) >= 2 and sender.messages, "the messages")
    assert [payload for _, payload, _ in box.messages] == ["models", "models"]
    assert [payload for _, payload, _ in sender.messages] == ["box"]
