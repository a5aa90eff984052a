"""A body's motion as points in a room over time, and what it does at each moment: what all sources of motion make.

World coordinates as in `trainer.synth.body`: metres, z up, the floor at z = 0; `STEPS_HZ` steps a second.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from trainer.features.poses import FALLING, LYING, NEITHER
from trainer.synth.body import (
    ANKLES,
    CHEST,
    CHEST_UP_M,
    ELBOWS,
    HANDS,
    HEAD,
    HIP_DROP_M,
    HIPS,
    KNEES,
    N_JOINTS,
    NECK,
    NECK_UP_M,
    PELVIS,
    SHOULDER_UP_M,
    SHOULDERS,
    TOES,
    WAIST,
    WAIST_UP_M,
    WRISTS,
    Array,
    Skeleton,
    Support,
    unit,
)
from trainer.synth.timing import STEPS_HZ, smooth

NOSE, LEFT_EYE, RIGHT_EYE, LEFT_EAR, RIGHT_EAR = range(5)
KEYPOINTS: Final = 17
"""The first points are COCO's keypoints, in its order."""
CROWN, LEFT_HAND, RIGHT_HAND, LEFT_TOE, RIGHT_TOE = range(KEYPOINTS, KEYPOINTS + 5)
N_POINTS: Final = 22
"""The others only say how far a body reaches."""
SHOULDER_POINTS, ELBOW_POINTS, WRIST_POINTS = slice(5, 7), slice(7, 9), slice(9, 11)
HIP_POINTS, KNEE_POINTS, ANKLE_POINTS = slice(11, 13), slice(13, 15), slice(15, 17)
MIRRORED: Final = (0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15, 17, 19, 18, 21, 20)
EYE_OUT, EYE_UP, EYE_ASIDE, NOSE_OUT, EAR_ASIDE, CROWN_UP = 0.055, 0.02, 0.018, 0.062, 0.043, 0.075
"""From the middle of the head, over the body's height."""

SETTLED_M_S: Final = 0.3
"""A body whose head, shoulders and hips are slower has come to rest."""
SETTLED_S: Final = 0.4
SINKS_MORE_M: Final = 0.1
"""Who pauses on the knees and then tips over has not come to rest on them."""
SINKING_M_S: Final = 0.15
"""Of the mean height of shoulders and hips: faster, it goes down."""
SINKING_S: Final = 0.1
AFTER_REST_S: Final = 1.0
"""A fall lasts so long after a body has come to rest."""
LYING_TRUNK: Final = 0.18
"""Over the body's height: how high the middle of the trunk of who lies is at most. On all fours it is at 0.3."""
LYING_DROP: Final = 0.5
"""Of the trunk's length: shoulders of who lies are at most so much higher than hips."""

Targets = NDArray[np.int8]


@dataclass(frozen=True, slots=True)
class Block:
    """Furniture: an upright box that hides what is behind it."""

    centre: tuple[float, float, float]
    half_size: tuple[float, float, float]
    yaw: float = 0.0


@dataclass(frozen=True, slots=True)
class Motion:
    """What one body does."""

    points: Array  # (n_steps, N_POINTS, 3), metres
    targets: Targets  # (n_steps,): as in `trainer.features.poses`
    kind: str
    group: str
    height_m: float
    """Of the body as it stands."""
    blocks: tuple[Block, ...] = ()

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return (len(self.points) - 1) / STEPS_HZ


def head_points(middle: Array, face: Array, up: Array, height_m: float) -> Array:
    """Nose, eyes and ears, and the crown: (n, 6, 3).

    Args:
        middle: of the head, (n, 3).
        face: unit vectors out of the face, (n, 3).
        up: towards the crown, (n, 3); made perpendicular to `face`.
        height_m: of the body.
    """
    up = unit(up - (up * face).sum(-1, keepdims=True) * face)
    left = np.cross(up, face)
    eye = middle + height_m * (EYE_OUT * face + EYE_UP * up)
    points = [middle + height_m * NOSE_OUT * face]
    points += [eye + sign * height_m * EYE_ASIDE * left for sign in (1, -1)]
    points += [middle + sign * height_m * EAR_ASIDE * left for sign in (1, -1)]
    return np.stack([*points, middle + height_m * CROWN_UP * up], 1)


def of_skeleton(skeleton: Skeleton) -> Array:
    """Points of a body of `trainer.synth.body`, (n_steps, N_POINTS, 3)."""
    joints = skeleton.joints
    head = head_points(joints[:, HEAD], skeleton.face, joints[:, HEAD] - joints[:, NECK], skeleton.build.height_m)
    body = joints[:, [*SHOULDERS, *ELBOWS, *WRISTS, *HIPS, *KNEES, *ANKLES]]
    return np.concatenate([head[:, :5], body, head[:, 5:], joints[:, [*HANDS, *TOES]]], 1)


def to_joints(points: Array) -> tuple[Array, Array]:
    """Joints (n_steps, N_JOINTS, 3) and faces (n_steps, 3) of a body of `trainer.synth.body`, of points.

    The spine goes straight from the hips to the shoulders.
    """
    hips, shoulders, ears = (points[:, rows].mean(1) for rows in (HIP_POINTS, SHOULDER_POINTS, slice(3, 5)))
    up = (shoulders - hips) / (HIP_DROP_M + WAIST_UP_M + CHEST_UP_M + SHOULDER_UP_M)
    joints = np.empty((len(points), N_JOINTS, 3))
    joints[:, PELVIS] = hips + HIP_DROP_M * up
    joints[:, WAIST] = joints[:, PELVIS] + WAIST_UP_M * up
    joints[:, CHEST] = joints[:, WAIST] + CHEST_UP_M * up
    joints[:, NECK] = joints[:, CHEST] + NECK_UP_M * up
    joints[:, HEAD] = ears
    joints[:, [*SHOULDERS, *ELBOWS, *WRISTS, *HIPS, *KNEES, *ANKLES]] = points[:, 5:KEYPOINTS]
    joints[:, [*HANDS, *TOES]] = points[:, LEFT_HAND:]
    return joints, unit(points[:, NOSE] - ears)


def mirrored(motion: Motion) -> Motion:
    """The same with left and right exchanged."""
    flip = np.array([-1.0, 1.0, 1.0])
    blocks = tuple(Block((-block.centre[0], *block.centre[1:]), block.half_size, -block.yaw) for block in motion.blocks)
    return replace(motion, points=motion.points[:, MIRRORED] * flip, blocks=blocks)


def stretched(motion: Motion, slowness: float) -> Motion:
    """The same, lasting `slowness` times as long."""
    n = max(round((len(motion.points) - 1) * slowness) + 1, 2)
    places = np.minimum(np.arange(n) / slowness, len(motion.points) - 1)
    return replace(motion, points=at_steps(motion.points, places), targets=motion.targets[np.rint(places).astype(int)])


JOINING_S: Final = 0.3


def joined(parts: Sequence[Array]) -> Array:
    """Paths (n, N_POINTS, 3) one after the other: each begins where the one before ended, and fades out of it."""
    path = parts[0]
    for part in parts[1:]:
        apart = path[-1, HIP_POINTS, :2].mean(0) - part[0, HIP_POINTS, :2].mean(0)
        following = part + np.append(apart, 0.0)
        n = min(round(JOINING_S * STEPS_HZ), len(following))
        share = np.linspace(1, 0, n)[:, np.newaxis, np.newaxis]
        following[:n] += share * (path[-1] - following[0])
        path = np.concatenate([path, following[1:]])
    return path


def scaled(path: Array, size: float, limbs: float) -> Array:
    """A path of a body of another size, whose arms and legs are longer by another factor; the lowest point stays."""
    found = path.copy()
    for chain in ((5, 7, 9, 18), (6, 8, 10, 19), (11, 13, 15, 20), (12, 14, 16, 21)):
        for before, after in pairwise(chain):
            found[:, after] = found[:, before] + limbs * (path[:, after] - path[:, before])
    lowest = smooth(found[..., 2].min(1) - path[..., 2].min(1), 0.05)
    found[..., 2] -= lowest[:, np.newaxis]
    return found * size


def turned_about(path: Array, yaw: float) -> Array:
    """A path turned about the vertical axis."""
    c, s = np.cos(yaw), np.sin(yaw)
    return path @ np.array([[c, s, 0], [-s, c, 0], [0, 0, 1.0]])


def at_steps(points: Array, steps: Array) -> Array:
    """Points at fractional steps (m,), in between linearly: (m, ...)."""
    before = np.minimum(steps.astype(int), len(points) - 2)
    share = (steps - before).reshape(-1, *[1] * (points.ndim - 1))
    return points[before] * (1 - share) + points[before + 1] * share


def trunk_height(points: Array) -> Array:
    """Mean height of shoulders and hips, (n_steps,)."""
    return points[:, [5, 6, 11, 12], 2].mean(1)


def is_lying(points: Array, height_m: float, supports: tuple[Support, ...] = ()) -> NDArray[np.bool_]:
    """Whether the trunk is down on the floor or on a support, (n_steps,). Push-ups look the same."""
    hips, shoulders = points[:, HIP_POINTS].mean(1), points[:, SHOULDER_POINTS].mean(1)
    surface = np.zeros(len(points))
    for support in supports:
        c, s = np.cos(support.yaw), np.sin(support.yaw)
        offset = hips[:, :2] - np.array(support.centre)
        along, across = c * offset[:, 0] + s * offset[:, 1], c * offset[:, 1] - s * offset[:, 0]
        on = (np.abs(along) < support.half_size[0]) & (np.abs(across) < support.half_size[1])
        surface = np.where(on & (hips[:, 2] > support.height_m), support.height_m, surface)
    trunk_m = np.linalg.norm(shoulders - hips, axis=1)
    low = trunk_height(points) - surface < LYING_TRUNK * height_m
    return low & (shoulders[:, 2] - hips[:, 2] < LYING_DROP * trunk_m)


def fall_times(points: Array, released: int) -> tuple[int, int]:
    """First step of the descent of who lost balance at step `released`, and the step of rest."""
    sinking = -np.gradient(smooth(trunk_height(points), 0.03)) * STEPS_HZ > SINKING_M_S
    start = released + _first_run(sinking[released:], round(SINKING_S * STEPS_HZ))
    core = smooth(points[:, [0, 5, 6, 11, 12]], 0.03)
    speeds = np.linalg.norm(np.gradient(core, axis=0), axis=-1).max(1) * STEPS_HZ
    height = trunk_height(points)
    lowest_yet = np.minimum.accumulate(height[::-1])[::-1]  # from each step on
    slow = (speeds < SETTLED_M_S) & (height - lowest_yet < SINKS_MORE_M)
    begun = start + round(2 * SINKING_S * STEPS_HZ)
    return start, min(begun + _first_run(slow[begun:], round(SETTLED_S * STEPS_HZ)), len(points) - 1)


def fall_targets(points: Array, start: int, rest: int, lying: NDArray[np.bool_]) -> Targets:
    """Falling from `start` until a second after `rest`, then lying where the trunk is down."""
    targets = np.where(lying, LYING, NEITHER).astype(np.int8)
    targets[start : rest + round(AFTER_REST_S * STEPS_HZ) + 1] = FALLING
    targets[:start][lying[:start]] = LYING
    return targets[: len(points)]


def _first_run(flags: NDArray[np.bool_], length: int) -> int:
    """Where the first run of so many begins; the end where there is none."""
    counts = np.convolve(flags, np.ones(length), "valid") if len(flags) >= length else np.zeros(0)
    full = np.flatnonzero(counts > length - 0.5)
    return int(full[0]) if len(full) else max(len(flags) - 1, 0)
