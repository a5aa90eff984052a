"""Motions from animations made by hand, of a folder that may be absent: CC0, glTF, a person of 1.83 m."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np

from trainer.features.poses import LYING, NEITHER
from trainer.synth.bodies.gltf import Figure, read_figure
from trainer.synth.bodies.motion import (
    ANKLE_POINTS,
    HIP_POINTS,
    Motion,
    fall_targets,
    fall_times,
    head_points,
    is_lying,
    joined,
    scaled,
    turned_about,
)
from trainer.synth.timing import STEPS_HZ, Array

FILES: Final = ("human-base-animations.glb", "human-addon-animations.glb")
MOTION_ENV: Final = "EDGEWATCH_MOTION"
BESIDE_CHECKOUT: Final = Path(__file__).resolve().parents[4] / "shared" / "motion"
FIGURE_M: Final = 1.83
HEAD_UP_M: Final = 0.1
"""From the head's joint to the middle of the head."""
NODES: Final = (
    ("DEF-head", "DEF-upper_arm.", "DEF-forearm.", "DEF-hand.", "DEF-thigh.", "DEF-shin.", "DEF-foot.",
     "DEF-f_middle.03.", "DEF-toe."),
    ("head", "upperarm_", "lowerarm_", "hand_", "thigh_", "calf_", "foot_", "middle_03_", "ball_"),
)  # fmt: skip
"""In each file: the head, and the parts of each side."""
SIDES: Final = (("L", "R"), ("l", "r"))


@dataclass(frozen=True, slots=True)
class Animation:
    """Points of one animation, and how fast it would go forward if it did not stay on the spot."""

    points: Array  # (n_steps, N_POINTS, 3)
    forward_m_s: float


def figure_points(figure: Figure, worlds: Array) -> Array:
    """As `motion` orders them, of matrices (n_steps, n_nodes, 4, 4): (n_steps, N_POINTS, 3)."""
    which = 0 if NODES[0][0] in figure.names else 1
    names, sides = NODES[which], SIDES[which]
    head = worlds[:, figure.names.index(names[0])]
    up, face, origin = head[:, :3, 1], head[:, :3, 2], head[:, :3, 3]
    of_head = head_points(origin + HEAD_UP_M * up, face, up, FIGURE_M)
    rest = [worlds[:, figure.names.index(name + side), :3, 3] for name in names[1:] for side in sides]
    return np.concatenate([of_head[:, :5], np.stack(rest[:12], 1), of_head[:, 5:], np.stack(rest[12:], 1)], 1)


def motion_folder() -> Path:
    """Where animations lie: `EDGEWATCH_MOTION`, or `../shared/motion` beside the checkout."""
    return Path(os.environ.get(MOTION_ENV) or BESIDE_CHECKOUT)


@cache
def animations(folder: Path) -> Mapping[str, Animation]:
    """All animations of a folder by name; none where it is absent.

    Raises:
        DatasetError: a file cannot be read.
    """
    found: dict[str, Animation] = {}
    for file in FILES:
        if (folder / file).is_file():
            figure = read_figure(folder / file)
            for name in figure.animations:
                points = figure_points(figure, figure.worlds(name))
                found[name] = Animation(points, _forward_m_s(points))
    return found


def _forward_m_s(points: Array) -> float:
    """How fast the feet that stand go backward; 0 of who stays. The figure looks along -y."""
    if len(points) < 3:
        return 0.0
    speeds = np.gradient(points[:, ANKLE_POINTS, 1], axis=0) * STEPS_HZ  # (n, 2)
    low = points[:, ANKLE_POINTS, 2].argmin(1)
    return float(max(np.median(speeds[np.arange(len(points)), low]), 0.0))


class Player:
    """Plays animations one after the other."""

    def __init__(self, rng: np.random.Generator, known: Mapping[str, Animation]) -> None:
        self.rng, self.known = rng, known
        self.parts: list[Array] = []

    def play(
        self, name: str, *, times: int = 1, slowness: float = 1.0, moving: bool = False, backwards: bool = False
    ) -> None:
        """Add an animation, repeated, slower or faster, going forward or on the spot."""
        animation = self.known[name]
        points = np.concatenate([animation.points, *[animation.points[1:]] * (times - 1)])
        if backwards:
            points = points[::-1]
        n = max(round((len(points) - 1) * slowness) + 1, 2)
        steps = np.linspace(0, len(points) - 1, n)
        before = np.minimum(steps.astype(int), len(points) - 2)
        share = (steps - before)[:, np.newaxis, np.newaxis]
        points = (1 - share) * points[before] + share * points[before + 1]
        if moving:
            points[..., 1] -= (animation.forward_m_s / slowness * np.arange(n) / STEPS_HZ)[:, np.newaxis]
        self.parts.append(points)

    def hold(self, seconds: float) -> None:
        """Stay in the last pose."""
        self.parts.append(np.repeat(self.parts[-1][-1:], max(round(seconds * STEPS_HZ), 2), 0))

    def loop(self, name: str, seconds: float, moving: bool = False) -> None:
        """An animation over and over."""
        slowness = self.rng.uniform(0.8, 1.25)
        length = len(self.known[name].points) / STEPS_HZ * slowness
        self.play(name, times=max(round(seconds / length), 1), slowness=slowness, moving=moving)


STANDING: Final = ("Idle_Loop", "Idle_Talking_Loop", "Idle_Torch_Loop", "Idle Listening")
MOVING: Final = ("Walk_Loop", "Walk_Formal_Loop", "Jog_Fwd_Loop", "Sprint_Loop", "Crouch_Fwd_Loop")
LIVELY: Final = (
    "Dance_Loop", "Dance Body Roll", "Dance Charleston", "Dance Reach Hip", "Jumping Jacks", "Punch_Jab", "Punch_Cross",
    "Fighting Idle", "Fighting Left Jab", "Fighting Right Jab", "Push_Loop", "Sword_Attack", "Spell_Simple_Shoot",
    "Throw Object", "Victory", "Victory Fist Pump", "Angry", "Reject", "Greeting", "Head Nod", "Shivering", "Defend",
    "Two-hand Blast", "Power Up", "Interact", "PickUp_Table", "Pistol_Reload",
)  # fmt: skip
LOW: Final = ("Crouch_Idle_Loop", "Kneeling Tired", "Tired Hunched", "Meditate")
UNSTEADY: Final = ("Dizzy", "Confused", "Hit_Chest", "Hit_Head", "Bow")


def _falls(player: Player) -> str:
    rng = player.rng
    if rng.random() < 0.6:
        player.loop(str(rng.choice(MOVING[:3])), rng.uniform(1, 4), moving=True)
    else:
        player.loop(str(rng.choice(STANDING)), rng.uniform(1, 4))
    if rng.random() < 0.3:
        player.play(str(rng.choice(["Dizzy", "Hit_Head", "Hit_Chest"])))
    player.play("Death01", slowness=rng.uniform(0.75, 1.2))
    player.hold(rng.uniform(1.5, 7))
    if rng.random() < 0.25:
        player.play("Death01", slowness=rng.uniform(1.5, 2.5), backwards=True)
        player.loop(str(rng.choice(STANDING)), rng.uniform(0.5, 2))
    return "falls"


def _sits(player: Player) -> str:
    rng = player.rng
    hard = rng.random() < 0.5
    player.loop(str(rng.choice(STANDING)), rng.uniform(0.8, 3))
    player.play("Sitting_Enter", slowness=rng.uniform(0.35, 0.6) if hard else rng.uniform(0.8, 1.6))
    player.loop(str(rng.choice(["Sitting_Idle_Loop", "Sitting_Talking_Loop"])), rng.uniform(1.5, 6))
    if rng.random() < 0.6:
        player.play("Sitting_Exit", slowness=rng.uniform(0.8, 1.6))
        player.loop(str(rng.choice(STANDING)), rng.uniform(0.8, 2))
    return "sits down hard" if hard else "sits down"


def _repeats(names: Sequence[str], kind: str, moving: bool = False) -> Callable[[Player], str]:
    def play(player: Player) -> str:
        rng = player.rng
        if rng.random() < 0.4:
            player.loop(str(rng.choice(STANDING)), rng.uniform(0.5, 2))
        for _ in range(rng.integers(1, 4)):
            player.loop(str(rng.choice(names)), rng.uniform(2, 6), moving)
        if rng.random() < 0.3:
            player.loop(str(rng.choice(STANDING)), rng.uniform(0.5, 2))
        return kind

    return play


def _kneels(player: Player) -> str:
    player.loop("Idle_Loop", player.rng.uniform(0.5, 2))
    player.play("Fixing_Kneeling", slowness=player.rng.uniform(0.8, 1.4))
    player.loop("Idle_Loop", player.rng.uniform(0.5, 2))
    return "kneels"


def _jumps(player: Player) -> str:
    for _ in range(player.rng.integers(1, 4)):
        player.loop("Idle_Loop", player.rng.uniform(0.4, 1.5))
        if player.rng.random() < 0.3:
            player.play("Backflip")
        else:
            player.play("Jump_Start")
            player.play("Jump_Land")
    player.loop("Idle_Loop", player.rng.uniform(0.5, 2))
    return "jumps"


ACTS: Final[dict[str, tuple[float, Callable[[Player], str]]]] = {
    "falls": (0.15, _falls),
    "sits": (0.2, _sits),
    "moves": (0.14, _repeats(MOVING, "walks", moving=True)),
    "stands": (0.05, _repeats(STANDING, "stands")),
    "lively": (0.12, _repeats(LIVELY, "lively")),
    "low": (0.06, _repeats(LOW, "kneels")),
    "kneels": (0.07, _kneels),
    "unsteady": (0.06, _repeats(UNSTEADY, "unsteady")),
    "jumps": (0.05, _jumps),
    "crawls": (0.04, _repeats(("Crawl",), "crawls", moving=True)),
    "push-ups": (0.03, _repeats(("Pushup",), "push-ups")),
    "lies": (0.03, _repeats(("Sleeping",), "lies")),
}
MAY_LIE: Final = ("falls", "lies")


def animated(rng: np.random.Generator, known: Mapping[str, Animation], group: str, height_m: float) -> Motion:
    """Something by chance out of animations that follow each other."""
    names = list(ACTS)
    shares = np.array([share for share, _ in ACTS.values()])
    player = Player(rng, known)
    kind = ACTS[names[rng.choice(len(names), p=shares / shares.sum())]][1](player)
    path = scaled(joined(player.parts), height_m / FIGURE_M, rng.uniform(0.92, 1.08))
    path = turned_about(path, rng.uniform(-np.pi, np.pi))
    lying = is_lying(path, height_m) if kind in MAY_LIE else np.zeros(len(path), bool)
    if kind != "falls":
        return Motion(path, np.where(lying, LYING, NEITHER).astype(np.int8), kind, group, height_m)
    begun = sum(len(part) for part in player.parts[: _place_of_fall(player)])
    start, rest = fall_times(path, max(begun - round(0.3 * STEPS_HZ), 0))
    return Motion(path, fall_targets(path, start, rest, lying), kind, group, height_m)


def _place_of_fall(player: Player) -> int:
    """Which part is the fall: the first whose hips end low."""
    low = [part[-1, HIP_POINTS, 2].mean() < 0.3 for part in player.parts]
    return low.index(True)
