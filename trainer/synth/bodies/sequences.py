"""Bodies in motion seen through virtual cameras: what the person head learns from beside real clips.

Nothing that is generated is ever reported as accuracy.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge.people.decoding import MOST_PEOPLE
from trainer.features.poses import FALLING, UNKNOWN, PoseSequence
from trainer.synth.bodies.acts import act
from trainer.synth.bodies.animations import animated, animations, motion_folder
from trainer.synth.bodies.cameras import NEAR_M, Camera, random_blocks, random_camera
from trainer.synth.bodies.errors import Truth, observe
from trainer.synth.bodies.motion import (
    HIP_POINTS,
    KEYPOINTS,
    N_POINTS,
    SHOULDER_POINTS,
    Block,
    Motion,
    at_steps,
    mirrored,
    stretched,
)
from trainer.synth.bodies.ragdolls import ragdoll_fall
from trainer.synth.timing import STEPS_HZ, Array

ANIMATED_SHARE: Final = 0.25
"""Of motions, where there are animations."""
FALL_SHARE: Final = 0.5
"""Of the others; animations are falls more rarely, and lies, crawls and stumbles are no falls."""
VIEWS: Final = 5
"""Sequences of one motion: each through another camera, mirrored or not, faster or slower."""
LENGTHS_S: Final = (4.0, 15.0)
RATES_HZ: Final = (3.0, 30.0)
USUAL_RATE_HZ: Final = 10.0
USUAL_RATE_SHARE: Final = 0.5
MISSED_SHARE: Final = 0.02
"""Of looks."""
SLOWNESS: Final = {True: (0.92, 1.1), False: (0.75, 1.4)}
"""Of falls, which gravity rules, and of the rest."""
COMPANY_SHARE: Final = 0.25
COMPANY_SHARES: Final = (0.6, 0.25, 0.15)
"""One, two or three others."""
BODY_WIDTH: Final = 0.7
"""Of its box, what a body hides of those behind it."""
CAMERA_TRIES: Final = 8
SEEN_SHARE: Final = 0.6
"""Of keypoints, while it matters: a camera that sees less is turned away from."""
CHILD_SHARE: Final = 0.15
FLESH: Final = np.array([
    *[0.055] * 5, *[0.05] * 2, *[0.03] * 2, *[0.025] * 2, *[0.07] * 2, *[0.045] * 2, *[0.03] * 2,
    0.02, *[0.02] * 2, *[0.02] * 2,
])  # fmt: skip
"""How far the body reaches beyond each point, over its height."""


def virtual_sequences(seed: int, n: int, report: Callable[[str], object] = lambda _: None) -> list[PoseSequence]:
    """Bodies that fall, and as many that do what looks like it, through virtual cameras.

    Args:
        seed: the same one makes the same sequences.
        n: how many.
        report: takes each line of what is to be known: which sources of motion are absent.

    Raises:
        ConfigurationError: MuJoCo is not installed.
    """
    if not animations(motion_folder()):
        report(f"{motion_folder()}: no animations there: bodies are made without them")
    found: list[PoseSequence] = []
    for number in range(-(-n // VIEWS)):
        rng = np.random.default_rng([seed, number])
        motion = random_motion(rng, f"virtual-{seed}-{number}")
        found += [_seen(rng, motion) for _ in range(VIEWS)]
    return found[:n]


def random_motion(rng: np.random.Generator, group: str) -> Motion:
    """What some body does: an animation, where there are any, a fall, or something else.

    Raises:
        ConfigurationError: MuJoCo is not installed.
    """
    known = animations(motion_folder())
    if known and rng.random() < ANIMATED_SHARE:
        return animated(rng, known, group, _height_m(rng, CHILD_SHARE))
    if rng.random() < FALL_SHARE:
        return ragdoll_fall(rng, group, _height_m(rng, CHILD_SHARE / 3))
    return act(rng, group, _height_m(rng, CHILD_SHARE))


def _height_m(rng: np.random.Generator, child_share: float) -> float:
    return rng.uniform(0.95, 1.5) if rng.random() < child_share else float(np.clip(rng.normal(1.69, 0.1), 1.45, 1.98))


def _seen(rng: np.random.Generator, motion: Motion) -> PoseSequence:
    """One motion through one camera."""
    falls = bool((motion.targets == FALLING).any())
    motion = stretched(motion, rng.uniform(*SLOWNESS[falls]))
    if rng.random() < 0.5:
        motion = mirrored(motion)
    motion = _cut(rng, motion)
    times_s = _times_s(rng, motion.seconds)
    steps = times_s * STEPS_HZ
    points = at_steps(motion.points, steps)
    targets = motion.targets[np.rint(steps).astype(int)].copy()
    camera, blocks = _camera(rng, motion, points, targets)
    truths = [truth(camera, points, motion.height_m, blocks)]
    if rng.random() < COMPANY_SHARE:
        others = int(rng.choice(len(COMPANY_SHARES), p=COMPANY_SHARES)) + 1
        truths += [_company(rng, camera, blocks, points, times_s) for _ in range(others)]
    bodies = [observe(rng, one, times_s) for one in before_each_other(truths)]
    people = tuple(
        tuple(person for body in bodies if (person := body[i]) is not None)[:MOST_PEOPLE] for i in range(len(times_s))
    )
    lost = np.array([person is None for person in bodies[0]])
    targets[lost] = UNKNOWN
    return PoseSequence(times_s, people, camera.aspect, targets, motion.kind, motion.group)


def _cut(rng: np.random.Generator, motion: Motion) -> Motion:
    """A part of the motion; of a fall, the part with the fall in it."""
    seconds = rng.uniform(*LENGTHS_S)
    n = round(seconds * STEPS_HZ)
    spare = len(motion.points) - n
    if spare <= 0:
        return motion
    falling = np.flatnonzero(motion.targets == FALLING)
    if len(falling):
        low = max(0, int(falling[0]) - n + round(1.5 * STEPS_HZ))
        high = max(low, min(spare, int(falling[0]) - round(0.5 * STEPS_HZ)))
    else:
        low, high = 0, spare
    begin = int(rng.integers(low, high + 1))
    part = slice(begin, begin + n)
    return Motion(motion.points[part], motion.targets[part], motion.kind, motion.group, motion.height_m, motion.blocks)


def _times_s(rng: np.random.Generator, seconds: float) -> NDArray[np.float64]:
    """Times of looks within a motion: a camera's and a box's, not a clock's."""
    rate = USUAL_RATE_HZ if rng.random() < USUAL_RATE_SHARE else float(np.exp(rng.uniform(*np.log(RATES_HZ))))
    n = int(seconds * rate)
    times = (np.arange(n, dtype=np.float64) + rng.uniform(0, 0.9)) / rate
    times = times + rng.uniform(0, 0.25, n) / rate * rng.random()
    return np.asarray(times[(rng.random(n) >= MISSED_SHARE) & (times < seconds)], np.float64)


def _camera(
    rng: np.random.Generator, motion: Motion, points: Array, targets: NDArray[np.int8]
) -> tuple[Camera, tuple[Block, ...]]:
    """The first of some cameras that sees enough, or the best, and what stands before it."""
    matters = points[targets == FALLING] if (targets == FALLING).any() else points
    best, most = None, -1.0
    for _ in range(CAMERA_TRIES):
        camera = random_camera(rng, matters, motion.height_m)
        blocks = (*motion.blocks, *random_blocks(rng, camera, np.median(matters[:, HIP_POINTS].mean(1), 0)))
        share = float(_visible(camera, matters[::3, :KEYPOINTS], blocks).mean())
        if share > most:
            best, most = (camera, blocks), share
        if share >= SEEN_SHARE:
            break
    assert best is not None
    return best


def _visible(camera: Camera, points: Array, blocks: Sequence[Block]) -> NDArray[np.bool_]:
    places, depth = camera.project(points)
    inside = (places > 0).all(-1) & (places < [1.0, camera.aspect]).all(-1) & (depth > NEAR_M)
    return inside & ~camera.hidden(points, blocks)


def truth(camera: Camera, points: Array, height_m: float, blocks: Sequence[Block] = ()) -> Truth:
    """What is so in a camera's pictures of a body, (n, N_POINTS, 3)."""
    places, depth = camera.project(points)
    flesh = height_m * FLESH * camera.focal / np.maximum(depth, NEAR_M)  # (n, N_POINTS)
    low, high = (places - flesh[..., np.newaxis]).min(1), (places + flesh[..., np.newaxis]).max(1)
    hips, shoulders = points[:, HIP_POINTS].mean(1), points[:, SHOULDER_POINTS].mean(1)
    trunk = shoulders - hips
    up = trunk[:, 2] / np.maximum(np.linalg.norm(trunk, axis=1), 1e-6)
    assert points.shape[1] == N_POINTS
    return Truth(
        places=places[:, :KEYPOINTS],
        visible=_visible(camera, points[:, :KEYPOINTS], blocks),
        boxes=np.concatenate([low, high], 1),
        sizes=height_m * camera.focal / np.maximum(depth[:, HIP_POINTS].mean(1), NEAR_M),
        up=up,
        depths=depth[:, HIP_POINTS].mean(1),
        aspect=camera.aspect,
    )


def _company(rng: np.random.Generator, camera: Camera, blocks: Sequence[Block], points: Array, times_s: Array) -> Truth:
    """Somebody else in the room."""
    other = act(rng, "", _height_m(rng, CHILD_SHARE))
    steps = np.minimum(times_s * STEPS_HZ, len(other.points) - 1.0)
    path = at_steps(other.points, steps)
    centre = np.median(points[:, HIP_POINTS].mean(1), 0)[:2]
    shift = centre + rng.uniform(0.8, 2.5) * np.array([np.cos(angle := rng.uniform(-np.pi, np.pi)), np.sin(angle)])
    path = path + np.append(shift - np.median(path[:, HIP_POINTS].mean(1), 0)[:2], 0.0)
    return truth(camera, path, other.height_m, blocks)


def before_each_other(truths: Sequence[Truth]) -> list[Truth]:
    """Bodies in one picture, of which the nearer ones hide the others' keypoints."""
    found = []
    for one in truths:
        visible = one.visible.copy()
        for other in truths:
            if other is not one:
                middles, halves = (
                    (other.boxes[:, :2] + other.boxes[:, 2:]) / 2,
                    (other.boxes[:, 2:] - other.boxes[:, :2]) / 2,
                )
                offset = np.abs(one.places - middles[:, np.newaxis])
                inside = (offset < BODY_WIDTH * halves[:, np.newaxis]).all(-1)
                nearer = (other.depths > NEAR_M) & (other.depths < one.depths)
                visible &= ~(inside & nearer[:, np.newaxis])
        found.append(replace(one, visible=visible))
    return found
