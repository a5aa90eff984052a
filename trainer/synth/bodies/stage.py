"""Where a puppet acts: poses one after the other, and what it sits and lies on."""

from typing import Final

import numpy as np

from trainer.features.poses import LYING, NEITHER
from trainer.synth.bodies.gaits import (
    STANDING,
    through,
    walking,
)
from trainer.synth.bodies.motion import Block, Motion, is_lying
from trainer.synth.bodies.puppet import Pose, Puppet, angles, turned
from trainer.synth.body import Support
from trainer.synth.timing import STEPS_HZ, Array, smooth, wobble

PRONE, SUPINE = np.pi / 2, -np.pi / 2
"""Pitch of who lies on the front, on the back."""
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
        self.go(loose(self.rng, pitch, roll), seconds, ahead=ahead, pitch=pitch, roll=roll)
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

    def arrive(self) -> None:
        """Stand, or walk to where it happens."""
        if self.rng.random() < 0.6:
            self.walk(self.rng.uniform(0.8, 3.5), self.rng.uniform(0.5, 1.5))
            if self.rng.random() < 0.4:
                self.turn(self.rng.uniform(-2.5, 2.5))
        else:
            self.rest(self.rng.uniform(0.5, 2))

    def leave(self, seconds: float = 0.9) -> None:
        """Stand up from what it was, and perhaps walk off."""
        self.go(STANDING, seconds * self.rng.uniform(0.7, 1.5))
        if self.rng.random() < 0.7:
            if self.rng.random() < 0.4:
                self.turn(self.rng.uniform(-2.5, 2.5))
            self.walk(self.rng.uniform(0.8, 3), self.rng.uniform(0.5, 1.4))


def loose(rng: np.random.Generator, pitch: float, roll: float) -> Array:
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
