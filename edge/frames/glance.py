"""A first look at a picture, beside the model: small enough to keep, enough to see movement and a covered lens."""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.types import Pixels

GLANCE_PX: Final = (36, 64)  # (height, width)
LEVELS: Final = 256
SHARPEST_SHARE: Final = 0.01


@dataclass(frozen=True, slots=True)
class Glance:
    """What one picture looks like from afar."""

    grey: NDArray[np.uint8]  # GLANCE_PX
    sharpness: float
    """Of the sharpest hundredth of the picture, the least absolute Laplacian, in grey levels. A mean would tell a
    camera's noise rather than the outlines of what it sees."""
    capture_ns: int


def glance(pixels: Pixels, capture_ns: int) -> Glance:
    """Look at uint8 (height, width, 3) RGB."""
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    height_px, width_px = GLANCE_PX
    small = cv2.resize(grey, (width_px, height_px), interpolation=cv2.INTER_AREA)
    return Glance(np.asarray(small, np.uint8), _sharpness(grey), capture_ns)


def outlines(seen: Glance) -> NDArray[np.float32]:
    """The edges of a glance, GLANCE_PX, blurred a little, with mean 0 and norm 1: light that changes leaves them."""
    grey = seen.grey.astype(np.float32)
    edges = np.hypot(cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1))
    # Brightness that falls off over the picture must not outweigh what stands in it.
    edges = np.sqrt(cv2.GaussianBlur(edges, (0, 0), 1.0))
    edges -= edges.mean()
    norm = float(np.linalg.norm(edges))
    return np.asarray(edges / norm if norm else edges, np.float32)


def _sharpness(grey: cv2.typing.MatLike) -> float:
    detail = cv2.convertScaleAbs(cv2.Laplacian(cv2.blur(grey, (3, 3)), cv2.CV_16S))
    counts = cv2.calcHist([detail], [0], None, [LEVELS], [0, LEVELS]).ravel()
    return float(np.searchsorted(np.cumsum(counts), (1 - SHARPEST_SHARE) * detail.size))
