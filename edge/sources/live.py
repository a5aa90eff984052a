"""What network cameras share, however they send their pictures."""

import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Final

from edge.errors import SourceError
from edge.sources.addresses import with_password, without_credentials
from edge.sources.libav import LibavError, Picture, Video
from edge.sources.opencv import prepare
from edge.sources.stream_times import StreamTimes
from edge.types import NS_PER_S, Pixels, RawFrame

Opener = Callable[[str, Mapping[str, str], tuple[float, float]], Video]
"""From a URL with its credentials, libav's options, and how long opening and each read may take, in seconds."""

OPEN_TIMEOUT_S: Final = 5.0
READ_TIMEOUT_S: Final = 5.0
FIRST_PICTURE_S: Final = 15.0
"""A stream that is joined between two key frames shows nothing before the next one; some cameras send one in 10 s."""
MAX_UNDECODED: Final = 100
"""Pictures in a row that come and cannot be decoded, before a camera counts as one that gives none."""
CATCH_UP_NS: Final = 2 * NS_PER_S
"""What came while the stream was opened is through by then."""
UNSTAMPED_PERIOD_S: Final = 0.1
"""Between two pictures whose stamps do not tell."""


class LiveSource:
    """A network camera, read until it is closed or gives no more pictures. Neither its name nor its errors hold
    credentials."""

    live = True

    def __init__(self, url: str, password: str | None, options: Mapping[str, str], opener: Opener) -> None:
        """Prepare.

        Args:
            url: of the camera, with its user where it wants one.
            password: of the URL's user, in place of one that stands in it.
            options: of libav, for this stream alone.
            opener: opens a URL.

        Raises:
            SourceError: it is no URL of a camera, or a password has no user.
        """
        self.name = without_credentials(url)
        self.skipped_frames = 0
        self._url = with_password(url, password)
        self._options = options
        self._opener = opener
        self._closed = False
        self._undecoded = 0

    def frames(self) -> Iterator[RawFrame]:
        """Yield frames until closed; their capture times are of the monotonic clock.

        Raises:
            SourceError: nobody answers in time, the user is refused, there is no such stream, or it breaks off, or
                stays silent for five seconds.
        """
        prepare()
        self.skipped_frames = self._undecoded = 0
        video = self._open()
        try:
            yield from self._read(video)
        finally:
            video.close()

    def close(self) -> None:
        """End `frames` at the next frame."""
        self._closed = True

    def _open(self) -> Video:
        try:
            return self._opener(self._url, self._options, (OPEN_TIMEOUT_S, READ_TIMEOUT_S))
        except LibavError as error:
            raise SourceError(
                f"{self.name}: cannot be opened ({error}); check the address, user and password, and that the camera "
                "is on"
            ) from error

    def _read(self, video: Video) -> Iterator[RawFrame]:
        times, last_ns, last_stamp_s, has_advanced = StreamTimes(), 0, None, False
        for sequence, (picture, arrival_ns) in enumerate(caught_up(self._arrivals(video))):
            taken_ns, n_given_up = arrival_ns, times.n_given_up
            if video.has_times and picture.stamp_s is not None:
                taken_ns = times.of(round(picture.stamp_s * NS_PER_S), arrival_ns)
            last_ns = max(taken_ns, last_ns + 1)
            stands_still = picture.stamp_s is not None and picture.stamp_s == last_stamp_s
            has_advanced |= sequence > 0 and not stands_still
            is_repeat = picture.is_repeat or (stands_still and has_advanced)  # some cameras stamp all pictures alike
            last_stamp_s = picture.stamp_s
            is_retimed = times.n_given_up > n_given_up
            yield RawFrame(
                sequence, last_ns, partial(self._decode, picture), is_repeat=is_repeat, is_retimed=is_retimed
            )

    def _arrivals(self, video: Video) -> Iterator[tuple[Picture, int]]:
        """Give each picture, and when it came, by the monotonic clock."""
        shown = False
        last_s = time.monotonic()
        try:
            for packet in video.packets():
                if self._closed:
                    return
                if packet is None and shown:  # before the first key frame, nothing can be decoded
                    self._note_undecoded()
                for picture in packet or ():
                    shown, last_s = True, time.monotonic()
                    yield picture, time.monotonic_ns()
                if self._undecoded > MAX_UNDECODED:
                    raise SourceError(f"{self.name}: its pictures cannot be decoded; check the camera's video format")
                if time.monotonic() - last_s > FIRST_PICTURE_S:
                    break
        except LibavError as error:
            raise self._lost() from error
        raise self._lost()

    def _decode(self, picture: Picture) -> Pixels | None:
        pixels = picture.pixels()
        if pixels is None:
            self._note_undecoded()
        else:
            self._undecoded = 0
        return pixels

    def _note_undecoded(self) -> None:
        self.skipped_frames += 1
        self._undecoded += 1

    def _lost(self) -> SourceError:
        return SourceError(f"{self.name}: gives no more pictures; check the camera and the network")


def caught_up(arrivals: Iterable[tuple[Picture, int]]) -> Iterator[tuple[Picture, int]]:
    """Let go of the pictures that were gathered while the stream was opened.

    libav keeps what it has read to learn about a stream, half a second of it and more, and hands it out at once: all
    of it is late, and when each picture was taken is not known before the first one for which we had to wait.
    """
    rest = iter(arrivals)
    begun_ns = last_ns = None
    last_stamp_s = -math.inf
    for picture, arrival_ns in rest:
        stamp_s = last_stamp_s if picture.stamp_s is None else picture.stamp_s
        period_s = stamp_s - last_stamp_s if last_stamp_s < stamp_s < math.inf else UNSTAMPED_PERIOD_S
        if begun_ns is None or last_ns is None:
            begun_ns, period_s = arrival_ns, math.inf
        elif arrival_ns - last_ns > period_s / 2 * NS_PER_S or arrival_ns - begun_ns > CATCH_UP_NS:
            yield picture, arrival_ns
            break
        last_ns, last_stamp_s = arrival_ns, stamp_s
    yield from rest
