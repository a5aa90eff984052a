"""The last seconds of one camera, in memory, as JPEG: what a snapshot or a clip is made of."""

import threading
from collections import deque
from dataclasses import dataclass
from typing import Final, Literal

import cv2
import numpy as np

from edge.types import NS_PER_S, Pixels, RawFrame

JPEG_QUALITY: Final = 80
BYTES_PER_S: Final = 1_500_000
"""Of memory, for each second that is kept: of larger pictures, fewer a second are kept. 1280x720 takes about so much at
ten a second."""
BLURRED_WIDTH_PX: Final = 32
"""Nobody is recognized in so few."""

Style = Literal["blurred", "full"]


@dataclass(frozen=True, slots=True)
class Still:
    """One picture that was kept."""

    jpeg: bytes
    capture_ns: int


class Ring:
    """Keeps masked pictures, a few a second, in so much memory as their seconds allow. The camera's thread keeps,
    another one takes."""

    def __init__(self, style: Style, *, seconds: float, rate_hz: float, width_px: int) -> None:
        """Prepare.

        Args:
            style: whether pictures are blurred before they are kept.
            seconds: how much is kept.
            rate_hz: pictures a second, at most.
            width_px: of what is kept; smaller pictures stay as they are.
        """
        self._style: Style = style
        self._period_ns = round(NS_PER_S / rate_hz)
        self._width_px = width_px
        self._max_stills = round(seconds * rate_hz) + 1
        self._max_bytes = round(seconds * BYTES_PER_S)
        self._stills: deque[Still] = deque()
        self._bytes = 0
        self._next_ns: int | None = None
        self._pause_ns = self._period_ns
        self._lock = threading.Lock()

    def see(self, frame: RawFrame) -> None:
        """Look at the next frame, and keep it when it is time for one."""
        if self._is_due(frame.capture_ns) and (pixels := frame.pixels()) is not None:
            self._keep(pixels, frame.capture_ns)

    def _is_due(self, capture_ns: int) -> bool:
        return self._next_ns is None or capture_ns >= self._next_ns or capture_ns < self._next_ns - 2 * self._pause_ns

    def _keep(self, pixels: Pixels, capture_ns: int) -> None:
        encoded, content = cv2.imencode(
            ".jpg", _drawn(pixels, self._style, self._width_px), [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
        )
        assert encoded
        due_ns = capture_ns if self._next_ns is None else self._next_ns
        is_late = not 0 <= capture_ns - due_ns < self._period_ns
        self._pause_ns = max(self._period_ns, content.size * NS_PER_S // BYTES_PER_S)
        self._next_ns = (capture_ns if is_late else due_ns) + self._pause_ns
        with self._lock:
            self._stills.append(Still(content.tobytes(), capture_ns))
            self._bytes += content.size
            while len(self._stills) > self._max_stills or (self._bytes > self._max_bytes and len(self._stills) > 1):
                self._bytes -= len(self._stills.popleft().jpeg)

    @property
    def n_bytes(self) -> int:
        """That it takes of memory now."""
        return self._bytes

    def newest_ns(self) -> int | None:
        """Return when the newest picture was taken."""
        with self._lock:
            return self._stills[-1].capture_ns if self._stills else None

    def nearest(self, capture_ns: int) -> Still | None:
        """Return the picture that was taken nearest to a time."""
        with self._lock:
            return min(self._stills, key=lambda still: abs(still.capture_ns - capture_ns), default=None)

    def between(self, first_ns: int, last_ns: int) -> list[Still]:
        """Return the pictures of a stretch of time, oldest first."""
        with self._lock:
            return [still for still in self._stills if first_ns <= still.capture_ns <= last_ns]


def _drawn(pixels: Pixels, style: Style, width_px: int) -> cv2.typing.MatLike:
    """Return BGR of at most this width, even both ways as video wants it."""
    height_px, own_width_px, _ = pixels.shape
    scale = min(1.0, width_px / own_width_px)
    size = (max(2, round(own_width_px * scale) & ~1), max(2, round(height_px * scale) & ~1))
    if style == "blurred":
        few = (BLURRED_WIDTH_PX, max(1, round(BLURRED_WIDTH_PX * height_px / own_width_px)))
        pixels = np.asarray(cv2.resize(pixels, few, interpolation=cv2.INTER_AREA), np.uint8)
        return cv2.cvtColor(cv2.resize(pixels, size, interpolation=cv2.INTER_LINEAR), cv2.COLOR_RGB2BGR)
    if size != (own_width_px, height_px):
        pixels = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
    return cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
