"""Network cameras (RTSP), through OpenCV and the FFmpeg inside its wheel."""

import math
import os
import socket
import time
from collections.abc import Callable
from typing import Final
from urllib.parse import quote, urlsplit

import cv2

from edge.errors import SourceError
from edge.sources.addresses import without_credentials
from edge.sources.live import Capture, Grabber, LiveSource
from edge.sources.stream_times import StreamTimes

OPEN_TIMEOUT_MS: Final = 5000
READ_TIMEOUT_MS: Final = 5000
NS_PER_MS: Final = 1_000_000
MS_PER_S: Final = 1000
OPTIONS_VARIABLE: Final = "OPENCV_FFMPEG_CAPTURE_OPTIONS"
OPTIONS: Final = "rtsp_transport;tcp|fpsprobesize;2|analyzeduration;1000000"
"""TCP, because what UDP loses stays in the picture until the next key frame, and looks like movement. FFmpeg would
watch a stream for 20 pictures and more to guess its rate, which nobody asks here: 2 s of delay at 15 a second, and more
than the time limit at 5. Whoever needs other options sets the variable. OpenCV 4.11 does not read it."""
PORT_OF_SCHEME: Final = {"rtsp": 554, "rtsps": 322}
FIRST_PICTURE_S: Final = 15.0
"""A stream that is joined between two key frames shows nothing before the next one; some cameras send one in 10 s."""
CATCH_UP_S: Final = 2.0
"""What came while the stream was opened is through by then."""
UNSTAMPED_PERIOD_S: Final = 0.1
"""Between two pictures whose stamps do not tell."""


def open_rtsp(url: str) -> Capture:
    """Open a stream; `isOpened` of what is returned says whether it could be.

    Raises:
        OSError: nobody is there, or nobody answers.
    """
    greet(url, OPEN_TIMEOUT_MS / MS_PER_S)
    os.environ.setdefault(OPTIONS_VARIABLE, OPTIONS)
    settings = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, OPEN_TIMEOUT_MS, cv2.CAP_PROP_READ_TIMEOUT_MSEC, READ_TIMEOUT_MS]
    # One decoding thread: every further one holds frames, and the other cameras need the cores.
    return cv2.VideoCapture(url, cv2.CAP_FFMPEG, [*settings, cv2.CAP_PROP_N_THREADS, 1])


def greet(url: str, timeout_s: float) -> None:
    """See that an RTSP server answers, before OpenCV is asked to open its stream.

    OpenCV opens one stream after the other, whatever the thread: a camera that is off, or takes connections and says
    nothing, would keep all others from being opened until its time is over.

    Raises:
        OSError: there is no answer in time.
    """
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname, parts.port or PORT_OF_SCHEME[parts.scheme]), timeout_s) as camera:
        if parts.scheme != "rtsp":  # whether TLS is spoken, OpenCV finds out
            return
        camera.sendall(f"OPTIONS {without_credentials(url)} RTSP/1.0\r\nCSeq: 1\r\n\r\n".encode())
        if not camera.recv(1):
            raise ConnectionError("connection closed without an answer")


class RtspSource(LiveSource):
    """A network camera. Neither its name nor its errors hold credentials."""

    def __init__(self, url: str, password: str | None = None, opener: Callable[[str], Capture] = open_rtsp) -> None:
        """Prepare.

        Args:
            url: `rtsp://user@host:port/path`.
            password: of the URL's user, in place of one that stands in it.
            opener: opens a URL.

        Raises:
            SourceError: it is no such URL, or a password has no user.
        """
        super().__init__(without_credentials(url))
        self.longest_wait_s = READ_TIMEOUT_MS / MS_PER_S
        self._url = _with_password(url, password)
        self._opener = opener

    def open_capture(self) -> tuple[Capture, Callable[[], int]]:
        """Connect, and wait for the first pictures: five seconds for the connection, fifteen for a key frame.

        Raises:
            SourceError: nobody answers in time, the user is refused, or there is no such stream.
        """
        try:
            capture = self._opener(self._url)
        except OSError as error:
            why = error.strerror or error
            raise SourceError(
                f"{self.name}: cannot be opened ({why}); check the address, and that the camera is on"
            ) from error
        if not capture.isOpened():
            raise SourceError(
                f"{self.name}: cannot be opened; check the address, user and password, and that the camera is on"
            )
        await_first_picture(capture)
        catch_up(capture)
        times = StreamTimes()
        return capture, lambda: times.of(round(capture.get(cv2.CAP_PROP_POS_MSEC) * NS_PER_MS), time.monotonic_ns())

    def lost(self) -> SourceError:
        """Return what to say when the stream breaks off, or stays silent for five seconds."""
        return SourceError(f"{self.name}: gives no more pictures; check the camera and the network")


def await_first_picture(capture: Grabber) -> None:
    """Wait for a key frame. A read that ends before its time limit says that the connection is gone.

    OpenCV 4.10 ends a stream of which one read timed out: there the camera is opened again.
    """
    begun_s = asked_s = time.monotonic()
    while not capture.grab():
        now_s = time.monotonic()
        if now_s - asked_s < READ_TIMEOUT_MS / MS_PER_S or now_s - begun_s >= FIRST_PICTURE_S:
            return
        asked_s = now_s


def catch_up(capture: Grabber) -> None:
    """Let go of the pictures that were gathered while the stream was opened.

    FFmpeg keeps what it has read to learn about a stream, half a second of it and more, and hands it out at once: all
    of it is late, and when each picture was taken is not known before the first one for which we had to wait.
    """
    begun_s = last_s = time.monotonic()
    last_stamp_s = -math.inf
    while last_s - begun_s < CATCH_UP_S and capture.grab():
        now_s, stamp_s = time.monotonic(), capture.get(cv2.CAP_PROP_POS_MSEC) / MS_PER_S
        period_s = stamp_s - last_stamp_s if stamp_s > last_stamp_s else UNSTAMPED_PERIOD_S
        if now_s - last_s > period_s / 2:
            return
        last_s, last_stamp_s = now_s, stamp_s


def _with_password(url: str, password: str | None) -> str:
    if password is None:
        return url
    parts = urlsplit(url)
    if not parts.username:
        raise SourceError(f"{without_credentials(url)}: a password without a user; write rtsp://user@host:port/path")
    address = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=f"{parts.username}:{quote(password, safe='')}@{address}").geturl()
