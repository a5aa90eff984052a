"""Acts on the feet or on a seat, and on the knees. Each says whether the trunk may lie in it."""

import numpy as np

from trainer.synth.bodies.gaits import (
    ALL_FOURS,
    CROUCHING,
    HALF_KNEELING,
    KNEELING,
    SEATED,
    STANDING,
    walking,
)
from trainer.synth.bodies.motion import Block
from trainer.synth.bodies.puppet import Pose, angles, turned
from trainer.synth.bodies.ragdoll_model import SHANK, THIGH
from trainer.synth.bodies.stage import Stage
from trainer.synth.timing import STEPS_HZ, smooth


def _seat(stage: Stage, seat: float) -> None:
    """A chair or sofa behind the feet; `seat` is its height over the body's."""
    h = stage.height_m
    centre = stage.pose.place[:2] - (THIGH * 0.85) * h * stage.forward[:2]
    half = (stage.rng.uniform(0.22, 0.3), stage.rng.choice([0.24, 0.3, 0.8]), seat * h / 2)
    stage.blocks.append(Block((float(centre[0]), float(centre[1]), seat * h / 2), half, stage.yaw))


def _sit(stage: Stage, seconds: float, low: float) -> None:
    """Down onto a seat; `low` 0 a chair, 1 a low sofa."""
    joints = SEATED + angles(hip_bend=20 * low, knee=22 * low, waist_bend=-5 * low)
    _seat(stage, SHANK * (1 - 0.3 * low))
    stage.go(STANDING + angles(hip_bend=45, knee=35, waist_bend=20), 0.4 * seconds, pitch=0.35, ahead=-0.06)
    stage.go(joints, 0.6 * seconds, ahead=-(0.17 + 0.05 * low), pitch=-0.1 * low)


def sits_down(stage: Stage) -> bool:
    """On a chair or a sofa, at leisure."""
    stage.arrive()
    _sit(stage, stage.rng.uniform(1.0, 2.0), stage.rng.uniform(0, 1))
    stage.rest(stage.rng.uniform(1, 6), 0.05)
    if stage.rng.random() < 0.6:
        stage.go(STANDING + angles(hip_bend=60, knee=60, waist_bend=25), 0.7, pitch=0.5, ahead=0.1)
        stage.leave(0.7)
    return False


def sits_down_hard(stage: Stage) -> bool:
    """Drops into a seat, and leans back."""
    stage.arrive()
    _sit(stage, stage.rng.uniform(0.35, 0.7), stage.rng.uniform(0, 1))
    if stage.rng.random() < 0.6:
        stage.go(SEATED + angles(waist_bend=-10, neck_bend=-10), 0.4, pitch=-stage.rng.uniform(0.1, 0.6))
    stage.rest(stage.rng.uniform(1, 6), 0.04)
    if stage.rng.random() < 0.3:
        stage.go(STANDING + angles(hip_bend=60, knee=60, waist_bend=25), 0.7, pitch=0.5, ahead=0.1)
        stage.leave(0.7)
    return False


def sits(stage: Stage) -> bool:
    """From the first look on: still, working with the hands, or asleep with the head down."""
    _seat(stage, SHANK)
    stage.pose = Pose(stage.pose.place - 0.2 * stage.height_m * stage.forward, turned(stage.yaw), SEATED.copy())
    stage.rest(stage.rng.uniform(1, 5), stage.rng.choice([0.02, 0.15]))
    for _ in range(stage.rng.integers(0, 4)):
        bend = stage.rng.uniform(-15, 50)
        stage.go(
            SEATED
            + angles(waist_bend=bend, neck_bend=stage.rng.uniform(-10, 40), shoulder_bend=stage.rng.uniform(0, 60)),
            stage.rng.uniform(0.5, 1.5),
        )
        stage.rest(stage.rng.uniform(0.5, 4), stage.rng.choice([0.02, 0.1]))
    return False


def ties_shoes(stage: Stage) -> bool:
    """Bent over straight legs, on one knee, or on a seat."""
    stage.arrive()
    way = stage.rng.integers(3)
    hands = angles(shoulder_bend=stage.rng.uniform(60, 95), elbow=stage.rng.uniform(5, 40))
    if way == 0:
        bent = STANDING * 0 + angles(hip_bend=105, knee=stage.rng.uniform(10, 50), waist_bend=50, neck_bend=20) + hands
        stage.go(bent, stage.rng.uniform(0.7, 1.4), pitch=1.0, ahead=-0.08)
    elif way == 1:
        stage.go(
            HALF_KNEELING + angles(waist_bend=40, neck_bend=20, shoulder_bend=20),
            stage.rng.uniform(0.8, 1.5),
            pitch=0.4,
        )
    else:
        _sit(stage, stage.rng.uniform(0.8, 1.6), 0.2)
        stage.go(SEATED + angles(waist_bend=60, neck_bend=20, shoulder_bend=30), 0.9, pitch=0.3)
    for _ in range(stage.rng.integers(1, 4)):
        stage.rest(stage.rng.uniform(0.7, 2), 0.08)
    stage.leave(1.0)
    return False


def kneels(stage: Stage) -> bool:
    """Down on the knees, works there, and gets up."""
    stage.arrive()
    stage.go(HALF_KNEELING, stage.rng.uniform(0.5, 1.3), pitch=0.2)
    stage.go(KNEELING, stage.rng.uniform(0.3, 0.9), pitch=0.1)
    for _ in range(stage.rng.integers(1, 5)):
        stage.go(
            KNEELING
            + angles(
                waist_bend=stage.rng.uniform(0, 50),
                shoulder_bend=stage.rng.uniform(10, 80),
                hip_bend=stage.rng.uniform(0, 60),
            ),
            0.7,
            pitch=0.3,
        )
        stage.rest(stage.rng.uniform(0.3, 2), 0.08)
    if stage.rng.random() < 0.4:  # looks under furniture
        stage.go(ALL_FOURS + angles(elbow=70, waist_bend=20), 0.8, pitch=1.75)
        stage.rest(stage.rng.uniform(0.5, 3), 0.05)
        stage.go(KNEELING, 0.9, pitch=0.1)
    stage.go(HALF_KNEELING, 0.6, pitch=0.2)
    stage.leave()
    return False


def bends(stage: Stage) -> bool:
    """Picks things up from the floor."""
    stage.arrive()
    for _ in range(stage.rng.integers(1, 4)):
        knees = stage.rng.uniform(0, 1)
        low = angles(hip_bend=95, knee=15 + 90 * knees, ankle_bend=20 * knees, waist_bend=40, shoulder_bend=60)
        stage.go(low, stage.rng.uniform(0.4, 1.0), pitch=1.0 - 0.6 * knees, ahead=-0.05)
        stage.rest(stage.rng.uniform(0.1, 1.5), 0.05)
        stage.go(STANDING, stage.rng.uniform(0.5, 1.1), ahead=0.05)
    stage.leave()
    return False


def squats(stage: Stage) -> bool:
    """Squats, once and long or often."""
    stage.arrive()
    for _ in range(stage.rng.integers(1, 6)):
        stage.go(CROUCHING, stage.rng.uniform(0.4, 1.2), pitch=0.3)
        stage.rest(stage.rng.choice([0.1, 2.0]), 0.05)
        stage.go(STANDING, stage.rng.uniform(0.5, 1.2))
    stage.rest(1.0)
    return False


def jumps(stage: Stage) -> bool:
    """Hops and jumps, children most of all; lands in a crouch now and then."""
    stage.arrive()
    for _ in range(stage.rng.integers(2, 8)):
        stage.go(STANDING + angles(hip_bend=40, knee=60, waist_bend=15, ankle_bend=15), 0.2, pitch=0.15)
        high, speed = stage.rng.uniform(0.08, 0.45), stage.rng.uniform(-0.3, 1.5)
        n = max(round(2 * np.sqrt(2 * high / 9.81) * STEPS_HZ), 4)
        t = np.linspace(0, 1, n)
        raised = STANDING + angles(shoulder_bend=stage.rng.uniform(0, 120), knee=stage.rng.uniform(5, 70), hip_bend=30)
        base = np.array([*stage.pose.place[:2], stage.puppet.hip_up_m])
        poses = [
            Pose(
                base + stage.forward * speed * share * n / STEPS_HZ + np.array([0, 0, 4 * high * share * (1 - share)]),
                turned(stage.yaw),
                raised,
            )
            for share in t
        ]
        stage.play(poses, grounded=False)
        if stage.rng.random() < 0.3:
            stage.go(CROUCHING, 0.25, pitch=0.3)
        stage.go(STANDING, stage.rng.uniform(0.2, 0.5))
    stage.leave()
    return False


def stumbles(stage: Stage) -> bool:
    """Nearly falls, and walks on."""
    rng = stage.rng
    n, part = round(rng.uniform(1, 3) * STEPS_HZ), round(rng.uniform(0.5, 1.0) * STEPS_HZ)
    speed, lean = rng.uniform(0.6, 1.4), rng.uniform(0.25, 0.75) * rng.choice([1, 1, -0.6])
    hump = np.sin(np.pi * np.linspace(0, 1, part)) ** 2
    leans = np.concatenate([np.zeros(n), lean * hump, np.zeros(n)])
    speeds = smooth(speed * (1 + 0.9 * np.sign(lean) * np.concatenate([np.zeros(n), hump, np.zeros(n)])), 0.05)
    poses = walking(stage.puppet, rng, stage.pose.place, stage.yaw, (speeds, leans))
    arms = rng.uniform(0, 1.2) * np.concatenate([np.zeros(n), hump, np.zeros(n)])
    raised = angles(shoulder_bend=50, shoulder_spread=50)
    stage.play([Pose(pose.place, pose.turn, pose.joints + arm * raised) for pose, arm in zip(poses, arms, strict=True)])
    return False


def walks(stage: Stage) -> bool:
    """About, through the picture, with turns and pauses."""
    for _ in range(stage.rng.integers(2, 5)):
        stage.walk(stage.rng.uniform(1.5, 4), stage.rng.uniform(0.4, 1.9))
        if stage.rng.random() < 0.7:
            stage.turn(stage.rng.uniform(-3, 3))
        if stage.rng.random() < 0.3:
            stage.rest(stage.rng.uniform(0.5, 3), 0.05)
    return False
