"""Who is who from step to step. State goes in and comes out; times are the data's, steps as long as they are.

A track is where its body was, or would be if it went on as it went, and takes the person who is most like that: by
where the points of the body are, and by how the boxes overlap. The likest pairs first.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from edge.people.body import NOTHING, POINTS, Bodies, Floats, bodies, heights, overlaps
from edge.people.decoding import MOST_PEOPLE
from edge.people.posture import LYING, UPRIGHT, posture
from edge.types import NS_PER_S, Person, Track

BEGINNING_SCORE: Final = 0.2
"""Of a person who begins a track. Furniture that is taken for a body has up to 0.17; a body that lies may go on with
less than it began with."""
LEAST_SIMILARITY: Final = 0.25
"""Of a track and its person. On real clips of one person it is 0.37 at least; with less it is somebody else."""
LEAST_SIMILARITY_IN_FALL: Final = 0.1
"""The same between `STEP_S` and `LOST_S` after a body was seen: of a fall, so much time leaves little more than the
feet where they were. Not later: who walks past a body that lies and is lost is not it."""
STEP_S: Final = 0.25
"""In less than this nobody falls far."""
LOST_S: Final = 0.8
"""Two slow steps, and a little: as long as a fall takes."""
TOLERANCE: Final = 0.12
"""Of a point's place, over the body's height, as a standard deviation: noise of the network."""
TOLERANCE_PER_S: Final = 0.8
"""What is added with the time: 0.28 in 0.35 s. A body that begins to fall is 0.35 from where it stood by then."""
MOST_TOLERANCE: Final = 0.5
"""Half a body: with more, neighbours are one."""
PREDICTED_S: Final = 0.8
"""For so long a body that is not seen is thought to go on: who walks passes behind another in it."""
STOPPED_SHARE: Final = 0.5
"""What likeness to where a body was counts, beside likeness to where it would be: who falls stops on the floor, but who
walks past another walks on."""
VELOCITY_MEMORY_S: Final = 0.15
"""Of the mean of velocities: so short that a fall is not smoothed away."""
HEIGHT_MEMORY_S: Final = 0.3
"""Of the mean of heights. Who walks away three metres from the camera is smaller by a third after a second; were the
mean slower, that would be taken for sinking down."""
TOP_MEMORY_S: Final = 4.0
"""For so long who sank is lower than he was."""
FLOOR_MEMORY_S: Final = 1.0
"""Of the mean of where a body stands."""
COAST_S: Final = 2.0
"""A track is kept for so long while its body is not found."""
LYING_COAST_S: Final = 60.0
"""The same where it lay: the network loses who lies, under a blanket for long."""
LEAST_LYING: Final = 0.3
"""Confidence for which it lay, or was about to."""
MOST_STEP_S: Final = 0.5
"""Of a longer step, this much counts as time in which bodies were looked for: the rest was a pause."""
LEAST_MOVED: Final = 0.25
"""Body heights. A poster's points wander by less."""


@dataclass(frozen=True, slots=True)
class Tracks:
    """The bodies of one camera until now."""

    tracks: tuple[Track, ...] = ()
    """At most six, each in a slot of its own; the oldest first."""
    next_id: int = 1
    now_ns: int = 0


def is_somebody(track: Track) -> bool:
    """Say whether a track is a person: what was never seen to move and stands or sits is a poster or a coat."""
    return track.moved >= LEAST_MOVED or float(track.posture[LYING]) >= LEAST_LYING


def begin_anew(state: Tracks) -> Tracks:
    """Forget all bodies but not their ids: the picture jumped."""
    return replace(state, tracks=())


def step(state: Tracks, people: Sequence[Person], now_ns: int, aspect: float) -> Tracks:
    """Look once more.

    Args:
        state: as the last step left it. Where time goes back the tracks begin anew.
        people: of this picture; of more than six, the six surest.
        now_ns: capture time of the picture.
        aspect: width of the picture over its height.
    """
    before = state.tracks if now_ns > state.now_ns else ()
    surest = sorted(people, key=lambda person: -person.score)[:MOST_PEOPLE]
    both, n_seen = bodies([*surest, *(track.person for track in before)], aspect), len(surest)
    seen, known = both[:n_seen], both[n_seen:]
    looked_s = min((now_ns - state.now_ns) / NS_PER_S, MOST_STEP_S)
    pairs = _pairs(before, _similarities(before, known, seen, looked_s), looked_s)
    rows, columns = [i for i, _ in pairs], [j for _, j in pairs]
    followed = _followed([before[i] for i in rows], known[rows], [surest[j] for j in columns], seen[columns], now_ns)
    new = [j for j, person in enumerate(surest) if j not in columns and person.score >= BEGINNING_SCORE]
    unseen = [replace(track, unseen_s=track.unseen_s + looked_s) for i, track in enumerate(before) if i not in rows]
    coasting = _coasting(unseen, MOST_PEOPLE - len(pairs) - len(new))
    free = sorted(set(range(MOST_PEOPLE)) - {track.slot for track in (*followed, *coasting)})
    begun = _begun([surest[j] for j in new], seen[new], now_ns, state.next_id, free)
    tracks = sorted((*followed, *coasting, *begun), key=lambda track: track.id)
    return Tracks(tuple(tracks), state.next_id + len(begun), now_ns)


def _similarities(before: Sequence[Track], known: Bodies, seen: Bodies, looked_s: float) -> Floats:
    """Likeness of each track to each person, (n_tracks, n_people), from 0 to 1: of a body that went on, or stopped."""
    sizes = np.array([track.height for track in before], np.float32)
    unseen_s = np.array([track.unseen_s + looked_s for track in before], np.float32)
    velocities = np.array([track.velocities for track in before], np.float32).reshape(-1, len(POINTS), 2)
    weights = known.trusts[:, :, np.newaxis]
    velocity = (velocities * weights).sum(1) / (weights.sum(1) + NOTHING)  # (n_tracks, 2)
    shift = velocity * np.minimum(unseen_s, PREDICTED_S)[:, np.newaxis]
    tolerances = sizes * np.minimum(TOLERANCE + TOLERANCE_PER_S * unseen_s, MOST_TOLERANCE)
    went_on, stopped = (_likeness(known, moved, seen, tolerances) for moved in (shift, 0 * shift))
    return np.maximum(went_on, STOPPED_SHARE * stopped)


def _likeness(known: Bodies, shift: Floats, seen: Bodies, tolerances: Floats) -> Floats:
    """Likeness of each body, moved by its shift, to each that is seen: the mean of that of points and of boxes."""
    apart = seen.places - (known.places + shift[:, np.newaxis])[:, np.newaxis]  # (n_tracks, n_people, 13, 2)
    near = np.exp(-np.square(apart).sum(3) / (2 * np.square(tolerances)[:, np.newaxis, np.newaxis]))
    shared = np.minimum(known.trusts[:, np.newaxis], seen.trusts)
    by_points = (near * shared).sum(2) / (shared.sum(2) + NOTHING)
    return (by_points + overlaps(known.boxes + np.tile(shift, 2), seen.boxes)) / 2


def _pairs(before: Sequence[Track], similarities: Floats, looked_s: float) -> list[tuple[int, int]]:
    """Tracks and their people, the likest first."""
    since_s = np.array([track.unseen_s + looked_s for track in before], np.float32)[:, np.newaxis]
    may_fall = (since_s > STEP_S) & (since_s <= LOST_S)
    least = np.where(may_fall, LEAST_SIMILARITY_IN_FALL, LEAST_SIMILARITY)
    left = np.where(similarities >= least, similarities, 0)
    pairs: list[tuple[int, int]] = []
    while left.any():
        track, person = divmod(int(left.argmax()), left.shape[1])
        pairs.append((track, person))
        left[track], left[:, person] = 0, 0
    return pairs


def _coasting(unseen: Sequence[Track], n_slots: int) -> list[Track]:
    """Those of the tracks without a person that stay: where slots are few, who lay, and then who was seen last."""
    staying = [track for track in unseen if track.unseen_s <= _coast_s(track)]
    return sorted(staying, key=lambda track: (-_coast_s(track), track.unseen_s))[:n_slots]


def _coast_s(track: Track) -> float:
    return LYING_COAST_S if float(track.posture[LYING]) >= LEAST_LYING else COAST_S


def _begun(people: Sequence[Person], seen: Bodies, now_ns: int, first_id: int, slots: Sequence[int]) -> list[Track]:
    """Tracks of people that nobody had."""
    if not people:
        return []
    stand, _ = heights(seen)
    postures, origins = posture(seen, stand), seen.centers
    return [
        Track(
            id=first_id + k,
            slot=slots[k],
            person=person,
            first_ns=now_ns,
            last_ns=now_ns,
            elapsed_s=0.0,
            unseen_s=0.0,
            height=float(stand[k]),
            moved=0.0,
            top=float(origins[k, 0]),
            floor=float(seen.boxes[k, 2]),
            origin=origins[k],
            velocities=np.zeros((len(POINTS), 2), np.float32),
            posture=postures[k],
        )
        for k, person in enumerate(people)
    ]


def _followed(old: Sequence[Track], known: Bodies, people: Sequence[Person], seen: Bodies, now_ns: int) -> list[Track]:
    """Tracks that were found again, each in its person."""
    if not old:
        return []
    elapsed_s = np.array([(now_ns - track.last_ns) / NS_PER_S for track in old], np.float32)
    age_s = np.array([(now_ns - track.first_ns) / NS_PER_S for track in old], np.float32)
    stood = np.array([track.height for track in old], np.float32)
    postures = posture(seen, stood)
    stand = _stand(stood, seen, postures, elapsed_s, age_s)
    velocities = _velocities(old, known, seen, elapsed_s)
    origins = np.array([track.origin for track in old], np.float32).reshape(-1, 2)
    moved = np.sqrt(np.square(seen.centers - origins).sum(1)) / stand
    top, floor = _levels(old, seen, postures, elapsed_s, age_s)
    return [
        replace(
            track,
            person=people[k],
            last_ns=now_ns,
            elapsed_s=float(elapsed_s[k]),
            unseen_s=0.0,
            height=float(stand[k]),
            moved=max(track.moved, float(moved[k])),
            top=float(top[k]),
            floor=float(floor[k]),
            velocities=velocities[k],
            posture=postures[k],
        )
        for k, track in enumerate(old)
    ]


def _stand(stood: Floats, seen: Bodies, postures: Floats, elapsed_s: Floats, age_s: Floats) -> Floats:
    """Heights of bodies as they stand, (n,). They shrink of who is upright, and grow of who does not lie: who sits
    facing the camera looks shorter, never taller."""
    measured, trust = heights(seen)
    share = _newest_share(elapsed_s, age_s, HEIGHT_MEMORY_S)
    believed = trust * np.where(measured < stood, postures[:, UPRIGHT], 1 - postures[:, LYING])
    return (stood + share * believed * (measured - stood)).astype(np.float32)


def _newest_share(elapsed_s: Floats, age_s: Floats, memory_s: float) -> Floats:
    """What the newest value counts in a mean that fades, (n,); at first it is a plain one."""
    return np.maximum(1 - np.exp(-elapsed_s / memory_s), elapsed_s / (age_s + NOTHING))


def _levels(
    old: Sequence[Track], seen: Bodies, postures: Floats, elapsed_s: Floats, age_s: Floats
) -> tuple[Floats, Floats]:
    """Where torsos were highest lately, and where those who stand touch the floor, y, (n,) each."""
    top, floor = np.array([(track.top, track.floor) for track in old], np.float32).reshape(-1, 2).T
    center = seen.centers[:, 0]
    top = np.minimum(center, top + (1 - np.exp(-elapsed_s / TOP_MEMORY_S)) * (center - top))
    share = _newest_share(elapsed_s, age_s, FLOOR_MEMORY_S)
    floor = floor + share * postures[:, UPRIGHT] * (seen.boxes[:, 2] - floor)
    return top.astype(np.float32), floor.astype(np.float32)


def _velocities(old: Sequence[Track], known: Bodies, seen: Bodies, elapsed_s: Floats) -> Floats:
    """Velocities of points, (n, 13, 2); of what is not seen they fade."""
    before = np.array([track.velocities for track in old], np.float32).reshape(-1, len(POINTS), 2)
    shared = np.minimum(known.trusts, seen.trusts)[:, :, np.newaxis]
    now = shared * (seen.places - known.places) / elapsed_s[:, np.newaxis, np.newaxis]
    share = 1 - np.exp(-elapsed_s / VELOCITY_MEMORY_S)[:, np.newaxis, np.newaxis]
    return (before + share * (now - before)).astype(np.float32)
