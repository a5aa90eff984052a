"""What all sources that read through OpenCV share: silence, opening, colour order."""

import os
from typing import Any, Final

import cv2
import numpy as np

from edge.types import Pixels

SILENT: Final = 0
AV_LOG_QUIET: Final = "-8"


def quiet() -> None:
    """Keep OpenCV and the FFmpeg inside it from writing to stderr: our one line says what is wrong.

    FFmpeg's level is read once, when the process opens its first video. Whoever wants the chatter sets the variable.
    """
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", AV_LOG_QUIET)
    logging: Any = getattr(cv2.utils, "logging", cv2)  # newer wheels keep the function in a module of its own
    logging.setLogLevel(SILENT)


def to_rgb(pixels: cv2.typing.MatLike) -> Pixels:
    """Turn what OpenCV read, uint8 (height, width, 3) BGR or (height, width) grey, into read-only RGB."""
    code = cv2.COLOR_GRAY2RGB if pixels.ndim == 2 else cv2.COLOR_BGR2RGB
    rgb = np.asarray(cv2.cvtColor(pixels, code), dtype=np.uint8)
    rgb.setflags(write=False)
    return rgb
