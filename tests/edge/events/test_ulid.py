from datetime import UTC, datetime, timedelta

from edge.events.ulid import ALPHABET, new_ulid

MOMENT = datetime(2016, 7, 30, 23, 36, 16, 385_000, tzinfo=UTC)


def test_begins_with_the_milliseconds():
    # 1469921776385 ms in Crockford's base 32, worked out by dividing.
    milliseconds, digits = 1469921776385, ""
    while milliseconds:
        milliseconds, digit = divmod(milliseconds, 32)
        digits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"[digit] + digits
    assert new_ulid(MOMENT)[:10] == digits.rjust(10, "0")


def test_is_26_characters_that_sort_by_time_and_differ():
    found = [new_ulid(MOMENT + timedelta(milliseconds=i)) for i in range(100)]
    assert found == sorted(found)
    assert all(len(one) == 26 and set(one) <= set(ALPHABET) for one in found)
    assert len({new_ulid(MOMENT) for _ in range(1000)}) == 1000
