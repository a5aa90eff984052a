"""People as shaded capsules with clothes, hidden by furniture and by each other, with shadows on the floor."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from trainer.synth.body import (
    ANKLES,
    CHEST,
    ELBOWS,
    HANDS,
    HEAD,
    HIPS,
    KNEES,
    NECK,
    PELVIS,
    SHOULDERS,
    TOES,
    WAIST,
    WRISTS,
    Array,
    Build,
)
from trainer.synth.room import Backdrop, Camera, Picture

SKIN, HAIR, TOP, TROUSERS, SHOES, FACE = range(6)


@dataclass(frozen=True, slots=True)
class Limb:
    """One capsule between two joints: radii in metres at both, and what covers it."""

    first: int
    second: int
    radius_first: float
    radius_second: float
    cover: int
    trunk: bool = False


def _limbs(long_sleeves: bool, trousers: int) -> tuple[Limb, ...]:
    sleeve = TOP if long_sleeves else SKIN
    paired = [
        (HIPS, KNEES, 0.088, 0.062, TROUSERS), (KNEES, ANKLES, 0.06, 0.045, trousers),
        (ANKLES, TOES, 0.045, 0.035, SHOES),
        (SHOULDERS, ELBOWS, 0.062, 0.048, TOP), (ELBOWS, WRISTS, 0.046, 0.035, sleeve),
        (WRISTS, HANDS, 0.036, 0.03, SKIN),
    ]  # fmt: skip
    limbs = [Limb(a[k], b[k], ra, rb, cover) for a, b, ra, rb, cover in paired for k in (0, 1)]
    trunk = [
        Limb(HIPS[0], HIPS[1], 0.105, 0.105, TROUSERS), Limb(PELVIS, WAIST, 0.125, 0.12, TOP, trunk=True),
        Limb(WAIST, CHEST, 0.12, 0.13, TOP, trunk=True), Limb(HIPS[0], SHOULDERS[0], 0.1, 0.085, TOP, trunk=True),
        Limb(HIPS[1], SHOULDERS[1], 0.1, 0.085, TOP, trunk=True),
        Limb(SHOULDERS[0], SHOULDERS[1], 0.08, 0.08, TOP, trunk=True), Limb(CHEST, NECK, 0.13, 0.07, TOP, trunk=True),
        Limb(NECK, HEAD, 0.055, 0.055, SKIN), Limb(HEAD, HEAD, 0.108, 0.108, FACE),
    ]  # fmt: skip
    return (*limbs, *trunk)


@dataclass(frozen=True, slots=True)
class Look:
    """Clothes and colours of a person."""

    colours: Array  # (6, 3) of SKIN .. FACE
    pattern: Array  # (6,) strength of stripes on each cover
    stripes_per_m: float
    limbs: tuple[Limb, ...]


SKINS = np.array([(0.87, 0.68, 0.56), (0.78, 0.57, 0.43), (0.62, 0.43, 0.31), (0.42, 0.28, 0.2), (0.92, 0.75, 0.65)])
HAIRS = np.array([(0.08, 0.06, 0.05), (0.22, 0.14, 0.08), (0.45, 0.32, 0.18), (0.6, 0.58, 0.56), (0.12, 0.1, 0.1)])
DARK_TROUSERS = np.array([(0.1, 0.11, 0.16), (0.16, 0.2, 0.32), (0.2, 0.18, 0.16), (0.4, 0.36, 0.28), (0.3, 0.3, 0.32)])


TRUNK_ROUNDNESS = 0.6


def random_look(rng: np.random.Generator) -> Look:
    """Dress a person."""
    grey = rng.uniform(0.2, 0.9) ** 2
    top = np.clip(grey * (1 + rng.normal(0, 0.3, 3)), 0.02, 0.85)
    skin = SKINS[rng.integers(len(SKINS))]
    trousers = DARK_TROUSERS[rng.integers(len(DARK_TROUSERS))] * rng.uniform(0.7, 1.5)
    shoes = np.full(3, rng.choice([0.06, 0.12, 0.25, 0.8]))
    hair = HAIRS[rng.integers(len(HAIRS))]
    striped = rng.uniform(0.15, 0.5) if rng.random() < 0.3 else 0.0
    limbs = _limbs(bool(rng.random() < 0.6), TROUSERS if rng.random() < 0.88 else SKIN)
    pattern = np.array([0, 0, striped, 0, 0, 0])
    return Look(np.stack([skin, hair, top, trousers, shoes, skin]), pattern, rng.uniform(8, 22), limbs)


@dataclass(frozen=True, slots=True)
class Performer:
    """One person at one instant."""

    joints: Array  # (N_JOINTS, 3)
    face: Array  # (3,)
    build: Build
    look: Look


COLUMNS = 21
"""0-2 x px, y px, depth m of the first end; 3-5 the second minus the first; 6 1/length^2; 7-8 radii px; 9 radius m;
then what `_shade` needs: 10-12 colour, 13 stripes, 14 their phase along the limb, 15-17 face in screen axes,
18 is a head, 19 hair, 20 roundness of the shading."""


def _rows(performer: Performer, camera: Camera) -> Array:
    """Parameters of all capsules of a person on the screen: (n_limbs, COLUMNS)."""
    limbs, build = performer.look.limbs, performer.build
    screen = camera.project(performer.joints)
    first, second = [limb.first for limb in limbs], [limb.second for limb in limbs]
    covers = [limb.cover for limb in limbs]
    radii = np.array([(limb.radius_first, limb.radius_second) for limb in limbs])
    thick = np.array([1.0 if cover in (FACE, SKIN, SHOES) else build.girth for cover in covers])
    radii *= (thick * build.scale)[:, None]
    start, end = screen[first], screen[second]
    across = end - start
    rows = np.zeros((len(limbs), COLUMNS))
    rows[:, 0:3], rows[:, 3:6] = start, across
    rows[:, 6] = 1 / np.maximum((across[:, :2] ** 2).sum(1), 1e-6)
    rows[:, 7] = camera.focal_px * radii[:, 0] / start[:, 2]
    rows[:, 8] = camera.focal_px * radii[:, 1] / end[:, 2]
    rows[:, 9] = radii.mean(1)
    rows[:, 10:13] = performer.look.colours[covers]
    rows[:, 13] = performer.look.pattern[covers]
    spans = performer.joints[second] - performer.joints[first]
    rows[:, 14] = np.linalg.norm(spans, axis=1) * performer.look.stripes_per_m * 2 * np.pi
    rows[:, 15:18] = camera.axes @ performer.face
    rows[:, 18] = np.array(covers) == FACE
    rows[:, 19] = performer.look.colours[HAIR].mean()
    rows[:, 20] = [TRUNK_ROUNDNESS if limb.trunk else 1.0 for limb in limbs]
    return rows


@dataclass(frozen=True, slots=True)
class Light:
    """Where light comes from, for shading and shadows."""

    direction: Array  # (3,) world unit vector towards the main lamp
    ambient: float
    level: float
    tint: Array


Pixels1D = NDArray[np.intp]
DEPTH_LIMIT, DEPTH_STEPS_PER_M = 65535, 2000


def _cover_pixels(rows: Array, camera: Camera) -> tuple[list[Pixels1D], list[Pixels1D], list[int]]:
    """Pixels that each capsule's hull covers: x, y, and how many of them for each row."""
    xs: list[Pixels1D] = []
    ys: list[Pixels1D] = []
    counts: list[int] = []
    for row in rows:
        x, y, dx, dy, ra, rb = row[0], row[1], row[3], row[4], row[7], row[8]
        x0, x1 = int(max(min(x - ra, x + dx - rb), 0)), int(min(max(x + ra, x + dx + rb) + 1, camera.width_px - 1))
        y0, y1 = int(max(min(y - ra, y + dy - rb), 0)), int(min(max(y + ra, y + dy + rb) + 1, camera.height_px - 1))
        if x1 < x0 or y1 < y0:
            counts.append(0)
            continue
        mask = np.zeros((y1 - y0 + 1, x1 - x0 + 1), np.uint8)
        _stamp(mask, (x - x0, y - y0, dx, dy, ra, rb))
        inside = np.flatnonzero(mask)
        part_y, part_x = np.divmod(inside, mask.shape[1])
        xs.append(part_x + x0)
        ys.append(part_y + y0)
        counts.append(len(inside))
    return xs, ys, counts


def _stamp(mask: NDArray[np.uint8], capsule: tuple[float, float, float, float, float, float]) -> None:
    """Fill the outline of a capsule (x, y, dx, dy, radius at both ends) in a small mask."""
    x, y, dx, dy, ra, rb = capsule
    length = np.hypot(dx, dy)
    cv2.circle(mask, (round(x), round(y)), int(ra + 1), 1, -1)
    if length < 1:
        return
    cv2.circle(mask, (round(x + dx), round(y + dy)), int(rb + 1), 1, -1)
    nx, ny = -dy / length, dx / length
    ra, rb = ra + 1, rb + 1
    corners = np.array([
        (x + nx * ra, y + ny * ra), (x + dx + nx * rb, y + dy + ny * rb),
        (x + dx - nx * rb, y + dy - ny * rb), (x - nx * ra, y - ny * ra),
    ])  # fmt: skip
    cv2.fillConvexPoly(mask, np.round(corners).astype(np.int32), 1)


def paint(
    picture: NDArray[np.uint8], backdrop: Backdrop, camera: Camera, people: list[Performer], light: Light
) -> None:
    """Draw people into a toned picture of the room, in place."""
    if not people:
        return
    rows = np.concatenate([_rows(person, camera) for person in people])
    rows = rows[rows[:, 2] > 0.2]
    xs, ys, counts = _cover_pixels(rows, camera)
    if not xs:
        return
    x, y = np.concatenate(xs), np.concatenate(ys)
    place = y * camera.width_px + x
    owner = np.repeat(np.arange(len(rows), dtype=np.int32), counts)
    rows = rows.astype(np.float32)
    surface = _surface(rows, owner, x.astype(np.float32), y.astype(np.float32))
    shown = np.flatnonzero((surface.squared < 1) & (surface.depth < backdrop.depth.ravel()[place]))
    far_first = (DEPTH_LIMIT - np.minimum(surface.depth[shown] * DEPTH_STEPS_PER_M, DEPTH_LIMIT)).astype(np.uint16)
    order = shown[np.argsort(far_first, kind="stable")]  # the last one written to a pixel stays; 16 bits sort by radix
    nearest = np.empty(camera.height_px * camera.width_px, np.int64)
    nearest[place[order]] = order
    front = shown[nearest[place[shown]] == shown]
    normal = np.stack([surface.nx[front], surface.ny[front], -np.sqrt(1 - surface.squared[front])])
    colour = _shade(rows[owner[front], 10:].T, normal, surface.t[front], camera, light)
    picture.reshape(-1, 3)[place[front]] = tone(colour)


Values = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class _Surface:
    """Where each covered pixel lies on its capsule; all (n_pixels,)."""

    t: Values  # along the axis, 0..1
    nx: Values
    ny: Values
    squared: Values  # distance from the axis over the radius, squared; over 1 it misses
    depth: Values  # metres


def _surface(rows: Values, owner: NDArray[np.int32], x: Values, y: Values) -> _Surface:
    """Meet the capsules at pixels: (n_limbs, COLUMNS), then (n_pixels,) each."""
    dx, dy = rows[:, 3][owner], rows[:, 4][owner]
    qx, qy = x - rows[:, 0][owner], y - rows[:, 1][owner]
    t = np.clip((qx * dx + qy * dy) * rows[:, 6][owner], 0, 1)
    radius = rows[:, 7][owner] + t * (rows[:, 8] - rows[:, 7])[owner]
    nx, ny = (qx - t * dx) / radius, (qy - t * dy) / radius
    squared = nx * nx + ny * ny
    bulge = rows[:, 9][owner] * np.sqrt(np.maximum(1 - squared, 0))
    depth = rows[:, 2][owner] + t * rows[:, 5][owner] - bulge
    return _Surface(*(values.astype(np.float32, copy=False) for values in (t, nx, ny, squared, depth)))


def _shade(p: Values, normal: Values, t: Values, camera: Camera, light: Light) -> Picture:
    """Colour of capsule points: columns of `_rows` from the colour on (11, n), (3, n), (n,) -> (n, 3)."""
    toward = (camera.axes @ light.direction).astype(np.float32)
    round_x, round_y = normal[0] * p[10], normal[1] * p[10]  # capsules of the trunk merge into one
    facing = toward[0] * round_x + toward[1] * round_y + toward[2] * normal[2]
    bright = np.float32(light.level) * (light.ambient + (1 - light.ambient) * np.maximum(0, facing))
    bright *= 0.8 - 0.2 * normal[2]  # edges turn away from everything
    if p[3].any():
        bright *= 1 - p[3] * (np.sin(t * p[4]) > 0)
    faced = (p[5:8] * normal).sum(0) + 0.25 * normal[1]
    base = np.where((p[8] > 0) & (faced < 0.15), p[9], p[:3])
    return (base * bright).T * light.tint.astype(np.float32)


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
        ground = person.joints.copy()
        ground[:, :2] -= ground[:, 2:] * slope
        ground[:, 2] = 0
        screen = camera.project(ground)
        for limb in person.look.limbs:
            a, b = screen[limb.first], screen[limb.second]
            if min(a[2], b[2]) < 0.3:
                continue
            width = max(1, round(1.6 * limb.radius_first * camera.focal_px / a[2] / SHADOW_SCALE))
            start, end = (a[:2] / SHADOW_SCALE).astype(int).tolist(), (b[:2] / SHADOW_SCALE).astype(int).tolist()
            cv2.line(mask, start, end, 255, min(width, 200))
    soft = cv2.blur(mask, (max(3, w // 40 | 1), max(3, h // 60 | 1)))
    large = cv2.resize(soft, (camera.width_px, camera.height_px))
    return np.asarray(cv2.multiply(large, backdrop.floor), dtype=np.uint8)
