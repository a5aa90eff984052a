from datetime import UTC, datetime, timedelta, timezone

from edge.events.clock import live_clock, recording_clock, rfc3339

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_a_recording_begins_when_it_is_said_to():
    assert recording_clock(NOON)(1_500_000_000) == NOON + timedelta(seconds=1.5)


def test_a_camera_counts_back_from_now():
    assert live_clock(lambda: NOON, lambda: 10_000_000_000)(7_000_000_000) == NOON - timedelta(seconds=3)


def test_a_clock_that_is_set_moves_what_comes_after():
    moments = iter([NOON, NOON + timedelta(days=1)])
    clock = live_clock(lambda: next(moments), lambda: 5)
    assert clock(5) == NOON
    assert clock(5) == NOON + timedelta(days=1)


def test_is_written_in_utc_with_milliseconds():
    assert (
        rfc3339(datetime(2026, 3, 1, 13, 0, 0, 123_999, tzinfo=timezone(timedelta(hours=1))))
        == "2026-03-01T12:00:00.123Z"
    )
