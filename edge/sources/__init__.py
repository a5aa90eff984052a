"""Where frames come from: video files, folders of pictures, cameras."""

from collections.abc import Callable, Iterator
from typing import Protocol

from edge.types import Frame

Wanted = Callable[[int], bool]
"""Asked once for every frame, in order, with its capture time in nanoseconds: is it worth converting?"""


class Source(Protocol):
    """Yields frames in order of their capture times until it ends (a file) or is closed (a camera)."""

    name: str
    """For messages: the path, URL without credentials, or device."""
    live: bool
    """Whether capture times are the monotonic clock's (a camera), or positions in a recording, from 0."""

    @property
    def skipped_frames(self) -> int:
        """Frames that could not be decoded and were passed over."""
        ...

    def frames(self, wanted: Wanted | None = None) -> Iterator[Frame]:
        """Yield the frames; those that are not wanted are passed over as cheaply as the source can.

        Raises:
            SourceError: it cannot be opened, holds no frame, or (a camera) gives no more of them.
        """
        ...

    def close(self) -> None:
        """End `frames` at the next frame, for good. May be called from another thread or from a signal's handler."""
        ...
