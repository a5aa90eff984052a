"""What one person does on their feet or on a seat: phases on a track.

Each starts at a time and returns the time at which it is over.
"""

from itertools import pairwise

import numpy as np

from trainer.synth.body import ANKLE_M, HIP_HALF_WIDTH_M, LEFT_RIGHT, Array
from trainer.synth.timing import STEPS_HZ, smooth, wobble
from trainer.synth.track import HANGING_HANDS, WALKING_M_S, Track

LYING_PELVIS_M = 0.13
"""Height of the pelvis above what somebody sits or lies on."""


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
    legs = [float(np.linalg.norm(b - a)) for a, b in pairwise(corners)]
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
    speed = np.linalg.norm(velocity, axis=1)
    moving = speed > 0.2 * speed.max()
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


PLANTING_S = 0.15


def plant(track: Track, t0: float, seconds: float, feet: Array) -> None:
    """Take the feet over from the stepping, towards given ankles (2, 3)."""
    i = track.at(t0)
    if track.feet_mix[i].max() == 0:
        track.feet[i:] = standing_feet(track, i)
        track.ease(track.feet_mix, t0, t0 + PLANTING_S, 1.0)
    track.ease(track.feet, t0, t0 + seconds, feet)


def standing_feet(track: Track, i: int) -> Array:
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
    plant(track, t0, 0.3, standing_feet(track, i))
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
