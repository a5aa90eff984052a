"""A recording as a camera comes to it: something else was to be seen before, and its last picture stays for a while.

A clip that is watched alone begins with its event, and often ends in the midst of it: a score that remembers what was
before, or an alert that takes its time, is judged too well or too badly there. From one to the other the picture
jumps, which no fixed camera does: for a moment everything moves.
"""

from collections.abc import Iterator
from functools import partial
from itertools import chain
from typing import Final

from edge.frames.preprocess import resize_to
from edge.sources import Source
from edge.types import NS_PER_S, Pixels, RawFrame

BEFORE_S: Final = 10.0
"""So much of what comes before is watched: as long as anything remembers it."""


class Stream:
    """A source, another one before it, and its last picture again and again, at the pace of the last two."""

    def __init__(self, source: Source, hold_s: float = 0.0, before: Source | None = None) -> None:
        """Prepare.

        Args:
            source: what is watched.
            hold_s: so long its last picture stays.
            before: watched first, brought to the same size.
        """
        self.name = source.name
        self.live = source.live
        self.begin_ns = 0
        """When the source itself begins; known once it has begun."""
        self._source = source
        self._before = before
        self._hold_s = hold_s

    @property
    def skipped_frames(self) -> int:
        """Frames of the source that could not be decoded and were passed over."""
        return self._source.skipped_frames

    def frames(self) -> Iterator[RawFrame]:
        """Yield the frames of what comes before, those of the source, and then its last one that can be decoded."""
        own = self._source.frames()
        if (first := next(own, None)) is None:
            return
        if self._before is not None and (pixels := first.pixels()) is not None:
            yield from self._preceding(self._before, pixels)
        shown, sequence, last_ns, gap_ns = None, 0, 0, 0
        for frame in chain((first,), own):
            moved = RawFrame(frame.sequence, self.begin_ns + frame.capture_ns, frame.pixels, is_repeat=frame.is_repeat)
            if (pixels := moved.pixels()) is not None:
                shown, sequence, gap_ns, last_ns = pixels, moved.sequence, moved.capture_ns - last_ns, moved.capture_ns
            yield moved
        if shown is not None and gap_ns:
            for number in range(1, 1 + round(self._hold_s * NS_PER_S / gap_ns)):
                yield RawFrame.of(shown, sequence + number, last_ns + number * gap_ns)

    def _preceding(self, before: Source, like: Pixels) -> Iterator[RawFrame]:
        """The first frames of what comes before, as large as the source's; the source begins a pace after the last."""
        last_ns = 0
        for frame in before.frames():
            if frame.capture_ns > BEFORE_S * NS_PER_S:
                break
            gap_ns, last_ns = frame.capture_ns - last_ns, frame.capture_ns
            self.begin_ns = last_ns + max(gap_ns, 1)
            yield frame.over(partial(_resized, frame, *like.shape[:2]))

    def close(self) -> None:
        """End `frames` at the next frame."""
        self._source.close()
        if self._before is not None:
            self._before.close()


def _resized(frame: RawFrame, height_px: int, width_px: int) -> Pixels | None:
    pixels = frame.pixels()
    return None if pixels is None else resize_to(pixels, height_px, width_px)
