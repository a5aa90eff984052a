"""Bodies that somebody has said to be no alarm: they are ignored until they move."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from edge.people.down import UP_S, Moment
from edge.people.lying import NEAR, SURE, Place, down, is_upright
from edge.people.tracking import LEAST_MOVED
from edge.types import Body

MOVED: Final = 0.4
"""Body heights from where it lay."""
MOVED_S: Final = 0.5
"""For so long, since a network errs for a moment."""


@dataclass(frozen=True, slots=True)
class Ignored:
    """Somebody who lies, and may."""

    track_id: int
    place: Place
    up_since_ns: int | None = None
    moved_since_ns: int | None = None


def ignoring(ignored: Sequence[Ignored], moment: Moment) -> tuple[tuple[Ignored, ...], frozenset[int]]:
    """Look once more: who is ignored from now on, and which tracks they are."""
    staying: list[Ignored] = []
    tracks: set[int] = set()
    for one in ignored:
        body = _body_of(one, moment)
        if body is None:
            staying.append(one)
            continue
        up = is_upright(body.track) and down(body) < SURE
        moved = one.place.away(moment.places[body.track.id]) > MOVED
        now = replace(
            one,
            track_id=body.track.id,
            up_since_ns=moment.since(one.up_since_ns, holds=up),
            moved_since_ns=moment.since(one.moved_since_ns, holds=moved),
        )
        if not moment.lasted(now.up_since_ns, UP_S) and not moment.lasted(now.moved_since_ns, MOVED_S):
            staying.append(now)
            tracks.add(body.track.id)
    return tuple(staying), frozenset(tracks)


def _body_of(one: Ignored, moment: Moment) -> Body | None:
    """Its track; or, once that is lost, who appeared where it lay and has not moved."""
    bodies = moment.bodies or ()
    for body in bodies:
        if body.track.id == one.track_id:
            return body
    for body in bodies:
        is_there = one.place.away(moment.places[body.track.id]) <= NEAR
        if is_there and body.track.moved < LEAST_MOVED and not is_upright(body.track):
            return body
    return None
