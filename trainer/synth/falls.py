"""Falls under gravity: from standing, walking or a seat in any direction, and out of bed."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from trainer.synth.body import LEFT_RIGHT, Array, Support
from trainer.synth.moves import LYING_PELVIS_M, heading, plant, standing_feet
from trainer.synth.timing import STEPS_HZ, smooth
from trainer.synth.track import Track

GRAVITY_M_S2 = 9.81
FallDirection = Literal["forward", "backward", "left", "right"]
FALL_DIRECTIONS: dict[FallDirection, float] = {
    "forward": 0.0, "backward": np.pi, "left": np.pi / 2, "right": -np.pi / 2,
}  # fmt: skip
"""Where to, from where the person looks, counter-clockwise."""
FALL_SIDEWAYS = ("left", "right")


@dataclass(frozen=True, slots=True)
class Fall:
    """When a fall happened: balance lost, and trunk on the floor."""

    start_s: float
    impact_s: float


def _pendulum(start_rad: float, speed_rad_s: float, length_m: float, gain: float) -> Array:
    """Angle of an inverted pendulum from its upright start until it lies, one value a step."""
    angle, speed, angles = start_rad, speed_rad_s, [start_rad]
    while angle < np.pi / 2 and len(angles) < 2 * STEPS_HZ:
        speed += gain * GRAVITY_M_S2 / length_m * np.sin(angle) / STEPS_HZ
        angle += speed / STEPS_HZ
        angles.append(min(angle, np.pi / 2))
    return np.array(angles)


def fall(track: Track, t0: float, direction: FallDirection, push: float = 1.0, legroom_m: float = np.inf) -> Fall:
    """Lose balance and fall under gravity; ends lying.

    `push` scales the speed that it starts with. Feet come to rest no deeper into the room than `legroom_m`.
    """
    rng, i = track.rng, track.at(t0)
    aim = float(track.yaw[i]) + FALL_DIRECTIONS[direction] + rng.normal(0, 0.15)
    toward, standing_m = heading(aim), float(track.pelvis[i, 2])
    collapse = rng.uniform(0.15, 0.5) if direction != "backward" else rng.uniform(0.3, 0.65)
    angles = _pendulum(0.1, push * rng.uniform(0.6, 1.3), standing_m, rng.uniform(1.0, 1.35))
    n = len(angles)
    x = np.linspace(0, 1, n)
    buckle = 1 - collapse * np.sin(np.pi * np.clip(x, 0, 1)) ** 1.5
    radius = standing_m * buckle * (1 - 0.12 * x)
    pivot = track.pelvis[i, :2] - 0.1 * standing_m * toward
    pelvis = np.empty((n, 3))
    pelvis[:, :2] = pivot + (radius * np.sin(angles))[:, None] * toward
    pelvis[:, 2] = np.maximum(radius * np.cos(angles), LYING_PELVIS_M)
    track.write(track.pelvis, t0, smooth(pelvis, 0.02))
    trunk = {"forward": x**0.9, "backward": np.clip(x, 0, 1) ** 1.6}.get(direction, x**1.2)
    reached = np.pi / 2 * (0.75 if direction == "backward" else 0.92)
    lean_start = np.array(track.lean[i])
    track.write(track.lean, t0, lean_start * (1 - x)[:, None] + (reached * trunk)[:, None] * toward)
    impact_s = t0 + (n - 1) / STEPS_HZ
    track.ease(track.lean, impact_s, impact_s + 0.22, toward * np.pi / 2)
    _throw_arms(track, t0, impact_s, direction)
    _drop_arms(track, impact_s, direction, toward)
    _bend_trunk(track, t0, impact_s, direction)
    resting = _resting_feet(track, impact_s, direction, toward)
    resting[:, 1] = np.minimum(resting[:, 1], legroom_m)
    _kick_legs(track, Fall(t0, impact_s), resting, direction, toward)
    return Fall(t0, impact_s)


def _drop_arms(track: Track, impact_s: float, direction: str, toward: Array) -> None:
    """Hands come to lie on the floor beside or before the trunk."""
    rng, end = track.rng, track.at(impact_s)
    chest = track.pelvis[end, :2] + track.build.length(0.42) * toward
    facing = heading(float(track.yaw[end]))
    left = heading(float(track.yaw[end]) + np.pi / 2)
    for side, sign in enumerate(LEFT_RIGHT):
        along = rng.uniform(-0.5, 0.35) * toward
        if direction in FALL_SIDEWAYS:
            spot = chest + along + rng.uniform(0.25, 0.45) * facing
        else:
            spot = chest + along + sign * rng.uniform(0.3, 0.5) * left
        track.ease(track.reach[:, side], impact_s - 0.06, impact_s - 0.04, np.append(spot, 0.04))
        track.ease(track.reach_mix[:, side], impact_s - 0.04, impact_s + rng.uniform(0.15, 0.35), 0.95)


def _throw_arms(track: Track, t0: float, impact_s: float, direction: FallDirection) -> None:
    """Arms flail, and reach where the fall goes."""
    rng, mid = track.rng, _middle(t0, impact_s)
    track.ease(track.swing, t0, t0 + 0.1, 0.0)
    track.ease(track.hang, t0, t0 + 0.2, 0.0)
    track.ease(track.reach_mix, t0, t0 + 0.15, 0.0)
    reach = {"forward": (0.75, 0.25, 0.45), "backward": (0.45, 0.75, 0.1)}.get(direction, (0.5, 0.6, 0.1))
    mirrored = np.stack([[reach[0], s * reach[1], reach[2]] for s in LEFT_RIGHT])
    track.ease(track.hands, t0, mid, mirrored + rng.normal(0, 0.12, (2, 3)))
    track.shake(track.hands, t0, impact_s + 0.2, 0.22, 0.07)


def _middle(t0: float, impact_s: float) -> float:
    return t0 + 0.55 * (impact_s - t0)


def _bend_trunk(track: Track, t0: float, impact_s: float, direction: FallDirection) -> None:
    """The trunk curls, straightens on the floor, and the head nods with the impact."""
    rng, backward = track.rng, direction == "backward"
    curl = (0.45 if backward else 0.2, rng.normal(0, 0.15), rng.normal(0, 0.2))
    track.ease(track.spine, t0, _middle(t0, impact_s), curl)
    track.ease(track.spine, impact_s - 0.05, impact_s + 0.35, (0.03, rng.normal(0, 0.1), rng.normal(0, 0.15)))
    track.pulse(track.head[:, 0], impact_s - 0.05, 0.1, 0.4, 0.35 if backward else -0.3)
    track.pulse(track.pelvis[:, 2], impact_s, 0.08, 0.14, rng.uniform(0.02, 0.06))


def _resting_feet(track: Track, impact_s: float, direction: FallDirection, toward: Array) -> Array:
    """Where the ankles come to lie: (2, 3)."""
    rng, end = track.rng, track.at(impact_s)
    left = np.array((-toward[1], toward[0])) * (-1 if direction == "backward" else 1)
    nearest = 0.92 if direction == "forward" else 0.65  # bent knees would hold up whoever lies on them
    stretch = track.build.leg_m * rng.uniform(nearest, 0.98, 2)
    places = track.pelvis[end, :2] - stretch[:, None] * toward
    places += (LEFT_RIGHT * rng.uniform(0.08, 0.2, 2))[:, None] * left
    heights = np.full(2, 0.07)
    if direction in FALL_SIDEWAYS:
        places += rng.uniform(0, 0.25, (2, 1)) * heading(float(track.yaw[end]))
        heights += (0.0, 0.03)
    return np.column_stack([places, heights])


def _kick_legs(track: Track, times: Fall, resting: Array, direction: FallDirection, toward: Array) -> None:
    """Feet slip or stay while balance goes, fly up, and come to rest."""
    i, mid = track.at(times.start_s), _middle(times.start_s, times.impact_s)
    if track.feet_mix[i].max() == 0:
        plant(track, times.start_s, 0.02, standing_feet(track, i))
    slip = -0.25 if direction == "backward" else 0.0
    track.ease(track.feet[..., :2], times.start_s, mid, track.feet[i, :, :2] + slip * toward)
    track.ease(track.feet, mid, times.impact_s + 0.25, resting)
    height_m = 0.3 if direction == "backward" else 0.12
    for side in (0, 1):
        track.pulse(track.feet[:, side, 2], mid, times.impact_s - mid, 0.35, track.rng.uniform(0.3, 1) * height_m)


def roll_off(track: Track, t0: float, bed: Support) -> Fall:
    """Roll over the free side of a bed and drop to the floor beside it."""
    rng, i = track.rng, track.at(t0)
    along, outward = heading(bed.yaw), np.array((0.0, -1.0))
    turning = float(np.sign(along[0] * outward[1] - along[1] * outward[0]))
    edge = np.array((track.pelvis[i, 0], bed.centre[1] - bed.half_size[1] + 0.05))
    rolling_s, drop_s = rng.uniform(0.45, 0.8), float(np.sqrt(2 * bed.height_m / GRAVITY_M_S2))
    t1 = t0 + rolling_s
    landed = edge + rng.uniform(0.38, 0.55) * outward
    track.ease(track.yaw, t0, t1 + drop_s + 0.15, track.yaw[i] - turning * rng.uniform(1.8, 3.4))
    track.ease(track.lean, t0, t1 + drop_s, track.lean[i] + rng.normal(0, 0.2, 2))
    track.ease(track.pelvis, t0, t1, np.append(edge, bed.height_m + LYING_PELVIS_M - 0.04), power=1.3)
    steps, x = track.span(t1, t1 + drop_s)
    high = float(track.pelvis[steps.start, 2])
    track.write(track.pelvis[:, 2], t1, high + (LYING_PELVIS_M - high) * x**2)
    track.write(track.pelvis[:, :2], t1, edge + x[:, None] * (landed - edge))
    track.pulse(track.pelvis[:, 2], t1 + drop_s, 0.07, 0.12, 0.03)
    spread = rng.normal(0, 0.12, 2)
    for side in (0, 1):
        spot = landed - track.build.leg_m * rng.uniform(0.7, 0.92) * along + outward * (spread[side] + 0.1 * side)
        delay = rng.uniform(0, 0.3) * rolling_s
        track.ease(track.feet[:, side, :2], t0 + delay, t1 + drop_s + 0.1, spot)
        track.ease(track.feet[:, side, 2], t1 - 0.15 + delay, t1 + drop_s + 0.05, 0.07, power=1.6)
    track.ease(track.hands, t0, t1, np.stack([[0.6, s * 0.35, 0.2] for s in LEFT_RIGHT]))
    track.shake(track.hands, t0, t1 + drop_s + 0.2, 0.2, 0.08)
    track.ease(track.hands, t1, t1 + drop_s + 0.3, np.stack([[0.35, s * 0.3, 0.1] for s in LEFT_RIGHT]))
    return Fall(t0, t1 + drop_s)
