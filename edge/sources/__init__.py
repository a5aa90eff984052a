"""Where frames come from: video files, folders of pictures, cameras."""

from collections.abc import Iterator
from typing import Protocol

from edge.types import Frame


class Source(Protocol):
    """Yields frames in order of their capture times until it ends (a file) or is closed (a camera)."""

    name: str
    """For messages: the path, URL without credentials, or device."""
    skipped_frames: int
    """Frames that could not be decoded and were passed over."""

    def frames(self) -> Iterator[Frame]:
        """Yield the frames.

        Raises:
            SourceError: it cannot be opened, or holds no frame.
        """
        ...

    def close(self) -> None:
        """Release the device or file; `frames` ends."""
        ...
