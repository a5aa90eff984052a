"""What is learned of a broker that hangs up on what is too long, and what is no sign of that."""

from typing import cast

import pytest

from edge.mqtt.connection import Connection
from edge.mqtt.outbox import Waiting
from edge.mqtt.sizes import LongMessage, SizeLimit
from edge.mqtt.traffic import Traffic

STATS, ANNOUNCEMENT = "edgewatch/box/stats", "homeassistant/device/box/config"


class SilentBroker:
    """Says nothing of what it takes, as brokers of MQTT 3.1.1."""

    max_packet_bytes = None

    def takes(self, _topic: str, _n_bytes: int) -> bool:
        return True


@pytest.fixture
def event() -> Waiting:
    return Waiting(1, 0.0, {"id": "01", "type": "started"})


@pytest.fixture
def lines() -> list[str]:
    return []


@pytest.fixture
def limit(lines) -> SizeLimit:
    return SizeLimit(lines.append)


def takes(limit, topic=STATS, n_bytes=3000) -> bool:
    return limit.takes(cast(Connection, SilentBroker()), topic, n_bytes)


def test_what_it_hung_up_on_twice_in_a_row_is_left_out_and_said_once(limit, lines) -> None:
    limit.hang_up(LongMessage(STATS, 3000))
    assert takes(limit)
    limit.hang_up(LongMessage(STATS, 3000))
    assert not takes(limit)
    assert not takes(limit)
    assert takes(limit, n_bytes=2000)
    assert len(lines) == 1


def test_hanging_up_at_different_messages_says_nothing(limit) -> None:
    for topic in (STATS, ANNOUNCEMENT, STATS):
        limit.hang_up(LongMessage(topic, 3000))
    limit.hang_up(None)
    limit.hang_up(LongMessage(STATS, 3000))
    assert takes(limit)


def test_what_has_arrived_in_between_is_not_too_long(limit) -> None:
    for _ in range(3):
        limit.hang_up(LongMessage(STATS, 3000))
        limit.deliver(LongMessage(STATS, 3000))
    assert takes(limit)


def test_a_longer_one_that_arrives_shows_that_it_was_something_else(limit) -> None:
    limit.hang_up(LongMessage(STATS, 3000))
    limit.hang_up(LongMessage(STATS, 3000))
    limit.deliver(LongMessage(ANNOUNCEMENT, 2000))
    assert not takes(limit)
    limit.deliver(LongMessage(ANNOUNCEMENT, 3000))
    assert takes(limit)


class Line:
    """A connection whose broker takes what it is told to."""

    def __init__(self) -> None:
        self.sent = 0
        self.taken: list[int] = []

    def publish(self, *_arguments: object, **_options: object) -> int:
        self.sent += 1
        return self.sent

    def is_ping_answered(self) -> bool:
        return True

    def refused(self) -> list[tuple[int, str]]:
        return []

    def acknowledged(self) -> list[int]:
        taken, self.taken = self.taken, []
        return taken


def test_an_event_is_never_blamed_however_long(event) -> None:
    traffic = Traffic(cast(Connection, Line()))
    traffic.send_event("edgewatch/box/events", "e" * 3000, event)
    assert traffic.long_message() is None


def test_what_has_arrived_is_told(event) -> None:
    line = Line()
    traffic = Traffic(cast(Connection, line))
    traffic.send_retained(ANNOUNCEMENT, "a" * 3000)
    traffic.send_event("edgewatch/box/events", "e" * 600, event)
    assert traffic.long_message() == LongMessage(ANNOUNCEMENT, 3000)
    line.taken = [1]
    traffic.take_acknowledged()
    assert traffic.long_message() is None
    assert traffic.delivered == LongMessage(ANNOUNCEMENT, 3000)
