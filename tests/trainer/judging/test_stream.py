"""A recording with another before it, whose last picture stays."""

from pathlib import Path

import numpy as np
import pytest

from edge.types import NS_PER_S, RawFrame
from trainer.clips.manifest import Clip as Manifest
from trainer.clips.manifest import Segment
from trainer.judging.scoring import preceding
from trainer.judging.stream import Stream


class Clip:
    """Two seconds, ten pictures a second; the last one cannot be decoded."""

    name, live, skipped_frames = "clip", False, 3

    def frames(self):
        for number in range(20):
            pixels = np.full((4, 6, 3), number, np.uint8)
            yield RawFrame(number, number * NS_PER_S // 10, lambda kept=None if number == 19 else pixels: kept)

    def close(self) -> None:
        pass


def test_the_last_picture_that_can_be_decoded_stays_at_the_clips_pace():
    found = list(Stream(Clip(), 1.0).frames())
    assert [frame.sequence for frame in found[:20]] == list(range(20))
    held = found[20:]
    assert [frame.capture_ns / NS_PER_S for frame in held] == pytest.approx([1.8 + 0.1 * k for k in range(1, 11)])
    assert all(pixels is not None and (pixels == 18).all() for pixels in (frame.pixels() for frame in held))


def test_nothing_is_held_for_no_time():
    assert len(list(Stream(Clip(), 0.0).frames())) == 20
    assert Stream(Clip(), 0.0).skipped_frames == 3


def test_another_recording_comes_before_at_the_same_size_and_pace():
    class Wide(Clip):
        def frames(self):
            for number in range(5):
                yield RawFrame.of(np.full((8, 6, 3), 200, np.uint8), number, number * NS_PER_S // 5)
            yield RawFrame.of(np.full((8, 6, 3), 200, np.uint8), 5, 11 * NS_PER_S)

    stream = Stream(Clip(), 1.0, before=Wide())
    found = []
    for number, frame in enumerate(stream.frames()):
        assert (frame.capture_ns < stream.begin_ns) == (number < 5)
        found.append(frame)
    assert stream.begin_ns == NS_PER_S, "the fifth picture of five a second stays as long as the others"
    times_s = [frame.capture_ns / NS_PER_S for frame in found]
    assert times_s == pytest.approx(
        [0.2 * k for k in range(5)] + [1 + 0.1 * k for k in range(20)] + [2.8 + 0.1 * k for k in range(1, 11)]
    )
    before = [frame.pixels() for frame in found[:5]]
    assert all(pixels is not None and pixels.shape == (4, 6, 3) and (pixels == 200).all() for pixels in before)


def test_what_is_watched_before_is_of_another_group_and_has_no_event():
    def clip(name, group, label):
        return Manifest(Path(name), group, frozenset({"violence"}), (Segment(label),), name, "set")

    clips = [clip("a", "1", "violence"), clip("b", "1", "normal"), clip("c", "2", "normal"), clip("d", "2", "violence")]
    found = preceding(clips)
    assert found == {Path("a"): Path("c"), Path("b"): Path("c"), Path("c"): Path("b"), Path("d"): Path("b")}
    assert preceding(clips[:2]) == {}
