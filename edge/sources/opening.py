"""From what a user writes to a source."""

import re
from pathlib import Path

from edge.errors import ConfigurationError, SourceError
from edge.sources import Source, shown_path
from edge.sources.addresses import is_http, is_stream
from edge.sources.camera import CameraSource
from edge.sources.file import FileSource
from edge.sources.folder import FolderSource
from edge.sources.mjpeg import HttpSource
from edge.sources.picamera import PREFIX as PICAMERA_PREFIX
from edge.sources.picamera import PicameraSource
from edge.sources.rtsp import RtspSource


def open_source(text: str, rate_hz: float | None = None, password: str | None = None) -> Source:
    """Choose the source that `text` means: a video, a folder of pictures, `/dev/video0` or a camera's index,
    `rtsp://user@host/path`, `http://user@host/path` (motion JPEG), or `picamera:0`.

    Nothing is opened yet: errors of the file or device come from `frames`.

    Args:
        text: what the user wrote.
        rate_hz: pictures a second of a folder, or of a bare stream (`.h264`); other sources know their own times.
        password: of the user of a network camera.

    Raises:
        ConfigurationError: a folder without a rate, or a rate that is none.
        SourceError: an address that is none, or of a kind that is not supported.
    """
    if rate_hz is not None and not 0 < rate_hz <= 1000:
        raise ConfigurationError(f"rate {rate_hz}: give pictures a second, over 0 and up to 1000")
    if text.isdecimal():
        return CameraSource(int(text))
    if text.startswith(PICAMERA_PREFIX) and text.removeprefix(PICAMERA_PREFIX).isdecimal():
        return PicameraSource(int(text.removeprefix(PICAMERA_PREFIX)))
    if is_stream(text):
        return HttpSource(text, password) if is_http(text) else RtspSource(text, password)
    if re.match(r"[a-z][a-z0-9+.-]*://", text, re.IGNORECASE):
        scheme = text.partition("://")[0]
        raise SourceError(
            f"{scheme}://: not supported; give a video, a folder of pictures, /dev/video0, rtsp:// or http://"
        )
    path = Path(text)
    try:
        is_device, is_folder = path.is_char_device(), path.is_dir()
    except OSError as error:  # a name that is too long, for one
        raise SourceError(f"{shown_path(path)}: {error.strerror}; give the path of a video") from error
    if is_device or text.startswith("/dev/video"):
        return CameraSource(text)
    if not is_folder:
        return FileSource(path, rate_hz)
    if rate_hz is None:
        raise ConfigurationError(f"{text}: a folder of pictures needs a rate: say how many there are a second")
    return FolderSource(path, rate_hz)
