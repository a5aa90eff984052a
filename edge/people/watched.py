"""Whether somebody who is not down yet goes down, or is found lying."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from edge.people.body import HIPS, SHOULDERS
from edge.people.down import Moment
from edge.people.lying import SURE, Place, down, is_beside, is_upright, lies, lies_in, may_lie
from edge.people.posture import LYING
from edge.people.stillness import Rest
from edge.people.tracking import LEAST_LYING, is_somebody
from edge.types import NS_PER_S, Body, Track

LANDED_SPEED: Final = 0.5
"""Body heights per second of a torso that has come to rest. Falls have 1 to 3."""
LANDED: Final = 0.7
"""Confidence that it lies, from which a body has landed: with `SURE` who bends behind a bed had."""
LANDED_S: Final = 0.2
"""So long it goes on with `SURE`: who turns a cartwheel is flat for a moment."""
LANDING_S: Final = 1.5
"""So long at most it is waited for until a body lies, and where it comes to rest. Falls took 0.1 s more by it."""
GONE_S: Final = 0.6
"""Of looking in vain for a body that landed: the network loses who lies, and takes less for lying than it does."""
EDGE: Final = 0.01
"""Of the picture's width and height: a box so near to a border goes on beyond it."""
LOST_S: Final = 2.0
"""So long after it was lost a body that fell may be found lying."""
LOST_FAR: Final = 1.5
"""Body heights from where it was lost."""
RISEN_S: Final = 1.0
"""Who is seen not to lie for so long, does not."""
TORSO: Final = tuple(1 + 2 * pair + side for pair in (SHOULDERS, HIPS) for side in (0, 1))


@dataclass(frozen=True, slots=True)
class Watched:
    """What is remembered of a track that is not down."""

    track_id: int
    seen_ns: int
    place: Place
    rest: Rest
    peak: float = 0.0
    """Of the probability that it falls, since it was last low."""
    falling_since_ns: int | None = None
    """Since when the probability is high."""
    fell_ns: int = 0
    """Since when it was, the last time; a body that lands falls no longer."""
    landing_since_ns: int | None = None
    """Since when it has seemed to fall for long enough, and it is waited for where it lands."""
    landed_since_ns: int | None = None
    """Since when it has surely lain."""
    fell_unseen_ns: int | None = None
    """Since when it fell, of who was lost while falling, and lies since he was found again."""
    is_somebody: bool = False
    lying_since_ns: int | None = None
    """Since when it may lie, by posture or by head."""
    flat_since_ns: int | None = None
    """Since when it lies, by both."""
    flat_ns: int = 0
    """When it last did."""

    @property
    def still_since_ns(self) -> int:
        """Since when it has not moved, of who lies."""
        return self.rest.since_ns if self.flat_since_ns is None else max(self.flat_since_ns, self.rest.since_ns)


@dataclass(frozen=True, slots=True)
class Onset:
    """From when on somebody falls."""

    threshold: float
    min_active_s: float
    max_gap_ns: int


def watched(before: Sequence[Watched], moment: Moment, onset: Onset) -> tuple[Watched, ...]:
    """Look once more at all that are not down, where somebody looked; the place of those that nobody sees stays.

    Args:
        before: from the last look.
        moment: at which somebody looked.
        onset: of a fall.
    """
    known = {one.track_id: one for one in before}
    last_ns = moment.now_ns - moment.looked_ns
    lost = [one for one in before if _has_fallen(one) and one.is_somebody and one.seen_ns < last_ns]
    seen = tuple(
        _found(_after(known.pop(body.track.id, None), body, moment, onset), body, lost) for body in moment.bodies or ()
    )
    coasting = {body.track.id for body in moment.coasting}
    unseen = (one for one in known.values() if one.track_id in coasting)
    return (*seen, *(replace(one, rest=_unseen(one, moment)) for one in unseen))


def falls(one: Watched, body: Body, moment: Moment) -> bool:
    """Say whether a body has fallen, outside rest zones.

    Whoever seems to fall is waited for until he lies: who sits down fast or bends does not. Beside a bed he may land in
    it: there it is waited for where he comes to rest.
    """
    if not one.is_somebody or one.landing_since_ns is None:
        return False
    if one.seen_ns < moment.now_ns:
        is_gone = body.track.unseen_s >= GONE_S and not (_is_at_edge(one.place) or _is_found_anew(one, moment))
        has_landed = is_gone and (float(body.track.posture[LYING]) >= LEAST_LYING or body.lying >= SURE)
    else:
        has_landed = moment.lasted(one.landed_since_ns, LANDED_S)
    if not has_landed:
        return False
    if not is_beside(moment.zones, one.place, moment.aspect):
        return True
    rests = _speed(body.track) < LANDED_SPEED or moment.lasted(one.landing_since_ns, LANDING_S)
    return rests and not lies_in(moment.zones, one.place, moment.aspect)


def is_found(one: Watched, moment: Moment, found_down_s: float) -> bool:
    """Say whether a body has lain still for so long."""
    if one.flat_since_ns is None or one.flat_ns < moment.now_ns:
        return False
    return moment.now_ns - one.still_since_ns >= found_down_s * NS_PER_S


def _after(one: Watched | None, body: Body, moment: Moment, onset: Onset) -> Watched:
    now_ns, place = moment.now_ns, moment.places[body.track.id]
    if one is None:
        one = Watched(body.track.id, now_ns, place, Rest(now_ns, now_ns))
    if now_ns - one.seen_ns > onset.max_gap_ns:
        one = replace(one, falling_since_ns=None, landing_since_ns=None, lying_since_ns=None)
    if moment.is_pause:
        one = replace(one, flat_since_ns=None, rest=one.rest.anew(now_ns))
    is_high = body.falling >= onset.threshold and now_ns >= moment.jump_ns
    falling_since_ns = _since(one.falling_since_ns, now_ns) if is_high else None
    one = replace(
        one,
        seen_ns=now_ns,
        place=place,
        rest=moment.rest(body, one.rest) if may_lie(body) else Rest(now_ns, now_ns),
        peak=max(one.peak if one.falling_since_ns is not None else 0.0, body.falling),
        falling_since_ns=falling_since_ns,
        fell_ns=one.fell_ns if falling_since_ns is None else falling_since_ns,
        landed_since_ns=_since(one.landed_since_ns, now_ns) if _is_landed(one, body) else None,
        is_somebody=is_somebody(body.track),
        lying_since_ns=_since(one.lying_since_ns, now_ns) if may_lie(body) else None,
    )
    return _lying(_landing(one, body, moment, onset), body, now_ns)


def _found(one: Watched, body: Body, lost: Sequence[Watched]) -> Watched:
    """Whether a body that lies is one that was lost while it fell: the network loses what moves fast."""
    if not may_lie(body):
        return replace(one, fell_unseen_ns=None)
    if one.fell_unseen_ns is not None:
        return one
    for other in lost:
        is_soon = one.seen_ns - other.seen_ns <= LOST_S * NS_PER_S
        is_new = body.track.first_ns > other.seen_ns and other.place.away(one.place) <= LOST_FAR
        if is_soon and (other.track_id == one.track_id or is_new):
            return replace(one, fell_unseen_ns=other.fell_ns)
    return one


def _landing(one: Watched, body: Body, moment: Moment, onset: Onset) -> Watched:
    """Wait until a body that seems to fall lies, or is up."""
    if one.landing_since_ns is None:
        has_fallen = moment.lasted(one.falling_since_ns, onset.min_active_s)
        return replace(one, landing_since_ns=moment.now_ns) if has_fallen else one
    is_over = moment.lasted(one.landing_since_ns, LANDING_S) and one.falling_since_ns is None
    is_up = is_upright(body.track) and down(body) < SURE
    return replace(one, landing_since_ns=None) if is_over or is_up else one


def _lying(one: Watched, body: Body, now_ns: int) -> Watched:
    """Since when a body lies, by posture and by head; what is not seen for a moment goes on."""
    if lies(body):
        return replace(one, flat_since_ns=_since(one.flat_since_ns, now_ns), flat_ns=now_ns)
    return replace(one, flat_since_ns=None) if now_ns - one.flat_ns >= RISEN_S * NS_PER_S else one


def _is_landed(one: Watched, body: Body) -> bool:
    least = LANDED if one.landed_since_ns is None else SURE
    return body.lying >= SURE or (float(body.track.posture[LYING]) >= least and down(body) >= SURE)


def _is_at_edge(place: Place) -> bool:
    """Whether a body may have left the picture, to a side or below."""
    _, left, bottom, right = place.box
    return min(left, 1 - right, 1 - bottom) <= EDGE


def _is_found_anew(one: Watched, moment: Moment) -> bool:
    """Whether somebody began near where a body was lost, since."""
    return any(
        body.track.first_ns > one.seen_ns and one.place.away(moment.places[body.track.id]) <= LOST_FAR
        for body in moment.bodies or ()
    )


def _has_fallen(one: Watched) -> bool:
    return one.falling_since_ns is not None or one.landing_since_ns is not None


def _unseen(one: Watched, moment: Moment) -> Rest:
    return one.rest.unseen(moment.now_ns, moves=moment.moves_in(one.place))


def _since(since_ns: int | None, now_ns: int) -> int:
    return now_ns if since_ns is None else since_ns


def _speed(track: Track) -> float:
    """Of the torso, in body heights per second."""
    return float(np.hypot(*track.velocities[list(TORSO)].mean(0))) / track.height
