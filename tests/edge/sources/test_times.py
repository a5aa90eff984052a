import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.sources.times import MAX_DISORDERED_FRAMES, FrameTimes


def of(stamps_s, rate_hz: float | None = 10.0, lost=()):
    times = FrameTimes(rate_hz)
    following = [*stamps_s[1:], None]
    return [times.of(stamp, dict(lost).get(i, 0), following[i]) for i, stamp in enumerate(stamps_s)]


def test_stamps_are_kept_from_the_first_frame_on():
    assert of([0.066, 0.1, 0.18, 0.22]) == pytest.approx([0, 0.034, 0.114, 0.154])


@pytest.mark.parametrize("stamps", [[0.0] * 4, [None] * 4, [-1.0] * 4])
def test_without_stamps_frames_follow_by_the_rate(stamps):
    assert of(stamps) == pytest.approx([0, 0.1, 0.2, 0.3])


def test_a_single_bad_stamp_does_not_matter():
    assert of([0.0, 0.1, 0.0, 0.3, 0.4]) == pytest.approx([0, 0.1, 0.2, 0.3, 0.4])
    assert of([0.0, 0.1, None, 0.3, 0.4]) == pytest.approx([0, 0.1, 0.2, 0.3, 0.4])
    assert of([0.0, 0.1, 1e6, 0.3]) == pytest.approx([0, 0.1, 0.2, 0.3])


@pytest.mark.parametrize("gap_s", [50.0, 120.0, 7200.0])
def test_a_gap_is_believed_where_what_follows_goes_on_behind_it(gap_s):
    stamps = [0.0, 0.1, gap_s, gap_s + 0.1]
    assert of(stamps) == pytest.approx(stamps)
    assert of(stamps[:3]) == pytest.approx(stamps[:3]), "nothing speaks against the last one"


def test_a_rate_that_nobody_says_is_taken_for_25():
    assert of([0.0, 0.0], None) == pytest.approx([0, 0.04])


def test_lost_frames_take_their_time():
    assert of([0.0, 0.0, 0.0], lost=[(2, 3)]) == pytest.approx([0, 0.1, 0.5])


def test_after_damage_frames_out_of_order_are_dropped():
    stamps = [0, 0.1, 0.9, 0.3, 1.0, 0.4, 1.1]
    assert of(stamps, lost=[(2, 5)]) == [0, 0.1, 0.9, None, 1.0, None, 1.1]


def test_a_time_line_that_jumps_back_for_good_goes_on_by_the_rate():
    stamps = [0, 0.1, 10.0, *(number / 10 for number in range(1, MAX_DISORDERED_FRAMES + 4))]
    found = of(stamps, lost=[(2, 1)])
    assert found[3 : 3 + MAX_DISORDERED_FRAMES] == [None] * MAX_DISORDERED_FRAMES
    assert found[3 + MAX_DISORDERED_FRAMES] == pytest.approx(10.1)


def test_a_recording_that_is_laid_behind_another_goes_on_by_its_own_stamps():
    stamps = [1000.0, 1000.1, 1000.2, 5.0, 5.3, 5.9]
    assert of(stamps) == pytest.approx([0, 0.1, 0.2, 0.3, 0.6, 1.2])


@given(
    st.lists(st.tuples(st.none() | st.floats(-1e9, 1e9), st.integers(0, 5), st.none() | st.floats(-1e9, 1e9))),
    st.none() | st.floats(1 / 60, 240),
)
def test_times_always_increase(frames, rate_hz):
    times = FrameTimes(rate_hz)
    found = [time_s for frame in frames if (time_s := times.of(*frame)) is not None]
    assert all(later > earlier for earlier, later in itertools.pairwise(found))
