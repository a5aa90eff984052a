"""Acts on the floor and in bed. Each says whether the trunk may lie in it."""

from typing import Final

import numpy as np

from trainer.synth.bodies.gaits import (
    ALL_FOURS,
    CROUCHING,
    HALF_KNEELING,
    KNEELING,
    SEATED,
    SITTING_UP,
    STANDING,
    through,
)
from trainer.synth.bodies.motion import Block
from trainer.synth.bodies.puppet import INDEX, Pose, angles, turned
from trainer.synth.bodies.ragdoll_model import HIP_UP
from trainer.synth.bodies.stage import PRONE, SUPINE, Stage, loose
from trainer.synth.body import Support
from trainer.synth.timing import STEPS_HZ

BLANKET_SHARE: Final = 0.6
"""Of those who stay in bed."""
LYING_UP: Final = 0.065
"""Height of the hips of who lies, over the body's height."""


def crawls(stage: Stage) -> bool:
    """On hands and knees over the floor."""
    stage.arrive()
    stage.go(KNEELING, stage.rng.uniform(0.8, 1.5), pitch=0.1)
    stage.go(ALL_FOURS, stage.rng.uniform(0.5, 1.0), pitch=np.pi / 2 - 0.1)
    n, speed, rate = round(stage.rng.uniform(2, 7) * STEPS_HZ), stage.rng.uniform(0.2, 0.8), stage.rng.uniform(0.6, 1.3)
    poses = []
    for step in range(n):
        swing = 0.3 * np.sin(2 * np.pi * rate * step / STEPS_HZ)
        joints = ALL_FOURS.copy()
        joints[[INDEX["left_hip_bend"], INDEX["right_shoulder_bend"]]] += swing
        joints[[INDEX["right_hip_bend"], INDEX["left_shoulder_bend"]]] -= swing
        place = stage.pose.place + stage.forward * speed * step / STEPS_HZ
        poses.append(Pose(place, turned(stage.yaw, np.pi / 2 - 0.1), joints))
    stage.play(poses)
    if stage.rng.random() < 0.6:
        stage.go(HALF_KNEELING, 1.2, pitch=0.3)
        stage.leave()
    return False


def push_ups(stage: Stage) -> bool:
    """Push-ups, or a plank."""
    stage.arrive()
    stage.go(ALL_FOURS, stage.rng.uniform(1.2, 2.0), pitch=np.pi / 2 - 0.1)
    up = angles(shoulder_bend=78, elbow=5, hip_bend=5, knee=3, ankle_bend=10)
    down = angles(shoulder_bend=20, elbow=100, shoulder_spread=25, hip_bend=3, knee=3, ankle_bend=10)
    stage.go(up, 0.7, pitch=1.25)
    period = stage.rng.uniform(0.5, 1.3)
    for _ in range(stage.rng.integers(1, 9)):
        stage.go(down, period, pitch=1.5)
        stage.go(up, period, pitch=1.25)
    if stage.rng.random() < 0.6:
        stage.go(ALL_FOURS, 0.7, pitch=np.pi / 2 - 0.1)
        stage.go(HALF_KNEELING, 1.0, pitch=0.3)
        stage.leave()
    return False


def sits_on_the_floor(stage: Stage) -> bool:
    """Down to the floor to sit or play, and up again or not."""
    stage.arrive()
    stage.go(CROUCHING, stage.rng.uniform(0.5, 1.2), pitch=0.3)
    stage.go(SITTING_UP, stage.rng.uniform(0.4, 1.0), pitch=-0.3, ahead=-0.1)
    for _ in range(stage.rng.integers(1, 4)):
        stage.go(
            SITTING_UP + angles(waist_bend=stage.rng.uniform(0, 40), shoulder_bend=stage.rng.uniform(0, 90)),
            0.8,
            pitch=stage.rng.uniform(-0.3, 0.1),
        )
        stage.rest(stage.rng.uniform(0.5, 3), 0.08)
    if stage.rng.random() < 0.5:
        stage.go(CROUCHING, 1.0, pitch=0.4, ahead=0.08)
        stage.leave()
    return False


def lies_down(stage: Stage) -> bool:
    """On the floor on purpose, over sitting or over hands and knees; some get up again."""
    stage.arrive()
    slow = stage.rng.uniform(0.7, 1.8)
    if stage.rng.random() < 0.55:
        stage.go(CROUCHING, 0.8 * slow, pitch=0.3)
        stage.go(SITTING_UP, 0.7 * slow, pitch=-0.3, ahead=-0.1)
        if stage.rng.random() < 0.5:
            stage.rest(stage.rng.uniform(0.3, 3))
        stage.lie(1.2 * slow, SUPINE, stage.rng.choice([0, 0, 1.2, -1.2]), ahead=-0.1)
    else:
        stage.go(HALF_KNEELING, 0.7 * slow, pitch=0.2)
        stage.go(ALL_FOURS, 0.8 * slow, pitch=np.pi / 2 - 0.1)
        stage.lie(1.0 * slow, PRONE, stage.rng.choice([0, 1.3, -1.3]))
    for _ in range(stage.rng.integers(1, 3)):
        stage.rest(stage.rng.uniform(1, 5), stage.rng.choice([0.01, 0.06]))
    if stage.rng.random() < 0.5:
        _from_floor(stage)
    return True


def _from_floor(stage: Stage) -> None:
    if stage.rng.random() < 0.5:
        stage.go(SITTING_UP, stage.rng.uniform(0.9, 2.0), pitch=-0.3)
        stage.go(CROUCHING, 1.2, pitch=0.4, ahead=0.1)
    else:
        stage.go(ALL_FOURS, stage.rng.uniform(1.2, 2.2), pitch=np.pi / 2 - 0.1)
        stage.go(HALF_KNEELING, 1.0, pitch=0.3)
    stage.leave(1.2)


def lies(stage: Stage) -> bool:
    """On the floor from the first look on; rolls over or gets up, or not."""
    pitch, roll = stage.rng.choice([PRONE, SUPINE]), stage.rng.choice([0.0, 1.2, -1.2])
    stage.pose = Pose(np.array([0, 0, 0.1]), turned(stage.yaw, pitch, roll), loose(stage.rng, pitch, roll))
    stage.puppet.put(stage.pose)
    stage.settle()
    stage.points.clear()
    stage.rest(stage.rng.uniform(2, 7), stage.rng.choice([0.01, 0.05]))
    if stage.rng.random() < 0.4:
        stage.lie(stage.rng.uniform(0.8, 2), pitch, roll + stage.rng.choice([1.2, -1.2]))
        stage.rest(stage.rng.uniform(1, 4), 0.02)
    if stage.rng.random() < 0.4:
        _from_floor(stage)
    else:
        stage.rest(2)
    return True


def in_bed(stage: Stage) -> bool:
    """Lies in a bed, turns over, perhaps sits up and leaves."""
    rng, h = stage.rng, stage.height_m
    top = _bed(stage)
    place = np.array([0, 0, top + LYING_UP * h])
    roll = 0.0
    stage.pose = Pose(place, turned(stage.yaw, SUPINE), loose(rng, SUPINE, 0.0))
    stage.rest(rng.uniform(1, 5), rng.choice([0.01, 0.04]), grounded=False)
    for _ in range(rng.integers(0, 4)):
        roll = rng.choice([0.0, 1.3, -1.3, 2.9])
        pose = Pose(place, turned(stage.yaw, SUPINE, roll), loose(rng, SUPINE, roll))
        stage.play(through([(stage.pose, 0.0), (pose, rng.uniform(0.6, 2))]), grounded=False)
        stage.rest(rng.uniform(0.5, 4), rng.choice([0.01, 0.04]), grounded=False)
    if rng.random() < 0.5:
        _leave_bed(stage, top)
    elif rng.random() < BLANKET_SHARE:
        stage.blocks.append(_blanket(stage, top))
    return True


def _blanket(stage: Stage, top: float) -> Block:
    """Over legs and belly."""
    middle = (0.45 - stage.rng.uniform(0, 0.15)) * stage.height_m * stage.forward[:2]
    half = (0.5 * stage.height_m, 0.42, 0.12)
    return Block((float(middle[0]), float(middle[1]), top + half[2]), half, stage.yaw)


def _bed(stage: Stage) -> float:
    top = stage.rng.uniform(0.35, 0.6)
    half = (1.0, stage.rng.uniform(0.42, 0.8), top / 2)
    head = -0.1 * stage.forward[:2]
    stage.blocks.append(Block((float(head[0]), float(head[1]), top / 2), half, stage.yaw))
    stage.supports.append(Support((float(head[0]), float(head[1])), half[:2], stage.yaw, top))
    return top


def _edge_pose(stage: Stage, top: float) -> tuple[Pose, float]:
    """Sitting on the side of the bed."""
    side = stage.yaw + np.pi / 2
    out = np.array([np.cos(side), np.sin(side), 0.0])
    place = out * (stage.supports[-1].half_size[1] - 0.05) + np.array([0, 0, top + 0.07 * stage.height_m])
    return Pose(place, turned(side), SEATED + angles(knee=10)), side


def _leave_bed(stage: Stage, top: float) -> None:
    seat, side = _edge_pose(stage, top)
    stage.play(through([(stage.pose, 0.0), (seat, stage.rng.uniform(1.0, 2.5))]), grounded=False)
    stage.rest(stage.rng.uniform(0.5, 3), 0.03, grounded=False)
    stage.yaw = side
    place = seat.place + 0.3 * stage.forward
    place[2] = HIP_UP * stage.height_m
    stage.play(
        through([(stage.pose, 0.0), (Pose(place, turned(side), STANDING), stage.rng.uniform(0.8, 1.6))]), grounded=False
    )
    stage.walk(stage.rng.uniform(0.6, 2), 0.9)


def to_bed(stage: Stage) -> bool:
    """Sits on a bed's side and lies down, at leisure or throwing oneself onto it."""
    rng, h = stage.rng, stage.height_m
    along = stage.yaw
    top = _bed(stage)
    seat, side = _edge_pose(stage, top)
    stage.yaw = side
    start = seat.place + 0.3 * stage.forward
    start[2] = HIP_UP * h
    stage.pose = Pose(start, turned(side), STANDING)
    stage.rest(rng.uniform(0.5, 2), 0.03, grounded=False)
    slow = rng.uniform(0.35, 1.5)
    stage.play(through([(stage.pose, 0.0), (seat, 1.0 * slow)]), grounded=False)
    if rng.random() < 0.6:
        stage.rest(rng.uniform(0.3, 3), 0.03, grounded=False)
    stage.yaw = along
    place = np.array([0, 0, top + LYING_UP * h])
    roll = rng.choice([0, 1.2, -1.2])
    lying = Pose(place, turned(along, SUPINE, roll), loose(rng, SUPINE, roll))
    stage.play(through([(stage.pose, 0.0), (lying, rng.uniform(1.2, 1.8) * max(slow, 0.5))]), grounded=False)
    for _ in range(rng.integers(1, 3)):
        stage.rest(rng.uniform(1, 4), rng.choice([0.01, 0.04]), grounded=False)
    return True
