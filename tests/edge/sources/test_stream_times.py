"""Capture times of a stream whose pictures arrive late and in bursts."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.sources.stream_times import StreamTimes
from edge.types import NS_PER_S

MS = 1_000_000
PERIOD_MS = 66


def arrivals(delays_ms: list[int], *, drift: float = 1.0) -> list[tuple[int, int, int]]:
    """(stamp, arrival, when it was really taken) of pictures; a picture never arrives before the one before."""
    found = []
    last_ns = 0
    for number, delay_ms in enumerate(delays_ms):
        taken_ns = 5 * NS_PER_S + number * PERIOD_MS * MS
        last_ns = max(last_ns, taken_ns + delay_ms * MS)
        found.append((round(number * PERIOD_MS * MS * drift), last_ns, taken_ns))
    return found


@given(st.lists(st.integers(0, 400), min_size=2, max_size=60))
def test_never_after_the_arrival_and_never_far_before_the_taking(delays_ms):
    times = StreamTimes()
    for stamp_ns, arrival_ns, taken_ns in arrivals(delays_ms):
        assert taken_ns <= times.of(stamp_ns, arrival_ns) <= arrival_ns


def test_bursts_are_spread_to_what_the_camera_says():
    times = StreamTimes()
    delays_ms = [10, *[10, 300, 234, 168] * 10]  # four pictures arrive at once, again and again
    found = [times.of(stamp_ns, arrival_ns) for stamp_ns, arrival_ns, _ in arrivals(delays_ms)]
    assert {after - before for before, after in itertools.pairwise(found)} == {PERIOD_MS * MS}


def test_a_camera_whose_clock_goes_slower_is_followed():
    times = StreamTimes()
    for stamp_ns, arrival_ns, taken_ns in arrivals([10] * 30_000, drift=0.9999):  # half an hour, 200 ms slower
        found_ns = times.of(stamp_ns, arrival_ns)
        assert abs(found_ns - taken_ns) < 20 * MS


def test_stamps_that_jump_or_stand_still_begin_anew():
    times = StreamTimes()
    assert times.of(0, 5 * NS_PER_S) == 5 * NS_PER_S
    assert times.of(3600 * NS_PER_S, 6 * NS_PER_S) == 6 * NS_PER_S - 0  # soonest of all: believed
    assert times.of(3600 * NS_PER_S, 7 * NS_PER_S) == 7 * NS_PER_S
    assert times.of(100, 8 * NS_PER_S) == 8 * NS_PER_S
    assert times.of(200, 20 * NS_PER_S) == 20 * NS_PER_S


def test_stamps_that_are_no_times_are_not_believed():
    times = StreamTimes()
    arrivals_ns = [5 * NS_PER_S + number * PERIOD_MS * MS for number in range(60)]
    found_ns = [times.of(number * 11_000, arrival_ns) for number, arrival_ns in enumerate(arrivals_ns)]
    assert found_ns[30:] == arrivals_ns[30:]


@pytest.mark.parametrize("drift", [0.6, 0.8, 1.4])
def test_stamps_that_go_slower_or_faster_than_the_time_are_not_believed(drift):
    times = StreamTimes()
    for number, (stamp_ns, arrival_ns, _) in enumerate(arrivals([10, 60, 30] * 1000, drift=drift)):
        found_ns = times.of(stamp_ns, arrival_ns)
        assert arrival_ns - found_ns < 2 * NS_PER_S
        if number * PERIOD_MS > 6000:
            assert found_ns == arrival_ns, f"{number * PERIOD_MS} ms"
    assert times.n_given_up == 1


def test_one_stall_of_the_network_makes_nobody_distrust_the_stamps():
    times, stalled = StreamTimes(), [10] * 150 + [max(10, 1500 - PERIOD_MS * n) for n in range(25)] + [10] * 150
    for stamp_ns, arrival_ns, taken_ns in arrivals(stalled):
        assert taken_ns <= times.of(stamp_ns, arrival_ns) <= taken_ns + 20 * MS


def test_stamps_that_go_right_again_are_believed_again():
    times = StreamTimes()
    slow = arrivals([10] * 200, drift=0.6)
    for stamp_ns, arrival_ns, _ in slow:
        times.of(stamp_ns, arrival_ns)
    last_stamp_ns, last_ns, _ = slow[-1]
    delays_ms = [10, 300, 234, 168] * 300  # bursts
    found = []
    for number, delay_ms in enumerate(delays_ms, start=1):
        taken_ns = number * PERIOD_MS * MS
        found.append(times.of(last_stamp_ns + taken_ns, last_ns + taken_ns + delay_ms * MS))
    assert {after - before for before, after in itertools.pairwise(found[-100:])} == {PERIOD_MS * MS}
