"""Whether a body lies, by its posture and by what the person head says, and where it is."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from edge.frames.regions import Polygon
from edge.people.body import Bodies
from edge.people.masking import inside
from edge.people.posture import LYING, UPRIGHT
from edge.types import Body, Box, Track

SURE: Final = 0.5
"""Confidence of a posture, and probability of the head's, from which it counts."""
BESIDE: Final = 0.5
"""Body heights from the middle of a torso to a zone's border: who begins to fall so near to a bed may land in it."""
NEAR: Final = 0.5
"""Body heights between the middles of two torsos that may be one body's, which lies."""
NEAR_ASIDE: Final = 0.6
NEAR_ABOVE: Final = 1.0
"""The same of one that has risen: it is higher up in the picture, and hardly aside."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a body is."""

    box: Box
    center: tuple[float, float]
    """y, x of the middle of the torso, in heights of the picture."""
    height: float
    """Of the body as it stands, in heights of the picture."""

    def away(self, other: "Place") -> float:
        """Distance to another place, in heights of this one's body."""
        return float(np.hypot(*np.subtract(other.center, self.center))) / self.height

    def may_rise_to(self, center: Sequence[float]) -> bool:
        """Say whether a torso there may be that of who lies here and got up."""
        up, aside = (self.center[0] - center[0]) / self.height, abs(center[1] - self.center[1]) / self.height
        return aside <= NEAR_ASIDE and -NEAR <= up <= NEAR_ABOVE


def places_of(tracks: Sequence[Track], seen: Bodies) -> list[Place]:
    """Where tracks were last seen.

    Args:
        tracks: any number.
        seen: their people.
    """
    boxes = [track.person.box.tolist() for track in tracks]
    return [
        Place((y0, x0, y1, x1), (y, x), track.height)
        for (y0, x0, y1, x1), (y, x), track in zip(boxes, seen.centers.tolist(), tracks, strict=True)
    ]


def down(body: Body) -> float:
    """Probability that a body goes down or is down, as the head has it."""
    return min(body.falling + body.lying, 1.0)


def lies(body: Body) -> bool:
    """Say whether a body lies, by posture and by head: nobody on all fours, nobody who bends."""
    return seems_to_lie(body.track) and down(body) >= SURE


def may_lie(body: Body) -> bool:
    """Say whether a body lies by posture or by head: what is enough to go on where somebody lay."""
    return seems_to_lie(body.track) or down(body) >= SURE


def seems_to_lie(track: Track) -> bool:
    """Say whether a body lies, by posture alone."""
    return float(track.posture[LYING]) >= SURE


def is_upright(track: Track) -> bool:
    """Say whether a body stands or walks, by posture."""
    return float(track.posture[UPRIGHT]) >= SURE


def lies_in(zones: Sequence[Polygon], place: Place, aspect: float) -> bool:
    """Say whether the middle of a torso is inside of any of the zones."""
    at = np.array([[place.center[0], place.center[1] / aspect]], np.float32)
    return any(bool(inside(at, zone)[0]) for zone in zones)


def is_beside(zones: Sequence[Polygon], place: Place, aspect: float) -> bool:
    """Say whether the middle of a torso is inside of any of the zones, or so near that a fall may end there."""
    if lies_in(zones, place, aspect):
        return True
    return any(_distance(zone, place.center, aspect) <= BESIDE * place.height for zone in zones)


def _distance(zone: Polygon, center: tuple[float, float], aspect: float) -> float:
    """From a point, y, x, to the border of a zone, in heights of the picture."""
    starts = np.array([(y, x * aspect) for x, y in zone])  # (n_corners, 2)
    sides = np.roll(starts, -1, 0) - starts
    along = ((np.array(center) - starts) * sides).sum(1) / np.maximum(np.square(sides).sum(1), np.finfo(float).tiny)
    nearest = starts + along.clip(0, 1)[:, np.newaxis] * sides
    return float(np.sqrt(np.square(nearest - np.array(center)).sum(1)).min())
