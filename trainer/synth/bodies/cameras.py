"""Virtual cameras: where they hang, what they see of points in a room, and what furniture hides."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from trainer.synth.bodies.motion import HIP_POINTS, Block
from trainer.synth.timing import Array

ASPECTS: Final = (4 / 3, 16 / 9, 9 / 16, 3 / 4, 1.0)
ASPECT_SHARES: Final = (0.36, 0.4, 0.1, 0.08, 0.06)
CEILING_SHARE: Final = 0.15
DISTANCES_M: Final = (1.5, 10.0)
HEIGHTS_M: Final = (1.0, 3.5)
CEILING_DISTANCE_M: Final = 1.6
"""Sideways, at most."""
FIELDS_RAD: Final = (0.6, 2.1)
"""Of view, along the picture's longer side: a normal lens to a wide one."""
WIDE_FOCAL: Final = 0.6
"""Of the longer side: a field of 80 degrees."""
FISHEYE_SHARE: Final = 0.5
"""Of wide lenses."""
BODY_SIZES: Final = (0.17, 1.2)
"""Of a standing body, over the picture's height, as lenses are chosen for rooms: smaller ones are not found."""
NEAR_M: Final = 0.25
SHIFT: Final = 0.16
"""Of what the camera looks at from the body, over the distance, as a standard deviation: people are cut by edges."""


@dataclass(frozen=True, slots=True)
class Camera:
    """Looks into a room."""

    place: Array  # (3,) metres
    axes: Array  # (3, 3) rows: right, down, into the picture
    focal: float
    """Picture heights."""
    aspect: float
    fisheye: float = 0.0
    """0: straight lines stay straight; 1: angles are distances."""

    def project(self, points: Array) -> tuple[Array, Array]:
        """World (..., 3) to y, x in picture heights from the upper left (..., 2), and depth along the axis in m (...).

        What lies behind the camera has a depth of 0 or less, and no meaningful place.
        """
        seen = (points - self.place) @ self.axes.T
        depth = seen[..., 2]
        flat = seen[..., :2] / np.maximum(depth, NEAR_M)[..., np.newaxis]  # (..., 2): right, down
        radius = np.maximum(np.linalg.norm(flat, axis=-1, keepdims=True), 1e-9)
        bent = (1 - self.fisheye) * radius + self.fisheye * np.arctan(radius)
        flat = flat * (bent / radius) * self.focal
        return flat[..., ::-1] + np.array([0.5, 0.5 * self.aspect]), depth

    def hidden(self, points: Array, blocks: Sequence[Block]) -> NDArray[np.bool_]:
        """Whether a block lies before each point (..., 3)."""
        found = np.zeros(points.shape[:-1], bool)
        for block in blocks:
            c, s = np.cos(block.yaw), np.sin(block.yaw)
            turn = np.array([[c, s, 0], [-s, c, 0], [0, 0, 1.0]])
            eye = turn @ (self.place - np.array(block.centre))
            way = (points - np.array(block.centre)) @ turn.T - eye
            way = np.where(np.abs(way) < 1e-9, 1e-9, way)
            half = np.array(block.half_size)
            first, second = (-half - eye) / way, (half - eye) / way
            enters, leaves = np.minimum(first, second).max(-1), np.maximum(first, second).min(-1)
            found |= (enters < leaves) & (enters > 0) & (enters < 0.97)
        return found


def looking(place: Array, target: Array, roll: float, focal: float, *, aspect: float, fisheye: float = 0.0) -> Camera:
    """A camera at a place that looks at another, turned by `roll` about its axis."""
    into = (target - place) / np.linalg.norm(target - place)
    right = np.cross(into, (0.0, 0.0, 1.0))
    length = np.linalg.norm(right)
    right = right / length if length > 1e-6 else np.array([1.0, 0.0, 0.0])
    down = np.cross(into, right)
    c, s = np.cos(roll), np.sin(roll)
    return Camera(place, np.stack([c * right + s * down, c * down - s * right, into]), focal, aspect, fisheye)


def random_camera(rng: np.random.Generator, points: Array, height_m: float) -> Camera:
    """A camera that looks at what a body does, (n_steps, N_POINTS, 3), more or less."""
    hips = points[:, HIP_POINTS].mean(1)
    centre = np.array([*np.median(hips[:, :2], 0), 0.0])
    aspect = ASPECTS[rng.choice(len(ASPECTS), p=ASPECT_SHARES)]
    way = rng.uniform(-np.pi, np.pi)
    if rng.random() < CEILING_SHARE:
        distance, up = rng.uniform(0.05, CEILING_DISTANCE_M), rng.uniform(2.3, HEIGHTS_M[1])
        aim_up = rng.uniform(0.0, 0.8)
    else:
        distance, up = float(np.exp(rng.uniform(*np.log(DISTANCES_M)))), rng.uniform(*HEIGHTS_M)
        aim_up = rng.uniform(0.4, 1.1)
    place = centre + np.array([distance * np.cos(way), distance * np.sin(way), up])
    away = float(np.linalg.norm(place - centre))
    aim = centre + np.array([0, 0, aim_up]) + SHIFT * away * rng.normal(0, 1, 3) * [1, 1, 0.5]
    size = float(np.exp(rng.uniform(*np.log(BODY_SIZES))))
    longest, shortest = (0.5 * max(aspect, 1.0) / np.tan(field / 2) for field in FIELDS_RAD)
    focal = float(np.clip(size * away / height_m, shortest, longest))
    wide = focal < WIDE_FOCAL * max(aspect, 1.0)
    fisheye = rng.uniform(0, 1) if wide and rng.random() < FISHEYE_SHARE else 0.0
    roll = rng.normal(0, 0.03) if up < away else rng.uniform(-np.pi, np.pi) * (rng.random() < 0.5)
    return looking(place, aim, roll, focal, aspect=aspect, fisheye=fisheye)


def random_blocks(rng: np.random.Generator, camera: Camera, centre: Array) -> tuple[Block, ...]:
    """Furniture between the camera and a place on the floor, more or less: low and wide, or high and narrow."""
    found = []
    for _ in range(rng.choice(4, p=(0.6, 0.25, 0.1, 0.05))):
        share = rng.uniform(0.35, 0.92)
        place = camera.place[:2] + share * (centre[:2] - camera.place[:2])
        place = place + rng.normal(0, 0.8, 2)
        if rng.random() < 0.75:
            half = (rng.uniform(0.2, 1.0), rng.uniform(0.2, 0.5), rng.uniform(0.15, 0.5))
        else:
            half = (rng.uniform(0.05, 0.35), rng.uniform(0.05, 0.35), rng.uniform(0.8, 1.1))
        if np.linalg.norm(place - centre[:2]) > 0.5 + max(half[:2]):
            found.append(Block((float(place[0]), float(place[1]), half[2]), half, rng.uniform(-np.pi, np.pi)))
    return tuple(found)
