"""What bodies in real clips do at each look: from what a set says of a clip, and from how the bodies in it move.

Who falls in a clip is the body that lies longest after the start, or sinks most. A fall's end is seen, not annotated:
the body lies and rests; it counts as falling for `RESTING_S` more. Where the start is not annotated it is when the body
begins to sink, before its fastest moment. Whoever lies otherwise is told by posture.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge.people.body import bodies
from edge.people.posture import LYING as LIES
from edge.people.tracking import Tracks, step
from edge.types import NS_PER_S, Person, Track
from trainer.clips.labels import FALL, VIOLENCE
from trainer.clips.manifest import Clip
from trainer.features.poses import FALLING, LYING, NEITHER, UNKNOWN, Poses, PoseSequence

RESTING_S: Final = 1.0
"""A body that came to rest counts as falling for so long."""
FALL_S: Final = (0.5, 2.5)
"""The shortest and the longest time from the start until a body rests."""
RESTING_SPEED: Final = 0.35
"""Body heights per second of the middle of the torso, of who rests."""
SMOOTH_S: Final = 0.4
"""Over which speeds are taken."""
LEAST_SINKING: Final = 0.15
"""Body heights that the middle of the torso goes down in a fall whose start nobody wrote down; else it is not known."""
SINKS_FROM: Final = 0.25
"""Of the fastest sinking, where a body begins to sink."""
STRUCK_S: Final = 2.0
"""Before a body in a fight lies, for which nobody knows whether it falls."""
LIES_FOR_S: Final = 0.6
"""What lies for less is bending, or an error."""

Times = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Trail:
    """One track of a clip: the looks at which it was seen."""

    looks: NDArray[np.intp]  # (m,)
    tracks: tuple[Track, ...]
    """As it was at each of them."""


def trails(poses: Poses) -> list[Trail]:
    """The tracks of a clip, the first seen first."""
    return followed(poses.times_s, poses.people, poses.aspect)


def followed(times_s: Times, people: Iterable[Sequence[Person]], aspect: float) -> list[Trail]:
    """The tracks of people at looks, the first seen first."""
    state, found = Tracks(), dict[int, list[tuple[int, Track]]]()
    for look, (time_s, seen) in enumerate(zip(times_s.tolist(), people, strict=True)):
        now_ns = 1 + round((time_s - float(times_s[0])) * NS_PER_S)
        state = step(state, seen, now_ns, aspect)
        for track in state.tracks:
            if track.last_ns == now_ns:
                found.setdefault(track.id, []).append((look, track))
    return [
        Trail(np.array([look for look, _ in rows], np.intp), tuple(track for _, track in rows))
        for rows in found.values()
    ]


def sequences_of(clip: Clip, poses: Poses, kind: str, weight: float) -> list[PoseSequence]:
    """What each body of a clip does, one sequence for each.

    Args:
        clip: says whether somebody falls, and perhaps when.
        poses: of the clip.
        kind: of the sequences.
        weight: of the clip, shared by its bodies.
    """
    every = trails(poses)
    start_s = clip.start_s(FALL)
    faller = None if start_s is None else _faller(every, poses, start_s if clip.timed else 0.0)
    found: list[PoseSequence] = []
    for trail in every:
        times_s = poses.times_s[trail.looks]
        doing = postures_of(trail, times_s)
        if trail is faller:
            assert start_s is not None
            doing = _of_fall(trail, times_s, poses.aspect, start_s if clip.timed else None, doing)
        elif clip.start_s(VIOLENCE) is not None:
            doing = _without_struck(doing, times_s)
        elif start_s is not None:
            doing = np.where(doing == LYING, UNKNOWN, doing)  # perhaps the same body, found again
        targets, people = _of_interest(poses, trail, doing)
        found.append(PoseSequence(poses.times_s, people, poses.aspect, targets, kind, clip.group, weight / len(every)))
    return found


def postures_of(trail: Trail, times_s: Times) -> NDArray[np.int8]:
    """`LYING` where a body lies for `LIES_FOR_S` at least, `UNKNOWN` where shorter, else `NEITHER`; (m,)."""
    lies = np.array([track.posture[LIES] > 0.5 for track in trail.tracks])
    doing = np.full(len(lies), NEITHER, np.int8)
    edges = np.flatnonzero(np.diff(np.r_[False, lies, False].astype(np.int8)))
    for first, after in zip(edges[::2], edges[1::2], strict=True):
        long = times_s[after - 1] - times_s[first] >= LIES_FOR_S or after - first == len(lies)
        doing[first:after] = LYING if long else UNKNOWN
    return doing


def _without_struck(doing: NDArray[np.int8], times_s: Times) -> NDArray[np.int8]:
    """What a body in a fight does, (m,): who lies was perhaps struck down, and until then it is not known."""
    low_s = times_s[doing != NEITHER]
    before = np.searchsorted(low_s, times_s)
    next_s = np.append(low_s, np.inf)[before]
    return np.where((doing == NEITHER) & (next_s - times_s < STRUCK_S), UNKNOWN, doing).astype(np.int8)


def _faller(every: Sequence[Trail], poses: Poses, start_s: float) -> Trail | None:
    """The track that falls: of those that were seen after the start, who lies or has sunk longest."""

    def low_s(trail: Trail) -> float:
        times_s = poses.times_s[trail.looks]
        after = times_s > start_s
        lies = np.array([track.posture[LIES] for track in trail.tracks])
        sunk = np.maximum(0, heights_sunk(trail, poses.aspect))
        return float(((lies + sunk) * after).sum())

    return max((trail for trail in every if low_s(trail) > 0), key=low_s, default=None)


def heights_sunk(trail: Trail, aspect: float) -> NDArray[np.float64]:
    """How far the middle of the torso is under where it was first seen, in body heights, (m,)."""
    centers = bodies([track.person for track in trail.tracks], aspect).centers[:, 0]
    return (centers - centers[0]) / np.array([track.height for track in trail.tracks])


def _of_fall(
    trail: Trail, times_s: Times, aspect: float, start_s: float | None, before: NDArray[np.int8]
) -> NDArray[np.int8]:
    """What the body that falls does, (m,)."""
    if start_s is None:
        start_s = sinking_start_s(trail, times_s, aspect)
    if start_s is None:
        return np.full(len(times_s), UNKNOWN, np.int8)
    end_s = resting_s(trail, times_s, aspect, start_s) + RESTING_S
    doing = np.where(times_s < start_s, before, np.where(times_s < end_s, FALLING, LYING))
    return doing.astype(np.int8)


def speeds(trail: Trail, times_s: Times, aspect: float) -> NDArray[np.float64]:
    """Speed of the middle of the torso over the last `SMOOTH_S`, body heights per second, y and x: (m, 2)."""
    centers = bodies([track.person for track in trail.tracks], aspect).centers.astype(np.float64)
    heights = np.array([track.height for track in trail.tracks])
    earlier = np.searchsorted(times_s, times_s - SMOOTH_S)
    elapsed_s = np.maximum(times_s - times_s[earlier], SMOOTH_S / 2)
    return (centers - centers[earlier]) / (heights * elapsed_s)[:, np.newaxis]


def sinking_start_s(trail: Trail, times_s: Times, aspect: float) -> float | None:
    """When a body begins to sink before it sinks fastest; None where it never sinks far."""
    down = speeds(trail, times_s, aspect)[:, 0]
    fastest = int(down.argmax())
    first = fastest
    while first > 0 and down[first - 1] > SINKS_FROM * down[fastest]:
        first -= 1
    after = fastest
    while after + 1 < len(down) and down[after + 1] > 0:
        after += 1
    sunk = heights_sunk(trail, aspect)
    if sunk[after] - sunk[first] < LEAST_SINKING:
        return None
    return float(times_s[first]) - SMOOTH_S / 2


def resting_s(trail: Trail, times_s: Times, aspect: float, start_s: float) -> float:
    """When a body that falls has come to rest, within `FALL_S` of the start."""
    shortest_s, longest_s = FALL_S
    lies = np.array([track.posture[LIES] > 0.5 for track in trail.tracks])
    slow = np.abs(speeds(trail, times_s, aspect)).sum(1) < RESTING_SPEED
    at_rest = lies & slow & (times_s >= start_s + shortest_s) & (times_s <= start_s + longest_s)
    if at_rest.any():
        return float(times_s[at_rest][0])
    return start_s + (shortest_s + longest_s) / 2


def _of_interest(
    poses: Poses, trail: Trail, doing: NDArray[np.integer]
) -> tuple[NDArray[np.int8], tuple[tuple[Person, ...], ...]]:
    """Targets, and people with the body of a track first, at each look."""
    targets = np.full(len(poses.times_s), UNKNOWN, np.int8)
    targets[trail.looks] = doing
    people = list(poses.people)
    for look, track in zip(trail.looks.tolist(), trail.tracks, strict=True):
        others = (person for person in people[look] if person is not track.person)
        people[look] = (track.person, *others)
    return targets, tuple(people)
