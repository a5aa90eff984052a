"""People on the picture of a room: their faces by depth, lit, hidden by furniture and by each other, with shadows."""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from trainer.synth.body import Array
from trainer.synth.figure import Figure, cross
from trainer.synth.room import Backdrop, Camera, Picture


@dataclass(frozen=True, slots=True)
class Performer:
    """One person at one instant."""

    figure: Figure
    colours: Array  # (n_faces, 3) reflectance
    tubes: list[Array]  # (n, 3) each: where its vertices are, in metres


@dataclass(frozen=True, slots=True)
class Light:
    """Where light comes from, for shading and shadows."""

    direction: Array  # (3,) world unit vector towards the main lamp
    ambient: float
    level: float
    tint: Array


FINER: Final = 2
"""People are drawn so many times larger than the picture, each way, and shrunk: their edges are smooth."""
SUBPIXEL_BITS: Final = 4
NEAREST_M: Final = 0.2
WRAPPED: Final = 0.35
"""Light reaches around bodies so far beyond where it would end."""
FROM_BELOW: Final = 0.7
"""Of the ambient light, on what looks at the floor."""
EDGES: Final = 0.8
"""Of the light, on what is seen from its edge."""


@dataclass(frozen=True, slots=True)
class _Drawn:
    """Faces that look at the camera, the furthest first."""

    corners: NDArray[np.int32]  # (n, 4, 2) x and y, in parts of fine pixels
    depth: NDArray[np.float32]  # (n,) metres
    colours: NDArray[np.uint8]  # (n, 3) as on the picture


def paint(
    picture: NDArray[np.uint8], backdrop: Backdrop, camera: Camera, people: list[Performer], light: Light
) -> None:
    """Draw people into a toned picture of the room, in place."""
    drawn = _faces_of(people, camera, light)
    height, width = camera.height_px, camera.width_px
    if not len(drawn.depth):
        return
    x, y, w, h = _window(drawn.corners, height, width)
    numbers = np.zeros((h * FINER, w * FINER), np.int32)
    corners = drawn.corners - np.array((x, y), np.int32) * (FINER << SUBPIXEL_BITS)
    for number, corner in enumerate(corners, 1):
        cv2.fillConvexPoly(numbers, corner, number, cv2.LINE_8, SUBPIXEL_BITS)
    covered = np.flatnonzero(numbers)
    row, column = np.divmod(covered, w * FINER)
    spot = row // FINER * w + column // FINER  # in the window
    owner = numbers.ravel()[covered] - 1
    before = drawn.depth[owner] < backdrop.depth[y : y + h, x : x + w].ravel()[spot]
    _blend(picture[y : y + h, x : x + w], spot[before], drawn.colours[owner[before]])


def _blend(window: NDArray[np.uint8], spot: NDArray[np.intp], colours: NDArray[np.uint8]) -> None:
    """Lay fine pixels (n,) over a part of a picture, in place."""
    n = window.shape[0] * window.shape[1]
    share = np.bincount(spot, minlength=n)
    touched = np.flatnonzero(share)
    part = share[touched, np.newaxis] / FINER**2
    sums = np.stack([np.bincount(spot, colours[:, channel], n)[touched] for channel in range(3)], -1)
    row, column = np.divmod(touched, window.shape[1])
    window[row, column] = window[row, column] * (1 - part) + sums / FINER**2 + 0.5


def _window(corners: NDArray[np.int32], height: int, width: int) -> tuple[int, int, int, int]:
    """The part of the picture that faces can touch: x, y, width, height."""
    unit = FINER << SUBPIXEL_BITS
    x0, y0 = np.maximum(corners.min((0, 1)) // unit - 1, 0)
    x1, y1 = np.minimum(corners.max((0, 1)) // unit + 2, (width, height))
    return int(x0), int(y0), max(int(x1 - x0), 1), max(int(y1 - y0), 1)


def _faces_of(people: list[Performer], camera: Camera, light: Light) -> _Drawn:
    corners, depths, colours = [], [], []
    for person in people:
        places = np.concatenate(person.tubes)
        quads = places[person.figure.faces.vertices]  # (n_faces, 4, 3)
        normals = cross(quads[:, 2] - quads[:, 0], quads[:, 3] - quads[:, 1])
        screen = camera.project(places)[person.figure.faces.vertices]
        towards = camera.place - quads.mean(1)
        seen = np.flatnonzero(((normals * towards).sum(1) > 0) & (screen[..., 2].min(1) > NEAREST_M))
        corners.append(screen[seen, :, :2])
        depths.append(screen[seen, :, 2].mean(1))
        shade = _shade(normals[seen], towards[seen], light)
        colours.append(person.colours[seen] * shade[:, np.newaxis])
    depth = np.concatenate(depths) if depths else np.zeros(0)
    if not len(depth):
        return _Drawn(np.zeros((0, 4, 2), np.int32), np.zeros(0, np.float32), np.zeros((0, 3), np.uint8))
    order = np.argsort(-depth, kind="stable")
    fine = np.concatenate(corners)[order] * (FINER << SUBPIXEL_BITS)
    limit = 2**24
    return _Drawn(
        np.rint(fine).clip(-limit, limit).astype(np.int32),
        depth[order].astype(np.float32),
        tone((np.concatenate(colours)[order] * light.tint).astype(np.float32)),
    )


def _shade(normals: Array, towards: Array, light: Light) -> Array:
    """Light that each face returns, (n,), of what looks along a normal and is seen from a direction, (n, 3) both."""
    normals = normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    towards = towards / np.linalg.norm(towards, axis=1, keepdims=True)
    lit = ((normals @ light.direction + WRAPPED) / (1 + WRAPPED)).clip(0, 1)
    sky = FROM_BELOW + (1 - FROM_BELOW) * (normals[:, 2] + 1) / 2
    edge = EDGES + (1 - EDGES) * (normals * towards).sum(1).clip(0, 1)
    return light.level * (light.ambient * sky + (1 - light.ambient) * lit) * edge


GAMMA = 0.55
"""From light to pixel values, as cameras do."""


def tone(light: Picture) -> NDArray[np.uint8]:
    """Light of about 0..1 to pixel values."""
    return (255 * np.clip(light, 0, 1) ** GAMMA).astype(np.uint8)


SHADOW_SCALE = 4


def cast_shadows(backdrop: Backdrop, camera: Camera, people: list[Performer], light: Light) -> NDArray[np.uint8]:
    """Soft shadows on the floor, uint8 (height, width), 255 where fully dark."""
    h, w = camera.height_px // SHADOW_SCALE, camera.width_px // SHADOW_SCALE
    mask = np.zeros((h, w), np.uint8)
    slope = light.direction[:2] / max(light.direction[2], 0.35)
    for person in people:
        for part in person.tubes:
            ground = part.copy()
            ground[:, :2] -= ground[:, 2:] * slope
            ground[:, 2] = 0
            screen = camera.project(ground)
            if screen[:, 2].min() > NEAREST_M:
                outline = cv2.convexHull((screen[:, :2] / SHADOW_SCALE).astype(np.float32))
                cv2.fillConvexPoly(mask, np.rint(outline).astype(np.int32), 255)
    soft = cv2.blur(mask, (max(3, w // 40 | 1), max(3, h // 60 | 1)))
    large = cv2.resize(soft, (camera.width_px, camera.height_px))
    return np.asarray(cv2.multiply(large, backdrop.floor), dtype=np.uint8)
