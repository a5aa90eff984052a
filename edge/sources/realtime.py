"""A recording played at its own speed."""

import time
from collections.abc import Iterator

from edge.sources import Source
from edge.types import NS_PER_S, RawFrame

LONGEST_SLEEP_S = 0.1
"""So that `close` is noticed soon, also between the pictures of a slow recording."""


class Realtime:
    """Holds every frame of a recording back until its time has come. Frames that come late are not dropped."""

    def __init__(self, source: Source) -> None:
        self.name = source.name
        self.live = source.live
        self._source = source
        self._closed = False

    @property
    def skipped_frames(self) -> int:
        """Frames that could not be decoded and were passed over."""
        return self._source.skipped_frames

    def frames(self) -> Iterator[RawFrame]:
        """Yield the frames, the first one at once."""
        start_ns: int | None = None
        for frame in self._source.frames():
            if start_ns is None:
                start_ns = time.monotonic_ns() - frame.capture_ns
            self._sleep_until(start_ns + frame.capture_ns)
            if self._closed:
                return
            yield frame

    def close(self) -> None:
        """End `frames` soon."""
        self._closed = True
        self._source.close()

    def _sleep_until(self, moment_ns: int) -> None:
        while not self._closed and (left_s := (moment_ns - time.monotonic_ns()) / NS_PER_S) > 0:
            time.sleep(min(left_s, LONGEST_SLEEP_S))
