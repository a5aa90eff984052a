"""The body that falls in the physics engine: a MuJoCo model of our own, as tall as asked.

Lengths over the body's height: Drillis and Contini 1966, as in Winter, Biomechanics, figure 4.1; masses over the
body's: de Leva 1996. Axes of each part as it stands: x forward, y to the left, z up.
"""

from dataclasses import dataclass
from typing import Final

SHOULDER_UP, SHOULDER_ASIDE, WAIST_UP, NECK_UP = 0.288, 0.103, 0.09, 0.3
HIP_ASIDE, THIGH, SHANK, ANKLE_UP, TOE, HEEL = 0.057, 0.245, 0.246, 0.039, 0.11, 0.035
UPPER_ARM, FOREARM, HAND = 0.172, 0.15, 0.07
HEAD_UP, HEAD_RADIUS = 0.085, 0.058
HIP_UP: Final = THIGH + SHANK + ANKLE_UP
MASSES: Final = {
    "pelvis": 0.14, "chest": 0.31, "head": 0.07, "upper_arm": 0.027, "forearm": 0.022, "thigh": 0.13, "shank": 0.043,
    "foot": 0.014,
}  # fmt: skip
MOST_MASS_INDEX: Final = 22.0
"""kg per square metre of height."""


@dataclass(frozen=True, slots=True)
class Joint:
    """One hinge. Angles in degrees; positive bends forward, spreads, or turns outward."""

    name: str
    axis: str
    low: float
    high: float
    strength: float
    """Torque per radian that a stiff person of 1.75 m and 70 kg holds it with, in N m."""


SPINE: Final = (
    Joint("waist_bend", "0 1 0", -25, 80, 220),
    Joint("waist_tilt", "1 0 0", -35, 35, 200),
    Joint("waist_turn", "0 0 1", -40, 40, 120),
)
NECK: Final = (
    Joint("neck_bend", "0 1 0", -45, 55, 25),
    Joint("neck_tilt", "1 0 0", -35, 35, 20),
    Joint("neck_turn", "0 0 1", -60, 60, 15),
)


def arm_joints(side: str) -> tuple[Joint, ...]:
    """Of one side, `left` or `right`: the shoulder's three and the elbow's."""
    sign = "1" if side == "left" else "-1"
    return (
        Joint(f"{side}_shoulder_bend", "0 -1 0", -60, 170, 50),
        Joint(f"{side}_shoulder_spread", f"{sign} 0 0", -20, 150, 45),
        Joint(f"{side}_shoulder_turn", f"0 0 {sign}", -70, 70, 25),
        Joint(f"{side}_elbow", "0 -1 0", 0, 145, 35),
    )


def leg_joints(side: str) -> tuple[Joint, ...]:
    """Of one side, `left` or `right`: the hip's three, the knee's and the ankle's two."""
    sign = "1" if side == "left" else "-1"
    return (
        Joint(f"{side}_hip_bend", "0 -1 0", -25, 120, 220),
        Joint(f"{side}_hip_spread", f"{sign} 0 0", -20, 45, 160),
        Joint(f"{side}_hip_turn", f"0 0 {sign}", -40, 45, 60),
        Joint(f"{side}_knee", "0 1 0", 0, 145, 200),
        Joint(f"{side}_ankle_bend", "0 -1 0", -45, 25, 120),
        Joint(f"{side}_ankle_tilt", f"{sign} 0 0", -20, 20, 60),
    )


JOINTS: Final = (
    *SPINE, *NECK, *arm_joints("left"), *arm_joints("right"), *leg_joints("left"), *leg_joints("right"),
)  # fmt: skip
"""In the order of the model's actuators and of its positions after the root's seven."""
SITES: Final = (
    "nose", "left_eye", "right_eye", "left_ear", "right_ear",
    *(f"{side}_{joint}" for joint in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
      for side in ("left", "right")),
    "crown", "left_hand", "right_hand", "left_toe", "right_toe",
)  # fmt: skip
"""In the order of `trainer.synth.bodies.motion`'s points."""


def model_xml(height_m: float, girth: float, blocks: str = "") -> str:
    """The MJCF of a body and of what stands in its room.

    Args:
        height_m: of the body.
        girth: thickness over the usual.
        blocks: geoms of the world.
    """
    mass_kg = MOST_MASS_INDEX * height_m**2 * girth
    body = _pelvis(height_m, girth, mass_kg)
    motors = "".join(f'<position name="{joint.name}" joint="{joint.name}" kp="1"/>' for joint in JOINTS)
    return f"""<mujoco>
<compiler angle="degree"/>
<option timestep="0.004166666666666667" integrator="implicitfast" iterations="20" ls_iterations="10"/>
<default>
  <joint damping="{2.0 * mass_kg / 70:.3f}" armature="0.02" solreflimit="0.02 1"/>
  <geom friction="0.8 0.02 0.01" solref="0.015 1" contype="1" conaffinity="2"/>
  <site size="0.005"/>
</default>
<worldbody>
  <geom name="floor" type="plane" size="20 20 1" contype="2" conaffinity="1" friction="0.8 0.02 0.01"/>
  {blocks}
  {body}
</worldbody>
<actuator>{motors}</actuator>
</mujoco>"""


def _hinges(joints: tuple[Joint, ...]) -> str:
    return "".join(
        f'<joint name="{joint.name}" type="hinge" axis="{joint.axis}" range="{joint.low} {joint.high}"/>'
        for joint in joints
    )


def _capsule(length: float, radius: float, mass_kg: float) -> str:
    """One that hangs down from the part's joint."""
    return (
        f'<geom type="capsule" fromto="0 0 {-radius:.4f} 0 0 {-length:.4f}" size="{radius:.4f}" mass="{mass_kg:.3f}"/>'
    )


def _site(name: str, x: float, y: float, z: float) -> str:
    return f'<site name="{name}" pos="{x:.4f} {y:.4f} {z:.4f}"/>'


def _pelvis(height_m: float, girth: float, mass_kg: float) -> str:
    h, wide = height_m, 0.055 * height_m * girth
    legs = "".join(_leg(side, h, girth, mass_kg) for side in ("left", "right"))
    hips = "".join(_site(f"{side}_hip", 0, sign * HIP_ASIDE * h, 0) for side, sign in (("left", 1), ("right", -1)))
    return (
        f'<body name="pelvis" pos="0 0 {HIP_UP * h:.4f}"><freejoint/>'
        f'<geom type="capsule" fromto="0 {-0.045 * h:.4f} 0.02 0 {0.045 * h:.4f} 0.02" size="{wide:.4f}"'
        f' mass="{MASSES["pelvis"] * mass_kg:.3f}"/>'
        f"{hips}{legs}{_chest(h, girth, mass_kg)}</body>"
    )


def _chest(h: float, girth: float, mass_kg: float) -> str:
    wide, up = 0.062 * h * girth, SHOULDER_UP - WAIST_UP
    shoulders = "".join(
        _site(f"{side}_shoulder", 0, sign * SHOULDER_ASIDE * h, up * h) for side, sign in (("left", 1), ("right", -1))
    )
    arms = "".join(_arm(side, h, girth, mass_kg) for side in ("left", "right"))
    belly = (
        f'<geom type="capsule" fromto="0 {-0.03 * h:.4f} 0 0 {0.03 * h:.4f} 0" size="{0.9 * wide:.4f}"'
        f' mass="{0.35 * MASSES["chest"] * mass_kg:.3f}"/>'
    )
    ribs = (
        f'<geom type="capsule" fromto="0 {-0.05 * h:.4f} {0.6 * up * h:.4f} 0 {0.05 * h:.4f} {0.6 * up * h:.4f}"'
        f' size="{wide:.4f}" mass="{0.65 * MASSES["chest"] * mass_kg:.3f}"/>'
    )
    return (
        f'<body name="chest" pos="0 0 {WAIST_UP * h:.4f}">{_hinges(SPINE)}{belly}{ribs}'
        f"{shoulders}{arms}{_head(h, mass_kg)}</body>"
    )


def _head(h: float, mass_kg: float) -> str:
    up = NECK_UP - WAIST_UP
    middle = HEAD_UP * h
    sites = _site("nose", 0.062 * h, 0, middle) + _site("crown", 0, 0, middle + 0.075 * h)
    for side, sign in (("left", 1), ("right", -1)):
        sites += _site(f"{side}_eye", 0.055 * h, sign * 0.018 * h, middle + 0.02 * h)
        sites += _site(f"{side}_ear", 0, sign * 0.043 * h, middle)
    return (
        f'<body name="head" pos="0 0 {up * h:.4f}">{_hinges(NECK)}'
        f'<geom type="sphere" pos="0.01 0 {middle:.4f}" size="{HEAD_RADIUS * h:.4f}"'
        f' mass="{MASSES["head"] * mass_kg:.3f}"/>{sites}</body>'
    )


def _arm(side: str, h: float, girth: float, mass_kg: float) -> str:
    sign = 1 if side == "left" else -1
    joints = arm_joints(side)
    return (
        f'<body name="{side}_upper_arm" pos="0 {sign * SHOULDER_ASIDE * h:.4f} {(SHOULDER_UP - WAIST_UP) * h:.4f}">'
        f"{_hinges(joints[:3])}{_capsule(UPPER_ARM * h, 0.026 * h * girth, MASSES['upper_arm'] * mass_kg)}"
        f'<body name="{side}_forearm" pos="0 0 {-UPPER_ARM * h:.4f}">{_hinges(joints[3:])}'
        f"{_capsule((FOREARM + HAND) * h, 0.021 * h * girth, MASSES['forearm'] * mass_kg)}"
        f"{_site(f'{side}_elbow', 0, 0, 0)}{_site(f'{side}_wrist', 0, 0, -FOREARM * h)}"
        f"{_site(f'{side}_hand', 0, 0, -(FOREARM + HAND) * h)}</body></body>"
    )


def _leg(side: str, h: float, girth: float, mass_kg: float) -> str:
    sign = 1 if side == "left" else -1
    joints = leg_joints(side)
    sole = -ANKLE_UP * h
    return (
        f'<body name="{side}_thigh" pos="0 {sign * HIP_ASIDE * h:.4f} 0">'
        f"{_hinges(joints[:3])}{_capsule(THIGH * h, 0.042 * h * girth, MASSES['thigh'] * mass_kg)}"
        f'<body name="{side}_shank" pos="0 0 {-THIGH * h:.4f}">{_hinges(joints[3:4])}'
        f"{_capsule(SHANK * h, 0.03 * h * girth, MASSES['shank'] * mass_kg)}"
        f"{_site(f'{side}_knee', 0, 0, 0)}{_site(f'{side}_ankle', 0, 0, -SHANK * h)}"
        f'<body name="{side}_foot" pos="0 0 {-SHANK * h:.4f}">{_hinges(joints[4:])}'
        f'<geom type="box" pos="{(TOE - HEEL) / 2 * h:.4f} 0 {0.6 * sole:.4f}"'
        f' size="{(TOE + HEEL) / 2 * h:.4f} {0.025 * h:.4f} {-0.4 * sole:.4f}" mass="{MASSES["foot"] * mass_kg:.3f}"/>'
        f"{_site(f'{side}_toe', TOE * h, 0, 0.6 * sole)}</body></body></body>"
    )
