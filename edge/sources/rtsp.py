"""Network cameras that speak RTSP."""

from typing import Final

from edge.sources.libav import Video
from edge.sources.live import READ_TIMEOUT_S, LiveSource, Opener

OPTIONS: Final = {
    # What UDP loses stays in the picture until the next key frame, and looks like movement. A camera that refuses TCP
    # is asked for UDP within the same connection.
    "rtsp_flags": "prefer_tcp",
    "timeout": str(round(READ_TIMEOUT_S * 1e6)),  # of the sockets, in microseconds
    # libav would watch a stream for 20 pictures and more to guess its rate, which nobody asks here: 2 s of delay at 15
    # a second, and more than the time limit at 5.
    "fpsprobesize": "2",
    "analyzeduration": "1000000",
}


class RtspSource(LiveSource):
    """A network camera: `rtsp://user@host:port/path`. One connection is made to it, and no other before that: some
    cameras allow one, and free it late."""

    def __init__(self, url: str, password: str | None = None, opener: Opener = Video) -> None:
        super().__init__(url, password, OPTIONS, opener)
