from edge.mqtt.allowance import EVENTS_AT_ONCE, EVENTS_PER_S, Allowance


def heard(allowance: Allowance, sender: str, rate_hz: float, seconds: int) -> list[int]:
    """How many events of a steady sender are listened to, second by second."""
    return [
        sum(allowance.takes(sender, second + number / rate_hz) for number in range(round(rate_hz)))
        for second in range(seconds)
    ]


def test_who_sends_too_much_is_heard_at_the_rate_that_is_allowed() -> None:
    counts = heard(Allowance(), "ward-1", 2 * EVENTS_PER_S, 60)
    assert sum(counts[:20]) >= EVENTS_AT_ONCE
    assert all(abs(count - EVENTS_PER_S) <= 1 for count in counts[30:])


def test_a_flood_of_one_is_no_other_senders_loss() -> None:
    allowance = Allowance()
    heard(allowance, "flood", 10 * EVENTS_PER_S, 10)
    assert all(count == EVENTS_PER_S for count in heard(allowance, "ward-1", EVENTS_PER_S, 10))
