"""Keypoints inside privacy masks are none: the network guesses them where the picture is black."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from edge.frames.regions import Polygon
from edge.people.body import NO_TRUST_SCORE
from edge.types import Person


def without_masked(people: Sequence[Person], masks: Sequence[Polygon]) -> list[Person]:
    """Give keypoints that any of the masks covers a score of 0; who has none left is nobody."""
    if not masks:
        return list(people)
    seen = [_without_masked(person, masks) for person in people]
    return [person for person in seen if person.keypoints[:, 2].max() > NO_TRUST_SCORE]


def _without_masked(person: Person, masks: Sequence[Polygon]) -> Person:
    hidden = np.any([inside(person.keypoints[:, :2], mask) for mask in masks], 0)  # (17,)
    keypoints = person.keypoints.copy()
    keypoints[hidden, 2] = 0
    return replace(person, keypoints=keypoints)


def inside(places: NDArray[np.float32], polygon: Polygon) -> NDArray[np.bool_]:
    """Whether places (n, 2), y before x, lie inside a polygon: a ray to the right crosses its sides an odd number of
    times. What crosses itself covers what `cv2.fillPoly` fills."""
    y, x = places[:, 0, np.newaxis], places[:, 1, np.newaxis]
    starts = np.array(polygon)  # (n_corners, 2): x, y
    ends = np.roll(starts, -1, 0)
    above = (starts[:, 1] > y) != (ends[:, 1] > y)  # (n, n_corners)
    rise = ends[:, 1] - starts[:, 1]
    crossing = starts[:, 0] + (y - starts[:, 1]) * (ends[:, 0] - starts[:, 0]) / np.where(rise, rise, 1)
    return (above & (x < crossing)).sum(1) % 2 == 1
