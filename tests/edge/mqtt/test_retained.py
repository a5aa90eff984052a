"""What the broker keeps of a box, and when it is told again."""

from edge.mqtt.retained import Retained


def repeated(retained: Retained, now_s: float) -> list[tuple[str, str]]:
    retained.queue_repeats(now_s)
    found = []
    while (change := retained.next()) is not None:
        found.append(change)
    return found


def test_a_flood_of_requests_is_answered_once_in_a_while_and_the_last_is_not_forgotten() -> None:
    retained = Retained(10.0)
    retained.put("config", "a")
    retained.connected()
    assert repeated(retained, 0.0) == [("config", "a")]
    for _ in range(300):
        retained.repeat("config")
    assert repeated(retained, 1.0) == [("config", "a")]
    for _ in range(300):
        retained.repeat("config")
    assert repeated(retained, 10.9) == []
    assert repeated(retained, 11.0) == [("config", "a")]
    assert repeated(retained, 99.0) == []


def test_a_connection_begins_with_everything_and_repeats_nothing() -> None:
    retained = Retained(10.0)
    retained.put("config", "a")
    retained.repeat("config")
    retained.connected()
    assert repeated(retained, 0.0) == [("config", "a")]
