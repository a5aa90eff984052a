"""Who is down in one camera's picture: who fell, and who was found lying. State goes in and comes out."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from edge.frames.background import Background, cells_of
from edge.frames.glance import Glance
from edge.frames.jump import jumped
from edge.frames.movement import Movement
from edge.frames.regions import Polygon
from edge.people.body import bodies as measured
from edge.people.down import Down, Moment, after, assigned, begun
from edge.people.ignored import Ignored, ignoring
from edge.people.lying import lies_in, places_of
from edge.people.tracking import BEGINNING_SCORE, is_somebody
from edge.people.watched import Onset, Watched, falls, is_found, watched
from edge.types import NS_PER_S, Body

NO_TRACK: Final = 0
"""Ids begin at 1, and may anew when the watching does."""
RECALL_S: Final = 10.0
"""So long after a restart who lies is told again."""
LYING_S: Final = 0.8
"""For which he is seen to lie, then, and where the scene alone told a fall."""
JUMP_S: Final = 1.0
"""After a jump of the picture nothing that is seen at once tells of a fall."""
PRESENCE_S: Final = 2.0
"""Over which it is known how often bodies are found."""
LONGEST_LOOK_S: Final = 0.5
"""So much time one look speaks of, at the most: after a pause the first one finds nobody who is only coming in."""
BEFORE_S: Final = 2.0
"""Who lies since so long before a fall that the scene alone told is somebody else."""


@dataclass(frozen=True, slots=True)
class FloorRules:
    """When somebody is down, and when not any more."""

    onset: Onset
    offset: float
    """Probability under which a body that never lay is not down."""
    min_quiet_s: float
    """For so long."""
    zones: Sequence[Polygon]
    """Where people may lie."""
    found_down_s: float | None
    """Who lies still elsewhere for so long is down though nobody saw him fall; None: is not."""


@dataclass(frozen=True, slots=True)
class Floor:
    """Who is down, and all that is remembered to know it."""

    downs: tuple[Down, ...] = ()
    watched: tuple[Watched, ...] = ()
    ignored: tuple[Ignored, ...] = ()
    people: int | None = None
    """How many were seen; None before somebody looked."""
    presence: float = 1.0
    """Share of the last looks, those of `PRESENCE_S`, at which a body was surely seen, of those at which one was or
    something moved: from the ceiling, in the dark, far away the network sees them at less than `BEGINNING_SCORE`, and
    an empty room tells nothing."""
    resting: bool = False
    """Whether all of them were in rest zones."""
    movement: Movement = field(default_factory=Movement)
    background: Background = field(default_factory=Background)
    now_ns: int | None = None
    looked_ns: int | None = None
    """When somebody looked for bodies."""
    jump_ns: int = 0
    """Until when what is seen may come from a jump of the picture."""
    was_down: bool = False
    """Whether somebody lay there when the watching ended, and is to be told again."""
    recall_ns: int | None = None
    """Since when he is looked for."""

    def closed(self) -> "Floor":
        """The watching ends. What the place looks like without anybody is remembered, and where who is ignored lies."""
        ignored = tuple(replace(one, track_id=NO_TRACK) for one in self.ignored)
        return Floor(ignored=ignored, background=self.background, was_down=bool(self.downs) or self.was_down)

    def ignoring_all(self) -> "Floor":
        """Who is down was said to be no alarm."""
        ignored = tuple(Ignored(one.track_id, one.place) for one in self.downs)
        return replace(self, ignored=(*self.ignored, *ignored), downs=(), watched=(), was_down=False)


@dataclass(frozen=True, slots=True)
class Began:
    """Somebody who is down from now on."""

    down: Down
    is_found: bool
    """Whether nobody saw him fall."""


@dataclass(frozen=True, slots=True)
class Change:
    """What one moment changed."""

    new: tuple[Began, ...] = ()
    over: Down | None = None
    """Who is not down any more; one of them."""


def looked(
    floor: Floor, bodies: Sequence[Body] | None, seen: Glance, rules: FloorRules, aspect: float
) -> tuple[Floor, Moment]:
    """Take a moment later than the last; return it beside what was before.

    Args:
        floor: from the last moment.
        bodies: all tracks, those too that were looked for in vain; None where nobody looked.
        seen: the picture; it has the time of the moment.
        rules: when somebody is down.
        aspect: width of the picture over its height.
    """
    now_ns, last = seen.capture_ns, floor.movement.glance
    if last is not None and jumped(last, seen):
        floor = replace(floor, jump_ns=now_ns + round(JUMP_S * NS_PER_S), watched=())
    movement = floor.movement.after(seen)
    in_view = None if bodies is None else tuple(body for body in bodies if body.track.last_ns == now_ns)
    tracks = [body.track for body in bodies or ()]
    ids, people = [track.id for track in tracks], measured([track.person for track in tracks], aspect)
    moment = Moment(
        now_ns=now_ns,
        seen=seen,
        bodies=in_view,
        coasting=tuple(body for body in bodies or () if body.track.last_ns < now_ns),
        places=dict(zip(ids, places_of(tracks, people), strict=True)),
        points=dict(zip(ids, zip(people.places, people.trusts, strict=True), strict=True)),
        aspect=aspect,
        moving=movement.now(),
        background=floor.background,
        zones=rules.zones,
        elapsed_ns=0 if floor.now_ns is None else now_ns - floor.now_ns,
        looked_ns=0 if floor.looked_ns is None else now_ns - floor.looked_ns,
        max_gap_ns=rules.onset.max_gap_ns,
        jump_ns=floor.jump_ns,
    )
    floor = replace(floor, movement=movement, now_ns=now_ns)
    return (floor if in_view is None else _learned(floor, moment)), moment


def stepped(floor: Floor, moment: Moment, rules: FloorRules, scene_since_ns: int | None) -> tuple[Floor, Change]:
    """Look at all bodies of a moment at which somebody looked.

    Args:
        floor: from `looked`.
        moment: the same.
        rules: when somebody is down.
        scene_since_ns: since when there is a fall that the scene alone tells; None where there is none.
    """
    found = assigned(floor.downs, moment)
    known = [
        after(one, body, moment, rules.min_quiet_s, rules.offset) for one, body in zip(floor.downs, found, strict=True)
    ]
    taken = {body.track.id for body in found if body is not None}
    ignored, tracks = ignoring(floor.ignored, moment.without(taken))
    others = moment.without(taken | tracks)
    watching = watched(floor.watched, others, rules.onset)
    floor = _recalling(replace(floor, ignored=ignored, watched=watching), moment.now_ns)
    new: list[Began] = []
    tracked = {body.track.id: body for body in (*(others.bodies or ()), *others.coasting)}
    for one in watching:
        body = tracked[one.track_id]
        began = _began(one, body, others, rules, was_down=floor.was_down, scene_since_ns=scene_since_ns)
        if began is not None:
            start_ns, is_found_down = began
            new.append(Began(begun(body, moment, start_ns, one.rest, one.peak), is_found_down))
    staying = [one for one in known if one.end_ns is None]
    gone = {one.down.track_id for one in new}
    floor = replace(
        floor,
        downs=(*staying, *(one.down for one in new)),
        watched=tuple(one for one in watching if one.track_id not in gone),
    )
    return floor, Change(tuple(new), next((one for one in known if one.end_ns is not None), None))


def _learned(floor: Floor, moment: Moment) -> Floor:
    """What the picture looks like without people is learned while nobody is down; who is in it is counted."""
    background = floor.background
    if not floor.downs:
        background = background.after(moment.seen, cells_of([place.box for place in moment.places.values()]))
    somebody = [body.track for body in moment.bodies or () if is_somebody(body.track)]
    in_zones = [lies_in(moment.zones, moment.places[track.id], moment.aspect) for track in somebody]
    resting = bool(in_zones) and all(in_zones)
    is_sure = any(body.track.person.score >= BEGINNING_SCORE for body in moment.bodies or ())
    presence = floor.presence
    if is_sure or moment.moving.any():
        kept = math.exp(-min(moment.looked_ns / NS_PER_S, LONGEST_LOOK_S) / PRESENCE_S)
        presence = kept * presence + (1 - kept) * is_sure
    return replace(
        floor,
        looked_ns=moment.now_ns,
        people=len(somebody),
        presence=presence,
        resting=resting,
        background=background,
    )


def _recalling(floor: Floor, now_ns: int) -> Floor:
    """Look for who lay when the watching ended, for a while."""
    if not floor.was_down:
        return floor
    recall_ns = now_ns if floor.recall_ns is None else floor.recall_ns
    return replace(floor, recall_ns=recall_ns, was_down=now_ns - recall_ns <= RECALL_S * NS_PER_S)


def _began(
    one: Watched, body: Body, moment: Moment, rules: FloorRules, *, was_down: bool, scene_since_ns: int | None
) -> tuple[int, bool] | None:
    """Since when a body is down, and whether it was found so; None where it is not down."""
    if falls(one, body, moment):
        return one.fell_ns, False
    if one.seen_ns < moment.now_ns or one.lying_since_ns is None or lies_in(moment.zones, one.place, moment.aspect):
        return None
    lies = moment.lasted(one.lying_since_ns, LYING_S)
    fell_ns = one.fell_unseen_ns
    if fell_ns is None and scene_since_ns is not None:
        lay_before = one.lying_since_ns < scene_since_ns - BEFORE_S * NS_PER_S
        fell_ns = None if lay_before else scene_since_ns
    if lies and fell_ns is not None:
        return fell_ns, False
    if lies and was_down:
        return one.lying_since_ns, True
    is_still = rules.found_down_s is not None and is_found(one, moment, rules.found_down_s)
    return (one.still_since_ns, True) if is_still else None
