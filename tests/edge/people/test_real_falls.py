"""Real falls whose last picture is held for minutes, and that are then played backwards, through the published network.

No head has a say here: who sank within two seconds falls, and lying is the posture's.
"""

import dataclasses
import functools
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.bundle import AlertSpec
from edge.events.alerts import Subject
from edge.events.clock import recording_clock
from edge.events.falls import FallMachine, FallRules
from edge.frames.glance import Glance, glance
from edge.frames.letterbox import fit, letterbox
from edge.people.body import SHOULDERS, bodies
from edge.people.decoding import decode
from edge.people.posture import LYING
from edge.people.tracking import Tracks, step
from edge.types import NS_PER_S, Body, Event, Person, Track

PERIOD_S = 0.2
PX = 256
N_NOISY = 8
NOISE, QUALITY = 5.0, 60  # grey levels; of JPEG
SUNK = 0.4  # body heights within `SINKING_S`
SINKING_S = 2.0
Seen = tuple[list[Person], Glance]


def frames(path: Path) -> Iterator[np.ndarray]:
    """RGB pictures, five a second."""
    capture = cv2.VideoCapture(str(path))
    rate_hz, due_s, number = capture.get(cv2.CAP_PROP_FPS), 0.0, 0
    while capture.grab():
        if number / rate_hz >= due_s:
            due_s += PERIOD_S
            yield np.ascontiguousarray(capture.retrieve()[1][..., ::-1])
        number += 1
    capture.release()


def noisy(pixels: np.ndarray, chance: np.random.Generator) -> np.ndarray:
    """The same picture with a sensor's noise, encoded again."""
    grain = (pixels + chance.normal(0, NOISE, pixels.shape)).clip(0, 255).astype(np.uint8)
    _, encoded = cv2.imencode(".jpg", grain[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    decoded = cv2.imdecode(encoded, cv2.IMREAD_COLOR)
    assert decoded is not None
    return np.ascontiguousarray(decoded[..., ::-1], np.uint8)


class Watch:
    """Tracks and the alert of one camera, a look after the other."""

    def __init__(self, aspect: float) -> None:
        subject = Subject("hall", "tiny", "ab" * 32, recording_clock(datetime(2026, 3, 1, tzinfo=UTC)), live=False)
        self.machine = FallMachine("fall", AlertSpec(), subject, FallRules(still_down_s=30.0), 2.0)
        self.state, self.tracks, self.aspect = self.machine.initial_state(), Tracks(), aspect
        self.now_s = 1.0
        self.events: list[Event] = []
        self.shoulders: dict[int, list[tuple[float, float]]] = {}

    def look(self, seen: Seen) -> None:
        people, picture = seen
        self.now_s += PERIOD_S
        now_ns = round(self.now_s * NS_PER_S)
        self.tracks = step(self.tracks, people, now_ns, self.aspect)
        found = [self._body(track, now_ns) for track in self.tracks.tracks]
        at = dataclasses.replace(picture, capture_ns=now_ns)
        events, self.state = self.machine.step(found, None, at, self.state, aspect=self.aspect)
        self.events += events

    def _body(self, track: Track, now_ns: int) -> Body:
        history = self.shoulders.setdefault(track.id, [])
        if track.last_ns == now_ns:
            y = float(bodies([track.person], self.aspect).middles[0, SHOULDERS, 0]) / track.height
            history.append((self.now_s, y))
        recent = [y for time_s, y in history if self.now_s - time_s <= SINKING_S]
        has_sunk = bool(recent) and recent[-1] - min(recent) > SUNK
        return Body(track, float(has_sunk), 0.0 if has_sunk else float(track.posture[LYING]))


@dataclasses.dataclass(frozen=True)
class Clip:
    """What is seen in a clip, and in its last picture, held."""

    looks: list[Seen]
    held: list[Seen]
    aspect: float


@pytest.fixture(scope="module")
def clips(data_dir, published_maps) -> Callable[[str], Clip]:
    """What the network sees in a clip of `gmdcsa24`."""

    def seen(pixels: np.ndarray) -> Seen:
        place = fit(pixels, PX, PX)
        return decode(published_maps(letterbox(pixels, place))[0], place), glance(pixels, 0)

    @functools.cache
    def clip(name: str) -> Clip:
        path = data_dir / "gmdcsa24" / name
        if not path.is_file():
            pytest.skip(f"no {path}")
        pictures, chance = list(frames(path)), np.random.default_rng(1)
        height, width, _ = pictures[0].shape
        held = [seen(noisy(pictures[-1], chance)) for _ in range(N_NOISY)]
        return Clip([seen(pixels) for pixels in pictures], held, width / height)

    return clip


def played(clip: Clip, hold_s: float, *, lost: bool) -> tuple[Watch, float]:
    """Forwards, held, backwards, and its first picture for 3 s; and when it began to go backwards."""
    watch, chance = Watch(clip.aspect), np.random.default_rng(2)
    for one in clip.looks:
        watch.look(one)
    for _ in range(round(hold_s / PERIOD_S)):
        people, picture = clip.held[chance.integers(N_NOISY)]
        watch.look(([] if lost else people, picture))
    turned_s = watch.now_s
    for one in [*reversed(clip.looks), *[clip.looks[0]] * round(3.0 / PERIOD_S)]:
        watch.look(one)
    return watch, turned_s


@pytest.mark.parametrize(("clip", "stands_until_s"), [("Subject 1/Fall/13.mp4", 0.3), ("Subject 3/Fall/19.mp4", 1.9)])
@pytest.mark.parametrize("lost", [False, True], ids=["held", "lost"])
def test_who_fell_lies_until_he_stands(clips, clip, stands_until_s, lost):
    watch, turned_s = played(clips(clip), 600.0, lost=lost)
    assert [event.type for event in watch.events[:1]] == ["started"]
    *between, ended = watch.events[1:]
    assert (ended.type, ended.reason) == ("ended", "got_up")
    assert {event.type for event in between} == {"updated"}
    reasons = [event.reason for event in between]
    assert reasons.count("still_down") == 1
    assert reasons.count("unseen") == int(lost)
    assert set(reasons) <= {None, "still_down", "unseen"}
    lasts_s = watch.now_s - turned_s - 3.0
    assert ended.position_s is not None
    assert turned_s < ended.position_s <= turned_s + lasts_s - stands_until_s + 3.0
