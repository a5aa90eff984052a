"""Whether the networks run while somebody falls or fights, by day and in a tenth of it, and rest where nothing moves.

Evidence: before each clip its first picture stands still, with a camera's noise, until the gate is shut. Then, for each
fall, whether it is open at every look from a second before it; the same falls slowed down to ten seconds; fights; and
still pictures with noise through H.264 as cameras make it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.frames.gate import HOLD_S, Gate, is_movement
from edge.frames.glance import glance
from edge.sources.file import FileSource
from edge.types import NS_PER_S, Pixels
from proofs.frame.proof import Evidence, Figure, Figures, Limit, Proof, Setting
from proofs.models.protocols import refuse_absent
from proofs.rig.clips import CODINGS, STILL_FPS, still_clip
from trainer.clips.datasets import read_dataset
from trainer.clips.decoding import reading_clips
from trainer.clips.labels import FALL, VIOLENCE
from trainer.clips.manifest import Clip

FALLS: Final = ("gmdcsa24", "t2v-bed-fall", "urfd")
FIGHTS: Final = "surveillance-fight"
N_SHORT: Final = 6
"""Clips of a set."""
LIGHTS: Final = {"day": 1.0, "dark": 0.1}
NOISE: Final = {"day": 3.0, "dark": 2.0}
"""Standard deviation of a pixel, in grey levels."""
MOST_PX: Final = 640
"""Of the longer side: larger clips are shrunk before noise comes over them, which makes it stronger."""
LOOK_S: Final = 0.1
STILL_S: Final = HOLD_S + 1.0
BEFORE_S, AFTER_S = 1.0, 1.5
"""What is judged around the annotated start of a fall. Where it is not annotated it is the second and a half with the
most movement: before that perhaps nobody moved."""
SLIDE_S: Final = 10.0
ENTRY_S: Final = 0.5
"""Of a clip of a fight: until then it has nothing to compare with but a picture that stands still."""
SCENES: Final = ("gmdcsa24", "t2v-bed-fall", "surveillance-fight", "normal")
STILL_NOISES: Final = {"day": (2.0, 8.0), "dark": (2.0, 4.0)}
SETTLING_S: Final = 3.0 + HOLD_S
"""Of a stream: an encoder's first pictures are poor and grow better."""
BODY_HEIGHTS: Final = tuple(round(0.01 * k, 2) for k in range(2, 31))
BODY_WIDTH: Final = 0.3
"""Over its height."""
BODY_LEVELS, ROOM_LEVEL = 60.0, 110.0
N_PLACES: Final = 20
ROOM_PX: Final = (720, 1280)

Grey = NDArray[np.uint8]

TABLE = (
    *(
        row
        for light in LIGHTS
        for row in (
            Figure(f"falls_{light}", f"falls, {light}"),
            Figure(f"fall_looks_{light}", f"looks at them at which the networks run, {light}", "%", Limit(">=", 0.98)),
            Figure(f"fall_delay_s_{light}", f"latest opening of all, {light}", "s", Limit("<=", 0.2)),
            Figure(
                f"slide_looks_{light}",
                f"the same over ten seconds: looks with networks, {light}",
                "%",
                Limit(">=", 0.95),
            ),
            Figure(f"slide_delay_s_{light}", f"the same: latest opening, {light}", "s", Limit("<=", 2.0)),
            Figure(
                f"fight_looks_{light}", f"looks at fights at which the networks run, {light}", "%", Limit(">=", 0.99)
            ),
            Figure(f"smallest_body_{light}", f"smallest body that opens it, over the picture's height, {light}", "%"),
        )
    ),
    Figure("stills", "still scenes with noise through H.264"),
    Figure("still_open", "looks at them for movement that is none", "%", Limit("<=", 0.01)),
    Figure("still_worst", "the same, of the worst scene", "%"),
)


@dataclass(frozen=True, slots=True)
class Film:
    """A clip in grey, about ten pictures a second."""

    times_s: NDArray[np.float64]  # (n,)
    greys: Sequence[Grey]

    def span_s(self, clip: Clip) -> tuple[float, float]:
        """When its fall is: as annotated, from a second before it on; else where most moves."""
        start_s = clip.start_s(FALL) if clip.timed else None
        before_s = BEFORE_S
        if start_s is None:
            before_s = 0.0
            small = np.array([cv2.resize(grey, (64, 36), interpolation=cv2.INTER_AREA) for grey in self.greys], float)
            moved = np.abs(np.diff(small, axis=0)).mean((1, 2))
            n_looks = min(round(AFTER_S / LOOK_S), len(moved))
            start_s = float(self.times_s[np.convolve(moved, np.ones(n_looks), "valid").argmax()])
        return start_s - before_s, start_s + AFTER_S


def measure(setting: Setting) -> Evidence:
    """Half an hour; the short form takes few clips."""
    refuse_absent((*FALLS, FIGHTS, "normal"), setting)
    evidence: Evidence = {
        "falls": {
            name: setting.once(f"falls-{name}", {}, lambda n=name: {"clips": _falls(setting, n)}) for name in FALLS
        },
        "fights": setting.once("fights", {}, lambda: {"clips": _fights(setting)}),
        "stills": {
            name: setting.once(f"stills-{name}", {}, lambda n=name: {"clips": _stills(setting, n)})
            for name in (SCENES[:2] if setting.short else SCENES)
        },
        "bodies": {light: _smallest(light) for light in LIGHTS},
    }
    return evidence


def _falls(setting: Setting, name: str) -> Evidence:
    """Of each clip and light: looks, those with networks, and the first of these, at the fall and at the slide."""
    clips = _few([clip for clip in read_dataset(setting.data / name) if clip.label == FALL], setting)
    found: Evidence = {}
    for clip in clips:
        film = _film(clip)
        begin_s, end_s = film.span_s(clip)
        shown = [k for k, time_s in enumerate(film.times_s) if time_s <= end_s]
        first = sum(film.times_s[k] < begin_s for k in shown)
        slow_s = np.linspace(end_s - AFTER_S, min(end_s, film.times_s[-1]), round(SLIDE_S / LOOK_S))
        slow = [min(int(np.searchsorted(film.times_s, time_s)), len(film.greys) - 1) for time_s in slow_s]
        found[clip.name] = {
            light: {
                "fall": _opened(_looks((film.greys[k] for k in shown), light)[max(first, 1) :]),
                "slide": _opened(_looks((film.greys[k] for k in [0, *slow]), light)[1:]),
            }
            for light in LIGHTS
        }
    return found


def _fights(setting: Setting) -> Evidence:
    clips = [clip for clip in read_dataset(setting.data / FIGHTS) if clip.label == VIOLENCE]
    found: Evidence = {}
    for clip in _few(clips, setting):
        film = _film(clip)
        first = int((film.times_s < ENTRY_S).sum())
        found[clip.name] = {light: _opened(_looks(film.greys, light)[first:]) for light in LIGHTS}
    return found


def _opened(looks: Sequence[bool]) -> tuple[int, int, float | None]:
    """How many looks there are, at how many the networks run, and after how many seconds first."""
    return len(looks), sum(looks), round(looks.index(True) * LOOK_S, 3) if True in looks else None


def _looks(greys: Iterable[Grey], light: str) -> list[bool]:
    """At which looks of a film the networks run because something moves, its first picture having stood still."""
    greys = list(greys)
    chance = np.random.default_rng(0)
    n_still = round(STILL_S / LOOK_S)
    gate, found = Gate(), list[bool]()
    for number, grey in enumerate([*[greys[0]] * n_still, *greys]):
        seen = glance(_seen_in(light, grey, chance), round(number * LOOK_S * NS_PER_S))
        gate = gate.after(seen, must_look=False)
        found.append(not gate.is_resting)
    return found[n_still:]


def _seen_in(light: str, grey: NDArray[Any], chance: np.random.Generator) -> Pixels:
    """The picture in this light, with noise: uint8 (height, width, 3)."""
    noisy = LIGHTS[light] * grey + NOISE[light] * chance.standard_normal(grey.shape, np.float32)
    return np.asarray(cv2.cvtColor(np.clip(np.round(noisy), 0, 255).astype(np.uint8), cv2.COLOR_GRAY2RGB), np.uint8)


def _film(clip: Clip) -> Film:
    times_s, greys, next_ns = list[float](), list[Grey](), 0
    with reading_clips():
        for frame in FileSource(clip.path).frames():
            pixels = frame.pixels() if frame.capture_ns >= next_ns else None
            if pixels is not None:
                greys.append(_small(np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), np.uint8)))
                times_s.append(frame.capture_ns / NS_PER_S)
                next_ns = frame.capture_ns + round(0.8 * LOOK_S * NS_PER_S)
    return Film(np.array(times_s), greys)


def _small(grey: Grey) -> Grey:
    scale = min(1.0, MOST_PX / max(grey.shape))
    return np.asarray(cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)


def _stills(setting: Setting, name: str) -> Evidence:
    """Of a set's first picture by light, noise and coding the share of looks at which something seems to move."""
    picture, found = _picture(setting, name), dict[str, Any]()
    for light, noises in STILL_NOISES.items():
        for noise in noises[-1:] if setting.short else noises:
            for coding in CODINGS:
                path = setting.work / "still.mp4"
                still_clip(LIGHTS[light] * picture, noise, coding, path)
                found[f"{light}, noise {noise:g}, {coding}"] = _moving(path)
    return found


def _moving(path: Path) -> float:
    gate, looks = Gate(), list[bool]()
    for number, frame in enumerate(FileSource(path).frames()):
        pixels = frame.pixels() if number % round(LOOK_S * STILL_FPS) == 0 else None
        if pixels is not None:
            gate = gate.after(glance(pixels, frame.capture_ns), must_look=False)
            looks += [not gate.is_resting] if frame.capture_ns > SETTLING_S * NS_PER_S else []
    return round(sum(looks) / len(looks), 4)


def _picture(setting: Setting, name: str) -> Pixels:
    """The first picture of a set's first clip, of even size."""
    path = min(path for path in (setting.data / name).rglob("*") if path.suffix in {".mp4", ".avi"})
    source = FileSource(path)
    pixels = next(pixels for frame in source.frames() if (pixels := frame.pixels()) is not None)
    source.close()
    return pixels[: pixels.shape[0] // 2 * 2, : pixels.shape[1] // 2 * 2]


def _smallest(light: str) -> float | None:
    """The least height, over the picture's, with which a body opens the gate wherever it appears."""
    chance = np.random.default_rng(0)
    room = np.full(ROOM_PX, ROOM_LEVEL)
    for height in BODY_HEIGHTS:
        size_px = round(BODY_WIDTH * height * ROOM_PX[0] / 2), round(height * ROOM_PX[0] / 2)
        for _ in range(N_PLACES):
            place = round(chance.uniform(0.2, 0.8) * ROOM_PX[1]), round(chance.uniform(0.3, 0.7) * ROOM_PX[0])
            there = cv2.ellipse(room.copy(), place, size_px, 0, 0, 360, ROOM_LEVEL + BODY_LEVELS, -1)
            before, now = (glance(_seen_in(light, np.asarray(one), chance), 0).grey for one in (room, there))
            if not is_movement(before, now):
                break
        else:
            return height
    return None


def _few(clips: Sequence[Clip], setting: Setting) -> Sequence[Clip]:
    return clips[:: max(1, len(clips) // N_SHORT)] if setting.short else clips


def figures(evidence: Evidence) -> Figures:
    """Over all looks of all sets."""
    falls = [clip for name in evidence["falls"].values() for clip in name["clips"].values()]
    stills = [share for scene in evidence["stills"].values() for share in scene["clips"].values()]
    found: Figures = {
        "stills": len(stills),
        "still_open": sum(stills) / len(stills),
        "still_worst": max(stills),
    }
    for light in LIGHTS:
        found[f"falls_{light}"] = len(falls)
        for kind in ("fall", "slide"):
            opened = [clip[light][kind] for clip in falls]
            found[f"{kind}_looks_{light}"] = _share(opened)
            delays = [first for _, _, first in opened]
            found[f"{kind}_delay_s_{light}"] = None if None in delays else max(delays)
        found[f"fight_looks_{light}"] = _share([clip[light] for clip in evidence["fights"]["clips"].values()])
        found[f"smallest_body_{light}"] = evidence["bodies"][light]
    return found


def _share(opened: Sequence[Sequence[float]]) -> float:
    return sum(one[1] for one in opened) / sum(one[0] for one in opened)


PROOF = Proof(
    "gate",
    "whether the networks run while somebody falls or fights, by day and in the dark, and rest where nothing moves",
    TABLE,
    measure,
    figures,
    short_keeps_limits=False,
)
