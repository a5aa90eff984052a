"""A person as joints: proportions, and from controls over time (pelvis, leans, hands, feet) to joint positions.

World coordinates are metres: x to the right, y into the room, z up, the floor at z = 0. Angles are radians. A body's
own axes are forward, left, up. Everything is solved for all time steps at once: `n_steps` is the first axis.
"""

from dataclasses import dataclass, field

import numpy as np

from trainer.synth.timing import Array, smooth

PELVIS, WAIST, CHEST, NECK, HEAD = range(5)
HIPS, KNEES, ANKLES, TOES, SHOULDERS, ELBOWS, WRISTS, HANDS = ([5 + 2 * i, 6 + 2 * i] for i in range(8))
N_JOINTS = 21
LEFT_RIGHT = np.array([1.0, -1.0])
"""Sign of the leftward axis for the two sides of the body, in the order of all paired joints."""

REFERENCE_HEIGHT_M = 1.75
FLESH_S = 0.03
"""Smoothing of all joints: bodies have mass, contacts give."""
TINY = 1e-9
BEND_SMOOTHING_S = 0.07


@dataclass(frozen=True, slots=True)
class Build:
    """Sizes of one person in metres; `girth` scales all thicknesses."""

    height_m: float = REFERENCE_HEIGHT_M
    girth: float = 1.0

    @property
    def scale(self) -> float:
        """How tall against the person of 1.75 m that the lengths below describe."""
        return self.height_m / REFERENCE_HEIGHT_M

    def length(self, reference_m: float) -> float:
        """Scale a length of the reference person."""
        return reference_m * self.scale

    @property
    def leg_m(self) -> float:
        """From hip to ankle, stretched."""
        return self.length(THIGH_M + SHANK_M)

    @property
    def arm_m(self) -> float:
        """From shoulder to wrist, stretched."""
        return self.length(UPPER_ARM_M + FOREARM_M)

    @property
    def standing_m(self) -> float:
        """Height of the pelvis of a person who stands at ease."""
        return self.length(HIP_DROP_M + ANKLE_M) + STANDING_STRETCH * self.leg_m


THIGH_M, SHANK_M, ANKLE_M, FOOT_M = 0.43, 0.42, 0.08, 0.18
UPPER_ARM_M, FOREARM_M, HAND_M = 0.29, 0.26, 0.1
HIP_DROP_M, HIP_HALF_WIDTH_M, SHOULDER_HALF_WIDTH_M = 0.05, 0.1, 0.18
WAIST_UP_M, CHEST_UP_M, NECK_UP_M, SHOULDER_UP_M, HEAD_UP_M = 0.12, 0.2, 0.2, 0.14, 0.15
STANDING_STRETCH = 0.985

RESTING_M = np.full(N_JOINTS, 0.06)
"""How near the centre of each joint can come to the floor or to a mattress."""
RESTING_M[[PELVIS, WAIST, CHEST]] = 0.12
RESTING_M[[*HIPS]] = 0.1
RESTING_M[[*SHOULDERS]] = 0.08
RESTING_M[HEAD] = 0.1
RESTING_M[[*TOES, *HANDS]] = 0.03

BONES = (
    (PELVIS, WAIST), (WAIST, CHEST), (CHEST, NECK), (NECK, HEAD), (PELVIS, CHEST), (WAIST, NECK), (CHEST, HEAD),
    *((PELVIS, hip) for hip in HIPS), (HIPS[0], HIPS[1]), *((WAIST, hip) for hip in HIPS),
    *((CHEST, shoulder) for shoulder in SHOULDERS), (SHOULDERS[0], SHOULDERS[1]),
    *((NECK, shoulder) for shoulder in SHOULDERS), *zip(HIPS, SHOULDERS, strict=True),
    *zip(HIPS, KNEES, strict=True), *zip(KNEES, ANKLES, strict=True), *zip(ANKLES, TOES, strict=True),
    *zip(SHOULDERS, ELBOWS, strict=True), *zip(ELBOWS, WRISTS, strict=True), *zip(WRISTS, HANDS, strict=True),
)  # fmt: skip
"""Pairs of joints whose distance `settle` keeps."""


@dataclass(frozen=True, slots=True)
class Support:
    """A horizontal rectangle that bodies rest on: a bed or a seat."""

    centre: tuple[float, float]
    half_size: tuple[float, float]
    yaw: float
    height_m: float
    solid: bool = False
    """Down to the floor, so that what is beside it stays beside it."""


@dataclass(slots=True)
class Controls:
    """What drives a body at each step."""

    pelvis: Array  # (n_steps, 3)
    yaw: Array  # (n_steps,) heading; 0 looks along x
    lean: Array  # (n_steps, 2) world direction in which the body tips, times the angle; pi/2 lies
    spine: Array  # (n_steps, 3) of the chest against the pelvis: forward, to the right, twist
    head: Array  # (n_steps, 2) down, to the left
    hands: Array  # (n_steps, 2, 3) from the shoulder in the chest's axes, in arm lengths
    hang: Array  # (n_steps, 2) 1: the axes above are upright instead of the chest's
    reach: Array  # (n_steps, 2, 3) a place in the world for each hand
    reach_mix: Array  # (n_steps, 2) 1: the hand is at its place in the world
    feet: Array  # (n_steps, 2, 3) ankles in the world


@dataclass(frozen=True, slots=True)
class Skeleton:
    """Where a body's joints are."""

    joints: Array  # (n_steps, N_JOINTS, 3)
    face: Array  # (n_steps, 3) unit vector out of the face
    build: Build = field(default_factory=Build)


def unit(vectors: Array) -> Array:
    """Scale the last axis to length one."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), TINY)


def _rotation(axis: Array, angle: Array) -> Array:
    """Rotations about unit axes, right-handed: (n, 3), (n,) -> (n, 3, 3)."""
    x, y, z = axis[:, 0], axis[:, 1], axis[:, 2]
    zero = np.zeros_like(x)
    cross = np.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).reshape(-1, 3, 3)
    s, c = np.sin(angle)[:, None, None], np.cos(angle)[:, None, None]
    return np.eye(3) + s * cross + (1 - c) * cross @ cross


def _about(axis: tuple[float, float, float], angle: Array) -> Array:
    return _rotation(np.broadcast_to(np.array(axis), (len(angle), 3)), angle)


def pelvis_axes(yaw: Array, lean: Array) -> Array:
    """Forward, left and up of the pelvis as columns: (n, 3, 3)."""
    angle = np.linalg.norm(lean, axis=1)
    direction = lean / np.maximum(angle, TINY)[:, None]
    axis = np.stack([-direction[:, 1], direction[:, 0], np.zeros_like(angle)], -1)
    return _rotation(axis, angle) @ _about((0, 0, 1), yaw)


def chest_axes(axes: Array, spine: Array) -> Array:
    """Axes of the chest from those of the pelvis and the spine's bends."""
    bend = _about((0, 1, 0), spine[:, 0]) @ _about((1, 0, 0), spine[:, 1]) @ _about((0, 0, 1), spine[:, 2])
    return axes @ bend


def two_bones(root: Array, target: Array, lengths: tuple[float, float], pole: Array) -> tuple[Array, Array]:
    """Middle and end joint of a limb from `root` towards `target`, bent towards `pole`. All (n_steps, ..., 3)."""
    first, second = lengths
    straight = target - root
    distance = np.linalg.norm(straight, axis=-1, keepdims=True)
    direction = straight / np.maximum(distance, TINY)
    reached = np.clip(distance, abs(first - second) + 0.01, (first + second) * 0.999)
    along = (first**2 - second**2 + reached**2) / (2 * reached)
    aside = np.sqrt(np.maximum(first**2 - along**2, 0))
    aslant = pole - (pole * direction).sum(-1, keepdims=True) * direction
    sideways = unit(smooth(aslant, BEND_SMOOTHING_S))  # a limb along its pole would bend anywhere, and flip
    sideways = unit(sideways - (sideways * direction).sum(-1, keepdims=True) * direction)
    return root + along * direction + aside * sideways, root + reached * direction


def _rotate(axes: Array, vector: Array | tuple[float, float, float]) -> Array:
    return np.einsum("nij,...j->n...i", axes, np.asarray(vector, dtype=float))


def _rotate_each(axes: Array, vectors: Array) -> Array:
    """(n, 3, 3) and (n, 2, 3) -> (n, 2, 3)."""
    return np.einsum("nij,nkj->nki", axes, vectors)


def _sides(forward: float, left: float, up: float) -> Array:
    """One vector for each side, mirrored: (2, 3)."""
    return np.stack([[forward, sign * left, up] for sign in LEFT_RIGHT])


def solve(build: Build, controls: Controls, supports: tuple[Support, ...] = ()) -> Skeleton:
    """Joint positions of all steps; nothing sinks into the floor or a support."""
    length = build.length
    joints = np.empty((len(controls.yaw), N_JOINTS, 3))
    axes = pelvis_axes(controls.yaw, controls.lean)
    chest = chest_axes(axes, controls.spine)
    joints[:, PELVIS] = controls.pelvis
    joints[:, WAIST] = joints[:, PELVIS] + _rotate(axes, (0, 0, length(WAIST_UP_M)))
    joints[:, CHEST] = joints[:, WAIST] + _rotate(chest, (0, 0, length(CHEST_UP_M)))
    joints[:, NECK] = joints[:, CHEST] + _rotate(chest, (0, 0, length(NECK_UP_M)))
    skull = chest @ _about((0, 1, 0), controls.head[:, 0]) @ _about((0, 0, 1), controls.head[:, 1])
    joints[:, HEAD] = joints[:, NECK] + _rotate(skull, (length(0.03), 0, length(HEAD_UP_M)))
    _solve_legs(build, controls, axes, joints)
    _solve_arms(build, controls, chest, joints)
    settle(joints, supports)
    joints = smooth(joints, FLESH_S)
    return Skeleton(joints, skull[:, :, 0], build)


def _solve_legs(build: Build, controls: Controls, axes: Array, joints: Array) -> None:
    length = build.length
    hips = controls.pelvis[:, None] + _rotate(axes, _sides(0, length(HIP_HALF_WIDTH_M), -length(HIP_DROP_M)))
    pole = _rotate(axes, _sides(1.0, 0.15, 0))
    knees, ankles = two_bones(hips, controls.feet, (length(THIGH_M), length(SHANK_M)), pole)
    shank = unit(ankles - knees)
    forward = _rotate(axes, _sides(1.0, 0.15, -0.25))
    foot = unit(forward - 0.9 * (forward * shank).sum(-1, keepdims=True) * shank)
    joints[:, HIPS], joints[:, KNEES], joints[:, ANKLES] = hips, knees, ankles
    drop = np.array([0, 0, length(ANKLE_M) - 0.03])
    joints[:, TOES] = ankles + length(FOOT_M) * foot - drop * np.clip(-shank[..., 2:], 0, 1)


def _solve_arms(build: Build, controls: Controls, chest: Array, joints: Array) -> None:
    length = build.length
    shoulders = joints[:, [CHEST]] + _rotate(chest, _sides(0, length(SHOULDER_HALF_WIDTH_M), length(SHOULDER_UP_M)))
    upright = _about((0, 0, 1), controls.yaw)
    hang = controls.hang[..., None]
    offset = (1 - hang) * _rotate_each(chest, controls.hands) + hang * _rotate_each(upright, controls.hands)
    mix = controls.reach_mix[..., None]
    target = (1 - mix) * (shoulders + build.arm_m * offset) + mix * controls.reach
    pole = _rotate(chest, _sides(-0.6, 0.5, -0.45))
    elbows, wrists = two_bones(shoulders, target, (length(UPPER_ARM_M), length(FOREARM_M)), pole)
    joints[:, SHOULDERS], joints[:, ELBOWS], joints[:, WRISTS] = shoulders, elbows, wrists
    joints[:, HANDS] = wrists + length(HAND_M) * unit(wrists - elbows)


SETTLE_ROUNDS = 8
SEAT_M = 0.12
"""A joint further than this under a seat is beneath it, not in it."""


def settle(joints: Array, supports: tuple[Support, ...]) -> None:
    """Push joints out of the floor and the supports, in place, and keep the bones' lengths."""
    lengths = [np.linalg.norm(joints[:, a] - joints[:, b], axis=-1, keepdims=True) for a, b in BONES]
    pushed = joints.copy()
    _push_out(pushed, supports)
    sunk = np.flatnonzero((pushed != joints).any(axis=(1, 2)))
    if not len(sunk):
        return
    part = joints[sunk]
    for _ in range(SETTLE_ROUNDS):
        _push_out(part, supports)
        for (a, b), length in zip(BONES, lengths, strict=True):
            apart = part[:, b] - part[:, a]
            distance = np.maximum(np.linalg.norm(apart, axis=-1, keepdims=True), TINY)
            push = 0.5 * (1 - length[sunk] / distance) * apart
            part[:, a] += push
            part[:, b] -= push
    _push_out(part, supports)
    joints[sunk] = part


def _push_out(joints: Array, supports: tuple[Support, ...]) -> None:
    """Move joints (n, N_JOINTS, 3) in place: up from the floor, up or sideways out of supports."""
    joints[..., 2] = np.maximum(joints[..., 2], RESTING_M)
    for support in supports:
        c, s = np.cos(support.yaw), np.sin(support.yaw)
        offset = joints[..., :2] - np.array(support.centre)
        u, v = c * offset[..., 0] + s * offset[..., 1], c * offset[..., 1] - s * offset[..., 0]
        inside = support.half_size[1] - np.abs(v)  # how deep, from the nearer long side
        under = support.height_m + RESTING_M - joints[..., 2]
        within = (np.abs(u) < support.half_size[0]) & (inside > 0) & (under > 0)
        upward = within & (under <= inside if support.solid else under < SEAT_M)
        joints[..., 2] += np.where(upward, under, 0)
        if support.solid:
            sideways = np.where(within & ~upward, np.copysign(inside, v), 0)
            joints[..., 0] -= s * sideways
            joints[..., 1] += c * sideways
