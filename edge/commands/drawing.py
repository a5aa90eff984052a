"""`edge mask`: a picture of what a camera sees, with a grid, its privacy masks and its rest zones drawn on it."""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.cameras.camera_source import camera_source
from edge.config import CameraConfig
from edge.errors import ConfigurationError, SourceError
from edge.frames.masking import corners_px
from edge.frames.regions import Polygon
from edge.sources import Source, decoded_frames
from edge.types import NS_PER_S, Pixels

Colour = tuple[int, int, int]

FORMATS: Final = (".png", ".jpg", ".jpeg")
SETTLING_NS: Final = NS_PER_S
MIN_WIDTH_PX: Final = 800
"""Smaller pictures are enlarged, so that the figures on them can be read."""
GRID: Final = [tenth / 10 for tenth in range(1, 10)]
LINE_PX: Final = 2
FONT: Final = cv2.FONT_HERSHEY_SIMPLEX
FONT_SCALE: Final = 0.5
MARGIN_PX: Final = 4
WHITE, GREY, BLACK = (255, 255, 255), (150, 150, 150), (0, 0, 0)
MASK_COLOUR, ZONE_COLOUR = (255, 80, 80), (80, 200, 255)
ZONE_TINT: Final = 0.25


def draw_camera(name: str, settings: CameraConfig, out: Path) -> str:
    """Take one picture of a camera, as the box sees it, and write it with everything drawn on it.

    Args:
        name: of the camera.
        settings: of the camera.
        out: the file to write.

    Returns:
        what was written, in a line.

    Raises:
        ConfigurationError: the file is of no known kind, or cannot be written.
        SourceError: the camera gives no picture.
    """
    if out.suffix.lower() not in FORMATS:
        raise ConfigurationError(f"{out}: cannot be written; give a name that ends with {' or '.join(FORMATS)}")
    source = camera_source(name, settings, realtime=False)
    pixels = _one_picture(source)
    write_picture(drawn(pixels, settings.masks, settings.rest_zones or []), out)
    height_px, width_px, _ = pixels.shape
    regions = f"{len(settings.masks)} masks, {len(settings.rest_zones or [])} rest zones"
    return f"{out}: {name}, {width_px}x{height_px}, {regions}"


def _one_picture(source: Source) -> Pixels:
    """A camera's exposure settles over its first pictures."""
    first_ns: int | None = None
    with closing(source):
        for frame in decoded_frames(source):
            first_ns = frame.capture_ns if first_ns is None else first_ns
            if not source.live or frame.capture_ns - first_ns >= SETTLING_NS:
                return frame.pixels
    raise SourceError(f"{source.name}: gave no picture")


def drawn(pixels: Pixels, masks: Sequence[Polygon], rest_zones: Sequence[Polygon]) -> Pixels:
    """Draw grid, masks and rest zones over a copy of a picture, which is enlarged where it is small.

    Args:
        pixels: uint8 (height, width, 3) RGB.
        masks: in relative coordinates.
        rest_zones: in relative coordinates.
    """
    height_px, width_px, _ = pixels.shape
    scale = max(1.0, MIN_WIDTH_PX / width_px)
    size_px = (round(width_px * scale), round(height_px * scale))  # OpenCV's order
    canvas = np.asarray(cv2.resize(pixels, size_px, interpolation=cv2.INTER_NEAREST), np.uint8).copy()
    _tint(canvas, rest_zones)
    for polygon in masks:
        cv2.fillPoly(canvas, [corners_px(polygon, *canvas.shape[:2])], BLACK)
    _draw_grid(canvas)
    for number, polygon in enumerate(masks, 1):
        _draw_region(canvas, polygon, MASK_COLOUR, f"mask {number}")
    for number, polygon in enumerate(rest_zones, 1):
        _draw_region(canvas, polygon, ZONE_COLOUR, f"rest zone {number}")
    return canvas


def write_picture(pixels: Pixels, out: Path) -> None:
    """Write a picture, RGB.

    Raises:
        ConfigurationError: the file cannot be written.
    """
    _, content = cv2.imencode(out.suffix.lower(), cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))
    try:
        out.write_bytes(content.tobytes())
    except OSError as error:
        raise ConfigurationError(f"{out}: cannot be written ({error.strerror}); give another --out") from error


def _tint(canvas: NDArray[np.uint8], polygons: Sequence[Polygon]) -> None:
    height_px, width_px, _ = canvas.shape
    coloured = canvas.copy()
    for polygon in polygons:
        cv2.fillPoly(coloured, [corners_px(polygon, height_px, width_px)], ZONE_COLOUR)
    cv2.addWeighted(coloured, ZONE_TINT, canvas, 1 - ZONE_TINT, 0, dst=canvas)


def _draw_grid(canvas: NDArray[np.uint8]) -> None:
    height_px, width_px, _ = canvas.shape
    for part in GRID:
        x, y = round(part * (width_px - 1)), round(part * (height_px - 1))
        cv2.line(canvas, (x, 0), (x, height_px - 1), GREY, 1)
        cv2.line(canvas, (0, y), (width_px - 1, y), GREY, 1)
    (_, text_px), _ = cv2.getTextSize("0.5", FONT, FONT_SCALE, 1)
    for part in GRID:
        x, y = round(part * (width_px - 1)), round(part * (height_px - 1))
        _write(canvas, f"{part:.1f}", (x + MARGIN_PX, text_px + MARGIN_PX), WHITE)
        _write(canvas, f"{part:.1f}", (MARGIN_PX, y - MARGIN_PX), WHITE)


def _draw_region(
    canvas: NDArray[np.uint8],
    polygon: Polygon,
    colour: Colour,
    text: str,
) -> None:
    height_px, width_px, _ = canvas.shape
    corners = corners_px(polygon, height_px, width_px)
    cv2.polylines(canvas, [corners], isClosed=True, color=colour, thickness=LINE_PX)
    (text_width_px, text_height_px), _ = cv2.getTextSize(text, FONT, FONT_SCALE, 1)
    x, y = (corners.min(axis=0) + corners.max(axis=0)) // 2
    _write(canvas, text, (max(0, int(x) - text_width_px // 2), int(y) + text_height_px // 2), colour)


def _write(canvas: NDArray[np.uint8], text: str, corner: tuple[int, int], colour: Colour) -> None:
    """Write over whatever is there: with a dark edge."""
    cv2.putText(canvas, text, corner, FONT, FONT_SCALE, BLACK, 3, cv2.LINE_AA)
    cv2.putText(canvas, text, corner, FONT, FONT_SCALE, colour, 1, cv2.LINE_AA)
