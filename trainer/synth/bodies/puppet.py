"""A body in the physics engine that can be posed, let go, pushed and held."""

import math
from dataclasses import dataclass
from functools import lru_cache
from types import ModuleType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from edge.errors import ConfigurationError
from trainer.synth.bodies.ragdoll_model import HIP_UP, JOINTS, SITES, model_xml
from trainer.synth.timing import STEPS_HZ, Array

REFERENCE_MASS_KG, REFERENCE_HEIGHT_M = 70.0, 1.75
"""Of who has the strengths of `ragdoll_model.JOINTS`."""
DAMPING_SHARE: Final = 0.08
"""Of a joint's strength, in N m s per rad: a held joint does not swing."""
INDEX: Final = {joint.name: number for number, joint in enumerate(JOINTS)}
RANGES: Final = np.radians([(joint.low, joint.high) for joint in JOINTS])
STRENGTHS: Final = np.array([joint.strength for joint in JOINTS])
LIMBS: Final = {
    "spine": [i for name, i in INDEX.items() if name.startswith(("waist", "neck"))],
    "arms": [i for name, i in INDEX.items() if "shoulder" in name or "elbow" in name],
    "legs": [i for name, i in INDEX.items() if any(part in name for part in ("hip", "knee", "ankle"))],
}


def engine() -> ModuleType:
    """MuJoCo.

    Raises:
        ConfigurationError: it is not installed.
    """
    try:
        import mujoco  # noqa: PLC0415  heavy, and only those who make bodies need it
    except ImportError as error:
        raise ConfigurationError("mujoco is not installed: install edgewatch[trainer]") from error
    return mujoco


def angles(**degrees: float) -> Array:
    """Angles of all joints in rad; those not named are 0. A name without side is both sides'."""
    found = np.zeros(len(JOINTS))
    for name, value in degrees.items():
        for full in (name, f"left_{name}", f"right_{name}"):
            if full in INDEX:
                found[INDEX[full]] = np.radians(value)
    return found


@dataclass(frozen=True, slots=True)
class Pose:
    """Root and joints at one step."""

    place: Array  # (3,) of the pelvis
    turn: Array  # (4,) quaternion w, x, y, z
    joints: Array  # (n_joints,) rad


def turned(yaw: float, pitch: float = 0.0, roll: float = 0.0) -> Array:
    """Quaternion: heading, then forward over, then about the body's own long axis, to the left."""
    a, b, c = yaw / 2, pitch / 2, roll / 2
    return np.array([
        math.cos(b) * math.cos(a + c), math.sin(b) * math.sin(c - a),
        math.sin(b) * math.cos(a - c), math.cos(b) * math.sin(a + c),
    ])  # fmt: skip


def between(first: Pose, second: Pose, share: float) -> Pose:
    """A pose on the way from one to another."""
    cosine = float(first.turn @ second.turn)
    other = second.turn if cosine >= 0 else -second.turn
    angle = np.arccos(min(abs(cosine), 1.0))
    if angle < 1e-4:
        turn = first.turn
    else:
        turn = (np.sin((1 - share) * angle) * first.turn + np.sin(share * angle) * other) / np.sin(angle)
    mix = [(1 - share) * a + share * b for a, b in ((first.place, second.place), (first.joints, second.joints))]
    return Pose(mix[0], turn / np.linalg.norm(turn), mix[1])


@lru_cache(maxsize=64)
def _compiled(height_m: float, girth: float, blocks: str) -> Any:
    return engine().MjModel.from_xml_string(model_xml(height_m, girth, blocks))


class Puppet:
    """One body and its room in the engine. Heights and girths are rounded, so that few models are compiled."""

    def __init__(self, height_m: float, girth: float = 1.0, blocks: str = "") -> None:
        self.mujoco = engine()
        self.height_m = round(height_m, 2)
        self.model = _compiled(self.height_m, round(girth, 1), blocks)
        self.data = self.mujoco.MjData(self.model)
        self.mass_kg = float(self.model.body_mass.sum())
        self._sites = np.array([self.model.site(name).id for name in SITES])
        self._places = np.array([self.model.joint(joint.name).qposadr[0] for joint in JOINTS])
        self._scale = self.mass_kg * self.height_m / (REFERENCE_MASS_KG * REFERENCE_HEIGHT_M)
        self._own = np.flatnonzero(self.model.geom_bodyid > 0)
        self._boxes, self._radii = self._extents()
        self._substeps = round(1 / (STEPS_HZ * self.model.opt.timestep))
        self.hold(np.ones(len(JOINTS)))

    def _extents(self) -> tuple[Array, Array]:
        """Half sizes along their axes (n, 3), and what is round about them (n,), of the body's parts."""
        size, kind = self.model.geom_size[self._own], self.model.geom_type[self._own]
        types = self.mujoco.mjtGeom
        is_box, is_capsule = kind == types.mjGEOM_BOX, kind == types.mjGEOM_CAPSULE
        boxes = np.where(is_box[:, np.newaxis], size, 0.0)
        boxes[is_capsule, 2] = size[is_capsule, 1]
        return boxes, np.where(is_box, 0.0, size[:, 0])

    @property
    def hip_up_m(self) -> float:
        """Height of the hips of who stands."""
        return HIP_UP * self.height_m

    def points(self) -> Array:
        """As `trainer.synth.bodies.motion` orders them, (N_POINTS, 3)."""
        return self.data.site_xpos[self._sites].copy()

    def pose(self) -> Pose:
        """As it is now."""
        q = self.data.qpos
        return Pose(q[:3].copy(), q[3:7].copy(), q[self._places].copy())

    def put(self, pose: Pose, grounded: bool = True) -> Array:
        """Take a pose, on the floor where asked, never in it, and return the points."""
        q = self.data.qpos
        q[:3], q[3:7] = pose.place, pose.turn
        q[self._places] = np.clip(pose.joints, RANGES[:, 0], RANGES[:, 1])
        self.mujoco.mj_kinematics(self.model, self.data)
        lowest = self._lowest()
        if grounded or lowest < 0:
            q[2] -= lowest
            self.data.site_xpos[:, 2] -= lowest
        return self.points()

    def _lowest(self) -> float:
        """Height of the lowest place of the body."""
        down = np.abs(self.data.geom_xmat[self._own, 6:])  # (n, 3)
        return float((self.data.geom_xpos[self._own, 2] - (down * self._boxes).sum(1) - self._radii).min())

    def let_go(self, before: Array, seconds: float) -> None:
        """Let the engine have the body, with the velocity that it got since the positions `before`."""
        self.mujoco.mj_differentiatePos(self.model, self.data.qvel, seconds, before, self.data.qpos)
        self.mujoco.mj_forward(self.model, self.data)

    def hold(self, stiffness: Array, targets: Array | None = None) -> None:
        """How stiffly each joint is held, (n_joints,), 1 being strong; and where."""
        gains = stiffness * STRENGTHS * self._scale
        self.model.actuator_gainprm[:, 0] = gains
        self.model.actuator_biasprm[:, 1] = -gains
        self.model.actuator_biasprm[:, 2] = -DAMPING_SHARE * gains
        if targets is not None:
            self.data.ctrl[:] = np.clip(targets, RANGES[:, 0], RANGES[:, 1])

    def push(self, part: str, newtons: Array) -> None:
        """Push a part in world directions until told otherwise, (3,)."""
        self.data.xfrc_applied[self.model.body(part).id, :3] = newtons

    def step(self) -> Array:
        """Go on by a step of motion, and return the points."""
        self.mujoco.mj_step(self.model, self.data, self._substeps)
        self.mujoco.mj_kinematics(self.model, self.data)
        return self.points()

    @property
    def positions(self) -> NDArray[np.float64]:
        """The engine's own, (n,)."""
        return self.data.qpos.copy()
