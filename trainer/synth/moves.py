"""What one person does: phases on a track. Each starts at a time and returns the time at which it is over."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from trainer.synth.body import ANKLE_M, HIP_HALF_WIDTH_M, LEFT_RIGHT, Array, Support
from trainer.synth.track import HANGING_HANDS, STEPS_HZ, WALKING_M_S, Track, smooth, wobble

GRAVITY_M_S2 = 9.81
LYING_PELVIS_M = 0.13
FALL_DIRECTIONS: dict[str, float] = {"forward": 0.0, "backward": np.pi, "left": np.pi / 2, "right": -np.pi / 2}
FallDirection = Literal["forward", "backward", "left", "right"]


def heading(yaw: float) -> Array:
    """Unit vector on the floor."""
    return np.array([np.cos(yaw), np.sin(yaw)])


def nearest_turn(now: float, then: float) -> float:
    """The angle equal to `then` that is nearest to `now`."""
    return now + (then - now + np.pi) % (2 * np.pi) - np.pi


def walk(track: Track, t0: float, places: list[Array], speed_m_s: float = WALKING_M_S) -> float:
    """Walk through places on the floor, round the corners, and stop at the last."""
    now = track.at(t0)
    corners = [track.pelvis[now, :2], *places]
    legs = [float(np.linalg.norm(b - a)) for a, b in zip(corners, corners[1:], strict=False)]
    total = sum(legs)
    if total < 0.05:
        return t0
    seconds = total / speed_m_s + 0.5
    n = max(int(seconds * STEPS_HZ), 2)
    ramp = np.minimum(1, np.minimum(np.arange(n), np.arange(n)[::-1]) / (0.4 * STEPS_HZ))
    along = np.cumsum(ramp) / ramp.sum() * total
    marks = np.cumsum([0.0, *legs])
    path = np.stack([np.interp(along, marks, [c[axis] for c in corners]) for axis in (0, 1)], -1)
    path = np.concatenate([smooth(path, 0.22), np.repeat(path[-1:], STEPS_HZ // 2, 0)])
    path[n:] = path[n - 1]
    track.write(track.pelvis[:, :2], t0, path)
    _turn_along(track, t0, path[:n])
    track.ease(track.lean, t0, t0 + 0.4, (0, 0))
    return t0 + seconds


def _turn_along(track: Track, t0: float, path: Array) -> None:
    """Face where the path goes."""
    velocity = np.gradient(path, axis=0)
    moving = np.linalg.norm(velocity, axis=1) > 0.1 / STEPS_HZ
    aim = np.where(moving, np.arctan2(velocity[:, 1], velocity[:, 0]), np.nan)
    known = np.flatnonzero(moving)
    aim = np.interp(np.arange(len(path)), known, np.unwrap(aim[known]))
    start = track.yaw[track.at(t0)]
    aim += nearest_turn(start, aim[0]) - aim[0]
    fade = np.exp(-np.arange(len(path)) / (0.18 * STEPS_HZ))
    track.write(track.yaw, t0, smooth(aim, 0.1) + fade * (start - aim[0]))


def turn(track: Track, t0: float, yaw: float) -> float:
    """Turn on the spot."""
    now = float(track.yaw[track.at(t0)])
    target = nearest_turn(now, yaw)
    return track.ease(track.yaw, t0, t0 + 0.3 + 0.35 * abs(target - now), target)


def stand(track: Track, t0: float, seconds: float) -> float:
    """Shift weight from leg to leg and look around."""
    track.shake(track.pelvis[:, :2], t0, t0 + seconds, 0.015, 0.6)
    track.shake(track.head, t0, t0 + seconds, (0.1, 0.35), 0.5)
    return t0 + seconds


def gesture(track: Track, t0: float, seconds: float, liveliness: float = 1.0) -> float:
    """Talk with the hands."""
    t1 = t0 + seconds
    track.ease(track.swing, t0, t0 + 0.3, 0.0)
    side = int(track.rng.integers(2))
    track.ease(track.hands[:, side], t0, t0 + 0.5, (0.45, 0.1 * LEFT_RIGHT[side], -0.45))
    if track.rng.random() < 0.5:
        track.ease(track.hands[:, 1 - side], t0, t0 + 0.6, (0.4, 0.05 * LEFT_RIGHT[1 - side], -0.5))
    track.ease(track.hang, t0, t0 + 0.4, 0.0)
    track.shake(track.hands, t0, t1, np.array((0.1, 0.1, 0.14)) * liveliness, 0.16)
    track.shake(track.head, t0, t1, (0.12, 0.12), 0.25)
    track.ease(track.hands, t1 - 0.5, t1, HANGING_HANDS)
    track.ease(track.hang, t1 - 0.5, t1, 0.6)
    return track.ease(track.swing, t1 - 0.1, t1, 1.0)


def exercise(track: Track, t0: float, seconds: float) -> float:
    """Lively but harmless: jumping jacks, squats or a dance."""
    steps, x = track.span(t0, t0 + seconds)
    rate_hz = track.rng.uniform(0.6, 1.2)
    envelope = np.minimum(1, 8 * np.minimum(x, 1 - x))
    wave = 0.5 - 0.5 * np.cos(2 * np.pi * rate_hz * x * seconds)
    kind = track.rng.integers(3)
    track.swing[steps] *= 0.0
    if kind == 0:
        raised = np.stack([[0.05, sign * 0.55, 0.8] for sign in LEFT_RIGHT])
        part = (envelope * wave)[:, None, None]
        track.hands[steps] += part * (raised - track.hands[steps])
        track.pelvis[steps, 2] += 0.05 * envelope * np.abs(np.sin(2 * np.pi * rate_hz * x * seconds))
    elif kind == 1:
        track.pelvis[steps, 2] -= 0.32 * envelope * wave
        track.spine[steps, 0] += 0.5 * envelope * wave
        part = (envelope * (0.3 + 0.7 * wave))[:, None, None]
        track.hands[steps] += part * (np.stack([[0.85, s * 0.05, 0.1] for s in LEFT_RIGHT]) - track.hands[steps])
    else:
        track.pelvis[steps, :2] += 0.12 * envelope[:, None] * wobble(track.rng, (len(x), 2), 0.25)
        track.shake(track.yaw, t0, t0 + seconds, 0.4, 0.3)
        track.shake(track.spine, t0, t0 + seconds, 0.12, 0.2)
        dancing = np.stack([[0.4, s * 0.35, 0.0] for s in LEFT_RIGHT])
        track.hands[steps] += envelope[:, None, None] * (dancing - track.hands[steps])
        track.shake(track.hands, t0, t0 + seconds, 0.25, 0.2)
    return t0 + seconds


def bend(track: Track, t0: float, holding_s: float = 0.4) -> float:
    """Pick something up from the floor, from the hips or the knees, and straighten again."""
    down_s, up_s = track.rng.uniform(0.7, 1.2), track.rng.uniform(0.7, 1.1)
    knees = track.rng.uniform(0, 1)
    i = track.at(t0)
    facing = heading(track.yaw[i])
    side = int(track.rng.integers(2))
    place = np.append(track.pelvis[i, :2] + (0.3 + 0.12 * (1 - knees)) * facing, 0.1)
    low = track.build.standing_m - (0.14 + 0.33 * knees)
    t1 = t0 + down_s
    t2 = t1 + holding_s
    lean = (0.95 - 0.45 * knees) * facing
    standing = track.pelvis[i].copy()
    track.ease(track.reach[:, side], t0, t0 + 0.02, place)
    for start, end, folded in ((t0, t1, 1.0), (t2, t2 + up_s, 0.0)):
        moved = np.append(standing[:2] - folded * 0.12 * facing, standing[2] + folded * (low - standing[2]))
        track.ease(track.pelvis, start, end, moved)
        track.ease(track.lean, start, end, folded * lean)
        track.ease(track.spine[:, 0], start, end, 0.08 + 0.5 * folded)
        track.ease(track.reach_mix[:, side], start + 0.1 * folded, end, folded)
        track.ease(track.hang, start, end, 0.6 + 0.4 * folded)
    return t2 + up_s


def _plant(track: Track, t0: float, seconds: float, feet: Array) -> None:
    """Take the feet over from the stepping, towards given ankles (2, 3)."""
    i = track.at(t0)
    if track.feet_mix[i].max() == 0:
        track.feet[i:] = _standing_feet(track, i)
        track.feet_mix[i:] = 1.0
    track.ease(track.feet, t0, t0 + seconds, feet)


def _standing_feet(track: Track, i: int) -> Array:
    left = heading(track.yaw[i] + np.pi / 2) * track.build.length(HIP_HALF_WIDTH_M)
    floor = track.build.length(ANKLE_M)
    return np.stack([np.append(track.pelvis[i, :2] + sign * left, floor) for sign in LEFT_RIGHT])


def _release(track: Track, t: float) -> None:
    """Give the feet back to the stepping."""
    track.feet_mix[track.at(t) :] = 0.0


def sit(track: Track, t0: float, seat_m: float, back_m: float = 0.42, seconds: float = 1.1) -> float:
    """Sit down backwards onto something of a height; the feet stay."""
    i = track.at(t0)
    facing = heading(track.yaw[i])
    _plant(track, t0, 0.3, _standing_feet(track, i))
    seat = np.append(track.pelvis[i, :2] - back_m * facing, seat_m + LYING_PELVIS_M)
    t1 = t0 + seconds
    track.ease(track.lean, t0, t0 + 0.55 * seconds, 0.55 * facing)
    track.ease(track.spine[:, 0], t0, t0 + 0.55 * seconds, 0.3)
    track.ease(track.pelvis, t0 + 0.1, t1, seat)
    track.ease(track.lean, t1 - 0.25, t1 + 0.5, (-0.08 * facing[0], -0.08 * facing[1]))
    track.ease(track.spine[:, 0], t1 - 0.25, t1 + 0.5, 0.15)
    track.ease(track.hands, t0, t1 + 0.3, np.stack([[0.55, s * 0.0, -0.5] for s in LEFT_RIGHT]))
    track.ease(track.hang, t0, t1, 0.3)
    return t1 + 0.5


def rise(track: Track, t0: float, seconds: float = 1.1) -> float:
    """Stand up from a seat: lean over the feet, then straighten."""
    i = track.at(t0)
    facing = heading(track.yaw[i])
    above = track.feet[i, :, :2].mean(0)
    track.ease(track.lean, t0, t0 + 0.45 * seconds, 0.65 * facing)
    track.ease(track.spine[:, 0], t0, t0 + 0.45 * seconds, 0.4)
    track.ease(track.pelvis, t0 + 0.3 * seconds, t0 + seconds, np.append(above, track.build.standing_m))
    t1 = t0 + seconds
    track.ease(track.lean, t0 + 0.55 * seconds, t1, (0, 0))
    track.ease(track.spine[:, 0], t0 + 0.55 * seconds, t1, 0.08)
    track.ease(track.hands, t0 + 0.4 * seconds, t1, HANGING_HANDS)
    track.ease(track.hang, t0, t1, 0.6)
    track.ease(track.reach_mix, t0 + 0.4 * seconds, t1, 0.0)
    _release(track, t1)
    return t1


def lie_on_bed(track: Track, t0: float, bed: Support, seconds: float) -> float:
    """From sitting on a bed's side: legs up, trunk down on the elbow side, then onto the back."""
    i = track.at(t0)
    facing = heading(track.yaw[i])
    along = heading(bed.yaw)
    track.ease(track.reach, t0, t0 + 0.02, np.append(track.pelvis[i, :2] + 0.5 * along, bed.height_m + 0.05))
    near = int(facing[0] * along[1] - facing[1] * along[0] < 0)
    track.ease(track.reach_mix[:, near], t0, t0 + 0.3 * seconds, 1.0)
    middle = np.array(bed.centre) - 0.12 * along
    inward = np.append(0.5 * (track.pelvis[i, :2] + middle), bed.height_m + LYING_PELVIS_M)
    track.ease(track.pelvis, t0, t0 + 0.6 * seconds, inward)
    track.ease(track.lean, t0 + 0.1 * seconds, t0 + 0.75 * seconds, along * np.pi / 2)
    track.ease(track.spine, t0, t0 + 0.8 * seconds, (0.05, 0, 0))
    left = heading(track.yaw[i] + np.pi / 2)
    length = track.build.leg_m * 0.93
    lying = [np.append(middle - along * length + sign * 0.09 * left, bed.height_m + 0.08) for sign in LEFT_RIGHT]
    raised = np.stack(lying) + np.append(0.35 * along + 0.25 * facing, 0.22)
    track.ease(track.feet, t0 + 0.2 * seconds, t0 + 0.6 * seconds, raised)
    track.ease(track.feet, t0 + 0.6 * seconds, t0 + seconds, np.stack(lying))
    track.ease(track.reach_mix, t0 + 0.5 * seconds, t0 + 0.9 * seconds, 0.0)
    supine = nearest_turn(float(track.yaw[i]), float(np.arctan2(-along[1], -along[0])))
    track.ease(track.yaw, t0 + 0.5 * seconds, t0 + seconds, supine)
    track.ease(track.pelvis, t0 + 0.6 * seconds, t0 + seconds, np.append(middle, bed.height_m + LYING_PELVIS_M))
    track.ease(track.hands, t0 + 0.6 * seconds, t0 + seconds, np.stack([[0.2, -s * 0.05, -0.75] for s in LEFT_RIGHT]))
    track.ease(track.hang, t0 + 0.3 * seconds, t0 + 0.6 * seconds, 0.0)
    return t0 + seconds


def leave_bed(track: Track, t0: float, bed: Support, seconds: float) -> float:
    """From the back to sitting on the bed's free side, then stand."""
    along = heading(bed.yaw)
    facing = np.array((0.0, -1.0))
    left = heading(np.arctan2(facing[1], facing[0]) + np.pi / 2)
    edge = np.array((track.pelvis[track.at(t0), 0], bed.centre[1] - bed.half_size[1] + 0.26))
    floor = track.build.length(ANKLE_M)
    down = np.stack([np.append(edge + 0.42 * facing + sign * 0.12 * left, floor) for sign in LEFT_RIGHT])
    track.ease(track.reach, t0, t0 + 0.02, np.append(edge + 0.45 * along, bed.height_m + 0.05))
    near = int(facing[0] * along[1] - facing[1] * along[0] < 0)
    track.ease(track.reach_mix[:, near], t0 + 0.2 * seconds, t0 + 0.5 * seconds, 1.0)
    track.ease(track.yaw, t0, t0 + 0.5 * seconds, nearest_turn(float(track.yaw[track.at(t0)]), -np.pi / 2))
    track.ease(track.lean, t0 + 0.2 * seconds, t0 + seconds, (0, 0))
    track.ease(track.pelvis, t0, t0 + 0.8 * seconds, np.append(edge, bed.height_m + LYING_PELVIS_M))
    over = down + np.append(0.1 * along, bed.height_m)
    track.ease(track.feet, t0 + 0.1 * seconds, t0 + 0.55 * seconds, over)
    track.ease(track.feet, t0 + 0.55 * seconds, t0 + 0.95 * seconds, down)
    track.ease(track.reach_mix, t0 + 0.75 * seconds, t0 + seconds, 0.0)
    track.ease(track.hang, t0 + 0.5 * seconds, t0 + seconds, 0.4)
    return rise(track, t0 + seconds + 0.5)


def lie_on_floor(track: Track, t0: float, seconds: float) -> float:
    """Crouch, a hand to the floor, sit, then back down onto the elbows and the back."""
    i = track.at(t0)
    facing = heading(track.yaw[i])
    place = track.pelvis[i, :2].copy()
    side = int(track.rng.integers(2))
    left = heading(track.yaw[i] + np.pi / 2)
    t1, t2, t3 = t0 + 0.35 * seconds, t0 + 0.55 * seconds, t0 + seconds
    _plant(track, t0, 0.3, _standing_feet(track, i))
    behind = np.append(place - 0.5 * facing + LEFT_RIGHT[side] * 0.25 * left, 0.05)
    track.ease(track.reach, t0, t0 + 0.02, np.stack([behind, behind - np.append(2 * LEFT_RIGHT[side] * 0.25 * left, 0)]))
    track.ease(track.reach_mix[:, side], t0 + 0.1 * seconds, t1, 1.0)
    track.ease(track.lean, t0, t1, 0.55 * facing)
    track.ease(track.spine[:, 0], t0, t1, 0.5)
    track.ease(track.pelvis, t0, t1, np.append(place - 0.15 * facing, 0.38 * track.build.scale))
    track.ease(track.pelvis, t1, t2, np.append(place - 0.35 * facing, LYING_PELVIS_M))
    track.ease(track.lean, t1, t2, -0.35 * facing)
    track.ease(track.reach_mix, t1, t2, 1.0)
    stretched = np.stack([np.append(place + 0.42 * facing + sign * 0.12 * left, 0.08) for sign in LEFT_RIGHT])
    track.ease(track.feet, t2, t3, stretched)
    track.ease(track.lean, t2, t3, -np.pi / 2 * facing)
    track.ease(track.spine[:, 0], t2, t3, 0.04)
    track.ease(track.reach_mix, t2 + 0.5 * (t3 - t2), t3, 0.0)
    track.ease(track.hands, t2, t3, np.stack([[0.05, s * 0.25, -0.9] for s in LEFT_RIGHT]))
    track.ease(track.hang, t1, t2, 0.0)
    return t3


def rest(track: Track, t0: float, seconds: float) -> float:
    """Lie or sit still, with small moves of arms and head."""
    track.shake(track.hands, t0, t0 + seconds, 0.03, 0.7)
    track.shake(track.head, t0, t0 + seconds, 0.1, 0.8)
    return t0 + seconds


def get_up(track: Track, t0: float, seconds: float = 4.0) -> float:
    """From lying on the back or side on the floor: sit up on a hand, draw the feet in, stand."""
    i = track.at(t0)
    head_at = np.array(track.lean[i]) / max(float(np.linalg.norm(track.lean[i])), 1e-6)
    place = track.pelvis[i, :2].copy()
    yaw = nearest_turn(float(track.yaw[i]), float(np.arctan2(-head_at[1], -head_at[0])))
    facing = heading(yaw)
    left = heading(yaw + np.pi / 2)
    t1, t2 = t0 + 0.35 * seconds, t0 + 0.6 * seconds
    track.ease(track.yaw, t0, t1, yaw)
    track.ease(track.reach, t0, t0 + 0.02, np.stack([np.append(place - 0.25 * facing + s * 0.3 * left, 0.05) for s in LEFT_RIGHT]))
    track.ease(track.reach_mix, t0 + 0.1 * seconds, t1, 1.0)
    track.ease(track.lean, t0, t1, 0.1 * facing)
    track.ease(track.spine, t0, t1, (0.35, 0, 0))
    drawn = np.stack([np.append(place + 0.32 * facing + s * 0.12 * left, track.build.length(ANKLE_M)) for s in LEFT_RIGHT])
    track.ease(track.feet, t0, t2, drawn)
    track.ease(track.lean, t1, t2, 0.7 * facing)
    track.ease(track.pelvis, t1, t2 + 0.1 * seconds, np.append(place + 0.15 * facing, 0.42 * track.build.scale))
    return rise(track, t2, t0 + seconds - t2)


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


def fall(track: Track, t0: float, direction: FallDirection, push: float = 1.0) -> Fall:
    """Lose balance and fall under gravity; ends lying. `push` scales the speed that it starts with."""
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
    _falling_limbs(track, t0, impact_s, direction, toward)
    return Fall(t0, impact_s)


def _falling_limbs(track: Track, t0: float, impact_s: float, direction: str, toward: Array) -> None:
    """Arms that flail and reach, legs that give way, and what all of it does after the impact."""
    rng, i, end = track.rng, track.at(t0), track.at(impact_s)
    mid = t0 + 0.55 * (impact_s - t0)
    track.ease(track.swing, t0, t0 + 0.1, 0.0)
    track.ease(track.hang, t0, t0 + 0.2, 0.0)
    track.ease(track.reach_mix, t0, t0 + 0.15, 0.0)
    reach, lying = {
        "forward": ((0.75, 0.25, 0.45), (0.3, 0.45, 0.55)),
        "backward": ((0.45, 0.75, 0.1), (-0.1, 0.75, -0.35)),
    }.get(direction, ((0.5, 0.6, 0.1), (0.5, 0.2, 0.1)))
    mirrored = [np.stack([[v[0], s * v[1], v[2]] for s in LEFT_RIGHT]) for v in (reach, lying)]
    track.ease(track.hands, t0, mid, mirrored[0] + rng.normal(0, 0.12, (2, 3)))
    track.ease(track.hands, mid, impact_s + 0.3, mirrored[1] + rng.normal(0, 0.12, (2, 3)))
    track.shake(track.hands, t0, impact_s + 0.2, 0.22, 0.07)
    track.ease(track.spine, t0, mid, (0.45 if direction == "backward" else 0.2, rng.normal(0, 0.15), rng.normal(0, 0.2)))
    track.ease(track.spine, impact_s - 0.05, impact_s + 0.35, (0.03, rng.normal(0, 0.1), rng.normal(0, 0.15)))
    track.pulse(track.head[:, 0], impact_s - 0.05, 0.1, 0.4, 0.35 if direction == "backward" else -0.3)
    track.pulse(track.pelvis[:, 2], impact_s, 0.08, 0.14, rng.uniform(0.02, 0.06))
    left = np.array((-toward[1], toward[0]))
    pelvis = track.pelvis[end, :2]
    _plant(track, t0, 0.02, _standing_feet(track, i))
    slip = -0.25 if direction == "backward" else 0.0
    track.ease(track.feet[..., :2], t0, mid, track.feet[i, :, :2] + slip * toward)
    stretch = track.build.leg_m * rng.uniform(0.65, 0.95, 2)
    facing_sign = -1 if direction == "backward" else 1
    spots = [
        np.append(pelvis - stretch[k] * toward + facing_sign * sign * rng.uniform(0.08, 0.2) * left, 0.07)
        for k, sign in enumerate(LEFT_RIGHT)
    ]
    if direction in ("left", "right"):
        spots = [spot + np.append(heading(track.yaw[i]) * rng.uniform(0, 0.25), 0.03 * k) for k, spot in enumerate(spots)]
    track.ease(track.feet, mid, impact_s + 0.25, np.stack(spots))
    kick = 0.3 if direction == "backward" else 0.12
    for side in (0, 1):
        track.pulse(track.feet[:, side, 2], mid, impact_s - mid, 0.35, rng.uniform(0.3, 1) * kick)
