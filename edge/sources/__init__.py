"""Where frames come from: video files, folders of pictures, cameras."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from edge.types import Frame, RawFrame


class Source(Protocol):
    """Yields frames in order of their capture times until it ends (a file) or is closed (a camera)."""

    name: str
    """For messages: the path, URL without credentials, or device."""
    live: bool
    """Whether capture times are the monotonic clock's (a camera), or positions in a recording, from 0."""

    @property
    def skipped_frames(self) -> int:
        """Frames that could not be decoded."""
        ...

    def frames(self) -> Iterator[RawFrame]:
        """Yield the frames; one whose pixels nobody asks for costs as little as the source can make it.

        Raises:
            SourceError: it cannot be opened, holds no frame, or (a camera) gives no more of them.
        """
        ...

    def close(self) -> None:
        """End `frames` at the next frame, for good. May be called from another thread or from a signal's handler."""
        ...


def shown_path(path: Path) -> str:
    """A path for messages: what of its bytes is not UTF-8 cannot be printed, and is replaced."""
    return os.fsencode(path).decode(errors="replace")


def decoded_frames(source: Source) -> Iterator[Frame]:
    """Yield every frame of a source that can be decoded.

    Raises:
        SourceError: as `Source.frames`.
    """
    for raw in source.frames():
        if (frame := raw.decoded()) is not None:
            yield frame
