"""Pictures of the animations' bodies in rendered rooms, simply: triangles by depth, clothes, a lamp, a shadow.

They show the pose network bodies whose joints are known, so that its errors can be measured.
"""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.types import Pixels
from trainer.synth.bodies.cameras import Camera
from trainer.synth.bodies.gltf import Figure
from trainer.synth.furnish import WALL_COLOURS, random_room
from trainer.synth.paint import DARK_TROUSERS, HAIRS, SKINS
from trainer.synth.room import Camera as RoomCamera
from trainer.synth.room import draw_room
from trainer.synth.timing import Array

FINER: Final = 2
"""Pictures are drawn so many times larger, and shrunk."""
SUBPIXEL_BITS: Final = 4
SKIN, TOP, TROUSERS, SHOES, HEAD = range(5)
COVERS: Final = {
    SKIN: ("hand", "f_", "thumb", "index", "middle", "pinky", "ring", "neck"),
    TOP: ("spine", "shoulder", "clavicle", "upper", "forearm", "lowerarm"),
    TROUSERS: ("hips", "pelvis", "thigh", "shin", "calf"),
    SHOES: ("foot", "toe", "ball"),
    HEAD: ("head",),
}
"""By parts of names of joints; the last that fits."""
BARE_ARMS: Final = ("forearm", "lowerarm")
BARE_LEGS: Final = ("shin", "calf")
SHADOW: Final = 0.45
NOISE_LEVEL: Final = 4.0


@dataclass(frozen=True, slots=True)
class Look:
    """Colours of the faces of a figure's mesh."""

    colours: Array  # (n_faces, 3), 0..1
    head: NDArray[np.bool_]  # (n_faces,)


def random_look(rng: np.random.Generator, figure: Figure) -> Look:
    """Skin, hair, and clothes with sleeves and trousers of any length."""
    covers = [_cover(figure.names[node]) for node in figure.skin]
    strongest = figure.mesh.joints[np.arange(len(figure.mesh.weights)), figure.mesh.weights.argmax(1)]
    joints = strongest[figure.mesh.faces[:, 0]]  # (n_faces,)
    skin = SKINS[rng.integers(len(SKINS))] * rng.uniform(0.85, 1.1)
    top = WALL_COLOURS[rng.integers(len(WALL_COLOURS))] * rng.uniform(0.2, 1.1, 3)
    trousers = DARK_TROUSERS[rng.integers(len(DARK_TROUSERS))] * rng.uniform(0.5, 1.9)
    palette = np.stack([skin, top, trousers, rng.uniform(0.05, 0.5, 3), skin])
    bare = (BARE_ARMS if rng.random() < 0.5 else ()) + (BARE_LEGS if rng.random() < 0.2 else ())
    of_joint = np.array([
        palette[SKIN] if any(part in figure.names[node] for part in bare) else palette[cover]
        for node, cover in zip(figure.skin, covers, strict=True)
    ])  # fmt: skip
    colours = of_joint[joints]
    middles = figure.mesh.places[figure.mesh.faces].mean(1)  # glTF's axes: y up, z to where it looks
    head = np.array(covers)[joints] == HEAD
    hair = head & ((middles[:, 1] > rng.uniform(1.73, 1.78)) | (middles[:, 2] < rng.uniform(-0.01, 0.03)))
    colours[hair] = HAIRS[rng.integers(len(HAIRS))]
    for height, half, aside, tone in ((1.705, 0.012, 0.035, 0.15), (1.62, 0.008, 0.0, 0.45)):  # eyes, mouth
        near = np.abs(np.abs(middles[:, 0]) - aside) < (0.02 if aside else 0.03)
        colours[head & ~hair & near & (np.abs(middles[:, 1] - height) < half) & (middles[:, 2] > 0.05)] *= tone
    return Look(colours.clip(0, 1), head)


def _cover(name: str) -> int:
    return max((cover for cover, parts in COVERS.items() if any(part in name for part in parts)), default=TOP)


@dataclass(frozen=True, slots=True)
class Set:
    """An empty room as a camera sees it, where a body is put."""

    picture: Pixels  # (height, width, 3) RGB
    camera: Camera
    stage: Array  # (3,) on the floor
    light: Array  # (3,) unit vector towards the lamp


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
    brightness = rng.uniform(0.5, 1.1)
    light = np.append(rng.normal(0, 0.5, 2), 1.0)
    camera = Camera(place, view.axes, focal, width_px / height_px)
    picture = draw_room(room, view).picture * brightness if drawn else np.zeros((height_px, width_px, 3))
    return Set((picture.clip(0, 1) * 255).astype(np.uint8), camera, stage, light / np.linalg.norm(light))


def draw(rng: np.random.Generator, scene: Set, figure: Figure, vertices: Array, look: Look) -> Pixels:
    """A picture of the set with the figure's mesh (n_vertices, 3) in it."""
    height, width = scene.picture.shape[:2]
    larger = cv2.resize(scene.picture, (FINER * width, FINER * height), interpolation=cv2.INTER_LINEAR)
    canvas = np.asarray(larger, np.uint8)
    _shadow(canvas, scene, vertices)
    places, depth = scene.camera.project(vertices)
    corners = vertices[figure.mesh.faces]  # (n_faces, 3, 3)
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    towards = (normals * (scene.camera.place - corners[:, 0])).sum(1)
    far = depth[figure.mesh.faces].mean(1)
    shown = np.flatnonzero((towards > 0) & (far > 0.2))
    shown = shown[np.argsort(-far[shown])]
    light = 0.45 + 0.55 * np.clip((normals @ scene.light + 0.3) / 1.3, 0, 1)
    brightness = float(scene.picture.mean()) / 128
    colours = (look.colours * light[:, np.newaxis] * 255 * np.clip(0.4 + 0.8 * brightness, 0.3, 1.1)).clip(0, 255)
    pixels = places[:, ::-1] * FINER * height * 2**SUBPIXEL_BITS
    triangles = np.rint(pixels[figure.mesh.faces]).astype(np.int32)
    for face in shown:
        cv2.fillConvexPoly(canvas, triangles[face], colours[face].tolist(), cv2.LINE_8, SUBPIXEL_BITS)
    small = cv2.resize(canvas, (width, height), interpolation=cv2.INTER_AREA).astype(np.float32)
    small += rng.normal(0, rng.uniform(0, NOISE_LEVEL), small.shape)
    return small.clip(0, 255).astype(np.uint8)


def _shadow(canvas: Pixels, scene: Set, vertices: Array) -> None:
    """Darken the floor under the body."""
    down = vertices[::7] - scene.light * (vertices[::7, 2:] / scene.light[2])
    places, _ = scene.camera.project(down)
    height = canvas.shape[0]
    mask = np.zeros(canvas.shape[:2], np.float32)
    for y, x in np.rint(places * height).astype(int).tolist():
        cv2.circle(mask, (x, y), max(height // 60, 1), 1.0, -1)
    mask = cv2.GaussianBlur(mask, (0, 0), height / 50)
    canvas[:] = canvas * (1 - SHADOW * mask[..., np.newaxis])
