"""The types that flow through the box. Order is always (height, width); times are monotonic nanoseconds of the data."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

NS_PER_S = 1_000_000_000

Pixels = NDArray[np.uint8]
"""uint8 (height, width, 3), RGB, read-only."""

Vector = NDArray[np.float32]
"""float32 (n,)."""

Box = tuple[float, float, float, float]
"""y0, x0, y1, x1, relative to the whole picture."""

Transition = Literal["started", "updated", "ended"]


class RawFrame:
    """A frame as its source has it: when it was taken, and its pixels for who asks."""

    __slots__ = ("_decode", "_pixels", "capture_ns", "is_repeat", "is_retimed", "sequence")

    def __init__(
        self,
        sequence: int,
        capture_ns: int,
        decode: "Callable[[], Pixels | None]",
        *,
        is_repeat: bool = False,
        is_retimed: bool = False,
    ) -> None:
        """Prepare.

        Args:
            sequence: number of the frame in its source.
            capture_ns: as `Frame` has it.
            decode: makes the pixels; None where they cannot be decoded.
            is_repeat: whether the source sent the very bytes, or the stamp, of the frame before once more. A live
                encoder never does, however little moves.
            is_retimed: whether the source has begun to tell times by another clock: what lies between this one and the
                frame before is no gap in the pictures.
        """
        self.sequence = sequence
        self.capture_ns = capture_ns
        self.is_repeat = is_repeat
        self.is_retimed = is_retimed
        self._decode: Callable[[], Pixels | None] | None = decode
        self._pixels: Pixels | None = None

    def over(self, decode: "Callable[[], Pixels | None]") -> "RawFrame":
        """The same frame with other pixels."""
        return RawFrame(self.sequence, self.capture_ns, decode, is_repeat=self.is_repeat, is_retimed=self.is_retimed)

    @classmethod
    def of(cls, pixels: Pixels, sequence: int, capture_ns: int) -> "RawFrame":
        """A frame whose pixels are at hand."""
        return cls(sequence, capture_ns, lambda: pixels)

    def pixels(self) -> "Pixels | None":
        """uint8 (height, width, 3) RGB, read-only; None where they cannot be decoded.

        Worked out once. To be asked before the source is asked for its next frame.
        """
        if self._decode is not None:
            self._pixels, self._decode = self._decode(), None
        return self._pixels

    def decoded(self) -> "Frame | None":
        """The frame with its pixels, or None."""
        pixels = self.pixels()
        return None if pixels is None else Frame(pixels, self.sequence, self.capture_ns)


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture as it came from a source."""

    pixels: Pixels  # (height, width, 3) RGB, read-only
    sequence: int
    capture_ns: int
    """Capture time. Files: position in the video, from 0. Live cameras: the monotonic clock."""


class Sample:
    """What the scene network sees at one step of its rate."""

    __slots__ = ("_make", "_streams", "capture_ns")

    def __init__(self, capture_ns: int, make: "Callable[[], NDArray[np.uint8]]") -> None:
        """Prepare.

        Args:
            capture_ns: of the newest of its frames.
            make: makes the streams.
        """
        self.capture_ns = capture_ns
        self._make: Callable[[], NDArray[np.uint8]] | None = make
        self._streams: NDArray[np.uint8] | None = None

    @classmethod
    def of(cls, streams: NDArray[np.uint8], capture_ns: int) -> "Sample":
        """A sample whose streams are at hand."""
        return cls(capture_ns, lambda: streams)

    @property
    def streams(self) -> NDArray[np.uint8]:
        """uint8 (n_streams, height, width, 3); made once, when somebody asks."""
        if (make := self._make) is not None:  # two threads may both make them, and make the same
            self._streams = make()
            self._make = None
        assert self._streams is not None
        return self._streams


@dataclass(frozen=True, slots=True)
class Person:
    """A body as the pose network sees it; its places are relative to the whole picture, 0, 0 being the upper left."""

    box: NDArray[np.float32]  # (4,): y0, x0, y1, x1
    keypoints: NDArray[np.float32]  # (17, 3): y, x, score, in COCO's order; may lie outside the picture
    score: float


@dataclass(frozen=True, slots=True)
class Track:
    """A body over time. Lengths are in heights of the picture, also along x: its aspect ratio is undone."""

    id: int
    """Counts up within a camera, and is never given again."""
    slot: int
    """Row of the camera's arrays (6, n_state) that is its own, 0 to 5; to be zeroed when the track begins."""
    person: Person
    """As it was last seen."""
    first_ns: int
    last_ns: int
    elapsed_s: float
    """Between the last two times that it was seen; 0 at first."""
    unseen_s: float
    """How long it was looked for in vain since; pauses, in which nobody looks, do not count."""
    height: float
    """Of the body as it stands, whatever it does now."""
    moved: float
    """How far it has ever been from where it was first seen, over its height."""
    top: float
    """Where the middle of its torso was highest lately, y."""
    floor: float
    """Where the lower side of its box was when it stood, y."""
    origin: NDArray[np.float32]  # (2,): y, x of the middle of its torso, when it was first seen
    velocities: NDArray[np.float32]  # (13, 2): y, x per second, of the points of `edge.people.body`
    posture: NDArray[np.float32]  # (3,): confidence of each of `edge.people.posture.POSTURES`


@dataclass(frozen=True, slots=True)
class Body:
    """A track with what the person head says of it, when it was last seen."""

    track: Track
    falling: float
    """Probability that it goes down without wanting to, or has come to rest within the last second of doing so."""
    lying: float
    """Probability that it lies otherwise: longer, or because it lay down."""


@dataclass(frozen=True, slots=True)
class Inference:
    """The frame model's answer to one sample."""

    features: Vector  # (n_streams * n_features,), streams concatenated in the bundle's order
    probabilities: Vector  # (n_labels,), mean over the streams
    capture_ns: int
    duration_ns: int


@dataclass(frozen=True, slots=True)
class Scores:
    """What an aggregator makes of the inferences of a window."""

    probabilities: Vector  # (n_labels,)
    start_ns: int
    end_ns: int


@dataclass(frozen=True, slots=True)
class Event:
    """One transition of one label's alert. The id stays the same from started to ended."""

    id: str  # ULID: sortable by time of start, unique
    camera: str
    label: str
    type: Transition
    score: float
    peak_score: float
    started_at: str  # RFC 3339, UTC
    ended_at: str | None
    duration_s: float
    reason: str | None
    """Why, where it was not the score: the watching ended (`restart`, `lost`, `end of file`, `stopped`, ...), or what
    `edge.events.falls` says of falls (`got_up`, `left`, `found_down`, `another`, ...)."""
    model_name: str
    model_sha256: str
    position_s: float | None
    """Where in the video the transition lies; None for live cameras."""
    test: bool = False
    """Whether somebody tries the alarm: nothing was seen."""
    region: Box | None = None
    """Where it happens; None where nobody can say."""
    people: int | None = None
    """How many are in the picture; None where nobody counts."""
