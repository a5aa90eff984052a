"""Ragdolls, acts and animations: what bodies can and cannot do."""

from pathlib import Path

import numpy as np
import pytest

from trainer.features.poses import FALLING, LYING, NEITHER
from trainer.synth.bodies.acts import ACTS, act
from trainer.synth.bodies.animations import animated, animations
from trainer.synth.bodies.gaits import STANDING
from trainer.synth.bodies.motion import MIRRORED, Motion, mirrored, of_skeleton, stretched, to_joints
from trainer.synth.bodies.puppet import Pose, Puppet, turned
from trainer.synth.bodies.ragdolls import let_fall, ragdoll_fall
from trainer.synth.bodies.stage import Stage
from trainer.synth.bodies.ways_to_fall import FALLS
from trainer.synth.body import CHEST, NECK, PELVIS, WAIST, Build, Skeleton
from trainer.synth.timing import STEPS_HZ

GRAVITY_M_S2 = 9.81
BONES = ((5, 7), (7, 9), (6, 8), (8, 10), (11, 13), (13, 15), (12, 14), (14, 16), (5, 6), (11, 12))


def falls(n: int, first: int = 0) -> list[Motion]:
    return [ragdoll_fall(np.random.default_rng(first + k), f"{k}", 1.3 + 0.05 * k) for k in range(n)]


def trunk(motion: Motion) -> np.ndarray:
    return motion.points[:, [5, 6, 11, 12], 2].mean(1) / motion.height_m


def test_a_puppet_that_is_let_go_in_the_air_falls_as_all_things_do() -> None:
    puppet = Puppet(1.7)
    points = puppet.put(Pose(np.array([0, 0, 4.0]), turned(0.0), STANDING), grounded=False)
    before = points[[11, 12], 2].mean()
    puppet.let_go(puppet.positions, 1.0)
    for _ in range(STEPS_HZ // 2):
        points = puppet.step()
    assert before - points[[11, 12], 2].mean() == pytest.approx(GRAVITY_M_S2 * 0.5**2 / 2, rel=0.03)


def test_a_standing_puppet_is_as_tall_as_asked() -> None:
    points = Puppet(1.62).put(Pose(np.zeros(3), turned(0.3), 0 * STANDING))
    assert points[:, 2].max() == pytest.approx(1.62, abs=0.03)
    assert points[[15, 16], 2].max() == pytest.approx(0.039 * 1.62, abs=0.02)


def test_ragdolls_end_low_and_hold_together() -> None:
    for motion in falls(12):
        assert np.isfinite(motion.points).all()
        falling = np.flatnonzero(motion.targets == FALLING)
        assert trunk(motion)[falling[-1]] < 0.25, motion.kind
        assert trunk(motion)[falling[0]] > 1.5 * trunk(motion)[falling[-1]], motion.kind
        assert (np.diff(falling) == 1).all()
        released = motion.points[: falling[-1]]
        for a, b in BONES:
            lengths = np.linalg.norm(released[:, a] - released[:, b], axis=1)
            assert np.ptp(lengths) < 0.05, (motion.kind, a, b)


@pytest.mark.parametrize("way", FALLS)
def test_every_way_to_fall_ends_on_the_floor(way: str) -> None:
    found = [FALLS[way][1](np.random.default_rng(seed), 1.7) for seed in range(4)]
    motions = [let_fall(fall, np.random.default_rng(seed), "a") for seed, fall in enumerate(found)]
    ended = [motion for motion in motions if motion is not None]
    assert len(ended) >= 2  # the others are caught by a seat, or sit
    for motion in ended:
        assert (motion.targets == FALLING).any()
        assert trunk(motion)[np.flatnonzero(motion.targets == FALLING)[-1]] < 0.25


def test_nothing_falls_faster_than_gravity_lets_it() -> None:
    for motion in falls(8, first=40):
        sunk = trunk(motion).max() * motion.height_m
        speed = -np.gradient(motion.points[:, [11, 12], 2].mean(1)) * STEPS_HZ
        assert speed.max() < 1.3 * np.sqrt(2 * GRAVITY_M_S2 * sunk)
        assert speed.max() > 1.0


def test_who_lies_is_low_and_who_falls_was_not() -> None:
    for motion in falls(8, first=80):
        first = int(np.flatnonzero(motion.targets == FALLING)[0])
        assert trunk(motion)[motion.targets == LYING].max(initial=0) < 0.65  # of a bed that one falls off
        if motion.kind not in ("falls off a bed", "slides off a bed", "slides off a chair", "falls when getting up"):
            assert (motion.targets[:first] == NEITHER).all()
            assert trunk(motion)[:first].min() > 0.5


def test_falls_are_the_same_for_the_same_seed() -> None:
    once, again = (ragdoll_fall(np.random.default_rng(5), "a", 1.7) for _ in range(2))
    assert np.array_equal(once.points, again.points)
    assert not np.array_equal(once.points[:60], ragdoll_fall(np.random.default_rng(6), "a", 1.7).points[:60])


@pytest.mark.parametrize("kind", ACTS)
def test_acts_are_no_falls_and_stay_above_the_floor(kind: str) -> None:
    for seed, height_m in ((1, 1.1), (2, 1.8)):
        stage = Stage(np.random.default_rng(seed), height_m)
        may_lie = ACTS[kind][1](stage)
        motion = stage.motion(kind, "a", may_lie)
        assert np.isfinite(motion.points).all()
        assert motion.seconds > 2
        assert not (motion.targets == FALLING).any()
        assert (motion.targets == LYING).any() == may_lie
        assert motion.points[..., 2].min() > -0.08
        assert np.linalg.norm(np.diff(motion.points, axis=0), axis=-1).max() * STEPS_HZ < 14


def test_acts_by_chance_are_of_all_kinds() -> None:
    kinds = {act(np.random.default_rng(seed), "", 1.2 if seed % 2 else 1.7).kind for seed in range(70)}
    assert len(kinds) > 14
    assert kinds <= set(ACTS)


def test_mirrored_twice_is_the_same_and_exchanges_sides() -> None:
    motion = act(np.random.default_rng(3), "a", 1.7)
    other = mirrored(motion)
    assert np.allclose(mirrored(other).points, motion.points)
    assert np.allclose(other.points[:, 5] * [-1, 1, 1], motion.points[:, 6])
    assert sorted(MIRRORED) == list(range(22))


def test_stretched_lasts_longer_and_goes_the_same_way() -> None:
    motion = act(np.random.default_rng(3), "a", 1.7)
    slow = stretched(motion, 1.5)
    assert slow.seconds == pytest.approx(1.5 * motion.seconds, abs=0.05)
    assert np.allclose(slow.points[90], motion.points[60])


def test_the_animated_death_is_as_its_readme_says(motion_dir: Path) -> None:
    head = animations(motion_dir)["Death01"].points[:, 0, 2]
    hips = animations(motion_dir)["Death01"].points[:, [11, 12]].mean(1)
    assert head[0] == pytest.approx(1.6, abs=0.06)  # the nose; the head's joint is at 1.53
    assert head[-1] == pytest.approx(0.15, abs=0.12)
    assert np.linalg.norm(np.gradient(hips, axis=0), axis=1).max() * STEPS_HZ == pytest.approx(3.5, abs=0.5)


def test_points_become_joints_and_come_back() -> None:
    motion = act(np.random.default_rng(3), "a", 1.7)
    joints, faces = to_joints(motion.points)
    again = of_skeleton(Skeleton(joints, faces, Build(motion.height_m)))
    assert np.allclose(again[:, 5:17], motion.points[:, 5:17])
    assert np.linalg.norm(again[:, :5] - motion.points[:, :5], axis=-1).max() < 0.04
    lengths = np.linalg.norm(np.diff(joints[:, [PELVIS, WAIST, CHEST, NECK]], axis=1), axis=-1)
    assert np.allclose(lengths / lengths[:, :1], np.array((0.12, 0.2, 0.2)) / 0.12)


def test_animations_fall_and_do_not(motion_dir: Path) -> None:
    known = animations(motion_dir)
    motions = [animated(np.random.default_rng(seed), known, "a", 1.7) for seed in range(60)]
    for motion in motions:
        assert np.isfinite(motion.points).all()
        assert (motion.targets == FALLING).any() == (motion.kind == "falls")
        if motion.kind == "falls":
            falling = np.flatnonzero(motion.targets == FALLING)
            assert trunk(motion)[falling[0]] > 0.55
            assert trunk(motion)[falling[-1]] < 0.15
    assert {motion.kind for motion in motions} > {"falls", "walks", "sits down", "sits down hard", "lively"}


def test_absent_animations_are_none(without_animations: Path) -> None:
    assert animations(without_animations) == {}
