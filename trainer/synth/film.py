"""From a scene to a video file: sampling, flicker, blur, noise and compression of a camera."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.errors import DatasetError
from trainer.synth.clothes import dressed
from trainer.synth.figure import Figure
from trainer.synth.paint import Light, Performer, cast_shadows, paint, tone
from trainer.synth.room import Backdrop, Camera, Room, draw_room
from trainer.synth.script import Actor, Script
from trainer.synth.timing import STEPS_HZ, Array

CODECS = {".mp4": "mp4v", ".avi": "MJPG"}
SHADOW_STRENGTH = 0.4


@dataclass(frozen=True, slots=True)
class Grade:
    """How a camera spoils what it sees."""

    fps: float
    flicker: float  # relative, of lamps
    drift: float  # relative, slow: clouds, automatic exposure
    blur_px: float
    noise: float  # standard deviation in pixel values
    exposure_s: float  # 0: no motion blur
    jpeg_quality: int | None


def random_grade(rng: np.random.Generator, fps: float | None = None) -> Grade:
    """A camera from good to poor."""
    poor = rng.uniform(0, 1)
    return Grade(
        fps=fps if fps is not None else float(rng.choice([12, 15, 20, 24, 25, 30])),
        flicker=float(rng.choice([0, 0, 0.004, 0.012])),
        drift=float(rng.choice([0, 0.01, 0.04])),
        blur_px=0.45 + 0.7 * poor * rng.uniform(0, 1),
        noise=rng.uniform(0.3, 2.0) + 5 * poor**3,
        exposure_s=float(rng.choice([0, 0, 0, 0.025])),
        jpeg_quality=int(rng.integers(35, 85)) if rng.random() < 0.35 else None,
    )


MOTION_BLUR_PICTURES = 3
NOISE_PICTURES = 7
FLICKER_HZ, DRIFT_HZ = 3.1, 0.13


def shoot(script: Script, camera: Camera, grade: Grade, seed: int) -> Iterator[NDArray[np.uint8]]:
    """Frames of a clip: uint8 (height, width, 3), BGR as OpenCV writes them."""
    rng = np.random.default_rng(seed)
    backdrop = draw_room(script.room, camera)
    parts = [_Part.of(actor) for actor in script.actors]
    shot = _Shot(camera, backdrop, tone(backdrop.picture), light_of(script.room), parts)
    grain = _grain(rng, grade, camera)
    phase = rng.uniform(0, 2 * np.pi, 2)
    for k in range(round(script.seconds * grade.fps)):
        t = k / grade.fps
        flicker = grade.flicker * np.sin(2 * np.pi * FLICKER_HZ * t + phase[0])
        drift = grade.drift * np.sin(2 * np.pi * DRIFT_HZ * t + phase[1])
        picture = shot.exposed(t, grade.exposure_s)
        yield _spoil(picture, grade, float(1 + flicker + drift), grain[int(rng.integers(len(grain)))], rng)


@dataclass(frozen=True, slots=True)
class _Part:
    """An actor in their clothes."""

    actor: Actor
    figure: Figure
    colours: Array

    @classmethod
    def of(cls, actor: Actor) -> "_Part":
        return cls(actor, *dressed(actor.skeleton.build, actor.look))

    def at(self, t: float) -> Performer:
        """The person between two motion steps."""
        skeleton = self.actor.skeleton
        place = np.clip(t * STEPS_HZ, 0, len(skeleton.joints) - 1)
        i = min(int(place), len(skeleton.joints) - 2)
        part = place - i
        joints = (1 - part) * skeleton.joints[i] + part * skeleton.joints[i + 1]
        return Performer(self.figure, self.colours, self.figure.posed(joints, skeleton.face[i]))


@dataclass(frozen=True, slots=True)
class _Shot:
    """What stays the same from frame to frame."""

    camera: Camera
    backdrop: Backdrop
    empty: NDArray[np.uint8]
    light: Light
    parts: list[_Part]

    def exposed(self, t: float, exposure_s: float) -> NDArray[np.uint8]:
        """The picture around a time, with the blur of motion when the exposure is not 0."""
        if exposure_s == 0:
            return self.picture(t)
        instants = t + exposure_s * (np.arange(MOTION_BLUR_PICTURES) / (MOTION_BLUR_PICTURES - 1) - 0.5)
        parts = [self.picture(float(instant)) for instant in instants]
        return np.asarray(np.mean(np.stack(parts), axis=0, dtype=np.float32), dtype=np.uint8)

    def picture(self, t: float) -> NDArray[np.uint8]:
        """The picture at one instant: uint8 (height, width, 3), RGB."""
        people = [part.at(t) for part in self.parts if part.actor.enter_s <= t <= part.actor.leave_s]
        frame = self.empty.copy()
        if not people:
            return frame
        shadowed(frame, self.backdrop, self.camera, people, self.light)
        paint(frame, self.backdrop, self.camera, people, self.light)
        return frame


def shadowed(
    frame: NDArray[np.uint8], backdrop: Backdrop, camera: Camera, people: list[Performer], light: Light
) -> None:
    """Darken the floor under people, in place."""
    shadow = cast_shadows(backdrop, camera, people, light)
    x, y, w, h = cv2.boundingRect(shadow)
    if w and h:
        part = frame[y : y + h, x : x + w]
        dark = cv2.merge([shadow[y : y + h, x : x + w]] * 3)
        part -= cv2.multiply(part, dark, scale=SHADOW_STRENGTH / 255)


def light_of(room: Room) -> Light:
    """The room's lamps as one, for who stands on the stage."""
    places = np.stack([place for place, _ in room.lamps])
    weights = np.array([strength for _, strength in room.lamps])
    middle = np.append(room.stage, 1.0)
    direction = (weights[:, None] * (places - middle)).sum(0)
    at_stage = sum(s / (0.6 + 0.25 * float(((p - middle) ** 2).sum())) for p, s in room.lamps)
    level = min(room.ambient + 0.9 * at_stage, 1.4)
    return Light(direction / np.linalg.norm(direction), 0.55, level, room.tint)


def _grain(rng: np.random.Generator, grade: Grade, camera: Camera) -> list[NDArray[np.int16]]:
    shape = (camera.height_px, camera.width_px, 3)
    pictures = []
    for _ in range(NOISE_PICTURES):
        grey = rng.standard_normal((*shape[:2], 1), dtype=np.float32)
        coloured = rng.standard_normal(shape, dtype=np.float32)
        pictures.append(np.rint(grade.noise * (0.8 * grey + 0.6 * coloured)).astype(np.int16))
    return pictures


def _spoil(
    frame: NDArray[np.uint8], grade: Grade, gain: float, grain: NDArray[np.int16], rng: np.random.Generator
) -> NDArray[np.uint8]:
    picture = cv2.GaussianBlur(frame, (0, 0), grade.blur_px)
    if gain != 1:
        picture = cv2.convertScaleAbs(picture, alpha=gain)
    if grade.noise > 0:
        shifted = grain if rng.random() < 0.5 else grain[::-1]
        picture = cv2.add(picture, shifted, dtype=cv2.CV_8U)
    picture = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
    if grade.jpeg_quality is not None:
        _, packed = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, grade.jpeg_quality])
        picture = cv2.imdecode(packed, cv2.IMREAD_COLOR)
    return np.asarray(picture, dtype=np.uint8)


def write_video(path: Path, frames: Iterator[NDArray[np.uint8]], fps: float, size: tuple[int, int]) -> int:
    """Write frames to a file whose suffix names the codec; size is (height, width). Returns how many.

    Raises:
        DatasetError: the suffix is not one of `CODECS`, or the file cannot be written.
    """
    if path.suffix not in CODECS:
        raise DatasetError(f"{path}: rendered clips are written as {' or '.join(sorted(CODECS))}, not {path.suffix!r}")
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*CODECS[path.suffix]), fps, (size[1], size[0]))
    if not writer.isOpened():
        raise DatasetError(f"{path}: cannot be written; does its folder exist and has it space?")
    count = 0
    try:
        for frame in frames:
            writer.write(frame)
            count += 1
    finally:
        writer.release()
    return count
