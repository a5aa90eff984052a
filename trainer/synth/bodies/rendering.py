"""Pictures of bodies in motion in rendered rooms: the pose network is shown people whose joints are known.

So its errors can be measured.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from edge.types import Pixels
from trainer.synth.bodies.cameras import Camera
from trainer.synth.body import Build
from trainer.synth.clothes import dressed, random_look
from trainer.synth.figure import Figure
from trainer.synth.film import light_of, shadowed
from trainer.synth.furnish import random_room
from trainer.synth.paint import Light, Performer, paint, tone
from trainer.synth.room import Backdrop, draw_room
from trainer.synth.room import Camera as RoomCamera
from trainer.synth.timing import Array

NOISE_LEVEL: Final = 4.0


@dataclass(frozen=True, slots=True)
class Set:
    """An empty room as a camera sees it, where a body is put."""

    backdrop: Backdrop
    """Nothing of it hides a body: the truth about bodies knows no furniture."""
    view: RoomCamera
    camera: Camera
    """The same as `view`."""
    stage: Array  # (3,) on the floor
    light: Light


def random_set(rng: np.random.Generator, height_px: int, width_px: int, size: float, *, drawn: bool = True) -> Set:
    """A room, and a camera in it whose body on the stage is about `size` of the picture's height.

    Not `drawn`, it is black, and soon there.
    """
    room = random_room(rng)
    stage = np.append(room.stage, 0.0)
    up = min(rng.uniform(1.0, 3.3), room.height_m - 0.15)
    if rng.random() < 0.15:
        place = stage + np.array([*rng.normal(0, 0.6, 2), room.height_m - 0.1])
    else:
        back = rng.uniform(1.5, max(room.stage[1] - 0.1, 1.6))
        place = np.array([rng.uniform(-0.45, 0.45) * room.width_m, max(room.stage[1] - back, 0.08), up])
    aim = stage + np.array([0, 0, rng.uniform(0.2, 0.9)]) + rng.normal(0, 0.2, 3)
    into = aim - place
    focal = size * float(np.linalg.norm(into)) / 1.7
    focal = max(focal, 0.35)
    view = RoomCamera.looking(place, aim, rng.normal(0, 0.03), focal * height_px, (height_px, width_px))
    camera = Camera(place, view.axes, focal, width_px / height_px)
    shape = (height_px, width_px)
    seen = draw_room(room, view) if drawn else None
    picture = np.zeros((*shape, 3), np.float32) if seen is None else seen.picture
    floor = np.zeros(shape, np.uint8) if seen is None else seen.floor
    empty = Backdrop(picture, np.full(shape, np.inf, np.float32), floor)
    return Set(empty, view, camera, stage, light_of(room))


def random_figure(rng: np.random.Generator, height_m: float) -> tuple[Figure, Array]:
    """Somebody of a height, dressed, and the reflectance of their faces."""
    return dressed(Build(height_m, rng.uniform(0.85, 1.3)), random_look(rng))


def draw(rng: np.random.Generator, scene: Set, performer: Performer) -> Pixels:
    """A picture of the set with somebody in it."""
    picture = tone(scene.backdrop.picture)
    shadowed(picture, scene.backdrop, scene.view, [performer], scene.light)
    paint(picture, scene.backdrop, scene.view, [performer], scene.light)
    noise = rng.normal(0, rng.uniform(0, NOISE_LEVEL), picture.shape)
    return (picture + noise).clip(0, 255).astype(np.uint8)
