"""Rendered people are found by the pose network that the box carries: who stands, and who lies."""

from functools import cache

import numpy as np
import pytest

from edge.bundle import BUILTIN
from edge.frames.letterbox import fit, letterbox
from edge.inference.tflite import open_interpreter
from edge.people.decoding import decode
from trainer.synth.actions import ACTIONS
from trainer.synth.bodies.motion import HIP_POINTS, KEYPOINTS, SHOULDER_POINTS, of_skeleton
from trainer.synth.film import Grade, shoot
from trainer.synth.furnish import random_camera
from trainer.synth.timing import STEPS_HZ

SIZE_PX = (240, 320)
GRADE = Grade(fps=2.0, flicker=0, drift=0, blur_px=0.6, noise=2.0, exposure_s=0, jpeg_quality=None)
SEEDS = range(10)
FELL_S = 1.5
"""Before the end of a clip of a fall who fell lies."""
MOSTLY = 0.8
"""Of the keypoints are in the picture."""
NEAR = 0.15
"""Over the body's height: whose keypoints are further off, in the median, is somebody else."""


@cache
def scores(action: str) -> list[float]:
    """Of the only person, at some moments of some clips; 0 where the network finds nobody there."""
    interpreter = open_interpreter((BUILTIN / "pose.tflite").read_bytes())
    (name,) = interpreter.inputs
    found: list[float] = []
    for seed in SEEDS:
        rng = np.random.default_rng([seed, 5])
        script = ACTIONS[action](rng)
        del script.actors[1:]
        camera = random_camera(rng, script.room, SIZE_PX, script.target, script.radius_m)
        points = of_skeleton(script.actors[0].skeleton)[:, :KEYPOINTS]
        for number, frame in enumerate(shoot(script, camera, GRADE, seed)):
            if action == "fall" and number / GRADE.fps < script.seconds - FELL_S:
                continue
            body = points[int(number / GRADE.fps * STEPS_HZ)]
            screen = camera.project(body)
            inside = (screen[:, :2] > 0).all(1) & (screen[:, :2] < SIZE_PX[::-1]).all(1)
            if inside.mean() < MOSTLY:
                continue
            picture = np.ascontiguousarray(frame[..., ::-1])
            place = fit(picture, 256, 256)
            people = decode(interpreter.run({name: letterbox(picture, place)[np.newaxis]}), place)
            places = [person.keypoints[:, [1, 0]] * SIZE_PX[::-1] for person in people]
            tall_px = camera.focal_px * 1.7 / screen[HIP_POINTS, 2].mean()
            off = [float(np.median(np.linalg.norm(place - screen[:, :2], axis=1))) for place in places]
            found.append(max((p.score for p, px in zip(people, off, strict=True) if px < NEAR * tall_px), default=0.0))
            if action == "fall":
                assert body[SHOULDER_POINTS, 2].mean() < 0.5, "lies"
    return found


@pytest.mark.parametrize(("action", "least"), [("walk", 0.38), ("fall", 0.3)])
def test_the_shipped_network_finds_rendered_people(action: str, least: float) -> None:
    found = scores(action)
    assert len(found) >= 12
    assert np.median(found) > least
    assert np.mean(np.array(found) == 0) < 0.1
