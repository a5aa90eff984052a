"""What a puppet does before and after a fall, pose by pose: walking, staggering, sitting, getting up."""

import itertools
from collections.abc import Sequence
from typing import Final

import numpy as np

from trainer.synth.bodies.puppet import INDEX, Pose, Puppet, angles, between, turned
from trainer.synth.timing import STEPS_HZ, Array, minimum_jerk

LEG_SHARE: Final = 0.53
"""Of the body's height."""
STANDING: Final = angles(hip_bend=4, knee=6, shoulder_spread=7, elbow=14, waist_bend=3)
SEATED: Final = angles(hip_bend=82, knee=82, shoulder_bend=28, elbow=40, waist_bend=8)
ALL_FOURS: Final = angles(hip_bend=88, knee=88, ankle_bend=-35, shoulder_bend=88, elbow=6, neck_bend=-15)
KNEELING: Final = angles(hip_bend=12, knee=95, ankle_bend=-35, elbow=20, waist_bend=15)
HALF_KNEELING: Final = angles(
    left_hip_bend=92,
    left_knee=92,
    right_hip_bend=5,
    right_knee=95,
    right_ankle_bend=-35,
    waist_bend=25,
    shoulder_bend=35,
    elbow=35,
)
SITTING_UP: Final = angles(hip_bend=78, knee=35, waist_bend=20, shoulder_bend=-25, shoulder_spread=15, elbow=10)
CROUCHING: Final = angles(hip_bend=100, knee=120, ankle_bend=22, waist_bend=25, shoulder_bend=40, elbow=25)


def gait(phase: float, swing_rad: float, stoop_rad: float, arms: float = 1.0) -> Array:
    """Joints of who walks, at a phase of the stride."""
    joints = angles(hip_bend=4, shoulder_spread=6, elbow=18)
    joints[INDEX["waist_bend"]] += stoop_rad
    for side, shift in (("left", 0.0), ("right", np.pi)):
        sine, cosine = np.sin(phase + shift), np.cos(phase + shift)
        joints[INDEX[f"{side}_hip_bend"]] += swing_rad * sine
        joints[INDEX[f"{side}_knee"]] += 0.12 + 2.1 * swing_rad * max(cosine, 0) ** 1.5
        joints[INDEX[f"{side}_shoulder_bend"]] -= 0.8 * arms * swing_rad * sine
        joints[INDEX[f"{side}_elbow"]] += 0.3 * arms * max(-sine, 0)
    return joints


def walking(
    puppet: Puppet, rng: np.random.Generator, place: Array, yaw: float, speeds_leans: tuple[Array, Array]
) -> list[Pose]:
    """Poses of who walks, staggers or stands, along `yaw`.

    Speeds (n,) in m/s, which may be 0 or less, and leans forward (n,) in rad.
    """
    swing = rng.uniform(0.2, 0.5)
    stoop, arms, phase = rng.uniform(0.0, 0.25), rng.uniform(0.2, 1.2), rng.uniform(0, 2 * np.pi)
    stride_m = 4 * LEG_SHARE * puppet.height_m * np.sin(swing)
    sway, side = rng.uniform(0.0, 0.03), 0.0
    place = np.array([*place[:2], puppet.hip_up_m])
    poses = []
    for speed, lean in zip(*speeds_leans, strict=True):
        share = min(abs(speed) / 0.4, 1)
        side += sway * rng.normal()
        heading = yaw + 0.3 * np.sin(side)
        place = place + np.array([np.cos(heading), np.sin(heading), 0]) * speed / STEPS_HZ
        phase += 2 * np.pi * speed / (stride_m * STEPS_HZ)
        joints = share * gait(phase, swing, stoop, arms) + (1 - share) * STANDING
        poses.append(Pose(place, turned(heading, lean), joints))
    return poses


def through(keys: Sequence[tuple[Pose, float]]) -> list[Pose]:
    """Poses from key to key; a key's time is how long it takes to come to it."""
    poses = [keys[0][0]]
    for (first, _), (second, seconds) in itertools.pairwise(keys):
        n = max(round(seconds * STEPS_HZ), 1)
        poses += [between(first, second, float(share)) for share in minimum_jerk(np.arange(1, n + 1) / n)]
    return poses


def getting_up(puppet: Puppet, rng: np.random.Generator) -> list[Pose]:
    """From how it lies now, over hands and knees or over sitting, to standing; some stay on the way."""
    now = puppet.pose()
    points = puppet.points()
    ahead = points[[5, 6], :2].mean(0) - points[[11, 12], :2].mean(0)
    yaw = float(np.arctan2(ahead[1], ahead[0]))
    h, slowness = puppet.height_m, rng.uniform(0.7, 1.6)
    place = now.place
    keys = [(now, 0.0)]
    if rng.random() < 0.35:  # over sitting: the face away from where the head lay
        yaw += np.pi
        keys.append((Pose(place, turned(yaw, -0.35), SITTING_UP), 1.6 * slowness))
        keys.append((Pose(place, turned(yaw, 0.3), CROUCHING), 1.4 * slowness))
    else:
        keys.append((Pose(place, turned(yaw, np.pi / 2 - 0.1), ALL_FOURS), 1.8 * slowness))
        if rng.random() < 0.7:
            keys.append((Pose(place, turned(yaw, 0.1), KNEELING), 0.9 * slowness))
        ahead_m = 0.1 * h * np.array([np.cos(yaw), np.sin(yaw), 0.0])
        keys.append((Pose(place + ahead_m, turned(yaw, 0.2), HALF_KNEELING), 0.9 * slowness))
    if rng.random() < 0.85:
        keys.append((Pose(keys[-1][0].place, turned(yaw), STANDING), 1.2 * slowness))
    return through(keys)
