"""The publisher against brokers that do not do their part: alarms leave all the same, or it is said why not."""

from dataclasses import replace

import pytest

from edge.config import BrokerConfig
from edge.mqtt import connection as connection_module
from edge.mqtt.connection import Connection
from edge.mqtt.refusals import VersionRefusedError
from edge.types import Event

EVENT = Event(
    "01JCAFE0000000000000000000", "hall", "fall", "started", 0.9, 0.9, "2026-01-02T03:04:05.500Z", None, 1, None, "m",
    "0", None,
)  # fmt: skip
ANNOUNCEMENT = "homeassistant/device/box/config"


def test_a_broker_that_acknowledges_nothing_is_left_and_tried_again(mute_broker, start_publisher, until) -> None:
    lines: list[str] = []
    publisher = start_publisher(mute_broker.url, report=lines.append, acknowledge_timeout_s=0.2)
    publisher.publish(EVENT)
    until(lambda: mute_broker.connections >= 3, "the third connection")
    assert not publisher.is_connected()
    (line,) = lines
    assert line == f"{mute_broker.url}: acknowledges no message in 0.2 s; look at the broker's log and disk; trying on"
    assert mute_broker.received.count(EVENT.id.encode()) >= 2
    assert publisher._outbox.depth() == 1


@pytest.mark.parametrize("version", ["3.1.1", "5"])
def test_what_the_broker_refuses_by_size_is_left_out_and_said_and_events_leave(
    start_mosquitto, start_publisher, until, version
) -> None:
    lines: list[str] = []
    mosquitto = start_mosquitto(lines=("max_packet_size 2048",))
    subscriber = mosquitto.subscribe()
    publisher = start_publisher(mosquitto.url, version=version, report=lines.append, stats=lambda: {"long": "s" * 3000})
    publisher.retain(ANNOUNCEMENT, "a" * 30_000)
    publisher.publish(EVENT)
    until(lambda: [event["id"] for event in subscriber.events()] == [EVENT.id], "the event")
    until(lambda: sum("left out" in line for line in lines) == 2, "both lines")
    assert publisher.flush(30) == 0
    connections = publisher.fields()["connections"]
    assert connections <= (1 if version == "5" else 5)
    left_out = [line for line in lines if "left out" in line]
    for topic, size_bytes in ((ANNOUNCEMENT, "30000"), ("edgewatch/box/stats", "3011")):
        assert any(topic in line and size_bytes in line and "max_packet_size" in line for line in left_out)
    publisher.repeat(ANNOUNCEMENT)
    publisher.publish(replace(EVENT, type="ended"))
    assert publisher.flush(30) == 0
    assert publisher.fields()["connections"] == connections
    assert left_out == [line for line in lines if "left out" in line]
    assert not [line for line in lines if "Unspecified" in line]


def test_what_one_connection_was_lost_with_is_sent_again(mosquitto, start_publisher, cutting_proxy, until) -> None:
    """A network that cuts is no broker that refuses."""
    proxy = cutting_proxy(mosquitto.port, cuts=1)
    subscriber = mosquitto.subscribe(filters=("homeassistant/#",))
    publisher = start_publisher(f"mqtt://127.0.0.1:{proxy.port}", version="3.1.1")
    publisher.retain(ANNOUNCEMENT, "a" * 30_000)
    assert publisher.flush(30) == 0
    assert publisher.fields()["connections"] == 2
    until(lambda: [len(payload) for payload in subscriber.payloads("/config")] == [30_000], "the message")


@pytest.mark.parametrize("version", ["3.1.1", "5"])
def test_two_boxes_of_one_name_are_told_so(mosquitto, start_publisher, until, version) -> None:
    lines: list[str] = []
    for _ in range(2):
        start_publisher(mosquitto.url, version=version, report=lines.append)
    until(lambda: any("does another box have the device_id 'box'?" in line for line in lines), "the line")


def test_who_is_thrown_out_by_another_is_told_so(mute_broker, start_publisher, until) -> None:
    mute_broker.farewell = b"\xe0\x01\x8e"  # DISCONNECT: session taken over
    publisher = start_publisher(mute_broker.url, version="5")
    until(lambda: publisher.fault, "the loss")
    assert "another client has connected as edgewatch-box" in str(publisher.fault)
    assert "give each box a device_id of its own" in str(publisher.fault)


@pytest.mark.parametrize("version", ["3.1.1", "5"])
def test_a_broker_that_keeps_nothing_is_said_to(start_mosquitto, start_publisher, until, version) -> None:
    mosquitto = start_mosquitto(lines=("retain_available false",))
    publisher = start_publisher(mosquitto.url, version=version)
    until(lambda: publisher.fault, "the refusal")
    assert "retain_available" in str(publisher.fault)


def test_events_come_before_all_that_is_long(mosquitto, outbox, start_publisher, until) -> None:
    subscriber = mosquitto.subscribe(filters=("#",))
    for number in range(20):
        outbox.add(replace(EVENT, id=f"{number:026}"))
    publisher = start_publisher(mosquitto.url, stats=lambda: {"uptime_s": 1})
    publisher.retain(ANNOUNCEMENT, "a" * 30_000)
    assert publisher.flush(30) == 0
    until(lambda: subscriber.payloads(ANNOUNCEMENT) and subscriber.payloads("box/stats"), "the rest")
    topics = [topic for topic, _, _ in subscriber.messages]
    assert max(i for i, topic in enumerate(topics) if topic == "edgewatch/box/events") < min(
        topics.index(ANNOUNCEMENT), topics.index("edgewatch/box/stats")
    )


def test_an_event_that_is_too_long_for_the_broker_is_said_to_be(start_mosquitto, start_publisher, until) -> None:
    mosquitto = start_mosquitto(lines=("max_packet_size 300",))
    publisher = start_publisher(mosquitto.url, version="5")
    publisher.publish(EVENT)
    until(lambda: publisher.fault, "the refusal")
    assert "takes packets of at most 300 bytes" in str(publisher.fault)


@pytest.mark.parametrize("refusal", [b"\x20\x02\x00\x01", b""])
def test_a_broker_of_the_older_version_is_spoken_to_in_it(mute_broker, start_publisher, until, refusal) -> None:
    mute_broker.refusal_of_5 = refusal
    publisher = start_publisher(mute_broker.url)
    publisher.publish(EVENT)
    until(lambda: EVENT.id.encode() in mute_broker.received, "the event")
    assert mute_broker.connections == 2
    with pytest.raises(VersionRefusedError):
        Connection(BrokerConfig(url=mute_broker.url, version="5"), None, "box")


@pytest.mark.parametrize("sign", ["hangs up", "silent", "refuses"])
def test_a_broker_that_spoke_the_newer_version_is_spoken_to_in_the_older_only_if_it_says_so(
    mute_broker, start_publisher, until, monkeypatch, sign
) -> None:
    """A busy broker is silent too, and in MQTT 3.1.1 an event that is denied would be acknowledged."""
    lines: list[str] = []
    start_publisher(mute_broker.url, acknowledge_timeout_s=0.2, report=lines.append)
    until(lambda: b"MQTT\x05" in mute_broker.received, "the first connection")
    monkeypatch.setattr(connection_module, "CONNECT_TIMEOUT_S", 0.2)
    mute_broker.is_silent_at_5 = sign == "silent"
    mute_broker.refusal_of_5 = {"hangs up": b"", "refuses": b"\x20\x02\x00\x01"}.get(sign)
    before = mute_broker.connections
    until(lambda: mute_broker.connections >= before + 3, "more connections")
    assert (b"MQTT\x04" in mute_broker.received) == (sign == "refuses")
    advice = 'it spoke MQTT 5 before: if it was replaced, set broker.version = "3.1.1", or start this program again'
    assert any(advice in line for line in lines) == (sign != "refuses")


def test_the_newer_version_is_spoken_where_the_broker_takes_it(mosquitto) -> None:
    connection = Connection(BrokerConfig(url=mosquitto.url), None, "box")
    connection.close()
    assert connection.version == "5"
