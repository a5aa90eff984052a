"""What bodies do in clips: stick figures whose falls are known to the tenth of a second."""

from pathlib import Path

import numpy as np
import pytest

from trainer.clips.manifest import Clip, Segment
from trainer.features.falling import RESTING_S, sequences_of, trails
from trainer.features.poses import FALLING, LYING, NEITHER, UNKNOWN, Poses

RATE_HZ = 10
FALL_FROM_S, FALL_TO_S, END_S = 2.0, 2.8, 6.0
TIMES_S = np.arange(round(END_S * RATE_HZ)) / RATE_HZ


def clip(*segments: Segment, timed: bool = True) -> Clip:
    return Clip(Path("clip.mp4"), "subject", frozenset({"fall"}), segments, timed=timed)


ANNOTATED = clip(Segment("normal", 0, FALL_FROM_S), Segment("fall", FALL_FROM_S))


def falling(flat, seed=0):
    """A body at each look: it stands, falls to the side and lies."""
    chance = np.random.default_rng(seed)
    for time_s in TIMES_S:
        share = np.clip((time_s - FALL_FROM_S) / (FALL_TO_S - FALL_FROM_S), 0, 1) ** 2
        yield flat.seen(0.3, share, noise=0.003, chance=chance)


def walking(flat, seed=1):
    chance = np.random.default_rng(seed)
    for time_s in TIMES_S:
        yield flat.seen(1.3 - time_s / 20, noise=0.003, chance=chance)


def poses_of(flat, *bodies) -> Poses:
    return Poses(TIMES_S, tuple(zip(*bodies, strict=True)), flat.aspect)


def at(sequence, time_s: float) -> int:
    return int(sequence.targets[round(time_s * RATE_HZ)])


def test_an_annotated_fall_goes_on_until_a_second_after_the_body_rests(flat) -> None:
    (sequence,) = sequences_of(ANNOTATED, poses_of(flat, falling(flat)), "fall", 1.0)
    assert [at(sequence, t) for t in (0.0, 1.0, 1.9)] == [NEITHER] * 3
    assert [at(sequence, t) for t in (2.0, 2.5, FALL_TO_S + RESTING_S - 0.2)] == [FALLING] * 3
    assert [at(sequence, t) for t in (FALL_TO_S + RESTING_S + 0.7, 5.9)] == [LYING] * 2


def test_a_start_that_nobody_wrote_down_is_where_the_body_begins_to_sink(flat) -> None:
    (sequence,) = sequences_of(clip(Segment("fall"), timed=False), poses_of(flat, falling(flat)), "fall", 1.0)
    start_s = TIMES_S[np.flatnonzero(sequence.targets == FALLING)[0]]
    assert start_s == pytest.approx(FALL_FROM_S, abs=0.5)
    assert at(sequence, 1.0) == NEITHER
    assert at(sequence, 5.9) == LYING


def test_who_walks_beside_does_not_fall_and_each_body_comes_first_in_its_sequence(flat) -> None:
    poses = poses_of(flat, walking(flat), falling(flat))
    walker, faller = sequences_of(ANNOTATED, poses, "fall", 1.0)
    assert set(walker.targets.tolist()) == {NEITHER}
    assert set(faller.targets.tolist()) == {NEITHER, FALLING, LYING}
    assert all(people[0] is before[0] for people, before in zip(walker.people, poses.people, strict=True))
    assert all(people[0] is before[1] for people, before in zip(faller.people, poses.people, strict=True))
    assert walker.weight == faller.weight == 0.5
    assert faller.group == "subject"


def test_in_a_clip_without_falls_who_lies_lies_and_who_bends_for_a_moment_is_not_known(flat) -> None:
    normal = clip(Segment("normal"))
    lies = [flat.seen(0.3, 1.0) for _ in TIMES_S]
    (sequence,) = sequences_of(normal, poses_of(flat, lies), "lies", 1.0)
    assert set(sequence.targets.tolist()) == {LYING}
    low = [flat.seen(0.3, float(np.interp(time_s, [2, 2.5, 2.7, 3.2], [0, 0.9, 0.9, 0]))) for time_s in TIMES_S]
    (sequence,) = sequences_of(normal, poses_of(flat, low), "bends", 1.0)
    assert set(sequence.targets.tolist()) == {NEITHER, UNKNOWN}
    assert at(sequence, 2.6) == UNKNOWN


def test_a_clip_said_to_hold_a_fall_in_which_nobody_sinks_teaches_nothing(flat) -> None:
    still = [flat.seen(0.3) for _ in TIMES_S]
    (sequence,) = sequences_of(clip(Segment("fall"), timed=False), poses_of(flat, still), "fall", 1.0)
    assert FALLING not in sequence.targets


def test_trails_have_one_track_for_each_body(flat) -> None:
    found = trails(poses_of(flat, walking(flat), falling(flat)))
    assert [len(trail.looks) for trail in found] == [len(TIMES_S)] * 2
    assert trails(Poses(TIMES_S, ((),) * len(TIMES_S), 1.5)) == []


def test_who_lies_in_a_fight_was_perhaps_struck_down_and_until_then_nobody_knows(flat) -> None:
    fight = Clip(Path("clip.mp4"), "street", frozenset({"violence"}), (Segment("violence"),))
    struck, other = sequences_of(fight, poses_of(flat, falling(flat), walking(flat)), "fight", 1.0)
    assert at(struck, 0.2) == NEITHER
    assert at(struck, FALL_FROM_S) == UNKNOWN
    assert at(struck, 5.9) == LYING
    assert FALLING not in struck.targets
    assert set(other.targets.tolist()) == {NEITHER}
