"""What the pose network makes of bodies whose joints are known: rendered ones, over a few seconds each.

`python -m trainer.synth.bodies.measuring NETWORK[,NETWORK...] OUT.npz [CLIPS]` writes the raw observations that
`trainer.synth.bodies.errors` was fitted to, and prints their figures.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge.frames.letterbox import fit, letterbox
from edge.inference.tflite import Interpreter, open_interpreter
from edge.people.decoding import decode
from edge.types import Person, Pixels
from trainer.synth.bodies.errors import Truth
from trainer.synth.bodies.figures import as_observations, figures
from trainer.synth.bodies.motion import HIP_POINTS, Motion, at_steps, to_joints
from trainer.synth.bodies.rendering import Set, draw, random_figure, random_set
from trainer.synth.bodies.sequences import random_motion, truth
from trainer.synth.paint import Performer
from trainer.synth.timing import STEPS_HZ, Array

RATE_HZ: Final = 10.0
N_LOOKS: Final = 24
SIZES_PX: Final = ((240, 320), (240, 320), (216, 384), (320, 240))
BODY_SIZES: Final = (0.22, 0.95)
"""Of who stands, over the picture's height."""
SAME_M: Final = 0.35
"""Over the body's height: hips further apart are somebody else's."""


def measure(networks: Sequence[bytes], n_clips: int, seed: int) -> dict[str, NDArray[np.float64]]:
    """Observations of bodies in clips of `N_LOOKS` looks, by each network.

    Returns:
        places (n, N_LOOKS, 17, 2) and sizes (n, N_LOOKS) in picture heights, visible (n, N_LOOKS, 17), up and targets
        (n, N_LOOKS), boxes (n, N_LOOKS, 4), aspects (n,); and of each network k, NaN where it lost the body: seen_k
        (n, N_LOOKS, 17, 3) as y and x in picture heights and score, seen_boxes_k (n, N_LOOKS, 4), person_scores_k
        (n, N_LOOKS).
    """
    interpreters = [open_interpreter(network) for network in networks]
    clips = [_clip(np.random.default_rng([seed, number]), interpreters) for number in range(n_clips)]
    return {name: np.stack([clip[name] for clip in clips]) for name in clips[0]}


def clip_truth(rng: np.random.Generator, *, drawn: bool = True) -> tuple[Set, Array, Truth, NDArray[np.int8], float]:
    """A set, points of a body in it at `N_LOOKS` looks, what is so in its pictures, targets, and the body's height."""
    motion = random_motion(rng, "")
    points, targets = _window(rng, motion)
    height_px, width_px = SIZES_PX[rng.integers(len(SIZES_PX))]
    scene = random_set(rng, height_px, width_px, rng.uniform(*BODY_SIZES), drawn=drawn)
    points = points + scene.stage - np.append(np.median(points[:, HIP_POINTS].mean(1), 0)[:2], 0)
    return scene, points, truth(scene.camera, points, motion.height_m), targets, motion.height_m


def _clip(rng: np.random.Generator, interpreters: Sequence[Interpreter]) -> dict[str, NDArray[np.float64]]:
    scene, points, known, targets, height_m = clip_truth(rng)
    figure, colours = random_figure(rng, height_m)
    joints, faces = to_joints(points)
    found: dict[str, list[Array]] = {}
    for i in range(N_LOOKS):
        picture = draw(rng, scene, Performer(figure, colours, figure.posed(joints[i], faces[i])))
        for k, interpreter in enumerate(interpreters):
            person = _nearest(_people(interpreter, picture), known.places[i], known.sizes[i], known.aspect)
            for name, value in _seen(person, known.aspect).items():
                found.setdefault(f"{name}_{k}", []).append(value)
    return {
        **{name: values[0] for name, values in as_observations([known], {}).items()},
        "boxes": known.boxes,
        "targets": targets.astype(float),
        "aspects": np.array(known.aspect),
        **{name: np.stack(values) for name, values in found.items()},
    }


def _window(rng: np.random.Generator, motion: Motion) -> tuple[Array, NDArray[np.int8]]:
    last = len(motion.points) - 1
    begin = rng.uniform(0, max(last - N_LOOKS * STEPS_HZ / RATE_HZ, 1))
    steps = np.minimum(begin + np.arange(N_LOOKS) * STEPS_HZ / RATE_HZ, last)
    return at_steps(motion.points, steps), motion.targets[np.rint(steps).astype(int)]


def _people(interpreter: Interpreter, picture: Pixels) -> list[Person]:
    (name,) = interpreter.inputs
    place = fit(picture, *interpreter.inputs[name].shape[1:3])
    return decode(interpreter.run({name: letterbox(picture, place)[np.newaxis]}), place)


def _nearest(people: Sequence[Person], places: Array, size: float, aspect: float) -> Person | None:
    """Who lies where the body is, by the mean distance of keypoints."""
    unit = np.array([1, aspect])
    apart = [float(np.linalg.norm(person.keypoints[5:, :2] * unit - places[5:], axis=1).mean()) for person in people]
    if not apart or min(apart) > SAME_M * size:
        return None
    return people[int(np.argmin(apart))]


def _seen(person: Person | None, aspect: float) -> dict[str, Array]:
    if person is None:
        nothing = np.full((17, 3), np.nan)
        return {"seen": nothing, "seen_boxes": np.full(4, np.nan), "person_scores": np.array(np.nan)}
    keypoints = person.keypoints.astype(float) * np.array([1, aspect, 1])
    boxes = person.box.astype(float) * np.array([1, aspect, 1, aspect])
    return {"seen": keypoints, "seen_boxes": boxes, "person_scores": np.array(person.score)}


if __name__ == "__main__":
    files = sys.argv[1].split(",")
    observed = measure([Path(name).read_bytes() for name in files], int(sys.argv[3]) if sys.argv[3:] else 220, seed=1)
    np.savez_compressed(sys.argv[2], allow_pickle=False, **observed)
    for number, name in enumerate(files):
        print(name, figures(observed, number))
