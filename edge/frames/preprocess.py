"""From frames to what the frame model sees: size, colour order and motion. Training and serving share it.

Which frames make a sample is said in `edge/frames/sampling.py`.
"""

from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.bundle import InputSpec
from edge.frames.registration import Registration
from edge.types import NS_PER_S, Frame, Pixels

PICTURES_VERSION: Final = 1
"""Part of every cache entry's key. To be raised when other pictures come out of the same decoded frames, or other
frames are taken: by what is here, in registration, sampling, or the times that sources give their frames. All clips are
worked out anew then; not for what only moves or renames code. `tests/edge/frames/test_pictures_version.py` tells."""
MID_GREY: Final = 128
TRAIL_LENGTH: Final = 3
MAX_RATIO: Final = 2.0
N_EARLIER: Final = {"rgb": 0, "motion": 1, "trail": TRAIL_LENGTH, "acceleration": 2}


def resize(pixels: Pixels, spec: InputSpec) -> Pixels:
    """Squash (height, width, 3) to the spec's size, without crop.

    Halved exactly while more than twice the double size, interpolated to the double size, halved once more: every
    pixel is a mean, as INTER_AREA has it, at a third of its time (0.2 ms in place of 0.7 at 640 x 360). Interpolating
    straight to the size skips pixels of sources that are not twice as large both ways, and what it skips flickers in
    the differences: it cost the readouts of `edgewatch` 1 point of AUC.
    """
    return resize_to(pixels, spec.height_px, spec.width_px)


def resize_to(pixels: Pixels, height_px: int, width_px: int) -> Pixels:
    """Squash (height, width, 3) to this size, as `resize` does."""
    pixels = _shrink_to(pixels, height_px, width_px)
    double = (2 * width_px, 2 * height_px)
    if pixels.shape[:2] != double[::-1]:
        pixels = np.asarray(cv2.resize(pixels, double, interpolation=cv2.INTER_LINEAR), dtype=np.uint8)
    small = cv2.resize(pixels, (width_px, height_px), interpolation=cv2.INTER_AREA)
    return np.asarray(small, dtype=np.uint8)


def shrink(pixels: Pixels, spec: InputSpec) -> Pixels:
    """Take the first steps of `resize`, so that frames which wait to be compared take less memory: (height, width, 3)
    of no more pixels than twice the spec's size has, and unchanged where it has no more.

    Resizing the result gives, bit for bit in one process, what resizing the frame gives.
    """
    return _shrink_to(pixels, spec.height_px, spec.width_px)


def _shrink_to(pixels: Pixels, height_px: int, width_px: int) -> Pixels:
    double = (2 * width_px, 2 * height_px)
    while pixels.shape[0] >= 2 * double[1] and pixels.shape[1] >= 2 * double[0]:
        half = (pixels.shape[1] // 2, pixels.shape[0] // 2)
        even = pixels[: 2 * half[1], : 2 * half[0]]  # an odd last row or column would take the slow path
        pixels = np.asarray(cv2.resize(even, half, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    if pixels.shape[0] * pixels.shape[1] > double[0] * double[1]:
        pixels = np.asarray(cv2.resize(pixels, double, interpolation=cv2.INTER_LINEAR), dtype=np.uint8)
    return pixels


def motion(newest: Frame, earlier: Frame, spec: InputSpec) -> Pixels:
    """What changed between two resized frames, as a picture around mid grey.

    `clip(128 + gain * (newest - earlier) * interval / gap, 0, 255)`: scaled by the time that really lies between the
    two, so that a camera without a frame `interval` ago shows the same speed with the same strength. At most doubled:
    stamps that lie too close together would otherwise fill the picture with noise.
    """
    return _difference(newest.pixels, earlier.pixels, _strength(newest, earlier, spec))


def trail(recent: Sequence[Frame], spec: InputSpec) -> Pixels:
    """How movement went on: three successive grey differences, newest first, in the three channels.

    An addition to the design: violence is told better by it, falls by `motion`.

    Args:
        recent: resized frames, newest first, each nearest to `interval` before the one before.
        spec: gain and interval, applied as in `motion`.
    """
    greys = [cv2.cvtColor(frame.pixels, cv2.COLOR_RGB2GRAY) for frame in recent[: TRAIL_LENGTH + 1]]
    channels = [
        _difference(greys[k], greys[k + 1], _strength(recent[k], recent[k + 1], spec)) for k in range(TRAIL_LENGTH)
    ]
    return np.asarray(cv2.merge(channels), dtype=np.uint8)


def acceleration(recent: Sequence[Frame], spec: InputSpec) -> Pixels:
    """How movement changed, without the camera's own: the newest grey difference less the one before it.

    An addition to the design: beside `trail` it tells violence better, whose blows start and stop. Earlier frames are
    first laid onto the newest (see `registration`), so that a camera that shakes or pans shows what moves in its
    picture; what it had not seen before stays mid grey.

    Args:
        recent: resized frames, newest first, each nearest to `interval` before the one before.
        spec: gain and interval, applied as in `motion`.
    """
    greys = [cv2.cvtColor(frame.pixels, cv2.COLOR_RGB2GRAY) for frame in recent[:3]]
    registration = Registration(greys[0])
    (once, seen_once), (twice, seen_twice) = (registration.of(grey) for grey in greys[1:])
    velocity = (greys[0] - once) * _strength(recent[0], recent[1], spec)
    before = (once - twice) * _strength(recent[1], recent[2], spec)
    velocity[~seen_once] = 0
    before[~(seen_once & seen_twice)] = 0
    picture = np.clip(np.rint(MID_GREY + velocity - before), 0, 255).astype(np.uint8)
    return np.asarray(cv2.merge([picture] * 3), dtype=np.uint8)


def _strength(newest: Frame, earlier: Frame, spec: InputSpec) -> float:
    """Gain, made up for the time that lies between two frames; 0 where they are the same."""
    gap_s = (newest.capture_ns - earlier.capture_ns) / NS_PER_S
    return spec.motion_gain * min(spec.motion_interval_s / gap_s, MAX_RATIO) if gap_s else 0.0


def _difference(newest: cv2.typing.MatLike, earlier: cv2.typing.MatLike, gain: float) -> Pixels:
    """Return `clip(128 + gain * (newest - earlier), 0, 255)`, rounded, of arrays of any one shape."""
    return np.asarray(cv2.addWeighted(newest, gain, earlier, -gain, MID_GREY), dtype=np.uint8)


def streams(recent: Sequence[Frame], spec: InputSpec) -> NDArray[np.uint8]:
    """Stack the spec's streams: (n_streams, height, width, 3).

    Args:
        recent: resized frames, newest first, then as many as `n_earlier` says, each `interval` before the one before.
        spec: which streams.
    """
    pictures = {
        "rgb": lambda: recent[0].pixels,
        "motion": lambda: motion(recent[0], recent[1], spec),
        "trail": lambda: trail(recent, spec),
        "acceleration": lambda: acceleration(recent, spec),
    }
    made = [pictures[name]() for name in spec.streams]
    return made[0][np.newaxis] if len(made) == 1 else np.stack(made)


def n_earlier(spec: InputSpec) -> int:
    """Return how many earlier frames the spec's streams look at beside the newest."""
    return max(N_EARLIER[name] for name in spec.streams)
