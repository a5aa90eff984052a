"""The surface of a person: tubes of rings around the bones, which follow the joints of `trainer.synth.body`.

Measures are of a person of 1.75 m. Axes of a ring: forward, aside, and along its tube.
"""

from dataclasses import dataclass
from typing import Final

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
    unit,
)

TRUNK, HEAD_TUBE, NECK_TUBE, ARM, HAND, LEG, FOOT, EAR, LONG_HAIR = range(9)
"""Kinds of tubes; the paired ones come twice, left and right."""
PAIRED: Final = (ARM, HAND, LEG, FOOT, EAR)

SPINE_M: Final = (0.0, 0.12, 0.32, 0.52)
"""Heights of pelvis, waist, chest and neck over the pelvis."""
STIFF_M: Final = (0.05, 0.36)
"""Below the lower one the trunk goes with the pelvis, above the upper one with the chest."""
BEND_SHARE: Final = 0.2
"""Of a limb's first bone: how near the joint a limb begins to bend."""
SOLE_SLOPE: Final = 0.28
"""Of the line from the ankle to the toes against the sole."""

OUTLINES: Final = {
    # Along the tube; how far it reaches forward, back and aside.
    TRUNK: (
        (-0.15, 0.02, 0.02, 0.03), (-0.143, 0.05, 0.06, 0.07), (-0.12, 0.085, 0.105, 0.125), (-0.07, 0.1, 0.125, 0.165),
        (-0.02, 0.104, 0.124, 0.17), (0.04, 0.106, 0.104, 0.16), (0.1, 0.104, 0.09, 0.146), (0.16, 0.104, 0.088, 0.142),
        (0.24, 0.112, 0.098, 0.15), (0.32, 0.118, 0.112, 0.164), (0.38, 0.112, 0.116, 0.174),
        (0.43, 0.095, 0.11, 0.178), (0.465, 0.074, 0.098, 0.16), (0.49, 0.06, 0.085, 0.115),
        (0.515, 0.052, 0.07, 0.075), (0.53, 0.045, 0.06, 0.06),
    ),
    HEAD_TUBE: (
        (-0.125, 0.074, -0.05, 0.012), (-0.115, 0.084, -0.03, 0.034), (-0.095, 0.087, 0.017, 0.051),
        (-0.07, 0.088, 0.052, 0.06), (-0.04, 0.09, 0.082, 0.067), (-0.01, 0.092, 0.096, 0.072),
        (0.02, 0.093, 0.101, 0.075), (0.05, 0.092, 0.104, 0.076), (0.08, 0.081, 0.097, 0.068),
        (0.105, 0.058, 0.074, 0.05), (0.12, 0.028, 0.044, 0.026), (0.126, 0.004, 0.02, 0.004),
    ),
    NECK_TUBE: ((0.0, 0.062, 0.066, 0.066), (0.3, 0.056, 0.058, 0.056), (1.0, 0.056, 0.058, 0.054)),
    # Along a limb: -1 to 0 its first bone, 0 to 1 its second.
    ARM: (
        (-1.17, 0.015, 0.015, 0.015), (-1.13, 0.042, 0.042, 0.042), (-1.04, 0.058, 0.058, 0.056),
        (-0.86, 0.058, 0.06, 0.056), (-0.6, 0.052, 0.052, 0.05), (-0.3, 0.045, 0.045, 0.043), (0.0, 0.04, 0.043, 0.04),
        (0.15, 0.045, 0.045, 0.042), (0.3, 0.045, 0.044, 0.041), (0.6, 0.037, 0.037, 0.034), (0.9, 0.03, 0.03, 0.026),
        (1.02, 0.029, 0.029, 0.024),
    ),
    HAND: (
        (-0.01, 0.027, 0.027, 0.022), (0.03, 0.036, 0.036, 0.021), (0.06, 0.044, 0.042, 0.019),
        (0.1, 0.042, 0.04, 0.016), (0.14, 0.036, 0.034, 0.014), (0.17, 0.026, 0.024, 0.012),
        (0.188, 0.008, 0.008, 0.006),
    ),
    LEG: (
        (-1.17, 0.03, 0.03, 0.03), (-1.12, 0.07, 0.075, 0.07), (-1.05, 0.085, 0.095, 0.085), (-0.9, 0.09, 0.098, 0.088),
        (-0.7, 0.085, 0.085, 0.08), (-0.4, 0.074, 0.073, 0.069), (-0.15, 0.062, 0.06, 0.059),
        (0.0, 0.058, 0.056, 0.055), (0.12, 0.052, 0.06, 0.053), (0.3, 0.048, 0.068, 0.054), (0.55, 0.041, 0.053, 0.044),
        (0.8, 0.036, 0.037, 0.035), (1.0, 0.036, 0.036, 0.035),
    ),
    # Along the foot from under the ankle; up, down, aside.
    FOOT: (
        (-0.07, -0.015, 0.06, 0.012), (-0.06, 0.01, 0.074, 0.03), (-0.03, 0.035, 0.078, 0.036),
        (0.0, 0.045, 0.078, 0.039), (0.04, 0.015, 0.078, 0.042), (0.1, -0.015, 0.078, 0.048),
        (0.15, -0.032, 0.077, 0.047), (0.185, -0.042, 0.075, 0.036), (0.205, -0.055, 0.07, 0.012),
    ),
    EAR: (
        (-0.034, 0.004, 0.004, 0.004), (-0.02, 0.012, 0.014, 0.009), (0.01, 0.016, 0.02, 0.011),
        (0.03, 0.004, 0.006, 0.004),
    ),
    LONG_HAIR: (
        (-0.24, -0.045, 0.085, 0.02), (-0.2, -0.03, 0.105, 0.07), (-0.1, -0.01, 0.12, 0.088), (0.0, 0.01, 0.122, 0.09),
        (0.06, 0.02, 0.12, 0.086), (0.1, 0.02, 0.1, 0.07), (0.12, 0.0, 0.06, 0.04),
    ),
}  # fmt: skip
WHOLE: Final = (HEAD_TUBE, FOOT, EAR, LONG_HAIR)
"""Rings that are one ellipse around their own middle; the others are two halves around the bone."""
FINENESS: Final = {
    TRUNK: (22, 20), HEAD_TUBE: (16, 20), NECK_TUBE: (3, 10), ARM: (13, 10), HAND: (6, 7), LEG: (15, 12), FOOT: (8, 10),
    EAR: (3, 5), LONG_HAIR: (7, 14),
}  # fmt: skip
"""Rings along each tube, and corners of a ring."""
SQUARENESS: Final = {TRUNK: 2.5, FOOT: 2.6}
"""Exponents of rings; 2 is an ellipse."""
EAR_ASIDE_M, EAR_BACK_M = 0.077, 0.01
NOSE_M, NOSE_Z_M, NOSE_SPREAD_M = 0.02, -0.018, 0.022


@dataclass(frozen=True, slots=True)
class Tube:
    """One tube before it takes a pose."""

    kind: int
    side: int
    """0 left, 1 right; 0 of what comes once."""
    along: Array  # (n_rings,)
    corners: Array  # (n_rings, n_corners, 2) forward and aside


@dataclass(frozen=True, slots=True)
class Faces:
    """Quadrilaterals of all tubes, outside to the front, and where they lie in their tubes."""

    vertices: NDArray[np.intp]  # (n_faces, 4)
    kind: NDArray[np.intp]  # (n_faces,) of the tube
    tube: NDArray[np.intp]  # (n_faces,)
    along: Array  # (n_faces,) as in `OUTLINES`
    forward: Array  # (n_faces,) metres
    aside: Array  # (n_faces,) metres


@dataclass(frozen=True, slots=True)
class Cut:
    """How clothes and hair widen the body, in metres or factors."""

    sleeves: float = 1.0
    """How far down a limb, as `OUTLINES` counts."""
    legs: float = 0.95
    looseness: float = 1.12
    trouser_m: float = 0.055
    """At least so wide is a trouser leg."""
    hair_m: float = 0.012
    long_hair: bool = False
    hips: float = 1.0
    chest_m: float = 0.0


class Figure:
    """A person's surface. What is drawn is its faces; `posed` says where their vertices are."""

    def __init__(self, build: Build, cut: Cut) -> None:
        kinds = [kind for kind in OUTLINES if kind != LONG_HAIR or cut.long_hair]
        self.build = build
        self.tubes = [_tube(kind, side, build, cut) for kind in kinds for side in ((0, 1) if kind in PAIRED else (0,))]
        self.faces = _faces(self.tubes)

    def posed(self, joints: Array, face: Array) -> list[Array]:
        """Vertices of each tube, (n, 3), of joints (N_JOINTS, 3) and the direction of the face (3,)."""
        pose = _Pose(self.build.scale, joints, face)
        scale = self.build.scale
        found: list[Array] = []
        for tube in self.tubes:
            centres, axes = pose.rings(tube)  # (n_rings, 3), (n_rings, 3, 2)
            found.append((centres[:, np.newaxis] + scale * tube.corners @ axes.transpose(0, 2, 1)).reshape(-1, 3))
        return found


def _tube(kind: int, side: int, build: Build, cut: Cut) -> Tube:
    outline = np.array(OUTLINES[kind])
    n_rings, n_corners = FINENESS[kind]
    along = np.interp(np.linspace(0, 1, n_rings), _path(outline), outline[:, 0])
    front, back, aside = (np.interp(along, outline[:, 0], outline[:, column]) for column in (1, 2, 3))
    front, back, aside = _dressed(kind, along, np.stack([front, back, aside]), build, cut)
    angles = np.arange(n_corners) * 2 * np.pi / n_corners
    power = 2 / SQUARENESS.get(kind, 2)
    c, s = (np.sign(wave) * np.abs(wave) ** power for wave in (np.cos(angles), np.sin(angles)))
    ahead, behind = front[:, np.newaxis], back[:, np.newaxis]
    forward = (ahead - behind + (ahead + behind) * c) / 2 if kind in WHOLE else np.where(c > 0, ahead, behind) * c
    corners = np.stack([forward, aside[:, np.newaxis] * s], -1)
    if kind == HEAD_TUBE:
        _shape_head(along, corners, cut.hair_m)
    return Tube(kind, side, along, corners)


def _path(outline: Array) -> Array:
    """How far each row is along the outline, 0 to 1: steep parts get as many rings."""
    steps = np.linalg.norm(np.diff(outline[:, [0, 1, 3]], axis=0), axis=1)
    lengths = np.concatenate([[0], np.cumsum(steps)])
    return lengths / lengths[-1]


def _dressed(kind: int, along: Array, reach: Array, build: Build, cut: Cut) -> Array:
    """Wider by flesh and clothes: (3, n_rings) forward, back and aside."""
    if kind == TRUNK:
        belly = build.girth - 1
        reach = reach * (1 + np.array([[1.3], [0.7], [0.9]]) * belly)
        reach[0] += cut.chest_m * np.exp(-(((along - 0.33) / 0.06) ** 2))
        reach[1:] *= 1 + (cut.hips - 1) * np.exp(-(((along + 0.04) / 0.1) ** 2))
        return reach * (1 + 0.25 * (cut.looseness - 1))
    if kind in (ARM, LEG):
        reach = reach * (1 + 0.8 * (build.girth - 1))
        end = cut.sleeves if kind == ARM else cut.legs
        covered = along < end
        wide = np.where(covered, cut.looseness, 1.0)
        least = np.where(covered & (along > -0.5), cut.trouser_m if kind == LEG else 0.0, 0.0)
        return np.maximum(reach * wide, least)
    return reach


def _shape_head(along: Array, corners: Array, hair_m: float) -> None:
    """Push out nose and hair, in place."""
    forward, aside = corners[..., 0], corners[..., 1]
    front = forward > 0.03
    bump = np.exp(-(((along[:, np.newaxis] - NOSE_Z_M) / NOSE_SPREAD_M) ** 2) - (aside / 0.012) ** 2)
    forward += np.where(front, NOSE_M * bump, 0)
    haired = is_hair(np.broadcast_to(along[:, np.newaxis], forward.shape), forward)
    grown = 1 + haired * hair_m / 0.08
    corners *= grown[..., np.newaxis]


def is_hair(up: Array, forward: Array) -> NDArray[np.bool_]:
    """Whether a place on the head, in metres from its middle, is under hair."""
    return (up > 0.075) | ((forward < 0.045) & (up > 0.03)) | ((forward < -0.02) & (up > -0.075))


def _faces(tubes: list[Tube]) -> Faces:
    vertices, kinds, numbers, along, places = [], [], [], [], []
    first = 0
    for number, tube in enumerate(tubes):
        n_rings, n_corners = tube.corners.shape[:2]
        ring, corner = np.divmod(np.arange((n_rings - 1) * n_corners), n_corners)
        following = (corner + 1) % n_corners
        quads = np.stack([(ring, corner), (ring, following), (ring + 1, following), (ring + 1, corner)])  # (4, 2, n)
        vertices.append((first + quads[:, 0] * n_corners + quads[:, 1]).T)
        kinds.append(np.full(len(ring), tube.kind))
        numbers.append(np.full(len(ring), number))
        along.append((tube.along[ring] + tube.along[ring + 1]) / 2)
        places.append(tube.corners[quads[:, 0], quads[:, 1]].mean(0))
        first += n_rings * n_corners
    middles = np.concatenate(places)
    return Faces(
        np.concatenate(vertices), np.concatenate(kinds), np.concatenate(numbers), np.concatenate(along), *middles.T
    )


class _Pose:
    """Where rings are, and which way they look, of one pose."""

    def __init__(self, scale: float, joints: Array, face: Array) -> None:
        self.scale, self.joints = scale, joints
        self.pelvis = _axes(joints[WAIST] - joints[PELVIS], joints[HIPS[0]] - joints[HIPS[1]])
        self.chest = _axes(joints[NECK] - joints[CHEST], joints[SHOULDERS[0]] - joints[SHOULDERS[1]])
        up = joints[HEAD] - joints[NECK]
        up = unit(up - (up @ face) * face)
        self.head = np.stack([face, cross(up, face), up], -1)
        self._found: dict[tuple[bool, int], tuple[Array, Array, Array]] = {}

    def rings(self, tube: Tube) -> tuple[Array, Array]:
        """Centres (n, 3) and the two axes across (n, 3, 2)."""
        if tube.kind == TRUNK:
            return self._trunk(tube.along)
        if tube.kind == NECK_TUBE:
            return self._neck(tube.along)
        if tube.kind in (ARM, LEG):
            return self._limb(tube)
        if tube.kind == HAND:
            return self._hand(tube)
        if tube.kind == FOOT:
            return self._foot(tube)
        middle = self.joints[HEAD].copy()
        if tube.kind == EAR:
            sign = 1 - 2 * tube.side
            middle += self.scale * (sign * EAR_ASIDE_M * self.head[:, 1] - EAR_BACK_M * self.head[:, 0])
        return _straight(middle, self.head, self.scale * tube.along)

    def _trunk(self, along: Array) -> tuple[Array, Array]:
        spine = self.joints[[PELVIS, WAIST, CHEST, NECK]]
        centres = np.stack([np.interp(along, SPINE_M, spine[:, axis]) for axis in range(3)], -1)
        below, above = np.minimum(along, 0), np.maximum(along - SPINE_M[-1], 0)
        centres += self.scale * (below[:, np.newaxis] * self.pelvis[:, 2] + above[:, np.newaxis] * self.chest[:, 2])
        share = _smooth_step((along - STIFF_M[0]) / (STIFF_M[1] - STIFF_M[0]))[:, np.newaxis, np.newaxis]
        axes = (1 - share) * self.pelvis + share * self.chest
        left = unit(axes[..., 1])
        forward = axes[..., 0] - (axes[..., 0] * left).sum(-1, keepdims=True) * left
        return centres, np.stack([unit(forward), left], -1)

    def _neck(self, along: Array) -> tuple[Array, Array]:
        low = self.joints[NECK] - 0.03 * self.scale * self.chest[:, 2]
        high = self.joints[HEAD] - self.scale * (0.06 * self.head[:, 2] + 0.02 * self.head[:, 0])
        share = along[:, np.newaxis, np.newaxis]
        return low + along[:, np.newaxis] * (high - low), (1 - share) * self.chest[:, :2] + share * self.head[:, :2]

    def _bones(self, tube: Tube) -> tuple[Array, Array, Array]:
        """Three joints of a limb, and the axes across its two bones, the trunk's carried along: (3, 3), (2, 3)."""
        is_arm = tube.kind != LEG
        if (is_arm, tube.side) not in self._found:
            self._found[is_arm, tube.side] = self._bones_of(is_arm, tube.side)
        return self._found[is_arm, tube.side]

    def _bones_of(self, is_arm: bool, side: int) -> tuple[Array, Array, Array]:
        rows = (SHOULDERS, ELBOWS, WRISTS) if is_arm else (HIPS, KNEES, ANKLES)
        trunk = self.chest if is_arm else self.pelvis
        places = self.joints[[row[side] for row in rows]]
        bones = unit(np.diff(places, axis=0))
        first = _carried(trunk[:, 0], -trunk[:, 2], bones[0])
        return places, bones, np.stack([first, _carried(first, bones[0], bones[1])])

    def _limb(self, tube: Tube) -> tuple[Array, Array]:
        places, bones, forwards = self._bones(tube)
        along = tube.along[:, np.newaxis]
        centres = places[1] + np.where(along < 0, along * (places[1] - places[0]), along * (places[2] - places[1]))
        share = _smooth_step((along / BEND_SHARE + 1) / 2)
        directions = unit((1 - share) * bones[0] + share * bones[1])
        forward = (1 - share) * forwards[0] + share * forwards[1]
        return centres, _across(forward, directions)

    def _hand(self, tube: Tube) -> tuple[Array, Array]:
        places, bones, forwards = self._bones(tube)
        direction = unit(self.joints[HANDS[tube.side]] - places[2])
        forward = _carried(forwards[1], bones[1], direction)
        centres = places[2] + self.scale * tube.along[:, np.newaxis] * direction
        return centres, _across(np.broadcast_to(forward, centres.shape), np.broadcast_to(direction, centres.shape))

    def _foot(self, tube: Tube) -> tuple[Array, Array]:
        knee, ankle, toes = (self.joints[row[tube.side]] for row in (KNEES, ANKLES, TOES))
        toward, up = unit(toes - ankle), unit(knee - ankle)
        up = unit(up - (up @ toward) * toward)
        along = unit(toward + SOLE_SLOPE * up)
        up = unit(up - (up @ along) * along)
        return _straight(ankle, np.stack([up, cross(along, up), along], -1), self.scale * tube.along)


def _straight(start: Array, axes: Array, along_m: Array) -> tuple[Array, Array]:
    centres = start + along_m[:, np.newaxis] * axes[:, 2]
    return centres, np.broadcast_to(axes[:, :2], (len(along_m), 3, 2))


def _axes(up: Array, left: Array) -> Array:
    """Forward, left and up as columns."""
    up = unit(up)
    left = unit(left - (left @ up) * up)
    return np.stack([cross(left, up), left, up], -1)


def _across(forward: Array, along: Array) -> Array:
    """Axes across tubes that go along unit vectors: (n, 3), (n, 3) -> (n, 3, 2)."""
    forward = unit(forward - (forward * along).sum(-1, keepdims=True) * along)
    return np.stack([forward, cross(along, forward)], -1)


def _carried(vector: Array, before: Array, after: Array) -> Array:
    """A vector (3,) turned with a unit vector that turns into another by the shortest way."""
    axis, cosine = cross(before, after), float(before @ after)
    return cosine * vector + cross(axis, vector) + axis * (axis @ vector) / max(1 + cosine, 1e-3)


def cross(a: Array, b: Array) -> Array:
    """As `np.cross` of (..., 3), which takes ten times as long over few."""
    ax, ay, az = a[..., 0], a[..., 1], a[..., 2]
    bx, by, bz = b[..., 0], b[..., 1], b[..., 2]
    return np.stack([ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx], -1)


def _smooth_step(x: Array) -> Array:
    x = x.clip(0, 1)
    return x * x * (3 - 2 * x)
