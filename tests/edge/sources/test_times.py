import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.sources.times import MAX_DISORDERED_FRAMES, FrameTimes


def of(stamps_ms, rate_hz=10.0, lost=()):
    times = FrameTimes(rate_hz)
    return [times.of(stamp, dict(lost).get(i, 0)) for i, stamp in enumerate(stamps_ms)]


def test_stamps_are_kept_from_the_first_frame_on():
    assert of([66.0, 100.0, 180.0, 220.0]) == pytest.approx([0, 0.034, 0.114, 0.154])


@pytest.mark.parametrize("stamps", [[0.0] * 4, [math.nan] * 4, [-1.0] * 4])
def test_without_stamps_frames_follow_by_the_rate(stamps):
    assert of(stamps) == pytest.approx([0, 0.1, 0.2, 0.3])


def test_a_single_bad_stamp_does_not_matter():
    assert of([0.0, 100.0, 0.0, 300.0, 400.0]) == pytest.approx([0, 0.1, 0.2, 0.3, 0.4])
    assert of([0.0, 100.0, 1e9, 300.0]) == pytest.approx([0, 0.1, 0.2, 0.3])


@pytest.mark.parametrize("rate_hz", [0.0, -1.0, math.nan, math.inf, 1e6, 2e-313])
def test_a_rate_that_is_none_is_taken_for_25(rate_hz):
    assert of([0.0, 0.0], rate_hz) == pytest.approx([0, 0.04])


def test_lost_frames_take_their_time():
    assert of([0.0, 0.0, 0.0], lost=[(2, 3)]) == pytest.approx([0, 0.1, 0.5])


def test_after_damage_frames_out_of_order_are_dropped():
    stamps = [0, 100, 900, 300, 1000, 400, 1100]
    assert of(stamps, lost=[(2, 5)]) == [0, 0.1, 0.9, None, 1.0, None, 1.1]


def test_a_time_line_that_jumps_back_for_good_goes_on_by_the_rate():
    stamps = [0, 100, 10_000, *range(100, 100 * (MAX_DISORDERED_FRAMES + 4), 100)]
    found = of(stamps, lost=[(2, 1)])
    assert found[3 : 3 + MAX_DISORDERED_FRAMES] == [None] * MAX_DISORDERED_FRAMES
    assert found[3 + MAX_DISORDERED_FRAMES] == pytest.approx(10.1)


@given(
    st.lists(st.tuples(st.floats(allow_nan=True, allow_infinity=True), st.integers(0, 5))), st.floats(allow_nan=True)
)
def test_times_always_increase(frames, rate_hz):
    times = FrameTimes(rate_hz)
    found = [time_s for stamp, lost in frames if (time_s := times.of(stamp, lost)) is not None]
    assert all(later > earlier for earlier, later in itertools.pairwise(found))
    assert all(math.isfinite(time_s) for time_s in found)
