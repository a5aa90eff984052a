"""`edge status` and `edge fault` against a real broker."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import paho.mqtt.publish
import pytest

from edge.cli import main
from edge.config import BrokerConfig
from edge.errors import BrokerError
from edge.fleet.status import BoxStatus, fleet_status, take
from edge.mqtt.connection import Message

STATS = {
    "version": "0.1.0",
    "uptime_s": 61.5,
    "model": {"name": "built-in"},
    "outbox": {"waiting": 2},
    "mqtt": {"last_event": {"type": "started", "label": "fall", "camera": "hall", "at": "2026-01-01T00:00:00.000Z"}},
    "cameras": {"hall": {"rate_hz": 4.98}, "attic": {"rate_hz": None}},
}


def retain(port: int, topics: dict[str, str]) -> None:
    messages: Any = [
        {"topic": topic, "payload": payload, "qos": 1, "retain": True} for topic, payload in topics.items()
    ]
    paho.mqtt.publish.multiple(messages, hostname="127.0.0.1", port=port)


@pytest.fixture
def fleet(mosquitto) -> str:
    """A broker that knows two boxes and somebody else's topics."""
    retain(
        mosquitto.port,
        {
            "edgewatch/ward-1/availability": "online",
            "edgewatch/ward-1/stats": json.dumps(STATS),
            "edgewatch/ward-1/hall/status": '{"state": "ok"}',
            "edgewatch/ward-1/attic/status": '{"state": "lost"}',
            "edgewatch/ward-1/hall/fall/state": "ON",
            "edgewatch/ward-1/hall/violence/state": "OFF",
            "edgewatch/ward-2/availability": "offline",
            "edgewatch/ward-2/fault": '{"reason": "no camera"}',
            "edgewatch/ward-2/stats": "broken",
            "edgewatch/ward-2/hall/status": "[]",
            "other/ward-3/availability": "online",
        },
    )
    return mosquitto.url


def test_every_box_is_listed_with_what_is_known(fleet: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "--broker", fleet, "--json"]) == 0
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert first == {
        "device_id": "ward-1",
        "state": "online",
        "version": "0.1.0",
        "model": "built-in",
        "uptime_s": 61.5,
        "waiting_events": 2,
        "cameras": {"hall": "ok", "attic": "lost"},
        "rates_hz": {"hall": 4.98},
        "alarms": ["hall/fall"],
        "last_event": STATS["mqtt"]["last_event"],
        "fault": None,
    }
    assert (second["device_id"], second["state"], second["fault"]) == ("ward-2", "offline", "no camera")
    assert (second["version"], second["cameras"]) == (None, {"hall": "None"})


def test_people_read_one_line_a_box_and_what_is_wrong_below(fleet: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "--broker", fleet]) == 0
    head, first, second, fault = capsys.readouterr().out.splitlines()
    assert head.split() == ["box", "state", "version", "cameras", "rate", "last", "event"]
    assert first.split()[:6] == ["ward-1", "online", "0.1.0", "attic:lost", "hall:ok", "5.0"]
    assert first.endswith("fall started hall 2026-01-01T00:00:00.000Z ALARM hall/fall")
    assert (second.split()[:2], fault.strip()) == (["ward-2", "offline"], "no camera")


def test_a_broker_without_boxes_and_none_at_all(
    mosquitto, unused_port: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["status", "--broker", mosquitto.url, "--json"]) == 0
    assert capsys.readouterr().out.strip() == ""
    assert main(["status", "--broker", f"mqtt://127.0.0.1:{unused_port}"]) == BrokerError.exit_code


def test_a_box_that_gave_up_is_offline_with_its_reason(
    mosquitto, tmp_path: Path, until: Callable[[Callable[[], object], str], None]
) -> None:
    retain(mosquitto.port, {"edgewatch/ward-1/availability": "online"})
    config = tmp_path / "edgewatch.toml"
    config.write_text(f'device_id = "ward-1"\n[broker]\nurl = "{mosquitto.url}"\n[cameras.hall]\nsource = \n')
    assert main(["fault", "--config", str(config), "--reason", "no camera"]) == 0
    subscriber = mosquitto.subscribe()
    until(lambda: subscriber.payloads("/fault") and subscriber.payloads("/availability"), "the retained messages")
    assert json.loads(subscriber.payloads("/fault")[-1])["reason"] == "no camera"
    assert subscriber.payloads("/availability")[-1] == "offline"


def test_messages_of_strangers_change_nothing() -> None:
    boxes: dict[str, BoxStatus] = {}
    for topic in ("edgewatch/x/stats", "edgewatch/x/fault", "edgewatch/x/a/status"):
        take(boxes, Message(topic, b'"text"', retained=True))
    assert boxes["x"].rates_hz == {}


@pytest.mark.parametrize("version", ["3.1.1", "5"])
def test_a_message_that_is_too_long_is_passed_over(mosquitto, version: str) -> None:
    many = {f"camera-{number}": {"rate_hz": 5.0, "note": "x" * 1000} for number in range(100)}
    retain(
        mosquitto.port,
        {
            "edgewatch/a/stats": "x" * 1_000_000,
            "edgewatch/b/stats": json.dumps(STATS | {"cameras": many}),
            "edgewatch/c/availability": "online",
        },
    )
    lines: list[str] = []
    broker = BrokerConfig.model_validate({"url": mosquitto.url, "version": version})
    boxes = fleet_status(broker, None, 1.0, lines.append)
    assert [box.device_id for box in boxes] == ["b", "c"]
    assert len(boxes[0].rates_hz) == 100
    if version == "3.1.1":  # a broker of MQTT 5 keeps it to itself
        (line,) = lines
        assert "too long" in line


def test_no_message_moves_the_terminal_or_ends_the_list(mosquitto, capsys: pytest.CaptureFixture[str]) -> None:
    moves = "\x1b[2J\ud800"
    stats = {"version": moves, "mqtt": {"last_event": {"label": moves, "type": 1}}, "cameras": {moves: {"rate_hz": 1}}}
    retain(
        mosquitto.port,
        {
            "edgewatch/x/availability": moves.encode("utf-8", "replace").decode(),
            "edgewatch/x/stats": json.dumps(stats | {"uptime_s": "long", "outbox": {"waiting": "all"}}),
            "edgewatch/x/fault": json.dumps({"reason": moves}),
            "edgewatch/x/a/status": json.dumps({"state": moves}),
        },
    )
    assert main(["status", "--broker", mosquitto.url]) == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert out.count("[2J") == 5
