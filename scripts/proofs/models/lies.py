"""Whoever fell lies until he stands: falls whose last picture is held for ten minutes, and that are then played
backwards, through the built-in bundle.

While the last picture is held a sensor's noise comes over it, and H.264. That is a stream of 20 s again and again, so
the networks are asked once for each of its pictures.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from edge.bundle import BUILTIN, Bundle
from edge.events.falls import STILL_DOWN, FallRules
from edge.inference.choice import CPU, Backend, Network
from edge.inference.model import Model, open_model
from edge.inference.opening import people_openers, scene_openers
from edge.inference.streams import Runnable
from edge.pipeline import Watcher
from edge.sources.file import FileSource
from edge.types import NS_PER_S, Pixels, RawFrame
from proofs.frame.proof import Figures
from proofs.rig.clips import STILL_FPS, still_clip
from trainer.clips.decoding import reading_clips
from trainer.clips.labels import FALL
from trainer.clips.manifest import Clip
from trainer.clips.pool import map_clips

LOOK_S: Final = 0.1
HELD_LOOK_S: Final = 0.2
"""A camera that is slower than wanted, and over the least."""
LIES_S: Final = 600.0
STANDS_S: Final = 4.0
"""So long the first picture is seen at the end."""
STILL_S: Final = 60.0
NOISE: Final = 5.0
"""Standard deviation, in grey levels."""
CODING: Final = "a camera"
SOON_S: Final = 3.0
SEATED: Final = frozenset({"Subject 1/Fall/15.mp4", "Subject 3/Fall/01.mp4", "Subject 4/Fall/02.mp4"})
"""Before these falls of `gmdcsa24` somebody sits, or lies in bed: played backwards nobody stands up."""


class Remembered:
    """A network that is asked once for each picture."""

    def __init__(self, network: Runnable) -> None:
        self.inputs = network.inputs
        self.outputs = network.outputs
        self._network = network
        self._answers: dict[bytes, dict[str, NDArray[np.float32]]] = {}

    def run(self, values: Mapping[str, NDArray[np.generic]]) -> dict[str, NDArray[np.float32]]:
        """Run, or answer as before."""
        (pictures,) = values.values()
        digest = hashlib.blake2b(pictures.tobytes(), digest_size=16).digest()
        if digest not in self._answers:
            self._answers[digest] = self._network.run(values)
        return self._answers[digest]


@dataclass(slots=True)
class Film:
    """A fall, its last picture held, and the fall backwards."""

    name: str
    forwards: Sequence[Pixels]
    """`LOOK_S` apart."""
    held: Sequence[Pixels]
    """`HELD_LOOK_S` apart."""
    lies_s: float
    live: bool = False
    skipped_frames: int = 0

    @property
    def turned_s(self) -> float:
        """When it begins to go backwards."""
        return len(self.forwards) * LOOK_S + round(self.lies_s / HELD_LOOK_S) * HELD_LOOK_S

    def frames(self) -> Iterator[RawFrame]:
        """Yield the frames."""
        now_s, number = 0.0, 0
        for pixels, period_s in self._shown():
            yield RawFrame.of(pixels, number, round(now_s * NS_PER_S))
            now_s, number = now_s + period_s, number + 1

    def close(self) -> None:
        """Nothing is open."""

    def _shown(self) -> Iterator[tuple[Pixels, float]]:
        for pixels in self.forwards:
            yield pixels, LOOK_S
        for k in range(round(self.lies_s / HELD_LOOK_S)):
            yield self.held[k % len(self.held)], HELD_LOOK_S
        for pixels in [*reversed(self.forwards), *[self.forwards[0]] * round(STANDS_S / LOOK_S)]:
            yield pixels, LOOK_S


def lie_down(clips: Sequence[Clip], work: Path, lies_s: float = LIES_S) -> list[dict[str, Any]]:
    """What is told of each clip: when it goes backwards, when somebody stands then, and the events of falls.

    Args:
        clips: of falls, with their times.
        work: a folder for what is encoded.
        lies_s: so long the last picture is held.

    Raises:
        DatasetError: a clip cannot be read.
    """
    work.mkdir(parents=True, exist_ok=True)
    return list(map_clips(_Lie(work, lies_s), clips, 2, "lying"))


@dataclass(frozen=True, slots=True)
class _Lie:
    work: Path
    lies_s: float

    def __call__(self, clip: Clip) -> dict[str, Any]:
        film = _film(clip, self.work, self.lies_s)
        begins_s = clip.start_s(FALL)
        assert begins_s is not None
        model, told = _model(), list[tuple[str, str | None, float | None]]()
        for step in Watcher(film, model, rules=FallRules(still_down_s=STILL_S)).steps():
            told += [(one.type, one.reason, one.position_s) for one in step.events if one.label == FALL]
        stands_s = film.turned_s + len(film.forwards) * LOOK_S - begins_s
        is_seated = clip.name in SEATED
        return {
            "clip": clip.name,
            "turned_s": round(film.turned_s, 2),
            "stands_s": None if is_seated else round(stands_s, 2),
            "told": [(kind, reason, None if at_s is None else round(at_s, 2)) for kind, reason, at_s in told],
        }


def _model() -> Model:
    """The built-in bundle, its networks with a memory."""
    bundle = Bundle.load(BUILTIN)
    people = bundle.spec.networks.people
    model = open_model(bundle)
    assert people is not None
    assert model.people is not None
    scene, bodies = scene_openers(bundle, 1, {})[CPU], people_openers(bundle, people, 1, {})[CPU]
    return replace(model, network=_remembered(scene), people=replace(model.people, network=_remembered(bodies)))


def _remembered(opener: Callable[[], Runnable]) -> Network:
    return Network([Backend(CPU, lambda: Remembered(opener()))], print)


def _film(clip: Clip, work: Path, lies_s: float) -> Film:
    forwards, next_ns = list[Pixels](), 0
    with reading_clips():
        for frame in FileSource(clip.path).frames():
            pixels = frame.pixels() if frame.capture_ns >= next_ns else None
            if pixels is not None:
                forwards.append(pixels)
                next_ns += round(LOOK_S * NS_PER_S)
    path = work / f"{clip.name.replace('/', '-')}"
    still_clip(forwards[-1].astype(np.float32), NOISE, CODING, path)
    held: list[Pixels] = []
    for number, frame in enumerate(FileSource(path).frames()):
        pixels = frame.pixels() if number % round(HELD_LOOK_S * STILL_FPS) == 0 else None
        held += [] if pixels is None else [pixels]
    path.unlink()
    return Film(clip.name, forwards, held, lies_s)


def lying_figures(evidence: Sequence[Mapping[str, Any]]) -> Figures:
    """Counts, from what was told."""
    standing = [one for one in evidence if one["stands_s"] is not None]
    ups_s = [up_s for one in standing if (up_s := _up_s(one)) is not None]
    return {
        "lies_on": sum(_is_on(one) for one in evidence),
        "lies_still": sum([reason for _, reason, _ in one["told"]].count(STILL_DOWN) == 1 for one in evidence),
        "lies_standing": len(standing),
        "lies_up": sum(up_s <= SOON_S for up_s in ups_s),
        "lies_up_s": max(ups_s) if ups_s else None,
    }


def _is_on(one: Mapping[str, Any]) -> bool:
    """Whether it was told once, and until it went backwards."""
    changes = [(kind, at_s) for kind, _, at_s in one["told"] if kind != "updated"]
    return [kind for kind, _ in changes] == ["started", "ended"] and changes[1][1] > one["turned_s"]


def _up_s(one: Mapping[str, Any]) -> float | None:
    """How long after somebody stands it was told that he got up; None where it was not."""
    return next((at_s - one["stands_s"] for _, reason, at_s in one["told"] if reason == "got_up"), None)
