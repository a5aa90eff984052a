"""Random rooms and cameras: sizes, materials, furniture along the walls, lamps, and where the camera hangs."""

import cv2
import numpy as np

from trainer.synth.body import Array, Support
from trainer.synth.room import Box, Camera, Panel, Room

WALL_COLOURS = np.array([
    (0.82, 0.80, 0.74), (0.86, 0.86, 0.85), (0.62, 0.76, 0.80), (0.70, 0.74, 0.62), (0.83, 0.74, 0.62),
    (0.55, 0.58, 0.62), (0.75, 0.62, 0.58), (0.88, 0.84, 0.70), (0.42, 0.50, 0.56), (0.80, 0.80, 0.88),
])  # fmt: skip
FLOORS = (
    ((0.52, 0.36, 0.22), "planks"), ((0.68, 0.52, 0.36), "planks"), ((0.36, 0.25, 0.17), "planks"),
    ((0.72, 0.70, 0.66), "tiles"), ((0.50, 0.50, 0.50), "tiles"), ((0.62, 0.48, 0.40), "checks"),
    ((0.42, 0.40, 0.38), "carpet"), ((0.30, 0.33, 0.42), "carpet"), ((0.60, 0.55, 0.48), "carpet"),
    ((0.75, 0.75, 0.74), "plain"),
)  # fmt: skip
WOODS = np.array([(0.45, 0.30, 0.18), (0.62, 0.46, 0.30), (0.30, 0.20, 0.14), (0.80, 0.78, 0.74), (0.25, 0.25, 0.27)])
CLOTHS = np.array([(0.75, 0.74, 0.72), (0.35, 0.42, 0.55), (0.55, 0.30, 0.28), (0.40, 0.45, 0.38), (0.62, 0.58, 0.50)])
BED_HEIGHT_M, SEAT_HEIGHT_M = 0.48, 0.44
HALL_SHARE = 0.25


def random_room(rng: np.random.Generator, bed: bool = False) -> Room:
    """A furnished room; with `bed`, one stands beside the stage and is `supports[0]`."""
    hall = not bed and rng.random() < HALL_SHARE
    width, depth = (rng.uniform(7, 11), rng.uniform(8, 12)) if hall else (rng.uniform(4.2, 6.5), rng.uniform(5.0, 7.5))
    colour, texture = FLOORS[rng.integers(len(FLOORS))]
    wall = WALL_COLOURS[rng.integers(len(WALL_COLOURS))] * rng.uniform(0.8, 1.05)
    room = Room(
        width, depth, rng.uniform(2.4, 3.1) + 0.8 * hall,
        (np.array(colour) * rng.uniform(0.75, 1.2), texture),
        (wall, str(rng.choice(["plain", "plain", "plain", "stripes"]))),
    )  # fmt: skip
    noise = rng.standard_normal((256, 256)).astype(np.float32)
    noise = cv2.GaussianBlur(np.tile(noise, (3, 3)), (0, 0), 3)[256:512, 256:512]
    room.noise = noise / noise.std()
    _light_up(rng, room)
    if bed:
        _add_bed(rng, room)
    _furnish_walls(rng, room)
    _hang_panels(rng, room)
    return room


def _light_up(rng: np.random.Generator, room: Room) -> None:
    room.ambient = rng.uniform(0.3, 0.6)
    warm = rng.uniform(-1, 1)
    room.tint = np.array([1 + 0.1 * warm, 1.0, 1 - 0.14 * warm])
    for _ in range(rng.integers(1, 4)):
        place = np.array([
            rng.uniform(-0.35, 0.35) * room.width_m, rng.uniform(0.2, 0.85) * room.depth_m, room.height_m - 0.15,
        ])  # fmt: skip
        room.lamps.append((place, rng.uniform(0.35, 0.9)))


def _colour(rng: np.random.Generator, palette: Array) -> Array:
    return palette[rng.integers(len(palette))] * rng.uniform(0.75, 1.15)


def _add_bed(rng: np.random.Generator, room: Room) -> None:
    """A bed beside the stage, its head to the left or right, its free side towards the camera."""
    yaw = 0.0 if rng.random() < 0.5 else np.pi
    half_length, half_width = 1.02, rng.uniform(0.5, 0.75)
    x = rng.uniform(-0.4, 0.4)
    y = min(room.depth_m - half_width - 0.05, room.stage[1] + half_width + rng.uniform(0.6, 1.0))
    wood, sheet = _colour(rng, WOODS), _colour(rng, CLOTHS)
    along = np.array([np.cos(yaw), 0.0])
    room.boxes += [
        Box((x, y, 0.15), (half_length, half_width, 0.1), yaw, wood, "grain"),
        Box((x, y, 0.36), (half_length - 0.02, half_width - 0.02, 0.12), yaw, sheet, "fabric"),
        Box(
            (*(np.array((x, y)) + 0.78 * along), 0.52),
            (0.2, half_width * 0.75, 0.05),
            yaw,
            np.array((0.85, 0.85, 0.84)),
            "fabric",
        ),
        Box((*(np.array((x, y)) + 1.06 * along), 0.45), (0.04, half_width, 0.45), yaw, wood, "grain"),
    ]
    room.supports.append(Support((x, y), (half_length, half_width), yaw, BED_HEIGHT_M, solid=True))
    room.free_depth_m = y - half_width - 0.3


def add_chair(rng: np.random.Generator, room: Room, place: Array, yaw: float) -> None:
    """A chair or bench whose seat's middle is at a place; its sitter looks along `yaw`."""
    colour, texture = (_colour(rng, WOODS), "grain") if rng.random() < 0.6 else (_colour(rng, CLOTHS), "fabric")
    half = rng.uniform(0.2, 0.26)
    back = place - (half + 0.02) * np.array([np.cos(yaw), np.sin(yaw)])
    room.boxes += [
        Box((place[0], place[1], SEAT_HEIGHT_M - 0.03), (half, half, 0.03), yaw, colour, texture),
        Box((back[0], back[1], 0.68), (0.025, half, 0.24), yaw, colour, texture),
    ]
    for sx, sy in ((-1, -1), (-1, 1), (1, -1), (1, 1)):
        c, s = np.cos(yaw), np.sin(yaw)
        dx, dy = sx * (half - 0.03), sy * (half - 0.03)
        leg = (place[0] + c * dx - s * dy, place[1] + s * dx + c * dy, SEAT_HEIGHT_M / 2 - 0.03)
        room.boxes.append(Box(leg, (0.02, 0.02, SEAT_HEIGHT_M / 2 - 0.03), yaw, colour, "plain"))
    room.supports.append(Support((place[0], place[1]), (half, half), yaw, SEAT_HEIGHT_M))


def _furnish_walls(rng: np.random.Generator, room: Room) -> None:
    for wall in (0, 1, 2):
        for _ in range(rng.integers(0, 4)):
            _add_furniture(rng, room, wall)


def _add_furniture(rng: np.random.Generator, room: Room, wall: int) -> None:
    """A wardrobe, shelf, table or sofa against a wall, where nothing stands and clear of the stage."""
    kind = str(rng.choice(["wardrobe", "shelf", "table", "sofa", "chest"]))
    half_long, half_deep, height = {
        "wardrobe": (0.6, 0.3, 2.0), "shelf": (0.5, 0.17, 1.8), "table": (0.6, 0.38, 0.74),
        "sofa": (0.9, 0.42, 0.8), "chest": (0.45, 0.25, 0.85),
    }[kind]  # fmt: skip
    half_long *= rng.uniform(0.8, 1.25)
    along = rng.uniform(0.25, 0.95) * room.depth_m if wall < 2 else rng.uniform(-0.45, 0.45) * room.width_m
    edge = room.width_m / 2 - half_deep - 0.03
    x, y = {0: (-edge, along), 1: (edge, along), 2: (along, room.depth_m - half_deep - 0.03)}[wall]
    yaw = {0: 0.0, 1: np.pi, 2: -np.pi / 2}[wall]
    taken = any(np.hypot(box.centre[0] - x, box.centre[1] - y) < half_long + max(box.half[:2]) for box in room.boxes)
    if taken or np.hypot(x - room.stage[0], y - room.stage[1]) < 1.35 + half_long * 0.7:
        return
    wood = _colour(rng, WOODS)
    if kind == "table":
        room.boxes.append(Box((x, y, height), (half_deep, half_long, 0.025), yaw, wood, "grain"))
        room.boxes.append(Box((x, y, height / 2), (half_deep * 0.9, 0.03, height / 2 - 0.03), yaw, wood * 0.9, "grain"))
    elif kind == "sofa":
        cloth = _colour(rng, CLOTHS)
        c, s = np.cos(yaw), np.sin(yaw)
        room.boxes.append(Box((x, y, 0.21), (half_deep, half_long, 0.21), yaw, cloth, "fabric"))
        room.boxes.append(Box((x - c * 0.3, y - s * 0.3, 0.55), (0.12, half_long, 0.3), yaw, cloth * 0.95, "fabric"))
    else:
        texture = "books" if kind == "shelf" else "grain"
        room.boxes.append(Box((x, y, height / 2), (half_deep, half_long, height / 2), yaw, wood, texture))


def _hang_panels(rng: np.random.Generator, room: Room) -> None:
    for wall in (0, 1, 2):
        length = room.depth_m if wall < 2 else room.width_m
        offset = 0.0 if wall < 2 else -0.5
        for _ in range(rng.integers(0, 3)):
            along = (rng.uniform(0.2, 0.9) + offset) * length
            kind = rng.integers(3)
            if kind == 0:
                room.panels.append(Panel(wall, (along, 1.03), (0.43, 1.03), _colour(rng, WOODS), "grain"))
            elif kind == 1:
                sky = np.array([0.95, 1.0, 1.05]) * rng.uniform(0.25, 1.1)
                room.panels.append(Panel(wall, (along, 1.5), (rng.uniform(0.4, 0.9), 0.6), sky, "panes", 0.8))
            else:
                size = (rng.uniform(0.15, 0.45), rng.uniform(0.15, 0.35))
                room.panels.append(Panel(wall, (along, 1.6), size, rng.uniform(0.15, 0.9, 3), "fabric"))


def random_camera(
    rng: np.random.Generator, room: Room, size: tuple[int, int], target: Array, radius_m: float
) -> Camera:
    """A camera near a wall or corner that sees `radius_m` around a target on the floor; size is (height, width)."""
    across = rng.uniform(-0.47, 0.47) * room.width_m
    height = min(rng.uniform(1.1, 3.0), room.height_m - 0.15)
    back = max(target[1] - rng.uniform(2.6, 6.0), 0.08)
    place = np.array([across, back, height])
    aim = np.array([target[0], target[1], rng.uniform(0.6, 0.95)]) + np.append(rng.normal(0, 0.12, 2), 0)
    distance = float(np.linalg.norm(aim - place))
    half_width_m = radius_m * rng.uniform(0.8, 1.7)
    focal_px = 0.5 * size[1] * distance / half_width_m
    tallest_px = size[0] * distance / 2.1  # a standing person must fit
    focal_px = min(focal_px, tallest_px)
    return Camera.looking(place, aim, rng.normal(0, 0.02), focal_px, size)


def overhead_camera(rng: np.random.Generator, room: Room, size: tuple[int, int], target: Array) -> Camera:
    """A wide camera on the ceiling that looks down at a target on the floor; size is (height, width)."""
    aside = rng.uniform(-0.6, 0.6, 2)
    place = np.array([target[0] + aside[0], target[1] + aside[1], room.height_m - 0.06])
    down = np.array([target[0], target[1] + 0.01, 0.0])
    focal_px = size[0] / 2 / np.tan(np.radians(rng.uniform(38, 48)))
    return Camera.looking(place, down, rng.uniform(-0.3, 0.3), focal_px, size)
