"""Lying down slowly, lying, turning over and getting up: phases on a track, each returns when it is over."""

import numpy as np

from trainer.synth.body import ANKLE_M, LEFT_RIGHT, Array, Support
from trainer.synth.moves import LYING_PELVIS_M, heading, nearest_turn, plant, rise, standing_feet
from trainer.synth.track import Track


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
    track.ease(track.feet[..., 2], t0 + 0.1 * seconds, t0 + 0.4 * seconds, raised[:, 2])
    track.ease(track.feet[..., :2], t0 + 0.25 * seconds, t0 + 0.6 * seconds, raised[:, :2])
    track.ease(track.feet, t0 + 0.6 * seconds, t0 + seconds, np.stack(lying))
    track.ease(track.reach_mix, t0 + 0.5 * seconds, t0 + 0.9 * seconds, 0.0)
    supine = nearest_turn(float(track.yaw[i]), float(np.arctan2(-along[1], -along[0])))
    track.ease(track.yaw, t0 + 0.5 * seconds, t0 + seconds, supine)
    track.ease(track.pelvis, t0 + 0.6 * seconds, t0 + seconds, np.append(middle, bed.height_m + LYING_PELVIS_M))
    track.ease(track.hands, t0 + 0.6 * seconds, t0 + seconds, np.stack([[0.2, -s * 0.05, -0.75] for s in LEFT_RIGHT]))
    track.ease(track.hang, t0 + 0.3 * seconds, t0 + 0.6 * seconds, 0.0)
    return t0 + seconds


def lying_on_bed(track: Track, bed: Support) -> None:
    """Start on the back on a bed."""
    along = heading(bed.yaw)
    middle = np.array(bed.centre) - 0.12 * along
    track.pelvis[:] = np.append(middle, bed.height_m + LYING_PELVIS_M)
    track.lean[:] = along * np.pi / 2
    track.yaw[:] = np.arctan2(-along[1], -along[0])
    track.hands[:] = np.stack([[0.15, -s * 0.05, -0.75] for s in LEFT_RIGHT]) + track.rng.normal(0, 0.08, (2, 3))
    track.hang[:] = 0.0
    track.feet_mix[:] = 1.0
    track.feet[:] = _lying_feet(track, middle, along, bed.height_m)


def _lying_feet(track: Track, pelvis: Array, along: Array, height_m: float) -> Array:
    across = np.array((-along[1], along[0])) * 0.1
    stretch = track.build.leg_m * track.rng.uniform(0.75, 0.95, 2)
    places = [pelvis - stretch[side] * along - sign * across for side, sign in enumerate(LEFT_RIGHT)]
    return np.stack([np.append(place, height_m + 0.07) for place in places])


def turn_over(track: Track, t0: float, bed: Support, seconds: float) -> float:
    """Turn onto a side or back in bed, with a new place for arms and legs."""
    rng, i = track.rng, track.at(t0)
    along = heading(bed.yaw)
    supine = float(np.arctan2(-along[1], -along[0]))
    yaw = nearest_turn(float(track.yaw[i]), supine + rng.choice([-1.3, 0.0, 1.3]) + rng.normal(0, 0.1))
    track.ease(track.yaw, t0, t0 + seconds, yaw)
    track.ease(
        track.hands,
        t0,
        t0 + seconds,
        np.stack([[0.45, s * 0.1, -0.3] for s in LEFT_RIGHT]) + rng.normal(0, 0.15, (2, 3)),
    )
    track.ease(track.feet, t0 + 0.1, t0 + seconds, _lying_feet(track, track.pelvis[i, :2], along, bed.height_m))
    for side in (0, 1):
        track.pulse(track.feet[:, side, 2], t0, 0.5 * seconds, 0.5 * seconds, rng.uniform(0, 0.2))
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
    plant(track, t0, 0.3, standing_feet(track, i))
    behind = np.append(place - 0.5 * facing + LEFT_RIGHT[side] * 0.25 * left, 0.05)
    track.ease(
        track.reach, t0, t0 + 0.02, np.stack([behind, behind - np.append(2 * LEFT_RIGHT[side] * 0.25 * left, 0)])
    )
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
    track.ease(
        track.reach,
        t0,
        t0 + 0.02,
        np.stack([np.append(place - 0.25 * facing + s * 0.3 * left, 0.05) for s in LEFT_RIGHT]),
    )
    track.ease(track.reach_mix, t0 + 0.1 * seconds, t1, 1.0)
    track.ease(track.lean, t0, t1, 0.1 * facing)
    track.ease(track.spine, t0, t1, (0.35, 0, 0))
    drawn = np.stack(
        [np.append(place + 0.32 * facing + s * 0.12 * left, track.build.length(ANKLE_M)) for s in LEFT_RIGHT]
    )
    track.ease(track.feet, t0, t2, drawn)
    track.ease(track.lean, t1, t2, 0.7 * facing)
    track.ease(track.pelvis, t1, t2 + 0.1 * seconds, np.append(place + 0.15 * facing, 0.42 * track.build.scale))
    return rise(track, t2, t0 + seconds - t2)
