"""The Raspberry Pi's own camera, through picamera2: the one module that imports it. It is optional, and Debian's."""

import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final

import numpy as np

from edge.errors import SourceError
from edge.types import Pixels, RawFrame

PREFIX: Final = "picamera:"
SIZE_PX: Final = (720, 1280)  # (height, width)
RATE_HZ: Final = 15.0
FRAME_TIMEOUT_S: Final = 5.0
FORMAT: Final = "BGR888"
"""libcamera names formats from the last byte in memory to the first: this one is RGB."""


def open_picamera(number: int) -> Any:
    """Open a camera of the board.

    Raises:
        SourceError: picamera2 is not installed.
    """
    try:
        from picamera2 import Picamera2  # pyright: ignore  # noqa: PGH003, PLC0415 - optional, and heavy
    except ImportError as error:
        raise SourceError(
            f"{PREFIX}{number}: picamera2 is not installed; sudo apt-get install python3-picamera2, and let the "
            "environment see the system's packages"
        ) from error
    return Picamera2(camera_num=number)  # pyright: ignore[reportUnknownVariableType]


class PicameraSource:
    """A camera of the board, by its number. Capture times are the sensor's."""

    live = True

    def __init__(self, number: int, opener: Callable[[int], Any] = open_picamera) -> None:
        self.name = f"{PREFIX}{number}"
        self.skipped_frames = 0
        self._number = number
        self._opener = opener
        self._closed = False

    def frames(self) -> Iterator[RawFrame]:
        """Yield frames until closed.

        Raises:
            SourceError: there is no such camera, another program holds it, or it gives no more pictures.
        """
        camera = self._open()
        try:
            yield from self._read(camera)
        finally:
            camera.close()

    def close(self) -> None:
        """End `frames` at the next frame."""
        self._closed = True

    def _open(self) -> Any:
        camera: Any = None
        try:
            camera = self._opener(self._number)
            height_px, width_px = SIZE_PX
            main = {"size": (width_px, height_px), "format": FORMAT}
            camera.configure(camera.create_video_configuration(main=main, controls={"FrameRate": RATE_HZ}))
            camera.start()
        except (RuntimeError, IndexError, OSError) as error:  # what picamera2 and libcamera raise
            if camera is not None:
                camera.close()
            raise SourceError(
                f"{self.name}: cannot be opened ({error}); is its cable in, and no other program using it?"
            ) from error
        return camera

    def _read(self, camera: Any) -> Iterator[RawFrame]:
        last_ns = sequence = 0
        while not self._closed:
            try:
                request = camera.capture_request(wait=False).get_result(timeout=FRAME_TIMEOUT_S)
            except (RuntimeError, TimeoutError) as error:
                raise SourceError(f"{self.name}: gives no more pictures; check its cable and power") from error
            try:
                capture_ns = last_ns = max(_on_monotonic_clock(request.get_metadata()), last_ns + 1)
                yield RawFrame(sequence, capture_ns, partial(_pixels, request))
            finally:
                request.release()
            sequence += 1


def _pixels(request: Any) -> Pixels:
    rgb = np.ascontiguousarray(request.make_array("main"), dtype=np.uint8)
    rgb.setflags(write=False)
    return rgb


def _on_monotonic_clock(metadata: dict[str, Any]) -> int:
    """Return when the sensor began the picture. Its clock also counts the time that the machine slept."""
    now_ns = time.monotonic_ns()
    stamp_ns: int | None = metadata.get("SensorTimestamp")
    if stamp_ns is None:
        return now_ns
    return min(now_ns, now_ns - (time.clock_gettime_ns(time.CLOCK_BOOTTIME) - stamp_ns))
