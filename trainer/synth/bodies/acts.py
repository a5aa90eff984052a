"""What people do without falling, and what looks like a fall: acts of a puppet that is posed, never let go.

Sitting down hard, lying down on purpose, tying shoes, kneeling, crawling, push-ups, jumping children and stumbles are
here at least as often as falls are elsewhere.
"""

from collections.abc import Callable
from typing import Final

import numpy as np

from trainer.features.poses import LYING, NEITHER
from trainer.synth.bodies.gaits import (
    ALL_FOURS,
    CROUCHING,
    HALF_KNEELING,
    KNEELING,
    SEATED,
    SITTING_UP,
    STANDING,
    through,
    walking,
)
from trainer.synth.bodies.motion import Block, Motion, is_lying
from trainer.synth.bodies.puppet import INDEX, Pose, Puppet, angles, turned
from trainer.synth.bodies.ragdoll_model import HIP_UP, SHANK, THIGH
from trainer.synth.body import Support
from trainer.synth.timing import STEPS_HZ, Array, smooth, wobble

PRONE, SUPINE = np.pi / 2, -np.pi / 2
"""Pitch of who lies on the front, on the back."""
LYING_UP: Final = 0.065
"""Height of the hips of who lies, over the body's height."""
CHILD_M: Final = 1.35
SETTLING_S: Final = 0.8


class Stage:
    """A puppet, what it has done until now, and what it rests on."""

    def __init__(self, rng: np.random.Generator, height_m: float) -> None:
        self.rng = rng
        self.puppet = Puppet(height_m, rng.uniform(0.9, 1.3))
        self.height_m = self.puppet.height_m
        self.yaw = rng.uniform(-np.pi, np.pi)
        self.points: list[Array] = []
        self.blocks: list[Block] = []
        self.supports: list[Support] = []
        self.pose = Pose(np.array([0.0, 0.0, self.puppet.hip_up_m]), turned(self.yaw), STANDING.copy())

    @property
    def forward(self) -> Array:
        """Unit vector, (3,)."""
        return np.array([np.cos(self.yaw), np.sin(self.yaw), 0.0])

    def play(self, poses: list[Pose], grounded: bool = True, noise: float = 0.015) -> None:
        """Take poses one after the other, not quite still."""
        restless = noise * wobble(self.rng, (len(poses), len(self.pose.joints)), 0.5)
        for pose, unrest in zip(poses, restless, strict=True):
            moved = pose.joints + unrest
            self.points.append(self.puppet.put(Pose(pose.place, pose.turn, moved), grounded))
        self.pose = poses[-1]

    def go(self, joints: Array, seconds: float, *, ahead: float = 0.0, pitch: float = 0.0, roll: float = 0.0) -> None:
        """Move to other joints, with the feet or whatever is lowest on the floor; `ahead` in body heights."""
        place = self.pose.place + ahead * self.height_m * self.forward
        loose = joints + self.rng.normal(0, 0.05, len(joints))
        self.play(through([(self.pose, 0.0), (Pose(place, turned(self.yaw, pitch, roll), loose), seconds)])[1:])

    def lie(self, seconds: float, pitch: float, roll: float, ahead: float = 0.0) -> None:
        """Lie down from near the floor, and let what is still held up sink onto it."""
        self.go(_loose(self.rng, pitch, roll), seconds, ahead=ahead, pitch=pitch, roll=roll)
        self.settle()

    def settle(self) -> None:
        """Let the engine lay the limbs down."""
        puppet = self.puppet
        puppet.let_go(puppet.positions, 1.0)
        puppet.hold(np.full(len(self.pose.joints), self.rng.uniform(0.03, 0.15)), self.pose.joints)
        for _ in range(round(SETTLING_S * STEPS_HZ)):
            self.points.append(puppet.step())
        self.pose = puppet.pose()

    def rest(self, seconds: float, noise: float = 0.02, grounded: bool = True) -> None:
        """Stay."""
        self.play([self.pose] * max(round(seconds * STEPS_HZ), 2), grounded, noise)

    def walk(self, seconds: float, speed_m_s: float) -> None:
        """Walk ahead and stop."""
        n = max(round(seconds * STEPS_HZ), 8)
        speeds = np.full(n, speed_m_s)
        speeds[: n // 6], speeds[-n // 6 :] = 0.4 * speed_m_s, 0.4 * speed_m_s
        poses = walking(self.puppet, self.rng, self.pose.place, self.yaw, (smooth(speeds, 0.1), np.zeros(n)))
        self.play([*through([(self.pose, 0.0), (poses[0], 0.25)]), *poses])

    def turn(self, by_rad: float) -> None:
        """Turn on the spot."""
        self.yaw += by_rad
        pose = Pose(self.pose.place, turned(self.yaw), STANDING)
        self.play(through([(self.pose, 0.0), (pose, 0.3 + 0.4 * abs(by_rad))]))

    def motion(self, kind: str, group: str, may_lie: bool = False) -> Motion:
        """All of it; who lies is said where that may be."""
        points = np.stack(self.points)
        points = smooth(points, 0.04)
        lying = is_lying(points, self.height_m, tuple(self.supports)) if may_lie else np.zeros(len(points), bool)
        targets = np.where(lying, LYING, NEITHER).astype(np.int8)
        return Motion(points, targets, kind, group, self.height_m, tuple(self.blocks))


def _arrive(stage: Stage) -> None:
    """Stand, or walk to where it happens."""
    if stage.rng.random() < 0.6:
        stage.walk(stage.rng.uniform(0.8, 3.5), stage.rng.uniform(0.5, 1.5))
        if stage.rng.random() < 0.4:
            stage.turn(stage.rng.uniform(-2.5, 2.5))
    else:
        stage.rest(stage.rng.uniform(0.5, 2))


def _leave(stage: Stage, seconds: float = 0.9) -> None:
    """Stand up from what it was, and perhaps walk off."""
    stage.go(STANDING, seconds * stage.rng.uniform(0.7, 1.5))
    if stage.rng.random() < 0.7:
        if stage.rng.random() < 0.4:
            stage.turn(stage.rng.uniform(-2.5, 2.5))
        stage.walk(stage.rng.uniform(0.8, 3), stage.rng.uniform(0.5, 1.4))


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
    _arrive(stage)
    _sit(stage, stage.rng.uniform(1.0, 2.0), stage.rng.uniform(0, 1))
    stage.rest(stage.rng.uniform(1, 6), 0.05)
    if stage.rng.random() < 0.6:
        stage.go(STANDING + angles(hip_bend=60, knee=60, waist_bend=25), 0.7, pitch=0.5, ahead=0.1)
        _leave(stage, 0.7)
    return False


def sits_down_hard(stage: Stage) -> bool:
    """Drops into a seat, and leans back."""
    _arrive(stage)
    _sit(stage, stage.rng.uniform(0.35, 0.7), stage.rng.uniform(0, 1))
    if stage.rng.random() < 0.6:
        stage.go(SEATED + angles(waist_bend=-10, neck_bend=-10), 0.4, pitch=-stage.rng.uniform(0.1, 0.6))
    stage.rest(stage.rng.uniform(1, 6), 0.04)
    if stage.rng.random() < 0.3:
        stage.go(STANDING + angles(hip_bend=60, knee=60, waist_bend=25), 0.7, pitch=0.5, ahead=0.1)
        _leave(stage, 0.7)
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
    _arrive(stage)
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
    _leave(stage, 1.0)
    return False


def kneels(stage: Stage) -> bool:
    """Down on the knees, works there, and gets up."""
    _arrive(stage)
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
    _leave(stage)
    return False


def bends(stage: Stage) -> bool:
    """Picks things up from the floor."""
    _arrive(stage)
    for _ in range(stage.rng.integers(1, 4)):
        knees = stage.rng.uniform(0, 1)
        low = angles(hip_bend=95, knee=15 + 90 * knees, ankle_bend=20 * knees, waist_bend=40, shoulder_bend=60)
        stage.go(low, stage.rng.uniform(0.4, 1.0), pitch=1.0 - 0.6 * knees, ahead=-0.05)
        stage.rest(stage.rng.uniform(0.1, 1.5), 0.05)
        stage.go(STANDING, stage.rng.uniform(0.5, 1.1), ahead=0.05)
    _leave(stage)
    return False


def squats(stage: Stage) -> bool:
    """Squats, once and long or often."""
    _arrive(stage)
    for _ in range(stage.rng.integers(1, 6)):
        stage.go(CROUCHING, stage.rng.uniform(0.4, 1.2), pitch=0.3)
        stage.rest(stage.rng.choice([0.1, 2.0]), 0.05)
        stage.go(STANDING, stage.rng.uniform(0.5, 1.2))
    stage.rest(1.0)
    return False


def crawls(stage: Stage) -> bool:
    """On hands and knees over the floor."""
    _arrive(stage)
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
        _leave(stage)
    return False


def push_ups(stage: Stage) -> bool:
    """Push-ups, or a plank."""
    _arrive(stage)
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
        _leave(stage)
    return False


def jumps(stage: Stage) -> bool:
    """Hops and jumps, children most of all; lands in a crouch now and then."""
    _arrive(stage)
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
    _leave(stage)
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


def sits_on_the_floor(stage: Stage) -> bool:
    """Down to the floor to sit or play, and up again or not."""
    _arrive(stage)
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
        _leave(stage)
    return False


def lies_down(stage: Stage) -> bool:
    """On the floor on purpose, over sitting or over hands and knees; some get up again."""
    _arrive(stage)
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


def _loose(rng: np.random.Generator, pitch: float, roll: float) -> Array:
    """Joints of who lies at ease on the back, the front or a side."""
    on_side = abs(np.sin(roll)) > 0.5
    spread, above = rng.uniform(5, 70), rng.random() < 0.2
    if on_side:
        joints = angles(
            hip_bend=rng.uniform(0, 85),
            knee=rng.uniform(5, 95),
            shoulder_bend=rng.uniform(0, 100),
            waist_bend=rng.uniform(0, 30),
        )
    elif (pitch < 0) == (np.cos(roll) > 0):  # on the back
        drawn = rng.choice([0.0, rng.uniform(10, 45)])
        joints = angles(
            hip_bend=drawn,
            knee=2 * drawn + 4,
            shoulder_spread=spread,
            shoulder_bend=150 * above,
            elbow=rng.uniform(5, 40),
        )
    else:
        joints = angles(
            hip_bend=-2,
            knee=rng.uniform(0, 20),
            ankle_bend=-40,
            shoulder_spread=spread,
            shoulder_bend=120 * above,
            elbow=20,
        )
    return joints + rng.normal(0, 0.1, len(joints))


def _from_floor(stage: Stage) -> None:
    if stage.rng.random() < 0.5:
        stage.go(SITTING_UP, stage.rng.uniform(0.9, 2.0), pitch=-0.3)
        stage.go(CROUCHING, 1.2, pitch=0.4, ahead=0.1)
    else:
        stage.go(ALL_FOURS, stage.rng.uniform(1.2, 2.2), pitch=np.pi / 2 - 0.1)
        stage.go(HALF_KNEELING, 1.0, pitch=0.3)
    _leave(stage, 1.2)


def lies(stage: Stage) -> bool:
    """On the floor from the first look on; rolls over or gets up, or not."""
    pitch, roll = stage.rng.choice([PRONE, SUPINE]), stage.rng.choice([0.0, 1.2, -1.2])
    stage.pose = Pose(np.array([0, 0, 0.1]), turned(stage.yaw, pitch, roll), _loose(stage.rng, pitch, roll))
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
    stage.pose = Pose(place, turned(stage.yaw, SUPINE), _loose(rng, SUPINE, 0.0))
    stage.rest(rng.uniform(1, 5), rng.choice([0.01, 0.04]), grounded=False)
    for _ in range(rng.integers(0, 4)):
        roll = rng.choice([0.0, 1.3, -1.3, 2.9])
        pose = Pose(place, turned(stage.yaw, SUPINE, roll), _loose(rng, SUPINE, roll))
        stage.play(through([(stage.pose, 0.0), (pose, rng.uniform(0.6, 2))]), grounded=False)
        stage.rest(rng.uniform(0.5, 4), rng.choice([0.01, 0.04]), grounded=False)
    if rng.random() < 0.5:
        _leave_bed(stage, top)
    return True


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
    lying = Pose(place, turned(along, SUPINE, roll), _loose(rng, SUPINE, roll))
    stage.play(through([(stage.pose, 0.0), (lying, rng.uniform(1.2, 1.8) * max(slow, 0.5))]), grounded=False)
    for _ in range(rng.integers(1, 3)):
        stage.rest(rng.uniform(1, 4), rng.choice([0.01, 0.04]), grounded=False)
    return True


ACTS: Final[dict[str, tuple[float, Callable[[Stage], bool]]]] = {
    "sits down": (0.07, sits_down),
    "sits down hard": (0.13, sits_down_hard),
    "sits": (0.05, sits),
    "ties shoes": (0.08, ties_shoes),
    "kneels": (0.08, kneels),
    "bends": (0.07, bends),
    "squats": (0.05, squats),
    "crawls": (0.06, crawls),
    "push-ups": (0.05, push_ups),
    "jumps": (0.05, jumps),
    "stumbles": (0.05, stumbles),
    "walks": (0.06, walks),
    "sits on the floor": (0.05, sits_on_the_floor),
    "lies down": (0.08, lies_down),
    "lies": (0.05, lies),
    "in bed": (0.06, in_bed),
    "to bed": (0.06, to_bed),
}
"""Shares and acts; an act says whether its trunk may lie."""
PLAYFUL: Final = ("jumps", "crawls", "sits on the floor", "bends")
"""What children do more than others."""


def act(rng: np.random.Generator, group: str, height_m: float) -> Motion:
    """Something by chance that is no fall.

    Raises:
        ConfigurationError: MuJoCo, which poses the body, is not installed.
    """
    names = list(ACTS)
    shares = np.array([share for share, _ in ACTS.values()])
    if height_m < CHILD_M:
        shares = shares * np.array([3.0 if name in PLAYFUL else 1.0 for name in names])
    kind = names[rng.choice(len(names), p=shares / shares.sum())]
    stage = Stage(rng, height_m)
    may_lie = ACTS[kind][1](stage)
    return stage.motion(kind, group, may_lie)
