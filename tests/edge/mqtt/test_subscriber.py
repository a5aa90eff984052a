"""The subscriber against a real mosquitto: nothing is acknowledged that was not taken, and no message blocks others."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from paho.mqtt.publish import single

from edge.config import BrokerConfig
from edge.mqtt import subscriber as module
from edge.mqtt.connection import Message
from edge.mqtt.subscriber import Subscriber, Subscription

EVENTS = "edgewatch/box/events"


@pytest.fixture
def listen(mosquitto) -> Iterator[Callable[..., Subscriber]]:
    """Listen to events with a session until the test ends; news of the connection go to `connected`."""
    running: list[Subscriber] = []

    def start(receive: Callable[[Message], None], version: str = "3.1.1", **settings: Any) -> Subscriber:
        broker = BrokerConfig(url=mosquitto.url, version=version)  # type: ignore[arg-type]
        report = settings.pop("report", lambda _: None)
        subscription = Subscription("test", (EVENTS,), ("edgewatch/+/stats",), **settings)
        news: list[str | None] = []
        subscriber = Subscriber(broker, None, subscription, receive=receive, connected=news.append, report=report)
        running.append(subscriber)
        subscriber.start()
        return subscriber

    yield start
    for subscriber in running:
        subscriber.close()


@pytest.mark.parametrize("version", ["3.1.1", "5"])
def test_what_was_not_taken_comes_again(mosquitto, listen, until, version) -> None:
    def refuse(_message: Message) -> None:
        raise OSError("the disk is full")

    first = listen(refuse, version)
    until(lambda: first.send("edgewatch/box/hall/enabled/set", "ON"), "the connection")
    single(EVENTS, "important", qos=1, port=mosquitto.port)

    def has_failed() -> bool:
        try:
            first.check()
        except OSError:
            return True
        return False

    until(has_failed, "the failure")
    first.close()
    single(EVENTS, "later", qos=1, port=mosquitto.port)
    taken: list[bytes] = []
    listen(lambda message: taken.append(message.payload), version)
    until(lambda: len(taken) == 2, "both messages")
    assert taken == [b"important", b"later"]


def test_a_message_too_long_does_not_block_those_after_it(mosquitto, listen, until) -> None:
    taken: list[bytes] = []
    subscriber = listen(lambda message: taken.append(message.payload), max_message_bytes=10_000)
    until(lambda: subscriber.send("edgewatch/box/hall/enabled/set", "ON"), "the connection")
    single(EVENTS, bytes(20_000), qos=1, port=mosquitto.port)

    def arrives() -> bool:
        single(EVENTS, "after it", qos=1, port=mosquitto.port)
        return bool(taken)

    until(arrives, "a message after it")


def test_a_message_too_long_that_the_broker_keeps_costs_no_session_and_no_event(mosquitto, listen, until) -> None:
    taken: list[bytes] = []
    lines: list[str] = []

    def take(message: Message) -> None:
        taken.append(message.payload)

    settings = {"max_message_bytes": 10_000, "report": lines.append}
    subscriber = listen(take, **settings)
    until(lambda: subscriber.send("edgewatch/box/hall/enabled/set", "ON"), "the connection")
    subscriber.close()
    single(EVENTS, "before", qos=1, port=mosquitto.port)
    single(EVENTS, bytes(20_000), qos=1, port=mosquitto.port)
    single(EVENTS, "after", qos=1, port=mosquitto.port)
    single("edgewatch/box/stats", bytes(17_000_000), qos=1, retain=True, port=mosquitto.port)
    subscriber = listen(take, **settings)
    until(lambda: len(taken) == 2, "what was kept")
    for number in range(20):
        single(EVENTS, str(number), qos=1, port=mosquitto.port)
    until(lambda: len(taken) == 22, "what came later")
    assert taken == [b"before", b"after", *(str(number).encode() for number in range(20))]
    assert [line.split(": ")[-1].partition(" to ")[0] for line in lines].count("connected") == 2
    assert sum("too long" in line for line in lines) == 1


def test_a_lookup_of_a_name_that_does_not_end_is_left_behind(hanging_lookup, monkeypatch) -> None:
    looks, may_end = hanging_lookup
    monkeypatch.setattr(module, "STOP_TIMEOUT_S", 0.1)
    subscriber = Subscriber(
        BrokerConfig(url="mqtt://broker.example"),
        None,
        Subscription("test", (EVENTS,)),
        receive=lambda _: None,
        connected=lambda _: None,
        report=lambda _: None,
    )
    subscriber.start()
    assert looks.wait(60)
    subscriber.close()
    assert subscriber._thread.is_alive()
    may_end.set()
    subscriber._thread.join(60)
    subscriber._bell.close()
