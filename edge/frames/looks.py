"""Which frames the people network looks at, and how it sees them: whole, their shape kept, at its own rate."""

from edge.bundle import InputSpec
from edge.frames.letterbox import Letterbox, fit, letterbox
from edge.types import NS_PER_S, Pixels, RawFrame


class Look:
    """What the people network sees of one frame."""

    __slots__ = ("_picture", "_source", "aspect", "capture_ns", "place")

    def __init__(self, source: Pixels, place: Letterbox, capture_ns: int) -> None:
        """Prepare.

        Args:
            source: uint8 (height, width, 3) RGB, the whole frame.
            place: where it lies in the picture that is made of it.
            capture_ns: of the frame.
        """
        self.capture_ns = capture_ns
        self.place = place
        self.aspect = source.shape[1] / source.shape[0]
        """Width of the frame over its height."""
        self._source: Pixels | None = source
        self._picture: Pixels | None = None

    @classmethod
    def of(cls, picture: Pixels, place: Letterbox, capture_ns: int) -> "Look":
        """A look whose picture is at hand."""
        look = cls(picture, place, capture_ns)
        look.aspect = place.inner_width_px / place.inner_height_px  # as near as whole pixels come
        look._picture, look._source = picture, None
        return look

    @property
    def picture(self) -> Pixels:
        """uint8 (height, width, 3) of the network's size; made once, when somebody asks."""
        if (source := self._source) is not None:
            self._picture = letterbox(source, self.place)
            self._source = None
        assert self._picture is not None
        return self._picture


class LookSampler:
    """Takes frames at the rate of the people network, on a grid that begins with the first one. A source that is slower
    gives each of its frames."""

    def __init__(self, spec: InputSpec) -> None:
        self.missed_ticks = 0
        self._spec = spec
        self._period_ns = round(NS_PER_S / spec.rate_hz)
        self._tick_ns: int | None = None

    def push(self, raw: RawFrame) -> Look | None:
        """Look at the next frame; return it where its time has come, and it can be decoded."""
        if self._tick_ns is None:
            self._tick_ns = raw.capture_ns
        if raw.capture_ns < self._tick_ns or (pixels := raw.pixels()) is None:
            return None
        missed = (raw.capture_ns - self._tick_ns) // self._period_ns
        self.missed_ticks += missed
        self._tick_ns += self._period_ns * (1 + missed)
        return Look(pixels, fit(pixels, self._spec.height_px, self._spec.width_px), raw.capture_ns)
