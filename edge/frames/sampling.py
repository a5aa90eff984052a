"""Which frames the frame model sees: the bundle's rate, and the frames to compare with. Training and serving share it.

Time is read from the frames, so a recording gives the same samples however fast it is read.
"""

from collections.abc import Iterable, Iterator

from edge.bundle import InputSpec
from edge.frames.preprocess import n_earlier, resize, shrink, streams
from edge.types import NS_PER_S, Frame, RawFrame, Sample

LARGE_BYTES = 1 << 20
"""Larger frames are shrunk at once, needed or not: a second of 4K frames would fill the box's memory."""


class _Kept:
    """A frame that a sample may need: shrunk and resized when it is asked for, each at most once."""

    def __init__(self, frame: Frame, spec: InputSpec) -> None:
        self.capture_ns = frame.capture_ns
        self._frame = frame
        self._spec = spec
        self._is_shrunk = False
        self._resized: Frame | None = None
        if frame.pixels.nbytes > LARGE_BYTES:
            self.shrunk()

    def shrunk(self) -> Frame:
        if not self._is_shrunk:
            frame = self._frame
            self._frame = Frame(shrink(frame.pixels, self._spec), frame.sequence, frame.capture_ns)
            self._is_shrunk = True
        return self._frame

    def resized(self) -> Frame:
        if self._resized is None:
            frame = self._frame
            self._resized = Frame(resize(frame.pixels, self._spec), frame.sequence, frame.capture_ns)
        return self._resized


class Sampler:
    """Samples frames at the spec's rate: at each tick the newest frame, and those nearest to one, two ... intervals
    before it, as many as the streams look at.

    Ticks lie on a fixed grid that begins where there are frames to compare with: one interval after the first frame,
    two for `acceleration`, three for `trail`. A source slower than the rate yields each of its frames once: ticks that
    no frame reached are counted, never filled by a repetition.

    It is shown every frame, in order, and asks those that a sample may need for their pixels. It expects the next frame
    as long after this one as this one is after the last.
    """

    def __init__(self, spec: InputSpec) -> None:
        self.missed_ticks = 0
        self._spec = spec
        self._n_earlier = n_earlier(spec)
        self._period_ns = round(NS_PER_S / spec.rate_hz)
        self._interval_ns = round(spec.motion_interval_s * NS_PER_S)
        self._kept: list[_Kept] = []  # in order of time
        self._last_ns = 0
        self._tick_ns: int | None = None

    def push(self, raw: RawFrame) -> Sample | None:
        """Look at the next frame; return the sample that it completes, if any."""
        frame = raw.decoded() if self._wants(raw.capture_ns) else None
        return None if frame is None else self._keep(frame)

    @property
    def newest(self) -> Frame:
        """The newest frame that was decoded, shrunk."""
        return self._kept[-1].shrunk()

    def _wants(self, capture_ns: int) -> bool:
        """Say whether a sample may need the frame of this time; asked once for every frame, in order."""
        if self._tick_ns is None:
            self._tick_ns = capture_ns + self._n_earlier * self._interval_ns
            self._last_ns = capture_ns
            return True
        gap_ns = capture_ns - self._last_ns
        self._last_ns = capture_ns
        return capture_ns >= self._tick_ns or not self._kept or self._may_compare(capture_ns, gap_ns, self._tick_ns)

    def _may_compare(self, capture_ns: int, gap_ns: int, tick_ns: int) -> bool:
        """Say whether this frame, of before the tick, is perhaps one to compare with, at this tick or a later one."""
        kept_ns = self._kept[-1].capture_ns
        while tick_ns - self._n_earlier * self._interval_ns < capture_ns + gap_ns:
            for k in range(1, self._n_earlier + 1):
                # The frame of the tick comes within a gap of it, so that which is compared with lies nearest to a point
                # between these two: not if the next frame comes before them, or one that is kept lies nearer.
                earliest_ns = tick_ns - k * self._interval_ns
                latest_ns = earliest_ns + gap_ns
                if earliest_ns < capture_ns + gap_ns and capture_ns - latest_ns < latest_ns - kept_ns:
                    return True
            tick_ns += self._period_ns
        return False

    def _keep(self, frame: Frame) -> Sample | None:
        self._kept.append(_Kept(frame, self._spec))
        oldest_ns = frame.capture_ns - self._n_earlier * self._interval_ns
        while len(self._kept) > 2 and self._kept[1].capture_ns <= oldest_ns:
            self._kept.pop(0)
        is_alone = len(self._kept) == 1 and self._n_earlier > 0
        if is_alone or self._tick_ns is None or frame.capture_ns < self._tick_ns:
            return None
        missed = (frame.capture_ns - self._tick_ns) // self._period_ns
        self.missed_ticks += missed
        self._tick_ns += self._period_ns * (1 + missed)
        compared = list(self._compared())
        return Sample(frame.capture_ns, lambda: streams([kept.resized() for kept in compared], self._spec))

    def _compared(self) -> Iterator[_Kept]:
        """Yield the newest frame and those nearest to one, two ... intervals before it."""
        *earlier, newest = self._kept
        yield newest
        for k in range(1, self._n_earlier + 1):
            target_ns = newest.capture_ns - k * self._interval_ns
            yield min(earlier, key=lambda kept: abs(target_ns - kept.capture_ns))


def samples(frames: Iterable[RawFrame], spec: InputSpec) -> Iterator[Sample]:
    """Sample a source's frames at the spec's rate, as `Sampler` says."""
    sampler = Sampler(spec)
    for frame in frames:
        if (sample := sampler.push(frame)) is not None:
            yield sample
