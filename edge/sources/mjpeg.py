"""Network cameras that send JPEG pictures by HTTP, one after the other in an answer that does not end."""

from typing import Final

from edge.sources.libav import Video
from edge.sources.live import READ_TIMEOUT_S, LiveSource, Opener

OPTIONS: Final = {
    "timeout": str(round(READ_TIMEOUT_S * 1e6)),  # of the socket, in microseconds
    "protocol_whitelist": "http,https,tcp,tls",  # wherever the camera points us to
    "fpsprobesize": "2",
    "analyzeduration": "1000000",
}


class HttpSource(LiveSource):
    """A network camera: `http://user@host:port/path`. Its pictures have no times: they are taken when they come."""

    def __init__(self, url: str, password: str | None = None, opener: Opener = Video) -> None:
        super().__init__(url, password, OPTIONS, opener)
