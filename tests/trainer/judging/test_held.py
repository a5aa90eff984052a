"""A recording whose last picture stays."""

import numpy as np
import pytest

from edge.types import NS_PER_S, RawFrame
from trainer.judging.held import HeldSource


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
    found = list(HeldSource(Clip(), 1.0).frames())
    assert [frame.sequence for frame in found[:20]] == list(range(20))
    held = found[20:]
    assert [frame.capture_ns / NS_PER_S for frame in held] == pytest.approx([1.8 + 0.1 * k for k in range(1, 11)])
    assert all(pixels is not None and (pixels == 18).all() for pixels in (frame.pixels() for frame in held))


def test_nothing_is_held_for_no_time():
    assert len(list(HeldSource(Clip(), 0.0).frames())) == 20
    assert HeldSource(Clip(), 0.0).skipped_frames == 3
