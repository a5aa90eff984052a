"""Somebody who is down: from a fall, or from being found, until he is seen up, seen going, or gone.

A body that the network loses is still there. It is thought to be gone only where the place had looked different while
it lay there, and looks as before again.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from edge.frames.background import Background, cells_of
from edge.frames.glance import Glance
from edge.frames.movement import MIN_MOVING_CELLS, Cells
from edge.frames.regions import Polygon
from edge.people.body import Floats, overlaps
from edge.people.lying import NEAR, SURE, Place, down, is_upright, lies, lies_in, may_lie
from edge.people.stillness import Rest
from edge.types import NS_PER_S, Body

GOT_UP: Final = "got_up"
LEFT: Final = "left"
UP_S: Final = 0.8
"""So long somebody is upright who has got up."""
UP_SEEN_S: Final = 0.5
"""Of it he is seen; then he may be lost: the network loses who lies, but who stands has walked out of the picture."""
AWAY: Final = 1.5
"""Body heights from where it lay: it goes. Who gets up is up to 1 from where the middle of the body lay."""
AWAY_S: Final = 0.8
LAIN_S: Final = 0.8
"""So long a body is seen to lie before it counts as one that lay."""
REST_S: Final = 3.0
"""So long a body lies in a rest zone that was brought there after a fall."""
LOST_S: Final = 0.5
"""Of looking in vain, before another track may be the same body."""
UNSEEN_S: Final = 3.0
"""Of looking in vain, before it is said that a body is lost."""
SEEN_S: Final = 1.0
"""Of being seen again, before another loss is told."""
MOST_LOOK_S: Final = 0.5
"""Of a longer step, this much counts as looking."""
MARKED: Final = 0.75
"""Likeness of a place to what it looks like without anybody, at most, while somebody is seen to lie there."""
AS_BEFORE: Final = 0.92
"""The same, at least, once nobody does."""
AS_BEFORE_S: Final = 2.0
SAME_BOX: Final = 0.3
"""Intersection over union of the boxes of one body that was lost and found."""
STILL_GAP_S: Final = 6.0
"""What rests is looked at every 5 s."""


@dataclass(frozen=True, slots=True)
class Moment:
    """One moment, as far as it is known."""

    now_ns: int
    seen: Glance
    bodies: tuple[Body, ...] | None
    """Who is seen; None where nobody looked."""
    coasting: tuple[Body, ...]
    """Who was looked for in vain, as last seen."""
    places: Mapping[int, Place]
    """Where each track was last seen."""
    points: Mapping[int, tuple[Floats, Floats]]
    """Points of each track then, (13, 2), and the trust in them, (13,)."""
    aspect: float
    """Width of the picture over its height."""
    moving: Cells
    """What moved since the moment before."""
    background: Background
    zones: Sequence[Polygon]
    """Where people rest."""
    elapsed_ns: int
    """Since the moment before; 0 at first."""
    looked_ns: int
    """The same since somebody looked for bodies, where it is done now."""
    max_gap_ns: int
    """What lies longer apart proves nothing of what has to last."""
    jump_ns: int
    """Until when bodies begin because the picture jumped."""

    def cells(self, *, but: int | None = None) -> Cells:
        """Cells where bodies are seen, but for one track."""
        return cells_of([self.places[body.track.id].box for body in self.bodies or () if body.track.id != but])

    def rest(self, body: Body, before: Rest) -> Rest:
        """Whether a body moves that is seen."""
        return before.after(*self.points[body.track.id], body.track.height, self.now_ns)

    @property
    def is_pause(self) -> bool:
        """Whether nobody knows if anything has moved since the moment before."""
        return self.elapsed_ns > max(self.max_gap_ns, STILL_GAP_S * NS_PER_S)

    def moves_in(self, place: Place) -> bool:
        """Say whether something moves in a place other than who is seen."""
        return int((self.moving & cells_of([place.box]) & ~self.cells()).sum()) >= MIN_MOVING_CELLS

    def without(self, tracks: Collection[int]) -> "Moment":
        """The same moment without some of the bodies."""
        return replace(self, bodies=tuple(body for body in self.bodies or () if body.track.id not in tracks))

    def since(self, since_ns: int | None, *, holds: bool) -> int | None:
        """From when on something has held, as each look says anew."""
        if not holds:
            return None
        return self.now_ns if since_ns is None or self.looked_ns > self.max_gap_ns else since_ns

    def lasted(self, since_ns: int | None, least_s: float) -> bool:
        """Say whether something has held for so long."""
        return since_ns is not None and self.now_ns - since_ns >= least_s * NS_PER_S


@dataclass(frozen=True, slots=True)
class Down:
    """A body that went down, or was found down."""

    track_id: int
    place: Place
    """Where it lay when it was last seen to."""
    start_ns: int
    rest: Rest
    peak: float = 0.0
    """Of the probability that it falls, or is down."""
    score: float = 0.0
    """Probability that it is down, when it was last seen."""
    seen_ns: int = 0
    lain: bool = False
    """Whether it was seen to lie for a moment; a body may stop on its way down."""
    lying: Glance | None = None
    """The picture when the body was last seen to lie there."""
    lying_taken: Cells | None = None
    """Cells where others were then."""
    is_marked: bool | None = None
    """Whether the place looked other than without anybody then; worked out when the body is lost."""
    unseen_s: float = 0.0
    """Looked for in vain."""
    loss_said: bool = False
    still_said: bool = False
    lying_since_ns: int | None = None
    up_since_ns: int | None = None
    away_since_ns: int | None = None
    quiet_since_ns: int | None = None
    zone_since_ns: int | None = None
    back_since_ns: int | None = None
    gone_since_ns: int | None = None
    end: str | None = None
    """Why it is over: `GOT_UP`, `LEFT`; None where it was nothing."""
    end_ns: int | None = None
    """When that was; None while it lasts."""


def begun(body: Body, moment: Moment, start_ns: int, rest: Rest, peak: float) -> Down:
    """A body that is down from now on."""
    place, score, seen_ns = moment.places[body.track.id], down(body), body.track.last_ns
    one = Down(body.track.id, place, start_ns, rest, max(peak, score), score, seen_ns)
    return one if seen_ns == moment.now_ns else replace(one, lying=moment.seen, lying_taken=moment.cells())


def assigned(downs: Sequence[Down], moment: Moment) -> list[Body | None]:
    """The body that each of those who are down is; None where it is not seen.

    It is its track; or, once that is lost, who lies there, or who began there since.
    """
    seen = {body.track.id: body for body in moment.bodies or ()}
    found = [seen.pop(one.track_id, None) for one in downs]
    for k, one in enumerate(downs):
        if found[k] is None:
            found[k] = next((body for body in seen.values() if _may_be(one, body, moment)), None)
            if (body := found[k]) is not None:
                del seen[body.track.id]
    return found


def after(one: Down, body: Body | None, moment: Moment, min_quiet_s: float, offset: float) -> Down:
    """Look once more.

    Args:
        one: who is down.
        body: who that is now; None where it is not seen.
        moment: at which somebody looked.
        min_quiet_s: so long a body that never lay is seen not to be down, and it was nothing.
        offset: the probability under which it is not.
    """
    if moment.is_pause:
        one = replace(one, rest=one.rest.anew(moment.now_ns))
    if body is None:
        return _unseen(one, moment)
    one = _followed(one, body, moment)
    here = moment.places[body.track.id]
    is_away = one.place.away(here) > AWAY
    upright = is_upright(body.track)
    quiet = not one.lain and not may_lie(body) and down(body) < offset
    in_zone = bool(moment.zones) and may_lie(body) and lies_in(moment.zones, here, moment.aspect)
    one = replace(
        one,
        up_since_ns=moment.since(one.up_since_ns, holds=upright and down(body) < SURE),
        away_since_ns=moment.since(one.away_since_ns, holds=is_away),
        quiet_since_ns=moment.since(one.quiet_since_ns, holds=quiet),
        zone_since_ns=moment.since(one.zone_since_ns, holds=in_zone),
    )
    if moment.lasted(one.up_since_ns, UP_S):
        return replace(one, end=LEFT if is_away else GOT_UP, end_ns=one.up_since_ns)
    if moment.lasted(one.away_since_ns, AWAY_S):
        return replace(one, end=LEFT, end_ns=one.away_since_ns)
    if moment.lasted(one.zone_since_ns, REST_S):
        return replace(one, end=LEFT, end_ns=one.zone_since_ns)
    return replace(one, end_ns=one.quiet_since_ns) if moment.lasted(one.quiet_since_ns, min_quiet_s) else one


def is_lost(one: Down) -> bool:
    """Say whether it is time to say that a body is lost."""
    return one.unseen_s >= UNSEEN_S and not one.loss_said


def lies_still(one: Down, now_ns: int, still_s: float) -> bool:
    """Say whether it is time to say that a body does not move."""
    return not one.still_said and one.up_since_ns is None and now_ns - one.rest.since_ns >= still_s * NS_PER_S


def _may_be(one: Down, body: Body, moment: Moment) -> bool:
    """Say whether a body that is nobody else's may be this one, which is lost."""
    if one.unseen_s < LOST_S:
        return False
    here = moment.places[body.track.id]
    boxes = np.array([one.place.box, here.box], np.float32)
    is_there = one.place.away(here) <= NEAR or float(overlaps(boxes[:1], boxes[1:])[0, 0]) >= SAME_BOX
    if is_there and lies(body):
        return True
    # Who came from elsewhere, and kneels or stands there, is somebody else.
    began_there = body.track.first_ns > one.seen_ns and one.place.may_rise_to(body.track.origin.tolist())
    return began_there and ((is_there and may_lie(body)) or body.track.first_ns > moment.jump_ns)


def _followed(one: Down, body: Body, moment: Moment) -> Down:
    """Where and how a body is that is seen."""
    lying = may_lie(body)
    here = moment.places[body.track.id]
    lying_since_ns = moment.since(one.lying_since_ns, holds=lying)
    back_since_ns = moment.since(one.back_since_ns, holds=True)
    lain = one.lain or moment.lasted(lying_since_ns, LAIN_S)
    place = one.place if is_upright(body.track) or (lain and not lying) else here
    if lain and place is here:
        one = replace(one, lying=moment.seen, lying_taken=moment.cells(but=body.track.id), is_marked=None)
    return replace(
        one,
        track_id=body.track.id,
        place=place,
        rest=moment.rest(body, one.rest),
        peak=max(one.peak, down(body)),
        score=down(body),
        seen_ns=moment.now_ns,
        lain=lain,
        unseen_s=0.0,
        loss_said=one.loss_said and not moment.lasted(back_since_ns, SEEN_S),
        lying_since_ns=lying_since_ns,
        back_since_ns=back_since_ns,
        gone_since_ns=None,
    )


def _unseen(one: Down, moment: Moment) -> Down:
    was_up = one.up_since_ns is not None and one.seen_ns - one.up_since_ns >= UP_SEEN_S * NS_PER_S
    if was_up and moment.lasted(one.up_since_ns, UP_S):
        return replace(one, end=GOT_UP, end_ns=one.up_since_ns)
    place, is_as_before = cells_of([one.place.box]), False
    if one.is_marked is None and one.lying is not None and one.lying_taken is not None:
        likeness = moment.background.likeness(one.lying, place, one.lying_taken)
        one = replace(one, is_marked=likeness is not None and likeness <= MARKED)
    if one.is_marked:
        likeness = moment.background.likeness(moment.seen, place, moment.cells())
        is_as_before = likeness is not None and likeness >= AS_BEFORE
    one = replace(
        one,
        rest=one.rest.unseen(moment.now_ns, moves=moment.moves_in(one.place)),
        unseen_s=one.unseen_s + min(moment.looked_ns / NS_PER_S, MOST_LOOK_S),
        back_since_ns=None,
        gone_since_ns=moment.since(one.gone_since_ns, holds=is_as_before),
    )
    return replace(one, end=LEFT, end_ns=one.gone_since_ns) if moment.lasted(one.gone_since_ns, AS_BEFORE_S) else one
