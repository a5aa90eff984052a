"""The whole way from frames to events, with a real bundle whose model can be told what to see."""

import dataclasses
import itertools
import threading
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from edge.bundle import AlertSpec, Bundle
from edge.errors import ModelError, SourceError
from edge.events.clock import recording_clock
from edge.inference.choice import Backend, Network
from edge.inference.model import Model, open_model
from edge.inference.quantization import Quantization
from edge.inference.tflite import Tensor
from edge.pipeline import Watcher
from edge.sources.file import FileSource
from edge.types import NS_PER_S, RawFrame

GREY, GREEN, RED = (90, 90, 90), (20, 220, 20), (220, 20, 20)
BEGAN_AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Scene:
    """Plain colours in memory: (colour, seconds) after each other. `fails` ends it as a lost camera does."""

    def __init__(
        self, *scenes, rate_hz: float = 10.0, live: bool = False, fails: str = "", begin_s: float = 0.0
    ) -> None:
        self.name = "scene"
        self.live = live
        self.skipped_frames = 0
        self.closed = False
        self._fails = fails
        self._frames = []
        for colour, seconds in scenes:
            for _ in range(round(seconds * rate_hz)):
                time_ns = round((begin_s + len(self._frames) / rate_hz) * NS_PER_S)
                pixels = np.full((48, 64, 3), colour, np.uint8)
                self._frames.append(RawFrame.of(pixels, len(self._frames), time_ns))

    def frames(self):
        for frame in self._frames:
            if self.closed:
                return
            yield frame
        if self._fails:
            raise SourceError(self._fails)

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def model(colour_bundle: Path) -> Model:
    return open_model(Bundle.load(colour_bundle))


def events_of(watcher: Watcher):
    return [event for step in watcher.steps() for event in step.events]


def told(events):
    return [(event.label, event.type, event.reason) for event in events]


def test_a_fall_and_a_fight_arrive_each_as_its_own_event(model):
    scene = Scene((GREY, 2), (GREEN, 2), (GREY, 3), (RED, 2), (GREY, 3))
    events = events_of(Watcher(scene, model, camera="hall", clock=recording_clock(BEGAN_AT)))
    assert told(events) == [
        ("fall", "started", None),
        ("fall", "ended", None),
        ("violence", "started", None),
        ("violence", "ended", None),
    ]
    # Green from 2.0 s; the mean of 0.4 s is over 0.5 with two of two samples, and has to stay for 0.2 s.
    assert events[0].position_s == pytest.approx(2.4, abs=0.21)
    assert events[0].started_at.startswith("2026-03-01T12:00:02.")
    assert events[2].position_s == pytest.approx(7.4, abs=0.21)
    assert {event.camera for event in events} == {"hall"}
    assert {event.model_sha256 for event in events} == {model.digest}
    assert events[0].id == events[1].id != events[2].id


def test_steps_carry_inference_and_scores(model):
    steps = list(Watcher(Scene((GREY, 1), (GREEN, 1)), model).steps())
    assert len(steps) == 11  # ten samples, and the end
    *samples, last = steps
    assert all(step.inference is not None and step.scores is not None for step in samples)
    assert (last.inference, last.scores) == (None, None)
    inference, scores = samples[-1].inference, samples[-1].scores
    assert inference is not None
    assert scores is not None
    np.testing.assert_allclose(inference.features, np.array(GREEN) / 255, atol=1e-3)
    np.testing.assert_allclose(scores.probabilities, [1 - 200 / 255, 200 / 255, 0], atol=1e-3)
    assert scores.end_ns == inference.capture_ns == 1_800_000_000


@pytest.mark.parametrize(("live", "reason"), [(False, "end of file"), (True, "lost")], ids=["recording", "camera"])
def test_the_end_ends_what_is_active(model, live, reason):
    events = events_of(Watcher(Scene((GREY, 1), (GREEN, 2), live=live), model))
    assert told(events) == [("fall", "started", None), ("fall", "ended", reason)]


def test_a_lost_camera_ends_what_is_active_and_says_so(model):
    steps = Watcher(Scene((GREY, 1), (GREEN, 2), live=True, fails="/dev/video0: gone"), model).steps()
    events = [event for step in itertools.islice(steps, 16) for event in step.events]  # 15 samples, and the end
    with pytest.raises(SourceError, match="/dev/video0: gone"):
        next(steps)
    assert told(events) == [("fall", "started", None), ("fall", "ended", "lost")]


def test_stop_ends_what_is_active(model):
    watcher = Watcher(Scene((GREY, 1), (GREEN, 60)), model)
    events = []
    for step in watcher.steps():
        events += step.events
        if step.inference is not None and step.inference.capture_ns > 3 * NS_PER_S:
            stopper = threading.Thread(target=watcher.stop)
            stopper.start()
            stopper.join()
    assert told(events) == [("fall", "started", None), ("fall", "ended", "stopped")]
    assert watcher.progress.steps < 20


def test_stop_before_the_beginning_is_no_error(make_clip, model):
    watcher = Watcher(FileSource(make_clip("a.avi", ("grey", 1))), model)
    watcher.stop()
    assert list(watcher.steps()) == []


def test_other_alerts_may_be_given(model):
    scene = [(GREY, 1), (GREEN, 2), (RED, 2), (GREY, 2)]
    assert events_of(Watcher(Scene(*scene), model, alerts={})) == []
    strict = {"fall": AlertSpec(onset_threshold=0.99)}
    assert events_of(Watcher(Scene(*scene), model, alerts=strict)) == []


def test_a_video_gives_what_the_frames_in_memory_give(make_clip, model):
    clip = make_clip("a.avi", ("grey", 2), ("green", 2), ("grey", 2))
    of_file = events_of(Watcher(FileSource(clip), model))
    of_memory = events_of(Watcher(Scene((GREY, 2), (GREEN, 2), (GREY, 2)), model))
    assert [(e.label, e.type, e.position_s) for e in of_file] == [(e.label, e.type, e.position_s) for e in of_memory]


def test_a_head_remembers_in_the_watcher_and_not_in_the_model(make_bundle):
    model = open_model(Bundle.load(make_bundle(head="head")))
    watchers = [Watcher(Scene((GREY, 1), (GREEN, 1)), model), Watcher(Scene((GREY, 1), (GREEN, 1)), model)]
    # In turns: two cameras share the interpreter of the head.
    pairs = list(zip(*(watcher.steps() for watcher in watchers), strict=True))
    alone = list(Watcher(Scene((GREY, 1), (GREEN, 1)), model).steps())
    for one, other, single in zip(*zip(*pairs, strict=True), alone, strict=True):
        np.testing.assert_array_equal(one.scores.probabilities, single.scores.probabilities)
        np.testing.assert_array_equal(other.scores.probabilities, single.scores.probabilities)


class TestProgress:
    def after(self, scene: Scene, model: Model):
        watcher = Watcher(scene, model, alerts={})
        for _ in watcher.steps():
            pass
        return watcher.progress

    def test_of_a_source_that_keeps_the_rate(self, model):
        progress = self.after(Scene((GREY, 6), rate_hz=30), model)
        assert (progress.frames, progress.steps, progress.missed_ticks, progress.gaps) == (180, 30, 0, 0)
        assert progress.rate.found_hz == pytest.approx(5.0, rel=0.02)
        assert progress.rate.wanted_hz == 5.0
        assert not progress.below_target

    def test_a_slow_source_is_seen(self, model):
        progress = self.after(Scene((GREY, 20), rate_hz=3), model)
        assert progress.rate.found_hz == pytest.approx(3.0, rel=0.02)
        assert progress.below_target
        assert progress.missed_ticks == pytest.approx(40, abs=3)

    def test_a_source_that_becomes_slow_is_seen_soon(self, model):
        scene = Scene((GREY, 60), rate_hz=10)
        scene._frames += Scene((GREY, 12), rate_hz=2, begin_s=60)._frames
        progress = self.after(scene, model)
        assert progress.rate.found_hz == pytest.approx(2.0, rel=0.1)
        assert progress.below_target

    def test_a_gap_longer_than_the_window_is_counted(self, model):
        scene = Scene((GREY, 2))
        scene._frames += Scene((GREY, 2), begin_s=9)._frames
        assert self.after(scene, model).gaps == 1

    def test_before_the_beginning(self, model):
        progress = Watcher(Scene(), model).progress
        assert (progress.steps, progress.rate.found_hz, progress.below_target) == (0, None, False)


def test_a_recording_too_short_for_a_sample_is_refused(make_bundle):
    spec = {"height_px": 32, "width_px": 32, "stream": "motion", "rate_hz": 5.0}
    model = open_model(Bundle.load(make_bundle(input=spec)))
    with pytest.raises(SourceError, match=r"scene: too short for one sample \(1 frames\)"):
        list(Watcher(Scene((GREY, 0.1)), model).steps())


class Broken:
    """A network that has gone wrong."""

    def __init__(self) -> None:
        self.inputs = {"pixels": Tensor(0, (1, 32, 32, 3), np.dtype(np.uint8), Quantization())}
        self.outputs = {}

    def run(self, values):  # noqa: ARG002 - the Protocol's name
        return {
            "features": np.zeros((1, 3), np.float32),
            "probabilities": np.array([[0.1, np.nan, 0.2]], np.float32),
        }


def test_scores_that_are_no_numbers_are_refused(model):
    network = Network([Backend("broken", Broken)], print)
    with pytest.raises(ModelError, match="no numbers"):
        list(Watcher(Scene((GREY, 1)), dataclasses.replace(model, network=network)).steps())


def test_real_footage_goes_through(data_dir, model):
    """2.4 s at 5 samples a second; what the built-in model says of footage is measured by the proofs."""
    source = FileSource(data_dir / "surveillance-fight" / "fight" / "fi079.mp4")
    watcher = Watcher(source, model, alerts={})
    assert sum(step.inference is not None for step in watcher.steps()) == 12
    assert watcher.progress.skipped_frames == 0
