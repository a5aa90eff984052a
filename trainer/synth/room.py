"""A room: walls, floor, furniture with textures and light, ray-traced once a clip into a picture with depth."""

from collections.abc import Callable
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from trainer.synth.body import Array, Support

Picture = NDArray[np.float32]
"""float32 (height, width, 3), RGB, linear reflectance or light, about 0..1."""


@dataclass(frozen=True, slots=True)
class Camera:
    """Pinhole camera. World points go to the screen by `project`."""

    place: Array  # (3,)
    axes: Array  # (3, 3) rows: right, down, into the picture
    focal_px: float
    height_px: int
    width_px: int

    @classmethod
    def looking(cls, place: Array, target: Array, roll: float, focal_px: float, size: tuple[int, int]) -> "Camera":
        """A camera at a place that looks at a target; size is (height, width)."""
        into = (target - place) / np.linalg.norm(target - place)
        right = np.cross(into, (0.0, 0.0, 1.0))
        right /= np.linalg.norm(right)
        down = np.cross(into, right)
        c, s = np.cos(roll), np.sin(roll)
        return cls(place, np.stack([c * right + s * down, c * down - s * right, into]), focal_px, *size)

    def project(self, points: Array) -> Array:
        """World (..., 3) to x px, y px, depth m (..., 3). Points behind the camera get a small positive depth."""
        seen = (points - self.place) @ self.axes.T
        depth = np.maximum(seen[..., 2:], 0.05)
        centre = np.array([self.width_px / 2, self.height_px / 2])
        return np.concatenate([self.focal_px * seen[..., :2] / depth + centre, depth], axis=-1)

    def rays(self) -> Array:
        """World directions with depth one for all pixels: (height, width, 3)."""
        x = (np.arange(self.width_px) + 0.5 - self.width_px / 2) / self.focal_px
        y = (np.arange(self.height_px) + 0.5 - self.height_px / 2) / self.focal_px
        grid = np.stack(np.broadcast_arrays(x[None, :], y[:, None], 1.0), -1)
        return grid @ self.axes


@dataclass(frozen=True, slots=True)
class Box:
    """A block of furniture; a surface is the (u, v) metres that its texture is painted with."""

    centre: tuple[float, float, float]
    half: tuple[float, float, float]
    yaw: float
    colour: Array
    texture: str = "plain"


@dataclass(frozen=True, slots=True)
class Panel:
    """A flat thing on a wall: picture, door, window. `wall` is 0 left, 1 right, 2 back."""

    wall: int
    centre: tuple[float, float]  # metres along the wall and up
    half: tuple[float, float]
    colour: Array
    texture: str = "plain"
    glow: float = 0.0


@dataclass(slots=True)
class Room:
    """Everything that does not move. x from -width/2 to width/2, y from 0 (camera's side) to depth, z up."""

    width_m: float
    depth_m: float
    height_m: float
    floor: tuple[Array, str]
    walls: tuple[Array, str]
    boxes: list[Box] = field(default_factory=list)
    panels: list[Panel] = field(default_factory=list)
    lamps: list[tuple[Array, float]] = field(default_factory=list)  # place, strength
    ambient: float = 0.45
    tint: Array = field(default_factory=lambda: np.ones(3))
    supports: list[Support] = field(default_factory=list)
    free_depth_m: float = np.inf
    """People walk no deeper into the room than this."""
    noise: Picture = field(default_factory=lambda: np.zeros((256, 256), np.float32))

    @property
    def stage(self) -> Array:
        """The open middle of the floor, where things happen."""
        return np.array([0.0, 0.52 * self.depth_m])

    def spot(self, right_m: float, back_m: float) -> Array:
        """A place on the floor, from the stage."""
        return self.stage + np.array((right_m, back_m))

    def clear(self, place: Array) -> Array:
        """The place on the floor, or the nearest one before the bed."""
        return np.array([place[0], min(place[1], self.free_depth_m)])


@dataclass(frozen=True, slots=True)
class Backdrop:
    """The empty room as a camera sees it."""

    picture: Picture
    depth: NDArray[np.float32]  # (height, width) metres along the view axis
    floor: NDArray[np.uint8]  # (height, width) 1 where the floor shows


def _noise(room: Room, u: Array, v: Array, per_m: float) -> Array:
    size = room.noise.shape[0]
    iu, iv = (u * per_m * 16).astype(np.int64) % size, (v * per_m * 16).astype(np.int64) % size
    return room.noise[iv, iu].astype(float)


def _planks(room: Room, u: Array, v: Array) -> Array:
    row = np.floor(u / 0.14)
    shift = (row * 0.37) % 1.0
    board = np.floor(v / 1.1 + shift)
    tone = np.sin(row * 12.9898 + board * 78.233) * 0.09
    gap = ((u / 0.14) % 1.0 < 0.05) | ((v / 1.1 + shift) % 1.0 < 0.008)
    return 1 + tone + 0.1 * _noise(room, u * 4, v * 0.4, 1.0) - 0.3 * gap


def _tiles(room: Room, u: Array, v: Array) -> Array:
    gap = ((u / 0.4) % 1.0 < 0.03) | ((v / 0.4) % 1.0 < 0.03)
    tone = np.sin(np.floor(u / 0.4) * 12.9898 + np.floor(v / 0.4) * 78.233) * 0.04
    return 1 + tone - 0.25 * gap + 0.05 * _noise(room, u, v, 1.0)


def _checks(room: Room, u: Array, v: Array) -> Array:
    odd = (np.floor(u / 0.45) + np.floor(v / 0.45)) % 2
    return 0.75 + 0.35 * odd + 0.04 * _noise(room, u, v, 1.0)


def _stripes(room: Room, u: Array, v: Array) -> Array:
    return 0.92 + 0.12 * ((u / 0.16) % 1.0 < 0.5) + 0.03 * _noise(room, u, v, 1.0)


def _carpet(room: Room, u: Array, v: Array) -> Array:
    return 1 + 0.09 * _noise(room, u, v, 6.0) + 0.03 * _noise(room, u, v, 0.4)


def _fabric(room: Room, u: Array, v: Array) -> Array:
    folds = 0.1 * np.sin(u * 9 + 2 * _noise(room, u, v, 0.4)) * np.sin(v * 5)
    return 1 + folds + 0.06 * _noise(room, u, v, 2.0)


def _grain(room: Room, u: Array, v: Array) -> Array:
    return 1 + 0.14 * _noise(room, u * 0.3, v * 3, 1.0) + 0.05 * np.sin(v * 60 + 3 * _noise(room, u, v, 0.6))


def _books(room: Room, u: Array, v: Array) -> Array:
    shelf = (v / 0.34) % 1.0 < 0.1
    book = np.sin(np.floor(u / 0.045) * 91.7 + np.floor(v / 0.34) * 17.1)
    return np.where(shelf, 1.1, 0.65 + 0.5 * book * (((v / 0.34) % 1.0) < 0.8)) + 0.02 * _noise(room, u, v, 2.0)


def _panes(room: Room, u: Array, v: Array) -> Array:
    bar = ((u / 0.5) % 1.0 < 0.08) | ((v / 0.6) % 1.0 < 0.06)
    return 1.0 - 0.6 * bar + 0.15 * _noise(room, u, v, 0.3)


def _plain(room: Room, u: Array, v: Array) -> Array:
    return 1 + 0.02 * _noise(room, u, v, 0.4) + 0.02 * _noise(room, u, v, 3.0)


TEXTURES: dict[str, Callable[[Room, Array, Array], Array]] = {
    "planks": _planks, "tiles": _tiles, "checks": _checks, "stripes": _stripes, "carpet": _carpet,
    "fabric": _fabric, "grain": _grain, "books": _books, "panes": _panes, "plain": _plain,
}  # fmt: skip


def _light(room: Room, points: Array, normals: Array) -> Array:
    """Light on surface points: (n, 3), (n, 3) -> (n,)."""
    light = np.full(len(points), room.ambient)
    for place, strength in room.lamps:
        offset = place - points
        squared = (offset**2).sum(-1)
        facing = np.maximum(0, (offset * normals).sum(-1)) / np.sqrt(squared)
        light += strength * (0.25 + 0.75 * facing) / (0.6 + 0.25 * squared)
    return light


def _shadow_map(room: Room) -> Array:
    """How much light reaches the floor beside and beneath the furniture, on a 4 cm grid: (rows, columns)."""
    rows, columns = int(room.depth_m / 0.04) + 1, int(room.width_m / 0.04) + 1
    shade = np.ones((rows, columns), np.float32)
    for box in room.boxes:
        corners = _footprint(box)
        pixels = np.round((corners + np.array((room.width_m / 2, 0))) / 0.04).astype(np.int32)
        cv2.fillConvexPoly(shade, pixels, 0.35)
    shade[[0, 1, -1, -2]] = 0.6
    shade[:, [0, 1, -1, -2]] = 0.6
    return cv2.GaussianBlur(shade, (0, 0), 4.5).astype(np.float64)


def _footprint(box: Box) -> Array:
    c, s = np.cos(box.yaw), np.sin(box.yaw)
    corners = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * box.half[:2]
    return corners @ np.array([[c, s], [-s, c]]) + box.centre[:2]


@dataclass(slots=True)
class _Canvas:
    """What the rays have hit so far, flat over pixels."""

    depth: Array
    colour: Array  # (n, 3)
    floor: NDArray[np.bool_]


def draw_room(room: Room, camera: Camera) -> Backdrop:
    """Trace the empty room."""
    rays = camera.rays().reshape(-1, 3)
    n = len(rays)
    canvas = _Canvas(np.full(n, np.inf), np.zeros((n, 3)), np.zeros(n, bool))
    _draw_shell(room, camera.place, rays, canvas)
    for box in room.boxes:
        _draw_box(room, box, camera, rays, canvas)
    shape = (camera.height_px, camera.width_px)
    picture = np.clip(canvas.colour * room.tint, 0, 1.2).reshape(*shape, 3).astype(np.float32)
    return Backdrop(
        picture, canvas.depth.reshape(shape).astype(np.float32), canvas.floor.reshape(shape).astype(np.uint8)
    )


def _draw_shell(room: Room, eye: Array, rays: Array, canvas: _Canvas) -> None:
    half = room.width_m / 2
    planes = [  # axis, place, normal's sign, name
        (2, 0.0, 1, "floor"), (2, room.height_m, -1, "ceiling"),
        (0, -half, 1, "left"), (0, half, -1, "right"), (1, room.depth_m, -1, "back"), (1, -0.05, 1, "front"),
    ]  # fmt: skip
    shade = _shadow_map(room)
    for axis, place, sign, name in planes:
        along = rays[:, axis]
        depth = np.where(along * sign < -1e-9, (place - eye[axis]) / np.where(along == 0, 1e-9, along), np.inf)
        hit = np.flatnonzero((depth > 0) & (depth < canvas.depth))
        if not len(hit):
            continue
        points = eye + depth[hit, None] * rays[hit]
        normal = np.zeros(3)
        normal[axis] = sign
        light = _light(room, points, np.broadcast_to(normal, points.shape))
        canvas.depth[hit] = depth[hit]
        canvas.floor[hit] = name == "floor"
        canvas.colour[hit] = _shell_colour(room, name, points, light, shade)


def _shell_colour(room: Room, name: str, points: Array, light: Array, shade: Array) -> Array:
    x, y, z = points.T
    if name == "floor":
        rows, columns = (
            np.clip(y / 0.04, 0, shade.shape[0] - 1),
            np.clip((x + room.width_m / 2) / 0.04, 0, shade.shape[1] - 1),
        )
        light = light * shade[rows.astype(int), columns.astype(int)]
        return room.floor[0] * (TEXTURES[room.floor[1]](room, x, y) * light)[:, None]
    if name == "ceiling":
        return np.array([0.85, 0.85, 0.83]) * (light * 0.9)[:, None]
    u = y if name in ("left", "right") else x
    corner = 1 - 0.35 * np.exp(-z / 0.12) - 0.2 * np.exp(-(room.height_m - z) / 0.15)
    colour = room.walls[0] * (TEXTURES[room.walls[1]](room, u, z) * light * corner)[:, None]
    skirting = (z < 0.09)[:, None]
    colour = np.where(skirting, 0.55 * colour + 0.2 * light[:, None], colour)
    for panel in room.panels:
        if ("left", "right", "back")[panel.wall] == name:
            _paint_panel(room, panel, (u, z), light, colour)
    return colour


def _paint_panel(room: Room, panel: Panel, spots: tuple[Array, Array], light: Array, colour: Array) -> None:
    u, z = spots
    du, dz = np.abs(u - panel.centre[0]), np.abs(z - panel.centre[1])
    frame = (du < panel.half[0] + 0.05) & (dz < panel.half[1] + 0.05)
    inside = (du < panel.half[0]) & (dz < panel.half[1])
    colour[frame] = 0.3 * panel.colour * light[frame, None]
    painted = TEXTURES[panel.texture](room, u[inside], z[inside])
    colour[inside] = panel.colour * (painted * (panel.glow + (1 - panel.glow) * light[inside]))[:, None]


def _draw_box(room: Room, box: Box, camera: Camera, rays: Array, canvas: _Canvas) -> None:
    eye = camera.place
    corners = np.concatenate(
        [np.column_stack([_footprint(box), np.full(4, box.centre[2] + s * box.half[2])]) for s in (-1, 1)]
    )
    pixels = _window(camera, corners)
    if not len(pixels):
        return
    c, s = np.cos(box.yaw), np.sin(box.yaw)
    turn = np.array([[c, s, 0], [-s, c, 0], [0, 0, 1.0]])
    origin = turn @ (eye - np.array(box.centre))
    local = rays[pixels] @ turn.T
    local = np.where(np.abs(local) < 1e-9, 1e-9, local)
    half = np.array(box.half)
    near = (-np.sign(local) * half - origin) / local
    far = (np.sign(local) * half - origin) / local
    entry, leave = near.max(1), far.min(1)
    hit = (entry < leave) & (entry > 0.02) & (entry < canvas.depth[pixels])
    pixels, local, near = pixels[hit], local[hit], near[hit]
    if not len(pixels):
        return
    face = near.argmax(1)
    depth = entry[hit]
    inside = origin + depth[:, None] * local
    normal = np.zeros_like(inside)
    normal[np.arange(len(face)), face] = -np.sign(local[np.arange(len(face)), face])
    u = np.where(face == 0, inside[:, 1], inside[:, 0])
    v = np.where(face == 2, inside[:, 1], inside[:, 2])
    points = eye + depth[:, None] * rays[pixels]
    light = _light(room, points, normal @ turn)
    light *= np.where(face == 2, 1.05, 0.8) * (1 - 0.3 * np.exp(-points[:, 2] / 0.15))
    canvas.depth[pixels] = depth
    canvas.floor[pixels] = False
    canvas.colour[pixels] = box.colour * (TEXTURES[box.texture](room, u, v) * light)[:, None]


def _window(camera: Camera, corners: Array) -> NDArray[np.intp]:
    """Flat indices of the screen rectangle around points."""
    seen = (corners - camera.place) @ camera.axes[2]
    if (seen < 0.06).all():
        return np.empty(0, np.intp)
    screen = camera.project(corners)
    if (seen < 0.06).any():
        x0, y0, x1, y1 = 0, 0, camera.width_px, camera.height_px
    else:
        x0, y0 = np.maximum(np.floor(screen[:, :2].min(0)), 0).astype(int)
        x1 = min(int(np.ceil(screen[:, 0].max())) + 1, camera.width_px)
        y1 = min(int(np.ceil(screen[:, 1].max())) + 1, camera.height_px)
    if x1 <= x0 or y1 <= y0:
        return np.empty(0, np.intp)
    return (np.arange(y0, y1)[:, None] * camera.width_px + np.arange(x0, x1)).ravel()
