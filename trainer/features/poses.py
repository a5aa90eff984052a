"""Bodies over time, as the person head learns from them: real clips' and virtual ones alike."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge.bundle import BUILTIN, STATES, Bundle, PeopleNetworkSpec
from edge.errors import ConfigurationError, DatasetError
from edge.frames.letterbox import fit, letterbox
from edge.inference.tflite import Interpreter
from edge.people.decoding import decode
from edge.sources.file import FileSource
from edge.types import NS_PER_S, Person, Pixels
from trainer.clips.decoding import ahead, reading_clips
from trainer.clips.manifest import Clip
from trainer.features.backbone import BESIDE_CHECKOUT, IMAGENET, RANDOM, WEIGHTS_VARIABLE
from trainer.features.cache import Arrays, Cache, sound_entry
from trainer.features.extraction import fill
from trainer.files import file_sha256

POSES_FORMAT: Final = "poses-v1"
TICK_TOLERANCE_S: Final = 0.001
"""Containers round the times of their pictures to milliseconds."""
SPREAD_HZ: Final = 2.5
"""Of the looks of a clip among which those that are spread over it are chosen."""
HELD_SHARE: Final = 4
"""So many times as many as are wanted are held at most."""
PUBLISHED: Final = "movenet_multipose_lightning.tflite"
"""The pose network as it is published, that every precision is made of."""

NEITHER, FALLING, LYING = map(STATES.index, ("neither", "falling", "lying"))
"""What a body does at a look, in the order of the person head's probabilities."""
UNKNOWN = -1


@dataclass(frozen=True, slots=True)
class PoseSequence:
    """What the pose network sees at the looks of one clip, and what one of the bodies in it does."""

    times_s: NDArray[np.float64]  # (n,), rising
    people: tuple[tuple[Person, ...], ...]
    """Of each look, at most six. The body of interest comes first where its target is known; a look at which the
    network loses it has the others only, and `UNKNOWN`, or nobody at all."""
    aspect: float
    """Width of the picture over its height."""
    targets: NDArray[np.int8]  # (n,): what the body of interest does, or UNKNOWN
    kind: str
    """Of what happens: `fall`, `sits down`, `walks`, ...; for counting and for weights."""
    group: str
    """Sequences of one group show the same person, scene or motion, and stay on one side of every split."""
    weight: float = 1.0
    """Of the whole sequence, whatever its length, against others."""


@dataclass(frozen=True, slots=True)
class Poses:
    """What the pose network sees in a clip."""

    times_s: NDArray[np.float64]  # (n_looks,)
    people: tuple[tuple[Person, ...], ...]
    """Of each look, at most six, the surest first."""
    aspect: float
    """Width of the picture over its height."""

    def thinned(self, rate_hz: float, phase: float = 0.0) -> "Poses":
        """The looks of a box that takes fewer.

        Args:
            rate_hz: of looks.
            phase: of the first tick, of a period.
        """
        kept = looks_at(self.times_s, rate_hz, phase)
        return Poses(self.times_s[kept], tuple(self.people[k] for k in kept), self.aspect)


def looks_at(times_s: NDArray[np.float64], rate_hz: float, phase: float = 0.0) -> list[int]:
    """Positions of the pictures that a box takes at a rate: at each tick the first one from then on."""
    ticks = _Ticks(rate_hz, phase)
    return [k for k, time_s in enumerate(times_s.tolist()) if ticks.take(time_s)]


class _Ticks:
    """A grid in time that begins with the first picture; each tick takes the first picture from then on."""

    def __init__(self, rate_hz: float, phase: float = 0.0) -> None:
        self._rate_hz = rate_hz
        self._phase = phase
        self._next_s: float | None = None

    def take(self, time_s: float) -> bool:
        """Say whether a picture is taken; asked for each, in order."""
        if self._next_s is None:
            self._next_s = time_s + self._phase / self._rate_hz
        late_s = time_s - self._next_s
        if late_s < -TICK_TOLERANCE_S:
            return False
        self._next_s += (1 + max(0.0, late_s + TICK_TOLERANCE_S) * self._rate_hz // 1) / self._rate_hz
        return True


def shipped_network() -> tuple[Bundle, PeopleNetworkSpec]:
    """The built-in bundle, and what it says of its network that finds bodies.

    Raises:
        ConfigurationError: it has none.
    """
    bundle = Bundle.load(BUILTIN)
    people = bundle.spec.networks.people
    if people is None:
        raise ConfigurationError(f"{BUILTIN}: sees no people; install edgewatch again")
    return bundle, people


def published_network() -> Path | None:
    """The published pose network, where it lies with the backbones' weights: in the folder of what `EDGEWATCH_WEIGHTS`
    names, else beside the checkout."""
    named = os.environ.get(WEIGHTS_VARIABLE)
    if named == RANDOM:
        return None
    place = BESIDE_CHECKOUT if not named or named == IMAGENET else Path(named)
    path = (place if place.is_dir() else place.parent) / PUBLISHED
    return path if path.is_file() else None


def watch_poses(clips: Sequence[Clip], network: Path, cache: Cache, *, rate_hz: float, workers: int) -> list[Path]:
    """Make sure that the poses of every clip are cached.

    Args:
        clips: whose poses.
        network: TFLite file of the pose network, cut at its maps; each has entries of its own.
        cache: where entries lie, and who makes them.
        rate_hz: of the looks, at most; from them those of lower rates are thinned.
        workers: processes.

    Returns:
        Path of each clip's entry, for `read_poses`.

    Raises:
        ConfigurationError: the cache cannot be written.
        DatasetError: a clip cannot be read.
    """
    settings = f"{POSES_FORMAT} {file_sha256(network)} {rate_hz:g} Hz"
    compute = partial(_poses_of, rate_hz=rate_hz)
    return fill(cache, clips, settings, compute, workers=workers, description="poses", backbone=network)


def read_poses(entry: Path) -> Poses:
    """Read one clip's poses from its cache entry.

    Raises:
        DatasetError: the entry is damaged.
    """
    arrays = sound_entry(entry)
    people = iter(zip(arrays["boxes"], arrays["keypoints"], arrays["scores"].tolist(), strict=True))
    counts: list[int] = arrays["counts"].tolist()
    found = tuple(tuple(Person(*next(people)) for _ in range(count)) for count in counts)
    return Poses(arrays["times_s"].astype(np.float64), found, float(arrays["aspect"]))


def _poses_of(interpreter: Interpreter | None, path: Path, *, rate_hz: float) -> Arrays:
    """What `read_poses` reads: everybody's boxes, keypoints and scores one after the other, and how many at each look.

    Raises:
        DatasetError: the clip cannot be read.
    """
    assert interpreter is not None
    (name,) = interpreter.inputs
    size_px = interpreter.inputs[name].shape[1:3]
    times_s: list[float] = []
    looks: list[list[Person]] = []
    aspect = 1.0
    with reading_clips():
        for time_s, pixels in ahead(_pictures_at(path, rate_hz)):
            place = fit(pixels, *size_px)
            times_s.append(time_s)
            looks.append(decode(interpreter.run({name: letterbox(pixels, place)[np.newaxis]}), place))
            aspect = pixels.shape[1] / pixels.shape[0]
    everybody = [person for people in looks for person in people]
    return {
        "times_s": np.asarray(times_s),
        "aspect": np.asarray(aspect),
        "counts": np.array([len(people) for people in looks], np.int8),
        "boxes": np.array([person.box for person in everybody], np.float32).reshape(-1, 4),
        "keypoints": np.array([person.keypoints for person in everybody], np.float32).reshape(-1, 17, 3),
        "scores": np.array([person.score for person in everybody], np.float32),
    }


def spread_pictures(path: Path, n: int, size_px: tuple[int, int]) -> list[Pixels]:
    """`n` letterboxed pictures, evenly over a clip, or all looks where there are fewer; of a long one few are held.

    Args:
        path: of the clip.
        n: how many.
        size_px: height and width of each.

    Raises:
        DatasetError: the clip cannot be read.
    """
    kept: list[Pixels] = []
    stride = 1
    with reading_clips():
        for number, (_, pixels) in enumerate(_pictures_at(path, SPREAD_HZ)):
            if number % stride == 0:
                kept.append(letterbox(pixels, fit(pixels, *size_px)))
            if len(kept) >= HELD_SHARE * n:
                kept, stride = kept[::2], 2 * stride
    if not kept:
        raise DatasetError(f"{path}: no picture can be decoded; replace the clip or leave it out")
    return [kept[place] for place in np.unique(np.linspace(0, len(kept) - 1, n).round().astype(int))]


def _pictures_at(path: Path, rate_hz: float) -> Iterator[tuple[float, Pixels]]:
    """Times and pictures of a clip's looks."""
    ticks = _Ticks(rate_hz)
    for frame in FileSource(path).frames():
        time_s = frame.capture_ns / NS_PER_S
        if ticks.take(time_s) and (pixels := frame.pixels()) is not None:
            yield time_s, pixels
