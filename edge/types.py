"""The types that flow through the box. Order is always (height, width); times are monotonic nanoseconds of the data."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

NS_PER_S = 1_000_000_000

Pixels = NDArray[np.uint8]
"""uint8 (height, width, 3), RGB, read-only."""

Vector = NDArray[np.float32]
"""float32 (n,)."""

Transition = Literal["started", "updated", "ended"]


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture as it came from a source."""

    pixels: Pixels  # (height, width, 3) RGB, read-only
    sequence: int
    capture_ns: int
    """Capture time. Files: position in the video, from 0. Live cameras: the monotonic clock."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What the frame model sees at one step of the bundle's rate."""

    streams: NDArray[np.uint8]  # (n_streams, height, width, 3)
    capture_ns: int


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
    """Why the watching ended, where it was not the score: `restart`, `lost`, `end of file`, `stopped`, ..."""
    model_name: str
    model_sha256: str
    position_s: float | None
    """Where in the video the transition lies; None for live cameras."""
    test: bool = False
    """Whether somebody tries the alarm: nothing was seen."""
