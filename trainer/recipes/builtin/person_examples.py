"""What the person head learns from: tracks' features at the looks of many kinds of boxes, of sequences of bodies.

A sequence is seen several times: at rates of 3 to 30 looks a second, with looks and keypoints lost, larger, smaller,
slower and faster. What leaves the tracks as they are is done anew in each epoch: mirrored, other points hidden, some
noise, somebody else before.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge.people.body import POINTS
from edge.people.features import TRACK_FEATURES, track_features
from edge.people.posture import LYING as LIES
from edge.types import Person
from trainer.features.falling import followed
from trainer.features.poses import FALLING, LYING, NEITHER, UNKNOWN, PoseSequence, looks_at

RATES_HZ: Final = (30.0, 15.0, 10.0, 10.0, 7.0, 5.0, 4.0, 3.0)
"""That sequences are seen at: those near to what boxes do more often."""
LEAST_LOOKS: Final = 3
PACES: Final = (0.8, 1.25)
"""How much slower and faster."""
ASPECTS: Final = (0.85, 1.18)
"""How much wider: bodies are of many builds."""
LOST_LOOKS: Final = 0.15
"""Share of looks at which a body is lost, at most; so many in a row as they come."""
MOST_STEP_S: Final = 0.4
"""A look counts for the time since the one before, this at most."""
ONSET_S: Final = (-0.15, 0.35)
"""Around the start of a fall, as annotated by hand: what happens then may be either, and counts little."""
REST_S: Final = 0.4
"""Around the end of falling likewise."""
UNSURE_WEIGHT: Final = 0.15
TURNED_SHARE: Final = 0.2
"""Of virtual bodies that neither fall nor lie."""
TURN_S: Final = (0.6, 1.6)
"""That a cartwheel takes."""
SURELY: Final = 0.7
"""Confidence of a posture."""
HIDDEN_SHARE: Final = 0.3
"""Of examples in which some points are hidden, for a while or all the time."""
HIDEABLE: Final = (
    ("left_knee", "right_knee", "left_ankle", "right_ankle"),
    ("left_ankle", "right_ankle"),
    ("left_elbow", "left_wrist"),
    ("right_elbow", "right_wrist"),
    ("left_elbow", "left_wrist", "right_elbow", "right_wrist"),
    ("head",),
)
PLACE_NOISE: Final = 0.015
"""Body heights, as a standard deviation, of each point at each look."""
SPEED_NOISE: Final = 0.1
"""Body heights per second likewise."""

Rows = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Example:
    """One track, as the head sees it."""

    features: Rows  # (n, n_features)
    targets: NDArray[np.int8]  # (n,)
    weights: Rows  # (n,): of each look; 0 where nothing is known
    falls: bool
    """Whether somebody falls in it."""


def examples(sequence: PoseSequence) -> list[Example]:
    """Its tracks in which the body of interest is seen, as they are."""
    found: list[Example] = []
    for trail in followed(sequence.times_s, sequence.people, sequence.aspect):
        own = [
            sequence.targets[look] != UNKNOWN and track.person is sequence.people[look][0]
            for look, track in zip(trail.looks.tolist(), trail.tracks, strict=True)
        ]
        if sum(own) < LEAST_LOOKS:
            continue
        targets = np.where(own, sequence.targets[trail.looks], UNKNOWN).astype(np.int8)
        weights = sequence.weight * _weights(targets, sequence.times_s[trail.looks])
        found.append(
            Example(track_features(trail.tracks, sequence.aspect), targets, weights, bool((targets == FALLING).any()))
        )
    return found


def _weights(targets: NDArray[np.int8], times_s: NDArray[np.float64]) -> Rows:
    """By the time that each look stands for; less where a fall begins and ends."""
    weights = np.minimum(np.diff(times_s, prepend=times_s[0] - np.median(np.diff(times_s))), MOST_STEP_S)
    falling = np.flatnonzero(targets == FALLING)
    if len(falling):
        after_s = times_s - times_s[falling[0]]
        unsure = (after_s >= ONSET_S[0]) & (after_s <= ONSET_S[1]) if falling[0] else np.zeros(len(times_s), np.bool_)
        unsure |= np.abs(times_s - times_s[falling[-1]]) <= REST_S
        weights = np.where(unsure, UNSURE_WEIGHT * weights, weights)
    return np.where(targets == UNKNOWN, 0, weights).astype(np.float32)


def varied(sequence: PoseSequence, rng: np.random.Generator, rate_hz: float) -> PoseSequence:
    """The same body, seen by another box: at another rate, and as it would be if it were built otherwise."""
    pace = np.exp(rng.uniform(*np.log(PACES)))
    kept = np.array(looks_at(sequence.times_s / pace, rate_hz, rng.uniform()), np.intp)
    lost = _lost(len(kept), rng)
    kept = kept[~lost] if (~lost).sum() >= LEAST_LOOKS else kept
    wider = np.exp(rng.uniform(*np.log(ASPECTS)))
    return replace(
        sequence,
        times_s=sequence.times_s[kept] / pace,
        people=tuple(sequence.people[k] for k in kept),
        aspect=sequence.aspect * wider,
        targets=sequence.targets[kept],
    )


def rising(sequence: PoseSequence) -> PoseSequence:
    """The same played backwards: whoever fell gets up, which is no fall, however fast."""
    times_s = (sequence.times_s[-1] - sequence.times_s)[::-1]
    people, before = sequence.people[::-1], sequence.targets[::-1]
    targets = np.full(len(before), UNKNOWN, np.int8)
    for trail in followed(times_s, people, sequence.aspect):
        for look, track in zip(trail.looks.tolist(), trail.tracks, strict=True):
            if before[look] != UNKNOWN and track.person is people[look][0]:
                targets[look] = _rising(int(before[look]), float(track.posture[LIES]))
    return replace(sequence, times_s=times_s, people=people, targets=targets)


def _rising(before: int, lies: float) -> int:
    """What a body does, played backwards, by what it did and how surely it lies."""
    if before != FALLING:
        return before
    return LYING if lies > SURELY else NEITHER if lies < 1 - SURELY else UNKNOWN


def turning(sequences: Sequence[PoseSequence], seed: int) -> list[PoseSequence]:
    """Some of those in which nobody falls or lies, turned over once in the picture: cartwheels are no falls."""
    rng = np.random.default_rng((seed, len(sequences)))
    calm = [one for one in sequences if not np.isin(one.targets, (FALLING, LYING)).any() and len(one.times_s)]
    return [_turned(one, rng) for one in calm if rng.uniform() < TURNED_SHARE]


def _turned(sequence: PoseSequence, rng: np.random.Generator) -> PoseSequence:
    """The body of interest turned over, within some second; a body that has turned over stands again."""
    takes_s = rng.uniform(*TURN_S)
    start_s = rng.uniform(sequence.times_s[0], max(float(sequence.times_s[-1]) - takes_s, float(sequence.times_s[0])))
    shares = ((sequence.times_s - start_s) / takes_s).clip(0, 1)
    angles = rng.choice([-1, 1]) * 2 * np.pi * shares
    people = [
        seen if sequence.targets[k] == UNKNOWN else (_at_angle(seen[0], float(angles[k]), sequence.aspect), *seen[1:])
        for k, seen in enumerate(sequence.people)
    ]
    return replace(sequence, people=tuple(people), kind="turns over")


def _at_angle(person: Person, angle: float, aspect: float) -> Person:
    """A person turned in the picture around the middle of its box."""
    size = np.array([1, aspect], np.float32)
    corners = person.box.reshape(2, 2) * size
    middle = corners.mean(0)
    cosine, sine = np.cos(angle), np.sin(angle)
    turn = np.array([[cosine, sine], [-sine, cosine]], np.float32)
    places = middle + (person.keypoints[:, :2] * size - middle) @ turn
    half = np.abs(turn).T @ (corners[1] - middle)
    box = np.stack([middle - half, middle + half]) / size
    keypoints = np.column_stack([places / size, person.keypoints[:, 2]])
    return Person(box.clip(0, 1).ravel().astype(np.float32), keypoints.astype(np.float32), person.score)


def _lost(n: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Looks at which nobody is seen, (n,)."""
    share = rng.uniform(0, LOST_LOOKS) if rng.uniform() < 0.5 else 0.0
    return np.convolve(rng.uniform(size=n) < share / 2, np.ones(2), "full")[:n] > 0


def many_examples(sequences: Iterable[PoseSequence], seed: int, times: int) -> list[Example]:
    """Every sequence as it is, `times` varied ones of it, and where somebody falls one that is played backwards."""
    found: list[Example] = []
    for number, sequence in enumerate(sequences):
        rng = np.random.default_rng((seed, number))
        rates_hz = rng.permutation(RATES_HZ)
        seen = [sequence, *(varied(sequence, rng, float(rates_hz[k % len(rates_hz)])) for k in range(times))]
        if FALLING in sequence.targets:
            seen.append(rising(varied(sequence, rng, float(rng.choice(RATES_HZ)))))
        for one in seen:
            if len(one.times_s) >= LEAST_LOOKS:
                found += examples(replace(one, weight=sequence.weight / len(seen)))
    return found


_COLUMNS: Final = {name: number for number, name in enumerate(TRACK_FEATURES)}
_N_POINTS: Final = len(POINTS)
_PLACES: Final = slice(0, 2 * _N_POINTS)
_TRUSTS: Final = slice(2 * _N_POINTS, 3 * _N_POINTS)
_SPEEDS: Final = slice(3 * _N_POINTS, 5 * _N_POINTS)


def _other_side(name: str) -> str:
    if name.startswith("left_"):
        return name.replace("left_", "right_", 1)
    return name.replace("right_", "left_", 1) if name.startswith("right_") else name


_MIRRORED: Final = np.array([_COLUMNS[_other_side(name)] for name in TRACK_FEATURES])
_SIGNS: Final = np.array([-1.0 if name.endswith("_x") else 1.0 for name in TRACK_FEATURES], np.float32)


def mirrored(features: Rows) -> Rows:
    """Features (n, n_features) of the same body in a mirror."""
    return features[:, _MIRRORED] * _SIGNS


def without_points(features: Rows, points: Sequence[str]) -> Rows:
    """Features (n, n_features) of the same body, some of whose points are not seen."""
    hidden = features.copy()
    for point in points:
        for column in (f"{point}_y", f"{point}_x", f"{point}_trust", f"{point}_speed_y", f"{point}_speed_x"):
            hidden[:, _COLUMNS[column]] = 0
    return hidden


def jittered(features: Rows, rng: np.random.Generator) -> Rows:
    """Features (n, n_features) of the same body in another epoch: mirrored or not, points hidden, some noise."""
    found = mirrored(features) if rng.uniform() < 0.5 else features.copy()
    if rng.uniform() < HIDDEN_SHARE:
        first, after = np.sort(rng.integers(0, len(found) + 1, 2))
        first, after = (0, len(found)) if rng.uniform() < 0.5 else (int(first), int(after))
        found[first:after] = without_points(found[first:after], HIDEABLE[rng.integers(len(HIDEABLE))])
    shown = np.repeat(found[:, _TRUSTS] > 0, 2, axis=1)
    strength = rng.uniform(0, 2)
    found[:, _PLACES] += strength * PLACE_NOISE * shown * rng.standard_normal(shown.shape, np.float32)
    found[:, _SPEEDS] += strength * SPEED_NOISE * shown * rng.standard_normal(shown.shape, np.float32)
    return found


def joined(before: Example, after: Example, n_looks: int) -> Example:
    """Somebody else before: the last looks of one example, and then another, as if it were one track.

    Args:
        before: who comes first; nothing is learned from it here.
        after: who comes after.
        n_looks: of the first.
    """
    start = before.features[-n_looks:]
    return Example(
        np.concatenate([start, after.features]),
        np.concatenate([before.targets[-n_looks:], after.targets]),
        np.concatenate([np.zeros(len(start), np.float32), after.weights]),
        after.falls,
    )
