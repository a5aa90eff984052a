"""A recording whose last picture stays for a while: clips of falls often end as soon as the body is down."""

from collections.abc import Iterator

from edge.sources import Source
from edge.types import NS_PER_S, RawFrame


class HeldSource:
    """A source, and its last picture again and again, at the pace of the last two."""

    def __init__(self, source: Source, hold_s: float) -> None:
        self.name = source.name
        self.live = source.live
        self._source = source
        self._hold_s = hold_s

    @property
    def skipped_frames(self) -> int:
        """Frames that could not be decoded and were passed over."""
        return self._source.skipped_frames

    def frames(self) -> Iterator[RawFrame]:
        """Yield the frames, and then the last one that can be decoded."""
        shown, sequence, last_ns, gap_ns = None, 0, 0, 0
        for frame in self._source.frames():
            if (pixels := frame.pixels()) is not None:
                shown, sequence, gap_ns, last_ns = pixels, frame.sequence, frame.capture_ns - last_ns, frame.capture_ns
            yield frame
        if shown is not None and gap_ns:
            for number in range(1, 1 + round(self._hold_s * NS_PER_S / gap_ns)):
                yield RawFrame.of(shown, sequence + number, last_ns + number * gap_ns)

    def close(self) -> None:
        """End `frames` at the next frame."""
        self._source.close()
