"""What cameras that are read through OpenCV share."""

import math
import time
from collections.abc import Callable, Iterator
from typing import Final, Protocol

import cv2

from edge.errors import SourceError
from edge.sources.opencv import prepare, to_rgb
from edge.types import Pixels, RawFrame

MAX_UNDECODED: Final = 100
"""Pictures in a row that come and cannot be decoded, before a camera counts as one that gives none."""


class Grabber(Protocol):
    """The part of OpenCV's `VideoCapture` that goes from picture to picture."""

    def grab(self) -> bool: ...
    def get(self, propId: int, /) -> float: ...  # noqa: N803 - OpenCV's name


class Capture(Grabber, Protocol):
    """What is needed of OpenCV's `VideoCapture`."""

    def isOpened(self) -> bool: ...  # noqa: N802 - OpenCV's name
    def retrieve(self) -> tuple[bool, cv2.typing.MatLike]: ...
    def release(self) -> None: ...


class LiveSource:
    """Reads a camera until it is closed or gives no more pictures. Each kind of camera says how it is opened, and when
    its pictures were taken."""

    live = True
    max_failed_reads = 0
    """Reads in a row that may fail before the camera counts as gone."""
    longest_wait_s = math.inf
    """A picture that comes after so long is none: when its own time limit ends a read, OpenCV gives out what the
    decoder had held back, as if it had just come."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.skipped_frames = 0
        self._closed = False
        self._undecoded = 0  # in a row

    def frames(self) -> Iterator[RawFrame]:
        """Yield frames until closed; their capture times are of the monotonic clock.

        Raises:
            SourceError: the camera cannot be opened, or gives no more pictures.
        """
        prepare()
        self.skipped_frames = 0
        capture, capture_ns = self.open_capture()
        try:
            yield from self._read(capture, capture_ns)
        finally:
            capture.release()

    def close(self) -> None:
        """End `frames` at the next frame."""
        self._closed = True

    def open_capture(self) -> tuple[Capture, Callable[[], int]]:
        """Return the open camera, and what answers the capture time of the picture that was grabbed last.

        Raises:
            SourceError: it cannot be opened.
        """
        raise NotImplementedError

    def lost(self) -> SourceError:
        """Return what to say when the camera gives no more pictures."""
        return SourceError(f"{self.name}: gives no more pictures; check its cable and power")

    def _read(self, capture: Capture, capture_ns_of: Callable[[], int]) -> Iterator[RawFrame]:
        last_ns = sequence = failed = self._undecoded = 0
        while not self._closed:
            asked_s = time.monotonic()
            if not capture.grab() or time.monotonic() - asked_s > self.longest_wait_s:
                failed += 1
                if failed > self.max_failed_reads:
                    raise self.lost()
                continue
            failed = 0
            capture_ns = last_ns = max(capture_ns_of(), last_ns + 1)
            yield RawFrame(sequence, capture_ns, lambda: self._retrieve(capture))
            sequence += 1
            if self._undecoded > MAX_UNDECODED:
                raise SourceError(f"{self.name}: its pictures cannot be decoded; check the camera's video format")

    def _retrieve(self, capture: Capture) -> Pixels | None:
        decoded, pixels = capture.retrieve()
        self._undecoded = 0 if decoded else self._undecoded + 1
        self.skipped_frames += not decoded
        return to_rgb(pixels) if decoded else None
