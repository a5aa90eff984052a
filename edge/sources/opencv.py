"""What all sources that read through OpenCV share: silence, opening, colour order."""

import os

import cv2
import numpy as np

from edge.types import Pixels


def quiet() -> None:
    """Keep OpenCV and the FFmpeg inside it from writing to stderr: our one line says what is wrong.

    FFmpeg's level is read once, when the process opens its first video. Whoever wants the chatter sets the variable.
    """
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # AV_LOG_QUIET
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)


def to_rgb(pixels: cv2.typing.MatLike) -> Pixels:
    """Turn what OpenCV read, uint8 (height, width, 3) BGR or (height, width) grey, into read-only RGB."""
    code = cv2.COLOR_GRAY2RGB if pixels.ndim == 2 else cv2.COLOR_BGR2RGB
    rgb = np.asarray(cv2.cvtColor(pixels, code), dtype=np.uint8)
    rgb.setflags(write=False)
    return rgb
