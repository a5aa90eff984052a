"""The mesh of the animations' figure on any body's points: so that ragdolls and all other motions can be rendered."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from trainer.synth.bodies.animations import FIGURE_M, figure_points
from trainer.synth.bodies.gltf import Figure
from trainer.synth.bodies.motion import CROWN, HIP_POINTS, LEFT_EAR, NOSE, RIGHT_EAR, SHOULDER_POINTS
from trainer.synth.body import unit
from trainer.synth.timing import Array

REST: Final = "T-Pose"
TRUNK_PARTS: Final = {
    "pelvis": ("root", "hips", "spine.001"),
    "chest": ("spine.002", "spine.003", "shoulder", "neck"),
    "head": ("head",),
}
LIMB_PARTS: Final = {
    "upper_arm": ("chest", ("upper_arm",), (5, 7)),
    "forearm": ("upper_arm", ("forearm",), (7, 9)),
    "hand": ("forearm", ("hand", "f_", "thumb"), (9, 18)),
    "thigh": ("pelvis", ("thigh",), (11, 13)),
    "shin": ("thigh", ("shin",), (13, 15)),
    "foot": ("shin", ("foot", "toe"), (15, 20)),
}
"""What it hangs on, names of its nodes, and points at its beginning and end, of the left side."""


@dataclass(frozen=True, slots=True)
class Part:
    """How a part of the body is turned, and where it begins."""

    turn: Array  # (n, 3, 3)
    anchor: Array  # (n, 3)


def dressed(figure: Figure, points: Array, height_m: float) -> Array:
    """Matrices of the figure's nodes, (n, n_nodes, 4, 4), for points (n, N_POINTS, 3) of a body of a height."""
    rest_worlds = figure.worlds(REST)[:1]
    before, now = _parts(figure_points(figure, rest_worlds), None), _parts(points, figure_points(figure, rest_worlds))
    size = height_m / FIGURE_M
    worlds = np.zeros((len(points), len(figure.names), 4, 4))
    for node, name in enumerate(figure.names):
        part = _part_of(name)
        rest, moved = before[part], now[part]
        offset = rest_worlds[0, node, :3, 3] - rest.anchor[0]
        worlds[:, node, :3, :3] = size * moved.turn @ rest_worlds[0, node, :3, :3]
        worlds[:, node, :3, 3] = moved.anchor + size * moved.turn @ offset
        worlds[:, node, 3, 3] = 1
    return worlds


def _part_of(name: str) -> str:
    short = name.removeprefix("DEF-")
    for part, (_, names, _) in LIMB_PARTS.items():
        if short.startswith(names):
            return f"{part}.{short[-1]}"
    return next((part for part, names in TRUNK_PARTS.items() if short.startswith(names)), "pelvis")


def _parts(points: Array, rest: Array | None) -> dict[str, Part]:
    """Turns against the rest pose (its own: none), and anchors."""
    if rest is None:
        still = np.broadcast_to(np.eye(3), (len(points), 3, 3))
        found = {part: Part(still, anchor) for part, anchor in _trunk_anchors(points).items()}
        for part, (_, _, ends) in LIMB_PARTS.items():
            found |= {f"{part}.{side}": Part(still, points[:, ends[0] + number]) for number, side in enumerate("LR")}
        return found
    anchors, frames, before = _trunk_anchors(points), _trunk_frames(points), _trunk_frames(rest)
    found = {part: Part(frames[part] @ before[part].transpose(0, 2, 1), anchors[part]) for part in TRUNK_PARTS}
    for part, (parent, _, (first, second)) in LIMB_PARTS.items():
        for number, side in enumerate("LR"):
            carried = found[parent if parent in TRUNK_PARTS else f"{parent}.{side}"].turn
            along = unit(points[:, second + number] - points[:, first + number])
            usual = unit(rest[0, second + number] - rest[0, first + number])
            found[f"{part}.{side}"] = Part(_least_turn(carried @ usual, along) @ carried, points[:, first + number])
    return found


def _trunk_anchors(points: Array) -> dict[str, Array]:
    ears = points[:, [LEFT_EAR, RIGHT_EAR]].mean(1)
    return {"pelvis": points[:, HIP_POINTS].mean(1), "chest": points[:, SHOULDER_POINTS].mean(1), "head": ears}


def _trunk_frames(points: Array) -> dict[str, Array]:
    hips, shoulders = points[:, HIP_POINTS], points[:, SHOULDER_POINTS]
    up = shoulders.mean(1) - hips.mean(1)
    ears = points[:, [LEFT_EAR, RIGHT_EAR]]
    return {
        "pelvis": _frame(up, hips[:, 0] - hips[:, 1]),
        "chest": _frame(up, shoulders[:, 0] - shoulders[:, 1]),
        "head": _frame(points[:, CROWN] - points[:, NOSE], ears[:, 0] - ears[:, 1]),
    }


def _frame(up: Array, left: Array) -> Array:
    """Axes as columns: left, forward, up."""
    up = unit(up)
    left = unit(left - (left * up).sum(-1, keepdims=True) * up)
    return np.stack([left, np.cross(left, up), up], -1)


def _least_turn(before: Array, after: Array) -> Array:
    """Rotations (n, 3, 3) that take unit vectors (n, 3) to others by the shortest way."""
    axis = np.cross(before, after)
    cosine = (before * after).sum(-1)[:, np.newaxis, np.newaxis]
    x, y, z = axis.T
    zero = np.zeros_like(x)
    cross = np.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).reshape(-1, 3, 3)
    return np.eye(3) + cross + cross @ cross / np.maximum(1 + cosine, 1e-6)
