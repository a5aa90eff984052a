"""Cameras of the machine itself (V4L2): USB cameras and capture cards."""

import time
from collections.abc import Callable
from typing import Final

import cv2

from edge.errors import SourceError
from edge.sources.live import Capture, LiveSource
from edge.types import NS_PER_S

NS_PER_MS: Final = 1_000_000
MAX_FRAME_AGE_NS: Final = 2 * NS_PER_S
"""A driver's stamp older than this, or from the future, is of another clock than the monotonic one."""
MAX_FAILED_READS: Final = 10


def open_v4l2(device: int | str) -> Capture:
    """Open a V4L2 device; `isOpened` of what is returned says whether it could be."""
    return cv2.VideoCapture(device, cv2.CAP_V4L2)


class CameraSource(LiveSource):
    """A V4L2 camera, by its index (0) or device (`/dev/video0`). Capture times are the driver's."""

    max_failed_reads = MAX_FAILED_READS

    def __init__(self, device: int | str, opener: Callable[[int | str], Capture] = open_v4l2) -> None:
        super().__init__(f"/dev/video{device}" if isinstance(device, int) else device)
        self._device = device
        self._opener = opener

    def open_capture(self) -> tuple[Capture, Callable[[], int]]:
        """Open the device.

        Raises:
            SourceError: there is no such camera, or another program holds it.
        """
        capture = self._opener(self._device)
        if not capture.isOpened():
            raise SourceError(f"{self.name}: cannot be opened as a camera; is it plugged in, and free for this user?")
        return capture, lambda: _capture_ns(capture)


def _capture_ns(capture: Capture) -> int:
    """Return when the frame was taken: the driver's stamp where it is of the monotonic clock, else now."""
    now_ns = time.monotonic_ns()
    stamp_ns = round(capture.get(cv2.CAP_PROP_POS_MSEC) * NS_PER_MS)
    return stamp_ns if 0 <= now_ns - stamp_ns <= MAX_FRAME_AGE_NS else now_ns
