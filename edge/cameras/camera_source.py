"""From a camera's table in the configuration to its source."""

from edge.config import CameraConfig, camera_password
from edge.frames.masking import MaskedSource
from edge.sources import Source
from edge.sources.addresses import is_stream
from edge.sources.opening import open_source
from edge.sources.realtime import Realtime


def camera_source(name: str, settings: CameraConfig, *, realtime: bool | None = None) -> Source:
    """Return a camera's source, behind its privacy masks; nothing is opened yet.

    Args:
        name: of the camera.
        settings: of the camera.
        realtime: whether a recording is played at its own speed; by default as the settings say.

    Raises:
        ConfigurationError: a folder without a rate, or a password that cannot be read.
        SourceError: an address that is none.
    """
    password = camera_password(name) if is_stream(settings.source) else None
    source = open_source(settings.source, settings.rate_hz, password)
    if settings.masks:
        source = MaskedSource(source, settings.masks)
    if not source.live and (settings.realtime if realtime is None else realtime):
        source = Realtime(source)
    return source
