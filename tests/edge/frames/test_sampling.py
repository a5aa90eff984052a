"""The reference is written out without any looking ahead: all frames are at hand, and the nearest is the nearest."""

from bisect import bisect_left
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.bundle import InputSpec
from edge.frames.sampling import Sampler, samples
from edge.types import NS_PER_S, RawFrame

SIZE_PX = 32


def picture(index: int) -> np.ndarray:
    """A picture that tells which frame it is."""
    return np.full((SIZE_PX, SIZE_PX, 3), index % 200, np.uint8)


def times_ns(rate_hz: float, seconds: float, begin_s: float = 0.0) -> list[int]:
    return [round((begin_s + i / rate_hz) * NS_PER_S) for i in range(round(rate_hz * seconds))]


def spec_of(stream: str = "rgb", rate_hz: float = 5.0, interval_s: float = 0.1) -> InputSpec:
    size = {"height_px": SIZE_PX, "width_px": SIZE_PX}
    fields = {"stream": stream, "rate_hz": rate_hz, "motion_interval_s": interval_s, "motion_gain": 0.5}
    return InputSpec.model_validate(size | fields)


def frames_at(times: list[int]) -> list[RawFrame]:
    return [RawFrame.of(picture(i), i, time_ns) for i, time_ns in enumerate(times)]


def sampled_ns(times: list[int], spec: InputSpec) -> list[int]:
    return [one.capture_ns for one in samples(frames_at(times), spec)]


class Recording:
    """A source in memory that notes which frames were converted."""

    name = "memory"
    live = False
    skipped_frames = 0

    def __init__(self, times: list[int]) -> None:
        self.times = times
        self.converted: list[int] = []

    def frames(self):
        for number, time_ns in enumerate(self.times):
            yield RawFrame(number, time_ns, partial(self._convert, number))

    def _convert(self, number: int) -> np.ndarray:
        self.converted.append(number)
        return picture(number)

    def close(self) -> None:
        """Nothing to release."""


@pytest.mark.parametrize("rate_hz", [10, 12.5, 15, 24, 25, 29.97, 30, 50, 60])
@pytest.mark.parametrize("stream", ["rgb", "motion", "motion+trail"])
def test_the_rate_is_in_seconds_whatever_the_source_s(rate_hz, stream):
    found = sampled_ns(times_ns(rate_hz, 20), spec_of(stream))
    assert len(found) == pytest.approx(20 * 5, abs=1)
    # On a grid: never a whole frame late, and never drifting.
    offsets_s = [(time_ns - found[0]) / NS_PER_S % 0.2 for time_ns in found]
    assert all(min(offset, 0.2 - offset) < 1 / rate_hz for offset in offsets_s)


def test_begins_where_there_is_a_frame_to_compare_with():
    times = times_ns(20, 1)
    assert sampled_ns(times, spec_of("rgb"))[0] == 0
    assert sampled_ns(times, spec_of("motion"))[0] == 100_000_000
    assert sampled_ns(times, spec_of("motion+trail"))[0] == 300_000_000


def test_a_slow_source_gives_each_frame_once_and_ticks_are_counted():
    times = times_ns(2, 10)
    sampler = Sampler(spec_of("rgb", rate_hz=10))
    found = [sampler.push(frame) for frame in frames_at(times)]
    assert [one.capture_ns for one in found if one] == times
    assert sampler.missed_ticks == 19 * 4


def test_a_gap_is_counted_and_not_filled():
    times = [*times_ns(20, 1), *times_ns(20, 1, begin_s=6.0)]
    sampler = Sampler(spec_of("rgb"))
    found = [sampler.push(frame) for frame in frames_at(times)]
    taken = [one.capture_ns / NS_PER_S for one in found if one]
    assert taken == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 6.0, 6.2, 6.4, 6.6, 6.8])
    assert sampler.missed_ticks == 25  # 1.0, 1.2 ... 5.8


def test_frames_that_no_sample_needs_are_not_converted():
    recording = Recording(times_ns(50, 4))
    assert len(list(samples(recording.frames(), spec_of("rgb")))) == 20
    assert len(recording.converted) == 20
    recording = Recording(times_ns(50, 4))
    assert len(list(samples(recording.frames(), spec_of("motion")))) == 20
    assert len(recording.converted) <= 3 * 20 + 2


def test_one_frame_has_a_picture_but_no_motion():
    assert len(sampled_ns([0], spec_of("rgb"))) == 1
    assert sampled_ns([0], spec_of("motion")) == []


def test_no_frame_gives_no_sample():
    assert sampled_ns([], spec_of("motion")) == []


def nearest(times: list[int], index: int, target_ns: int) -> int:
    return min(range(index), key=lambda i: abs(times[i] - target_ns))


@pytest.mark.parametrize("rate_hz", [10, 15, 20, 25, 30])
@pytest.mark.parametrize("sample_hz", [3.0, 5.0, 8.0])
def test_compares_with_the_frame_nearest_to_the_interval(rate_hz, sample_hz):
    times = times_ns(rate_hz, 5)
    spec = spec_of("motion", sample_hz)
    index_of = {time_ns: i for i, time_ns in enumerate(times)}
    for one in samples(frames_at(times), spec):
        i = index_of[one.capture_ns]
        j = nearest(times, i, one.capture_ns - 100_000_000)
        gap_s = (times[i] - times[j]) / NS_PER_S
        expected = 128 + 0.5 * (i - j) * 0.1 / gap_s
        assert one.streams[0, 0, 0, 0] == pytest.approx(expected, abs=0.51)


def test_looks_back_three_intervals_for_a_trail():
    found = list(samples(frames_at(times_ns(20, 4)), spec_of("trail", interval_s=0.2)))
    # Four frames lie in an interval, each one level brighter; the gain is 0.5.
    assert [one.streams[0, 0, 0].tolist() for one in found] == [[130, 130, 130]] * len(found)
    assert found[0].capture_ns == 600_000_000


GAPS = st.lists(st.integers(1_000_000, 400_000_000), min_size=1, max_size=150)


@given(GAPS, st.sampled_from(["rgb", "motion", "motion+trail"]), st.sampled_from([2.0, 5.0, 10.0]))
def test_any_times_give_ticks_in_order_and_nothing_twice(gaps, stream, rate_hz):
    times = np.cumsum(gaps).tolist()
    spec = spec_of(stream, rate_hz)
    found = sampled_ns(times, spec)
    assert found == sorted(set(found))
    assert set(found) <= set(times)
    period_ns = round(NS_PER_S / rate_hz)
    begin_ns = times[0] + {"rgb": 0, "motion": 1, "motion+trail": 3}[stream] * 100_000_000
    expected = []
    tick_ns = begin_ns
    while (i := bisect_left(times, tick_ns, lo=0 if stream == "rgb" else 1)) < len(times):
        expected.append(times[i])
        tick_ns += period_ns * (1 + (times[i] - tick_ns) // period_ns)
    assert found == expected


@given(GAPS, st.sampled_from(["rgb", "motion", "trail", "motion+trail"]))
def test_a_source_that_skips_gives_the_same_samples_as_one_that_decodes_all(gaps, stream):
    times = np.cumsum(gaps).tolist()
    spec = spec_of(stream)
    every = list(samples(frames_at(times), spec))
    some = list(samples(Recording(times).frames(), spec))
    assert [one.capture_ns for one in every] == [one.capture_ns for one in some]
    for one, other in zip(every, some, strict=True):
        np.testing.assert_array_equal(one.streams, other.streams)


def test_large_frames_are_not_kept_as_they_are():
    sampler = Sampler(spec_of("motion+trail"))
    for i, time_ns in enumerate(times_ns(30, 2)):
        sampler.push(RawFrame.of(np.zeros((1080, 1920, 3), np.uint8), i, time_ns))
        assert sum(kept._frame.pixels.nbytes for kept in sampler._kept) < 1_000_000
