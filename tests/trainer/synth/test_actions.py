"""Actions move as people do, and labels lie where the motion is."""

import functools

import numpy as np
import pytest

from trainer.synth.actions import ACTIONS
from trainer.synth.body import HEAD, NECK, PELVIS, WRISTS
from trainer.synth.scenes import scene
from trainer.synth.timing import STEPS_HZ

SEEDS = range(5)
HARMLESS = sorted(set(ACTIONS) - {"fall", "fight", "empty"})
HARMLESS_SINK_M_S = 1.6
"""The fastest that hips go down in a squat; sitting and lying down stay under 1."""
FALL_S = 1.3
"""From the loss of balance, within which hips have come down."""


@functools.cache
def rehearse(action, seed):
    """A script, which tests only read."""
    return ACTIONS[action](np.random.default_rng(seed))


def rehearsals(action):
    return [rehearse(action, seed) for seed in SEEDS]


def shown(script, actor):
    """Joints during the clip."""
    return actor.skeleton.joints[: int(script.seconds * STEPS_HZ)]


def sinking(joints, joint=PELVIS):
    """Downward speed in m/s, of the hips unless told, over a tenth of a second: (n_steps - 6,)."""
    gap = STEPS_HZ // 10
    return (joints[:-gap, joint, 2] - joints[gap:, joint, 2]) * STEPS_HZ / gap


def wrist_speed(joints, start_s, end_s):
    wrists = joints[int(start_s * STEPS_HZ) : int(end_s * STEPS_HZ), WRISTS]
    return np.percentile(np.linalg.norm(np.diff(wrists, axis=0), axis=-1) * STEPS_HZ, 90)


@pytest.mark.parametrize("action", ACTIONS)
def test_bodies_neither_jump_nor_sink(action):
    for script in rehearsals(action):
        for actor in script.actors:
            joints = shown(script, actor)
            assert np.isfinite(joints).all()
            assert joints[..., 2].min() > 0, "through the floor"
            assert np.linalg.norm(np.diff(joints, axis=0), axis=-1).max() * STEPS_HZ < 16, "no joint is that fast"


@pytest.mark.parametrize("action", HARMLESS)
def test_nobody_drops_in_harmless_clips(action):
    for script in rehearsals(action):
        assert not script.segments
        assert max(sinking(shown(script, actor)).max() for actor in script.actors) < HARMLESS_SINK_M_S


@pytest.mark.parametrize("seed", SEEDS)
def test_hips_drop_within_the_fall_and_only_there(seed):
    script = rehearse("fall", seed)
    [segment] = script.segments
    joints = shown(script, script.actors[0])
    fast = np.flatnonzero(sinking(joints) > 1.0) / STEPS_HZ
    assert len(fast), "a fall is fast"
    assert fast.min() >= segment.start_s - 0.1
    assert fast.max() <= segment.start_s + FALL_S
    assert joints[-1, [PELVIS, HEAD], 2].max() < 0.45, "lies at the end"
    assert segment.end_s == pytest.approx(script.seconds, abs=0.01)


def test_hips_drop_at_the_speed_of_a_fall():
    # From 0.95 m, free fall ends at 4.3 m/s; an inverted pendulum is slower, a roll out of bed falls 0.48 m.
    fastest = [sinking(shown(script, script.actors[0])).max() for script in rehearsals("fall")]
    assert min(fastest) > 1.0
    assert max(fastest) < 4.3
    assert np.median(fastest) > 1.6


def test_lying_down_is_slower_than_falling():
    falling = [sinking(shown(script, script.actors[0]), NECK).max() for script in rehearsals("fall")]
    lying = [sinking(shown(script, script.actors[0]), NECK).max() for script in rehearsals("lie_down")]
    assert max(lying) < 1.6
    assert max(lying) < np.median(falling) - 0.8


def test_fists_are_faster_than_hugs():
    fights, hugs = rehearsals("fight"), rehearsals("hug")
    in_fights = [
        wrist_speed(shown(script, actor), script.segments[0].start_s, script.segments[0].end_s)
        for script in fights
        for actor in script.actors[:2]
    ]
    in_hugs = [wrist_speed(shown(script, actor), 0, script.seconds) for script in hugs for actor in script.actors]
    assert min(in_fights) > max(in_hugs)


def test_who_fights_is_within_reach_and_who_hugs_is_closer():
    for action, nearest_m, start_share in (("fight", 1.0, 0.5), ("hug", 0.4, 0.0)):
        script = rehearse(action, 1)
        first, second = (shown(script, actor)[:, PELVIS, :2] for actor in script.actors[:2])
        apart = np.linalg.norm(first - second, axis=1)
        assert apart[int(start_share * len(apart)) :].min() < nearest_m


@pytest.mark.parametrize("seed", [1, 2])
def test_the_scene_has_one_fall_then_one_fight_with_calm_between(seed):
    script = scene(np.random.default_rng(seed))
    fall, fight = script.segments
    assert (fall.label, fight.label) == ("fall", "violence")
    assert fight.start_s - fall.end_s > 10
    assert fight.end_s + 5 < script.seconds < 90
    assert fall.start_s > 20, "walking, a hug and lying down come first"
    for actor in script.actors:
        fast = np.flatnonzero(sinking(shown(script, actor)) > HARMLESS_SINK_M_S) / STEPS_HZ
        assert ((fast > fall.start_s - 0.1) & (fast < fall.end_s)).all()
