"""Falls of a body that a physics engine lets fall: pushed, tripped, fainting, slipping, off a chair or a bed.

What people do to protect themselves is in it by chance: arms reach for the floor or do not, joints are held stiffly or
go limp, steps come before, and some get up after. Without MuJoCo there are none.
"""

from typing import Final

import numpy as np

from trainer.features.poses import NEITHER, UNKNOWN
from trainer.synth.bodies.gaits import getting_up
from trainer.synth.bodies.motion import AFTER_REST_S, Motion, fall_targets, fall_times, is_lying, trunk_height
from trainer.synth.bodies.puppet import Puppet
from trainer.synth.bodies.ragdoll_model import JOINTS
from trainer.synth.bodies.ways_to_fall import FALLS, Fall
from trainer.synth.timing import STEPS_HZ, Array, minimum_jerk, smooth, wobble

FALLING_S: Final = 3.4
"""For so long the engine has the body; then it stays as it lies, or gets up."""
LOW: Final = 0.23
"""Over the body's height: the trunk's middle is lower at the end of a fall."""
TRIES: Final = 6


def ragdoll_fall(rng: np.random.Generator, group: str, height_m: float) -> Motion:
    """A fall that ends with the trunk down, of a kind by chance.

    Raises:
        ConfigurationError: MuJoCo is not installed.
    """
    names = list(FALLS)
    shares = np.array([share for share, _ in FALLS.values()])
    kind = names[rng.choice(len(names), p=shares / shares.sum())]
    for _ in range(TRIES):
        motion = let_fall(FALLS[kind][1](rng, height_m), rng, group)
        if motion is not None:
            return motion
    return ragdoll_fall(rng, group, height_m)


def let_fall(fall: Fall, rng: np.random.Generator, group: str) -> Motion | None:
    """Let it fall; None where it did not, or the engine lost it."""
    puppet = fall.puppet
    points = []
    before = puppet.positions
    for pose in fall.before:
        before = puppet.positions
        points.append(puppet.put(pose, fall.grounded))
    puppet.let_go(before, 1 / STEPS_HZ)
    released = len(points)
    points += _falling(fall, rng)
    low = LOW * puppet.height_m
    path = np.stack(points)
    if not np.isfinite(path).all() or trunk_height(path[-1:])[0] > low or np.abs(path[..., 2]).max() > 3:
        return None
    start, rest = fall_times(path, released)
    path, up = _after(puppet, rng, path)
    lying = is_lying(path, puppet.height_m, fall.supports)
    targets = fall_targets(path, start, rest, lying)
    ended = rest + round(AFTER_REST_S * STEPS_HZ)
    unclear = (targets == NEITHER) & (np.arange(len(targets)) > ended) & (np.arange(len(targets)) < up)
    targets[unclear] = UNKNOWN  # down, but on its side against something, or sitting
    return Motion(path, targets, fall.kind, group, puppet.height_m, fall.blocks)


def _falling(fall: Fall, rng: np.random.Generator) -> list[Array]:
    """Points while the engine has the body."""
    puppet, release = fall.puppet, fall.release
    now = puppet.pose().joints
    strong = np.ones(len(JOINTS))
    n = round(FALLING_S * STEPS_HZ)
    restless = wobble(rng, (n, len(JOINTS)), 0.4) * rng.choice([0.0, 0.05, 0.25])
    found = []
    for step in range(n):
        t = step / STEPS_HZ
        kept = np.exp(-t / release.decay_s)
        share = float(minimum_jerk(np.array([(t - release.reaction_s) / 0.25]))[0])
        puppet.hold(
            kept * strong + (1 - kept) * release.stiffness, (1 - share) * now + share * release.targets + restless[step]
        )
        for part, newtons, begin_s, end_s in release.pushes:
            puppet.push(part, newtons if begin_s <= t < end_s else np.zeros(3))
        found.append(puppet.step())
    return found


def _after(puppet: Puppet, rng: np.random.Generator, path: Array) -> tuple[Array, int]:
    """The path with what follows it, and where getting up begins."""
    n = round(rng.uniform(AFTER_REST_S + 0.2, 7) * STEPS_HZ)
    still = path[-1] + rng.choice([0.003, 0.012]) * wobble(rng, (n, *path.shape[1:]), 0.5)
    still += (path[-1] - still[0]) * np.linspace(1, 0, n)[:, np.newaxis, np.newaxis]
    path = np.concatenate([path, still])
    up = len(path)
    if rng.random() < 0.35:
        rising = np.stack([puppet.put(pose) for pose in getting_up(puppet, rng)])
        rising[:, :, 2] += (path[-1, :, 2] - rising[0, :, 2]) * np.linspace(1, 0, len(rising))[:, np.newaxis] ** 4
        path = np.concatenate([path, smooth(rising, 0.05)])
        path = np.concatenate([path, np.repeat(path[-1:], round(rng.uniform(0.3, 3) * STEPS_HZ), 0)])
    return path, up
