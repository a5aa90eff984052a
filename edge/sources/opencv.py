"""What all that uses OpenCV shares: one thread, silence, colour order."""

from typing import Any, Final

import cv2
import numpy as np

from edge.types import Pixels

SILENT: Final = 0


def prepare() -> None:
    """Keep OpenCV to the caller's thread, and from writing to stderr: our one line says what is wrong.

    Its pool of threads costs more than it brings for pictures as small as ours.
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
