"""Clips as WebM: what browsers play, and PyAV's wheels write on every machine."""

from collections.abc import Sequence

import cv2
import numpy as np

from edge.pictures.ring import Still
from edge.sources.libav import LibavError, encode_webm
from edge.sources.opencv import to_rgb
from edge.types import NS_PER_S, Pixels


def webm(stills: Sequence[Still]) -> bytes:
    """Make a clip whose pictures are shown when they were taken.

    Args:
        stills: of one camera, oldest first, at least one.

    Raises:
        OSError: it cannot be encoded.
    """
    span_ns = stills[-1].capture_ns - stills[0].capture_ns
    period_ns = span_ns // (len(stills) - 1) if span_ns else NS_PER_S
    size_px = _decoded(stills[0]).shape[:2]
    pictures = ((_decoded(still, size_px), still.capture_ns - stills[0].capture_ns) for still in stills)
    try:
        return encode_webm(pictures, size_px, period_ns)
    except LibavError as error:
        raise OSError(f"a clip cannot be encoded: {error}") from error


def _decoded(still: Still, size_px: tuple[int, int] | None = None) -> Pixels:
    """Return a picture, uint8 (height, width, 3) RGB, made as large (height, width) as the others."""
    picture = cv2.imdecode(np.frombuffer(still.jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    if size_px is not None and picture.shape[:2] != size_px:
        picture = cv2.resize(picture, size_px[::-1])
    return to_rgb(picture)
