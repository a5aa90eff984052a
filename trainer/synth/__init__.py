"""Rendered, labelled clips of people: synthetic, and called so wherever they appear. Needs only numpy and OpenCV.

They serve the tests, the demo, and as extra training clips beside real ones. No accuracy is ever claimed on them.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from edge.errors import DatasetError
from trainer.clips.labels import EVENT_LABELS, NORMAL
from trainer.clips.manifest import Clip, Segment, write_manifest
from trainer.files import write_atomically
from trainer.synth.actions import ACTIONS
from trainer.synth.film import Grade, random_grade, shoot, write_video
from trainer.synth.furnish import overhead_camera, random_camera
from trainer.synth.room import Camera
from trainer.synth.scenes import SCENE_FPS, SCENE_SIZE_PX, scene
from trainer.synth.script import Script
from trainer.synth.timing import STEPS_HZ

__all__ = ["ACTIONS", "Rendered", "render_clip", "render_dataset", "render_scene"]

SIZES_PX = ((240, 320), (360, 480), (480, 640), (360, 640), (480, 854), (720, 1280))
SIZE_SHARES = (0.25, 0.2, 0.25, 0.15, 0.1, 0.05)
CAMERA_TRIES = 12
SEEN_EVERY_STEPS = 15
SEEN_SHARE = 0.93
"""Share of joints over time that a camera has to see."""
ACTION_SHARES = {
    "fall": 0.25, "fight": 0.25, "walk": 0.12, "stand": 0.09, "sit": 0.06, "bend": 0.05, "lie_down": 0.06,
    "in_bed": 0.04, "hug": 0.05, "handshake": 0.02, "empty": 0.01,
}  # fmt: skip
"""What a data set is made of: half of it holds nothing that alerts."""
MANIFEST_FILE = "manifest.csv"


@dataclass(frozen=True, slots=True)
class Rendered:
    """A clip on disk. Without segments it shows nothing that alerts."""

    path: Path
    segments: tuple[Segment, ...]
    fps: float
    size: tuple[int, int]  # height, width
    frames: int


def render_clip(action: str, seed: int, path: Path, *, overhead: bool = False) -> Rendered:
    """Render one clip of an action to a `.mp4` or `.avi` file; the same seed gives the same frames on one machine.

    `overhead` hangs the camera on the ceiling.

    Raises:
        DatasetError: an unknown action, or a file that cannot be written.
    """
    if action not in ACTIONS:
        raise DatasetError(f"unknown action {action!r}: choose one of {', '.join(ACTIONS)}")
    rng = np.random.default_rng([seed, list(ACTIONS).index(action)])
    script = ACTIONS[action](rng)
    size = SIZES_PX[rng.choice(len(SIZES_PX), p=SIZE_SHARES)]
    above = overhead_camera(rng, script.room, size, script.target) if overhead else None
    camera = above or _choose_camera(rng, script, size)
    return _film(script, camera, random_grade(rng), int(rng.integers(2**31)), path)


def render_dataset(
    out: Path, clips: int, seed: int, report: Callable[[Rendered], object] = lambda _: None
) -> list[Clip]:
    """Render clips of all actions into a folder with a manifest; `report` hears of each as it is done.

    Clip k of a seed is the same however many are rendered. Each clip is its own group: a room of its own.

    Raises:
        DatasetError: `clips` is not positive, or the folder cannot be written.
    """
    if clips < 1:
        raise DatasetError(f"--clips {clips}: render at least one")
    found = []
    for k, action in enumerate(_actions(clips, seed)):
        path = out / f"synthetic-{seed}-{k:04d}-{action}.mp4"
        rendered = render_clip(action, seed * 1_000_003 + k, path)
        segments = rendered.segments or (Segment(NORMAL),)
        timed = bool(rendered.segments)
        found.append(Clip(path, path.stem, frozenset(EVENT_LABELS), segments, path.name, out.name, timed))
        report(rendered)
    write_manifest(out / MANIFEST_FILE, found)
    return found


def _actions(clips: int, seed: int) -> list[str]:
    """Which action each clip shows: shuffled rounds in which every action has its share."""
    round_length = 100
    rng = np.random.default_rng([seed, 1])
    names = [name for name, share in ACTION_SHARES.items() for _ in range(round(share * round_length))]
    rounds = -(-clips // round_length)
    return [str(name) for _ in range(rounds) for name in rng.permutation(names)][:clips]


def render_scene(seed: int, out: Path, seconds: float | None = None) -> tuple[Segment, ...]:
    """Render one continuous scene in one room: walking, a hug, lying down slowly, a fall, a fight, with calm between.

    `seconds` cuts it short. Returns when the fall and the fight happen.

    Raises:
        DatasetError: a file that cannot be written.
    """
    rng = np.random.default_rng([seed, len(ACTIONS)])
    script = scene(rng)
    script.seconds = min(script.seconds, seconds) if seconds is not None else script.seconds
    camera = _choose_camera(rng, script, SCENE_SIZE_PX)
    grade = random_grade(rng, fps=SCENE_FPS)
    return _film(script, camera, grade, int(rng.integers(2**31)), out).segments


def _film(script: Script, camera: Camera, grade: Grade, seed: int, path: Path) -> Rendered:
    """Write the file, whole or not at all."""
    size = (camera.height_px, camera.width_px)
    counts: list[int] = []

    def write(temporary: Path) -> None:
        frames = shoot(script, camera, grade, seed)
        counts.append(write_video(temporary, frames, grade.fps, size))

    write_atomically(path, write)
    end_s = counts[0] / grade.fps
    begun = [segment for segment in script.segments if segment.start_s < end_s]
    segments = tuple(replace(segment, end_s=round(min(segment.end_s, end_s), 3)) for segment in begun)
    return Rendered(path, segments, grade.fps, size, counts[0])


def _choose_camera(rng: np.random.Generator, script: Script, size: tuple[int, int]) -> Camera:
    """The first of some random cameras that sees what happens, else the best of them."""
    cameras = []
    for _ in range(CAMERA_TRIES):
        camera = random_camera(rng, script.room, size, script.target, script.radius_m)
        cameras.append((_seen_share(camera, script), camera))
        if cameras[-1][0] >= SEEN_SHARE:
            break
    return max(cameras, key=lambda pair: pair[0])[1]


def _seen_share(camera: Camera, script: Script) -> float:
    """Share of joints over time, while their owners are there, that lie in the picture."""
    if not script.actors:
        return 1.0
    present = []
    for actor in script.actors:
        first, last = int(actor.enter_s * STEPS_HZ), int(min(actor.leave_s, script.seconds) * STEPS_HZ) + 2
        present.append(actor.skeleton.joints[first:last:SEEN_EVERY_STEPS].reshape(-1, 3))
    joints = np.concatenate(present)
    x, y, depth = camera.project(joints).T
    inside = (x > 0) & (x < camera.width_px) & (y > 0) & (y < camera.height_px) & (depth > 0.6)
    return float(inside.mean())
