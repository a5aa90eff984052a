"""How people fall: what they do before, what pushes them, what goes limp, and what their arms do."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from trainer.synth.bodies.gaits import SEATED, STANDING, through, walking
from trainer.synth.bodies.motion import Block
from trainer.synth.bodies.puppet import LIMBS, Pose, Puppet, angles, turned
from trainer.synth.bodies.ragdoll_model import JOINTS
from trainer.synth.body import Support
from trainer.synth.timing import STEPS_HZ, Array, smooth, wobble

CATCHING: Final = angles(shoulder_bend=95, shoulder_spread=12, elbow=25)
FLAILING: Final = angles(shoulder_bend=40, shoulder_spread=70, elbow=45)
SEAT_M: Final = 0.45


@dataclass(slots=True)
class Release:
    """How a body falls, from when balance is lost."""

    stiffness: Array = field(default_factory=lambda: np.full(len(JOINTS), 0.4))
    """What is left of it in the end, by joint."""
    decay_s: float = 0.3
    targets: Array = field(default_factory=STANDING.copy)
    """Where joints are held."""
    reaction_s: float = 0.2
    pushes: list[tuple[str, Array, float, float]] = field(default_factory=list)
    """Part, newtons (3,), from and until when in s."""


@dataclass(slots=True)
class Fall:
    """A fall before the engine has it."""

    kind: str
    puppet: Puppet
    before: list[Pose]
    release: Release
    blocks: tuple[Block, ...] = ()
    supports: tuple[Support, ...] = ()
    grounded: bool = True


def _stiffness(rng: np.random.Generator, spine: float, arms: float, legs: float) -> Array:
    found = np.zeros(len(JOINTS))
    for limb, value in (("spine", spine), ("arms", arms), ("legs", legs)):
        found[LIMBS[limb]] = value
    return found * rng.uniform(0.7, 1.4, len(JOINTS))


def _person(rng: np.random.Generator, height_m: float, blocks: str = "") -> Puppet:
    return Puppet(height_m, rng.uniform(0.9, 1.3), blocks)


def _arms(rng: np.random.Generator, targets: Array, catching: float) -> Array:
    """Arms that reach for the floor, flail, or hang."""
    fate = rng.random()
    if fate < catching:
        targets[LIMBS["arms"]] = CATCHING[LIMBS["arms"]]
    elif fate < catching + 0.25:
        targets[LIMBS["arms"]] = FLAILING[LIMBS["arms"]]
    return targets + rng.normal(0, 0.12, len(JOINTS))


def _walk_before(rng: np.random.Generator, puppet: Puppet, yaw: float, speed: float, stagger: float) -> list[Pose]:
    """Walk or stand, and then stagger with a growing lean (rad; backward where negative)."""
    n = round(rng.uniform(1.0, 6.0) * STEPS_HZ)
    speeds, leans = np.full(n, speed), np.zeros(n)
    if speed == 0 and rng.random() < 0.5:
        walked = round(rng.uniform(0.3, 0.8) * n)
        speeds[:walked] = rng.uniform(0.5, 1.3)
        speeds = smooth(speeds, 0.15)
    if stagger:
        part = round(rng.uniform(0.3, 0.9) * STEPS_HZ)
        ramp = np.linspace(0, 1, part) ** 1.5
        leans[-part:] = stagger * ramp
        speeds[-part:] += np.sign(stagger) * ramp * rng.uniform(0.3, 1.0)
    distance = speeds.sum() / STEPS_HZ
    return walking(puppet, rng, -distance * np.array([np.cos(yaw), np.sin(yaw)]), yaw, (speeds, leans))


def _direction(yaw: float) -> Array:
    return np.array([np.cos(yaw), np.sin(yaw), 0.0])


def trip(rng: np.random.Generator, height_m: float) -> Fall:
    """A foot is held back while the body goes on."""
    puppet, yaw = _person(rng, height_m), rng.uniform(-np.pi, np.pi)
    before = _walk_before(rng, puppet, yaw, rng.uniform(0.7, 1.7), rng.choice([0, rng.uniform(0.1, 0.45)]))
    weight = puppet.mass_kg / 70
    foot = rng.choice(["left_foot", "right_foot"])
    held = rng.uniform(0.15, 0.4)
    pushes = [
        (foot, -rng.uniform(150, 350) * weight * _direction(yaw), 0.0, held),
        ("chest", rng.uniform(80, 220) * weight * _direction(yaw + rng.normal(0, 0.3)), 0.0, 0.25),
    ]
    limp = rng.uniform(0.05, 0.6)
    targets = _arms(rng, STANDING + angles(hip_bend=rng.uniform(0, 40), knee=rng.uniform(0, 60)), 0.65)
    release = Release(
        _stiffness(rng, limp, rng.uniform(0.1, 1.2), limp * 0.5),
        rng.uniform(0.1, 0.5),
        targets,
        rng.uniform(0.1, 0.3),
        pushes,
    )
    return Fall("trips", puppet, before, release)


def pushed(rng: np.random.Generator, height_m: float) -> Fall:
    """Somebody or something pushes the trunk."""
    puppet, yaw = _person(rng, height_m), rng.uniform(-np.pi, np.pi)
    speed = float(rng.choice([0.0, rng.uniform(0.4, 1.2)]))
    side = rng.uniform(-np.pi, np.pi)
    before = _walk_before(rng, puppet, yaw, speed, 0.4 * float(rng.choice([0.0, np.cos(side)])))
    force = rng.uniform(180, 480) * puppet.mass_kg / 70
    pushes = [("chest", force * _direction(yaw + side), 0.0, rng.uniform(0.12, 0.3))]
    limp = rng.uniform(0.03, 0.5)
    targets = _arms(rng, STANDING + angles(hip_bend=rng.uniform(0, 50), knee=rng.uniform(0, 60)), 0.5)
    release = Release(
        _stiffness(rng, limp, rng.uniform(0.05, 1.0), limp * 0.4),
        rng.uniform(0.1, 0.5),
        targets,
        rng.uniform(0.1, 0.3),
        pushes,
    )
    return Fall("is pushed", puppet, before, release)


def faint(rng: np.random.Generator, height_m: float) -> Fall:
    """All joints go limp, soon or slowly."""
    puppet, yaw = _person(rng, height_m), rng.uniform(-np.pi, np.pi)
    before = _walk_before(rng, puppet, yaw, float(rng.choice([0.0, 0.0, 0.6])), rng.uniform(-0.12, 0.15))
    aside = _direction(rng.uniform(-np.pi, np.pi))
    pushes = [("chest", rng.uniform(15, 90) * puppet.mass_kg / 70 * aside, 0.0, rng.uniform(0.2, 0.6))]
    limp = rng.uniform(0.005, 0.06)
    targets = STANDING + angles(neck_bend=35, hip_bend=rng.uniform(0, 50), knee=rng.uniform(10, 80), waist_bend=20)
    release = Release(_stiffness(rng, limp, limp, limp), rng.uniform(0.1, 0.7), targets, 0.1, pushes)
    return Fall("faints", puppet, before, release)


def topple(rng: np.random.Generator, height_m: float) -> Fall:
    """Falls like a board."""
    puppet, yaw = _person(rng, height_m), rng.uniform(-np.pi, np.pi)
    before = _walk_before(rng, puppet, yaw, 0.0, 0.0)
    force = rng.uniform(90, 170) * puppet.mass_kg / 70
    pushes = [("chest", force * _direction(rng.uniform(-np.pi, np.pi)), 0.0, rng.uniform(0.3, 0.5))]
    stiff = rng.uniform(0.5, 1.0)
    release = Release(_stiffness(rng, stiff, stiff, stiff), 0.3, _arms(rng, STANDING.copy(), 0.3), 0.3, pushes)
    return Fall("topples", puppet, before, release)


def slip(rng: np.random.Generator, height_m: float) -> Fall:
    """Feet go forward or sideways from under the body."""
    puppet, yaw = _person(rng, height_m), rng.uniform(-np.pi, np.pi)
    before = _walk_before(rng, puppet, yaw, rng.uniform(0.3, 1.4), float(rng.choice([0.0, -0.2])))
    way, weight = _direction(yaw + rng.normal(0, 0.4)), puppet.mass_kg / 70
    length = rng.uniform(0.15, 0.3)
    pushes = [(foot, rng.uniform(120, 260) * weight * way, 0.0, length) for foot in ("left_foot", "right_foot")]
    pushes.append(("chest", -rng.uniform(80, 200) * weight * way, 0.0, length))
    limp = rng.uniform(0.05, 0.5)
    targets = _arms(rng, STANDING + angles(hip_bend=rng.uniform(10, 60), knee=rng.uniform(0, 40)), 0.1)
    if rng.random() < 0.5:
        targets[LIMBS["arms"]] = angles(shoulder_bend=-45, shoulder_spread=25, elbow=10)[LIMBS["arms"]]
    release = Release(
        _stiffness(rng, limp, rng.uniform(0.1, 1.0), limp * 0.5), rng.uniform(0.1, 0.4), targets, 0.1, pushes
    )
    return Fall("slips", puppet, before, release)


def legs_give_way(rng: np.random.Generator, height_m: float) -> Fall:
    """Down onto knees or bottom, then over."""
    puppet, yaw = _person(rng, height_m), rng.uniform(-np.pi, np.pi)
    before = _walk_before(rng, puppet, yaw, float(rng.choice([0.0, 0.7])), 0.0)
    pushes = [("chest", rng.uniform(60, 160) * puppet.mass_kg / 70 * _direction(rng.uniform(-np.pi, np.pi)), 0.2, 0.7)]
    targets = _arms(rng, STANDING + angles(hip_bend=rng.uniform(20, 80), knee=rng.uniform(60, 120)), 0.5)
    stiffness = _stiffness(rng, rng.uniform(0.1, 0.4), rng.uniform(0.1, 0.8), rng.uniform(0.01, 0.08))
    return Fall("legs give way", puppet, before, Release(stiffness, rng.uniform(0.1, 0.4), targets, 0.1, pushes))


def _box(centre: tuple[float, float, float], half: tuple[float, float, float], yaw: float, solid: bool = True) -> str:
    place, size = (" ".join(f"{value:.3f}" for value in values) for values in (centre, half))
    contact = 'contype="2" conaffinity="1"' if solid else 'contype="0" conaffinity="0"'
    return f'<geom type="box" pos="{place}" size="{size}" euler="0 0 {np.degrees(yaw):.1f}" {contact}/>'


@dataclass(frozen=True, slots=True)
class Seat:
    """Something to sit on whose front edge is 0.2 m before who sits on it."""

    height_m: float
    half_size: tuple[float, float, float]

    @property
    def centre(self) -> tuple[float, float, float]:
        """Of its block."""
        return (0.2 - self.half_size[0], 0.0, self.half_size[2])


def _seat(rng: np.random.Generator, height_m: float) -> Seat:
    top = SEAT_M * height_m / 1.75
    return Seat(top, (0.22, rng.choice([0.24, 0.24, 0.8]), top / 2))


def _sitting(rng: np.random.Generator, seat: Seat, height_m: float) -> list[Pose]:
    n = round(rng.uniform(1, 5) * STEPS_HZ)
    sways = rng.uniform(-0.25, 0.25) + 0.03 * wobble(rng, (n,), 0.8)
    place = np.array([0.02, 0, seat.height_m + 0.062 * height_m])
    return [Pose(place, turned(0.0, float(sway)), SEATED) for sway in sways]


def off_chair(rng: np.random.Generator, height_m: float) -> Fall:
    """Sits, and slides or tips off the chair or sofa."""
    seat = _seat(rng, height_m)
    puppet = _person(rng, height_m, _box(seat.centre, seat.half_size, 0.0))
    weight, side = puppet.mass_kg / 70, rng.choice([-1.0, 0.0, 1.0])
    pushes = [("pelvis", rng.uniform(120, 300) * weight * np.array([1.0, 0.6 * side, 0.1]), 0.0, rng.uniform(0.3, 0.7))]
    way = np.array([rng.uniform(0, 1), side, 0.0])
    pushes.append(("chest", rng.uniform(40, 150) * weight * way, 0.0, 0.5))
    limp = rng.uniform(0.005, 0.2)
    targets = _arms(rng, SEATED + angles(neck_bend=25, knee=rng.uniform(-60, 10), waist_bend=20), 0.3)
    release = Release(_stiffness(rng, limp, rng.uniform(0.01, 0.5), limp), rng.uniform(0.1, 0.6), targets, 0.2, pushes)
    blocks = (Block(seat.centre, seat.half_size),)
    sitting = _sitting(rng, seat, puppet.height_m)
    return Fall("slides off a chair", puppet, sitting, release, blocks, grounded=False)


def off_bed(rng: np.random.Generator, height_m: float) -> Fall:
    """Lies at the edge of a bed, turns over or does not, and rolls off."""
    top = rng.uniform(0.35, 0.65)
    bed, half = (0.0, 0.0, top / 2), (1.0, rng.uniform(0.4, 0.7), top / 2)
    puppet = _person(rng, height_m, _box(bed, half, 0.0))
    n = round(rng.uniform(1, 5) * STEPS_HZ)
    pitch = -np.pi / 2 if rng.random() < 0.6 else np.pi / 2
    at_edge = np.array([-0.05, half[1] - rng.uniform(0.08, 0.16), top + 0.07 * height_m])
    lying = STANDING + angles(hip_bend=rng.uniform(0, 30), knee=rng.uniform(0, 40))
    end = Pose(at_edge, turned(0.0, pitch, rng.uniform(-0.2, 0.2)), lying)
    before = [end] * n
    if rng.random() < 0.5:
        begin = Pose(at_edge - [0, 0.3, 0], turned(0.0, pitch, rng.choice([-1.3, 1.3])), lying + angles(hip_bend=20))
        before = [begin] * n + through([(begin, 0.0), (end, rng.uniform(0.6, 1.6))])
    weight = puppet.mass_kg / 70
    pushes = [
        (part, rng.uniform(0.8, 1.3) * newtons * weight * np.array([0, 1.0, 0.25]), 0.0, rng.uniform(0.4, 0.7))
        for part, newtons in (("pelvis", 110), ("chest", 150), ("left_thigh", 40), ("right_thigh", 40))
    ]
    limp = rng.uniform(0.02, 0.3)
    targets = _arms(rng, STANDING + angles(hip_bend=rng.uniform(0, 60), knee=rng.uniform(0, 70)), 0.4)
    release = Release(_stiffness(rng, limp, limp, limp), 0.3, targets, 0.1, pushes)
    support = Support(bed[:2], half[:2], 0.0, top)
    return Fall("falls off a bed", puppet, before, release, (Block(bed, half),), (support,), grounded=False)


FALLS: Final[dict[str, tuple[float, Callable[[np.random.Generator, float], Fall]]]] = {
    "trip": (0.18, trip),
    "pushed": (0.11, pushed),
    "faint": (0.16, faint),
    "topple": (0.07, topple),
    "slip": (0.13, slip),
    "legs": (0.09, legs_give_way),
    "chair": (0.07, off_chair),
    "bed": (0.02, off_bed),
}
"""Shares and makers. Few are of who lay before: more, and such of who sat on a bed or got up, cost falls of who stood.
Sets against sets, area under the curve: `gmdcsa24` 0.92 to 0.95 with 0.19 of them, 0.97 to 1 so; `t2v-bed-fall`, with
falls out of beds that are learned from as well, 0.96 and 0.82 to 0.88.
"""
