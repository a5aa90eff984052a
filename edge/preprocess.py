"""From frames to what the frame model sees: rate, size, colour order and motion. Training and serving share it.

`sample` turns any stream of frames into samples at the bundle's rate; `streams` makes the model's input of one sample.
Both read time from the frames, so a clip gives the same samples however fast it is read.
"""

from collections import deque
from collections.abc import Iterable, Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.bundle import InputSpec
from edge.types import NS_PER_S, Frame, Pixels, Sample

MID_GREY = 128


def resize(pixels: Pixels, spec: InputSpec) -> Pixels:
    """Squash (height, width, 3) to the spec's size, without crop."""
    shrinks = pixels.shape[0] > spec.height_px and pixels.shape[1] > spec.width_px
    interpolation = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(pixels, (spec.width_px, spec.height_px), interpolation=interpolation), dtype=np.uint8)


def motion(newest: Frame, earlier: Frame, spec: InputSpec) -> Pixels:
    """What changed between two resized frames, as a picture around mid grey.

    `clip(128 + gain * (newest - earlier) * interval / gap, 0, 255)`: scaled by the time that really lies between the
    two, so that a camera without a frame `interval` ago shows the same speed with the same strength.
    """
    gap_s = (newest.capture_ns - earlier.capture_ns) / NS_PER_S
    if gap_s <= 0:
        return np.full_like(newest.pixels, MID_GREY)
    gain = spec.motion_gain * spec.motion_interval_s / gap_s
    difference = newest.pixels.astype(np.float32) - earlier.pixels.astype(np.float32)
    return np.clip(np.rint(MID_GREY + gain * difference), 0, 255).astype(np.uint8)


def streams(newest: Frame, earlier: Frame, spec: InputSpec) -> NDArray[np.uint8]:
    """Stack the spec's streams of two resized frames: (n_streams, height, width, 3)."""
    pictures = {"rgb": lambda: newest.pixels, "motion": lambda: motion(newest, earlier, spec)}
    return np.stack([pictures[name]() for name in spec.streams])


def sample(frames: Iterable[Frame], spec: InputSpec) -> Iterator[Sample]:
    """Sample frames at the spec's rate: at each tick the newest frame and the one nearest to `interval` before it.

    Ticks lie on a fixed grid from the first frame that has an earlier one to compare with. A source slower than the
    rate yields each of its frames once: ticks that no frame reached are skipped, never repeated.
    """
    period_ns = round(NS_PER_S / spec.rate_hz)
    interval_ns = round(spec.motion_interval_s * NS_PER_S)
    recent: deque[Frame] = deque()  # resized; from just over `interval` ago to now
    next_tick_ns: int | None = None
    for frame in frames:
        small = Frame(resize(frame.pixels, spec), frame.sequence, frame.capture_ns)
        recent.append(small)
        if len(recent) == 1:
            continue
        while len(recent) > 2 and recent[1].capture_ns <= frame.capture_ns - interval_ns:
            recent.popleft()
        if next_tick_ns is None:
            next_tick_ns = frame.capture_ns
        if frame.capture_ns < next_tick_ns:
            continue
        earlier = min(
            (candidate for candidate in recent if candidate is not small),
            key=lambda candidate: abs(frame.capture_ns - interval_ns - candidate.capture_ns),
        )
        yield Sample(streams(small, earlier, spec), frame.capture_ns)
        next_tick_ns += period_ns * (1 + (frame.capture_ns - next_tick_ns) // period_ns)
