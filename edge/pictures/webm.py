"""Clips as WebM: OpenCV's wheels write VP8, and no H.264."""

import os
import sys
import tempfile
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from edge.pictures.ring import Still
from edge.types import NS_PER_S

MEMORY: Final = Path("/dev/shm")  # noqa: S108 - so that the disk sees a clip once, when it is whole
CHATTER: Final = b"OpenCV: FFMPEG: tag"
"""OpenCV says this of every WebM file, whatever it was told to say, and writes it all the same."""


def webm(stills: Sequence[Still]) -> bytes:
    """Make a clip that plays at the speed at which its pictures were taken.

    Args:
        stills: of one camera, oldest first, at least one.

    Raises:
        OSError: there is no room for it in memory.
    """
    span_s = (stills[-1].capture_ns - stills[0].capture_ns) / NS_PER_S
    rate_hz = (len(stills) - 1) / span_s if span_s else 1.0
    first = _decoded(stills[0])
    size = (first.shape[1], first.shape[0])
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        path = Path(folder, "clip.webm")
        with _without_chatter():
            writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*"VP80"), rate_hz, size)
        if not writer.isOpened():
            raise OSError("OpenCV cannot write VP8 here")
        for still in stills:
            picture = _decoded(still)
            writer.write(picture if picture.shape == first.shape else cv2.resize(picture, size))
        writer.release()
        return path.read_bytes()


def _decoded(still: Still) -> cv2.typing.MatLike:
    picture = cv2.imdecode(np.frombuffer(still.jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    return picture


@contextmanager
def _without_chatter() -> Generator[None]:
    """Hold back what is written to stderr, past Python too, and write it afterwards without OpenCV's remark."""
    sys.stderr.flush()
    saved = os.dup(2)
    held = os.memfd_create("stderr")
    try:
        os.dup2(held, 2)
        yield
    finally:
        sys.stderr.flush()
        os.dup2(saved, 2)
        os.close(saved)
        os.lseek(held, 0, os.SEEK_SET)
        with os.fdopen(held, "rb") as lines:
            kept = b"".join(line for line in lines if not line.startswith(CHATTER))
        os.write(2, kept)
