"""What all sources that read through OpenCV share: one thread, silence, colour order."""

import os
from typing import Any, Final

import cv2
import numpy as np

from edge.types import Pixels

SILENT: Final = 0
AV_LOG_QUIET: Final = "-8"
# Read once, when the process opens its first video, whoever does that.
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", AV_LOG_QUIET)


def prepare() -> None:
    """Keep OpenCV to the caller's thread, and it and the FFmpeg inside it from writing to stderr.

    Its pool of threads costs more than it brings for pictures as small as ours. Our one line says what is wrong;
    whoever wants FFmpeg's chatter sets the variable, which is read once, when the process opens its first video.
    """
    cv2.setNumThreads(1)
    logging: Any = getattr(cv2.utils, "logging", cv2)  # newer wheels keep the function in a module of its own
    logging.setLogLevel(SILENT)


def to_rgb(pixels: cv2.typing.MatLike) -> Pixels:
    """Turn what OpenCV read, uint8 (height, width, 3) BGR or (height, width) grey, into read-only RGB."""
    code = cv2.COLOR_GRAY2RGB if pixels.ndim == 2 else cv2.COLOR_BGR2RGB
    rgb = np.asarray(cv2.cvtColor(pixels, code), dtype=np.uint8)
    rgb.setflags(write=False)
    return rgb
