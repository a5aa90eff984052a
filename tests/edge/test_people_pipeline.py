"""The built-in bundle on its way from pictures to falls: bodies, the gate, masks, and cameras that tell of people."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge.bundle import BUILTIN, Bundle
from edge.events.falls import FallRules
from edge.frames.masking import MaskedSource
from edge.inference.model import Model, open_model
from edge.pipeline import Step, Watcher
from edge.sources.file import FileSource
from edge.types import NS_PER_S, Inference, RawFrame, Scores

WHOLE = [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)]
FALL, DAILY, ALONE = "Subject 3/Fall/16.mp4", "Subject 1/ADL/10.mp4", "Subject 3/ADL/07.mp4"
LONG = "Subject 3/ADL/18.mp4"


@pytest.fixture(scope="module")
def model() -> Model:
    return open_model(Bundle.load(BUILTIN), threads=2)


@pytest.fixture
def clip(data_dir: Path):
    """`clip(name)` of gmdcsa24."""

    def find(name: str) -> FileSource:
        path = data_dir / "gmdcsa24" / name
        if not path.is_file():
            pytest.skip(f"no {path}; set EDGEWATCH_DATA to the folder that holds gmdcsa24")
        return FileSource(path)

    return find


class Still:
    """A room in which nobody is and nothing moves, with a camera's noise; somebody may wave something in front."""

    name, live, skipped_frames = "room", False, 0

    def __init__(self, seconds: float, waves_at_s: float | None = None) -> None:
        self._seconds = seconds
        self._waves_at_s = waves_at_s

    def frames(self) -> Iterator[RawFrame]:
        chance = np.random.default_rng(0)
        room = np.tile(np.linspace(40, 200, 320, dtype=np.uint8)[np.newaxis, :, np.newaxis], (180, 1, 3))
        for number in range(round(10 * self._seconds)):
            time_s = number / 10
            picture = np.clip(room + chance.normal(0, 2, room.shape), 0, 255).astype(np.uint8)
            if self._waves_at_s is not None and self._waves_at_s <= time_s < self._waves_at_s + 0.5:
                left = 40 + 20 * (number % 5)
                picture[60:120, left : left + 60] = 255
            picture.setflags(write=False)
            yield RawFrame.of(picture, number, number * NS_PER_S // 10)

    def close(self) -> None:
        pass


def looked_at_s(steps: list[Step]) -> list[float]:
    """Times at which the people network ran."""
    return [step.capture_ns / NS_PER_S for step in steps if step.bodies is not None and step.capture_ns is not None]


def test_where_nothing_moves_it_looks_once_every_five_seconds(model):
    steps = list(Watcher(Still(22), model).steps())
    looks_s = [time_s for time_s in looked_at_s(steps) if time_s > 6]
    assert 2 <= len(looks_s) <= 4
    assert np.diff(looks_s) == pytest.approx(5.0, abs=0.11)
    quiet = [step for step in steps if step.capture_ns is not None and step.bodies is None and step.inference is None]
    assert all(step.duration_ns == 0 for step in quiet)
    assert not any(step.events for step in steps)


def test_movement_is_looked_at_at_once(model):
    looks_s = looked_at_s(list(Watcher(Still(14, waves_at_s=10.0), model).steps()))
    assert min(time_s for time_s in looks_s if time_s >= 9.95) <= 10.05
    assert sum(10 <= time_s < 12.9 for time_s in looks_s) >= 28


def test_a_fall_is_told_with_where_it_is_and_who_is_there(model, clip):
    steps = list(Watcher(clip(FALL), model).steps())
    started, *_, ended = [event for step in steps for event in step.events if event.label == "fall"]
    assert (started.type, started.reason) == ("started", None)
    assert (ended.type, ended.reason) == ("ended", "end of file")
    assert started.people == 1
    assert started.region is not None
    top, left, bottom, right = started.region
    assert 0 <= top < bottom <= 1
    assert 0 <= left < right <= 1
    scores = [step.scores.probabilities for step in steps if step.scores is not None]
    assert all(score.sum() >= 0.99 for score in scores)
    assert max(float(score[1]) for score in scores) >= 0.6


def test_daily_life_is_not(model, clip):
    steps = list(Watcher(clip(DAILY), model).steps())
    assert not [event for step in steps for event in step.events]
    assert max(len(step.bodies) for step in steps if step.bodies is not None) >= 1


def test_nobody_is_seen_behind_a_mask(model, clip):
    masked = MaskedSource(clip(FALL), [WHOLE])
    steps = list(Watcher(masked, model, masks=[WHOLE]).steps())
    assert not any(step.bodies for step in steps)
    assert not any(step.events for step in steps)


def test_no_fall_begins_in_a_rest_zone(model, clip):
    rules = FallRules(rest_zones=[WHOLE])
    steps = list(Watcher(clip(FALL), model, rules=rules).steps())
    assert not [event for step in steps for event in step.events if event.label == "fall"]


class Alarmed:
    """A scene head that takes all that it sees for violence."""

    def initial_state(self) -> None:
        return None

    def step(self, inference: Inference, state: None) -> tuple[Scores, None]:
        certain = np.array([0.0, 0.0, 1.0], np.float32)
        return Scores(certain, inference.capture_ns, inference.capture_ns), state


@pytest.fixture
def alarmed(model) -> Model:
    return replace(model, aggregator=Alarmed())


def test_who_is_alone_fights_nobody(alarmed, clip):
    steps = list(Watcher(clip(ALONE), alarmed).steps())
    scores = [step.scores.probabilities for step in steps if step.scores is not None]
    alone = [score for score in scores if score[2] == 0]
    assert len(alone) >= 0.9 * len(scores)
    assert all(score.sum() >= 0.99 for score in alone)
    assert not [event for step in steps for event in step.events if event.label == "violence"]


class Panned:
    """A source whose camera turns, by a fifth of its picture a second, there and back."""

    name, live, skipped_frames = "panned", False, 0

    def __init__(self, source: FileSource) -> None:
        self._source = source

    def frames(self) -> Iterator[RawFrame]:
        for frame in self._source.frames():
            pixels = frame.pixels()
            assert pixels is not None
            wide = pixels.shape[1] // 2
            turned = 0.2 * frame.capture_ns / NS_PER_S % 2.0
            left = int(wide * min(turned, 2 - turned))
            yield RawFrame.of(np.ascontiguousarray(pixels[:, left : left + wide]), frame.sequence, frame.capture_ns)

    def close(self) -> None:
        self._source.close()


def test_a_camera_that_pans_tells_no_fight(alarmed, clip):
    steps = list(Watcher(Panned(clip(LONG)), alarmed).steps())
    scores = [step.scores.probabilities for step in steps if step.scores is not None]
    assert np.mean([score[2] == 0 for score in scores[5:]]) >= 0.9
    assert not [event for step in steps for event in step.events if event.label == "violence"]


def test_a_fight_is_told_with_where_it_is_and_who_is_there(alarmed, data_dir):
    path = data_dir / "surveillance-fight" / "fight" / "fi031.mp4"
    if not path.is_file():
        pytest.skip(f"no {path}; set EDGEWATCH_DATA to the folder that holds surveillance-fight")
    steps = list(Watcher(FileSource(path), alarmed).steps())
    started, *_ = [event for step in steps for event in step.events if event.label == "violence"]
    assert started.type == "started"
    assert started.people is not None
    assert started.people >= 2
    assert started.region == pytest.approx((0.22, 0.05, 0.97, 0.55), abs=0.1)
