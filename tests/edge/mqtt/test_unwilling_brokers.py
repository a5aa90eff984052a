"""The publisher against brokers that do not do their part: alarms leave all the same, or it is said why not."""

from edge.types import Event

EVENT = Event(
    "01JCAFE0000000000000000000", "hall", "fall", "started", 0.9, 0.9, "2026-01-02T03:04:05.500Z", None, 1, None, "m",
    "0", None,
)  # fmt: skip


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
