"""Changed copies of training clips: `--set augment=flip,crop,light,noise,speed augment_copies=2`.

Each copy is a clip of its own, written beside the feature cache, of the same group: so whatever learns from clips
learns from copies, in any stream and sampling. What is drawn for a copy holds for all of its frames; it depends on
seed, the clip's content and the copy's number alone.
"""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.errors import ConfigurationError, DatasetError, SourceError
from edge.sources import decoded_frames
from edge.sources.file import FileSource
from trainer.clips.decoding import reading_clips
from trainer.clips.manifest import Clip
from trainer.clips.pool import map_clips
from trainer.features.cache import content_sha256
from trainer.files import write_atomically
from trainer.fitting.recipe import NO_AUGMENTATION, Wanted, Workshop
from trainer.fitting.run import Settings
from trainer.judging.scoring import container_shape

KINDS = ("crop", "flip", "light", "noise", "speed")
FORMAT = "augmented-v1"
FOURCC = "MJPG"
MAX_SIDE_PX = 640
"""Longer sides are halved until they fit: no backbone looks at more."""
USUAL_RATE_HZ = 25.0
"""Of containers that do not say."""
LEAST_KEPT = 0.8
"""Share of height and width that a crop keeps, at least."""
MOST_GAIN, MOST_OFFSET = 1.3, 25.0
MOST_NOISE = 8.0
"""Standard deviation of the noise, of 255."""
MOST_SPEED = 1.25


@dataclass(frozen=True, slots=True)
class Draw:
    """What happens to all frames of one copy."""

    seed: int
    """Of the noise, which differs from frame to frame as a sensor's does."""
    flip: bool = False
    kept: float = 1.0
    """Share of height and width that is left by the crop."""
    place: tuple[float, float] = (0.5, 0.5)
    """Where in the rest the crop lies, from 0 to 1, vertically and horizontally."""
    gain: float = 1.0
    offset: float = 0.0
    noise: float = 0.0
    speed: float = 1.0
    """The copy's frames follow each other so much quicker. Sampling by number of frames does not see it."""


def wanted_kinds(wanted: Wanted) -> frozenset[str]:
    """The kinds of change that a run asks for.

    Raises:
        ConfigurationError: one is unknown, or no copy is asked for.
    """
    text = str(wanted.get("augment", NO_AUGMENTATION))
    if text == NO_AUGMENTATION:
        return frozenset()
    found = frozenset(text.split(","))
    if unknown := sorted(found - set(KINDS)):
        raise ConfigurationError(f"--set augment={text}: {unknown[0]!r} is none of {', '.join(KINDS)}")
    if int(wanted.get("augment_copies", 1)) < 1:
        raise ConfigurationError("--set augment_copies: give 1 or more")
    return found


def draw(kinds: frozenset[str], seed: int, content: str, copy: int) -> Draw:
    """What happens to a copy; each kind's numbers are the same whichever others are wanted.

    Args:
        kinds: of change that are wanted.
        seed: of the run.
        content: SHA-256 of the clip, hexadecimal.
        copy: its number.
    """
    random = np.random.default_rng([seed, int(content[:16], 16), copy])
    flip, kept = bool(random.random() < 0.5), float(random.uniform(LEAST_KEPT, 1))
    place = (float(random.random()), float(random.random()))
    gain = float(math.exp(random.uniform(-1, 1) * math.log(MOST_GAIN)))
    offset = float(random.uniform(-MOST_OFFSET, MOST_OFFSET))
    noise = float(random.uniform(0, MOST_NOISE))
    speed = float(math.exp(random.uniform(-1, 1) * math.log(MOST_SPEED)))
    drawn = Draw(int(random.integers(1 << 32)))
    drawn = replace(drawn, flip=flip) if "flip" in kinds else drawn
    drawn = replace(drawn, kept=kept, place=place) if "crop" in kinds else drawn
    drawn = replace(drawn, gain=gain, offset=offset) if "light" in kinds else drawn
    drawn = replace(drawn, noise=noise) if "noise" in kinds else drawn
    return replace(drawn, speed=speed) if "speed" in kinds else drawn


def changed(pixels: NDArray[np.uint8], drawn: Draw, random: np.random.Generator) -> NDArray[np.uint8]:
    """One frame (height, width, 3) as its copy shows it, the same size."""
    height_px, width_px = pixels.shape[:2]
    if drawn.kept < 1:
        kept_px = round(height_px * drawn.kept), round(width_px * drawn.kept)
        top = round((height_px - kept_px[0]) * drawn.place[0])
        left = round((width_px - kept_px[1]) * drawn.place[1])
        inside = pixels[top : top + kept_px[0], left : left + kept_px[1]]
        pixels = np.asarray(cv2.resize(inside, (width_px, height_px), interpolation=cv2.INTER_LINEAR), np.uint8)
    if drawn.flip:
        pixels = pixels[:, ::-1]
    if drawn.gain == 1 and not drawn.offset and not drawn.noise:
        return np.ascontiguousarray(pixels)
    values = pixels.astype(np.float32) * drawn.gain + drawn.offset
    if drawn.noise:
        values += drawn.noise * random.standard_normal(values.shape, np.float32)
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def augmented(clips: Sequence[Clip], settings: Settings, workshop: Workshop) -> list[Clip]:
    """The clips, then their copies, written where they are not there yet.

    Raises:
        DatasetError: a clip cannot be read.
    """
    kinds = wanted_kinds(settings.hyperparameters)
    if not kinds:
        return list(clips)
    copies: list[Clip] = []
    todo: list[tuple[Path, Path, Draw]] = []
    for number in range(int(settings.hyperparameters.get("augment_copies", 1))):
        for clip in clips:
            content = content_sha256(clip.path)
            drawn = draw(kinds, settings.seed, content, number)
            path = _path(workshop.cache.folder, content, drawn)
            copies.append(_copy(clip, path, drawn, number))
            if not path.is_file():
                todo.append((clip.path, path, drawn))
    for _ in map_clips(_write_copy, list(dict.fromkeys(todo)), workshop.workers, "augmentation"):
        pass
    return [*clips, *copies]


def _path(folder: Path, content: str, drawn: Draw) -> Path:
    key = hashlib.sha256(f"{FORMAT} {content} {drawn}".encode()).hexdigest()[:32]
    return folder / FORMAT / key[:2] / f"{key}.avi"


def _copy(clip: Clip, path: Path, drawn: Draw, number: int) -> Clip:
    """The clip of a copy, its times as the speed makes them."""
    segments = tuple(
        replace(segment, start_s=segment.start_s / drawn.speed, end_s=segment.end_s / drawn.speed)
        for segment in clip.segments
    )
    return replace(clip, path=path, name=f"{clip.name}+{number + 1}", segments=segments)


def _write_copy(job: tuple[Path, Path, Draw]) -> None:
    path, copy, drawn = job
    write_atomically(copy, lambda temporary: _write(path, temporary, drawn))


def _write(path: Path, copy: Path, drawn: Draw) -> None:
    random = np.random.default_rng(drawn.seed)
    rate_hz = (container_shape(path)[2] or USUAL_RATE_HZ) * drawn.speed
    writer: cv2.VideoWriter | None = None
    n_frames = 0
    try:
        with reading_clips():
            for frame in decoded_frames(FileSource(path)):
                pixels = changed(_small(frame.pixels), drawn, random)
                if writer is None:
                    size_px = pixels.shape[1], pixels.shape[0]
                    writer = cv2.VideoWriter(str(copy), cv2.VideoWriter.fourcc(*FOURCC), rate_hz, size_px)
                writer.write(cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))
                n_frames += 1
    finally:
        if writer is not None:
            writer.release()
    if not copy.is_file():
        raise DatasetError(f"{path}: OpenCV cannot write a copy of it as Motion JPEG; leave out --set augment")
    if _count(copy) != n_frames:  # OpenCV does not tell that a disk is full
        raise ConfigurationError(
            f"{copy.parent}: cannot hold a whole copy of {path}; make room or give another --cache, what is finished "
            "is kept"
        )


def _count(video: Path) -> int:
    """Frames that can be read."""
    try:
        return sum(1 for _ in FileSource(video).frames())
    except SourceError:
        return 0


def _small(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    while max(pixels.shape[:2]) > MAX_SIDE_PX:
        size_px = pixels.shape[1] // 2, pixels.shape[0] // 2
        pixels = np.asarray(cv2.resize(pixels, size_px, interpolation=cv2.INTER_AREA), np.uint8)
    return pixels
