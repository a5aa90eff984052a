"""Regions of a picture that a user draws: privacy masks, and zones where people rest.

A polygon is a list of points `[x, y]`, from `[0, 0]`, the picture's upper left corner, to `[1, 1]`, the lower right.
"""

from typing import Annotated, Final

from pydantic import AfterValidator, Field

MIN_AREA: Final = 1e-4
"""As a part of the picture's. What covers less is a mistake."""

Point = tuple[float, float]


def _inside(points: list[Point]) -> list[Point]:
    for x, y in points:
        if not (0 <= x <= 1 and 0 <= y <= 1):
            raise ValueError(f"point [{x:g}, {y:g}] is outside the picture; coordinates go from 0 to 1")
    if _area(points) < MIN_AREA:
        raise ValueError("covers nothing; give the corners in order, around the region")
    return points


def _area(points: list[Point]) -> float:
    """Shoelace formula."""
    around = zip(points, points[1:] + points[:1], strict=True)
    return abs(sum(x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in around)) / 2


Polygon = Annotated[list[Point], Field(min_length=3), AfterValidator(_inside)]
