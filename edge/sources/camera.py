"""Cameras of the machine itself (V4L2): USB cameras and capture cards. The one module that imports OpenCV's capture.

Through OpenCV and not through libav, which waits for a picture without limit: a USB camera that hangs would keep its
thread for ever. OpenCV gives up after ten seconds, and the camera is opened again.
"""

import time
from collections.abc import Callable, Iterator
from typing import Final, Protocol

import cv2

from edge.errors import SourceError
from edge.sources.opencv import prepare, to_rgb
from edge.types import NS_PER_S, Pixels, RawFrame

NS_PER_MS: Final = 1_000_000
MAX_FRAME_AGE_NS: Final = 2 * NS_PER_S
"""A driver's stamp older than this, or from the future, is of another clock than the monotonic one."""
MAX_FAILED_READS: Final = 10
"""Reads in a row that may fail before the camera counts as gone."""
MAX_UNDECODED: Final = 100
"""Pictures in a row that come and cannot be decoded, before a camera counts as one that gives none."""


class Capture(Protocol):
    """What is needed of OpenCV's `VideoCapture`."""

    def isOpened(self) -> bool: ...  # noqa: N802 - OpenCV's name
    def grab(self) -> bool: ...
    def get(self, propId: int, /) -> float: ...  # noqa: N803 - OpenCV's name
    def retrieve(self) -> tuple[bool, cv2.typing.MatLike]: ...
    def release(self) -> None: ...


def open_v4l2(device: int | str) -> Capture:
    """Open a V4L2 device; `isOpened` of what is returned says whether it could be."""
    return cv2.VideoCapture(device, cv2.CAP_V4L2)  # noqa: TID251 - here


class CameraSource:
    """A V4L2 camera, by its index (0) or device (`/dev/video0`). Capture times are the driver's."""

    live = True

    def __init__(self, device: int | str, opener: Callable[[int | str], Capture] = open_v4l2) -> None:
        self.name = f"/dev/video{device}" if isinstance(device, int) else device
        self.skipped_frames = 0
        self._device = device
        self._opener = opener
        self._closed = False
        self._undecoded = 0

    def frames(self) -> Iterator[RawFrame]:
        """Yield frames until closed; their capture times are of the monotonic clock.

        Raises:
            SourceError: there is no such camera, another program holds it, or it gives no more pictures.
        """
        prepare()
        self.skipped_frames = self._undecoded = 0
        capture = self._opener(self._device)
        try:
            if not capture.isOpened():
                raise SourceError(
                    f"{self.name}: cannot be opened as a camera; is it plugged in, and free for this user?"
                )
            yield from self._read(capture)
        finally:
            capture.release()

    def close(self) -> None:
        """End `frames` at the next frame."""
        self._closed = True

    def _read(self, capture: Capture) -> Iterator[RawFrame]:
        last_ns = sequence = failed = 0
        while not self._closed:
            if not capture.grab():
                failed += 1
                if failed > MAX_FAILED_READS:
                    raise SourceError(f"{self.name}: gives no more pictures; check its cable and power")
                continue
            failed = 0
            last_ns = max(_capture_ns(capture), last_ns + 1)
            yield RawFrame(sequence, last_ns, lambda: self._decode(capture))
            sequence += 1
            if self._undecoded > MAX_UNDECODED:
                raise SourceError(f"{self.name}: its pictures cannot be decoded; check the camera's video format")

    def _decode(self, capture: Capture) -> Pixels | None:
        decoded, pixels = capture.retrieve()
        self._undecoded = 0 if decoded else self._undecoded + 1
        self.skipped_frames += not decoded
        return to_rgb(pixels) if decoded else None


def _capture_ns(capture: Capture) -> int:
    """Return when the frame was taken: the driver's stamp where it is of the monotonic clock, else now."""
    now_ns = time.monotonic_ns()
    stamp_ns = round(capture.get(cv2.CAP_PROP_POS_MSEC) * NS_PER_MS)
    return stamp_ns if 0 <= now_ns - stamp_ns <= MAX_FRAME_AGE_NS else now_ns
