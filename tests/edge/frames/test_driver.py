"""What a recording's watcher judges is what a camera's thread hands over: the same pictures and the same glances."""

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from edge.bundle import Bundle
from edge.cameras.capture import Capture
from edge.cameras.slots import Slots
from edge.frames.driver import Shot, Shots, drive
from edge.inference.model import Model, open_model
from edge.pipeline import Step, Watcher
from edge.types import NS_PER_S, RawFrame

SIZES_PX = [(48, 64), (360, 640), (721, 1281)]  # smaller, not much larger and much larger than what the model sees
N_FRAMES = 12


class Room:
    """Ten pictures a second of noise, as a recording or a camera."""

    name, skipped_frames = "room", 0

    def __init__(self, size_px: tuple[int, int], *, live: bool = False) -> None:
        self.live = live
        self._size_px = size_px
        self._closed = False

    def frames(self) -> Iterator[RawFrame]:
        rng = np.random.default_rng(0)
        for number in range(N_FRAMES):
            if self._closed:
                return
            yield RawFrame.of(rng.integers(0, 256, (*self._size_px, 3), np.uint8), number, number * NS_PER_S // 10)

    def close(self) -> None:
        self._closed = True


@pytest.fixture
def model(colour_bundle: Path) -> Model:
    return open_model(Bundle.load(colour_bundle))


def judged_of_a_recording(model: Model, size_px: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> list[Shot]:
    judged: list[Shot] = []
    watcher = Watcher(Room(size_px), model)
    step = watcher._pipeline.step

    def noted(shot: Shot) -> Step:
        judged.append(shot)
        return step(shot)

    monkeypatch.setattr(watcher._pipeline, "step", noted)
    list(watcher.steps())
    return judged


def handed_over_by_a_camera(model: Model, size_px: tuple[int, int]) -> list[Shot]:
    slots = Slots[Shot](["hall"])
    errors: list[BaseException] = []
    capture = Capture(
        slots.open("hall"),
        lambda: Room(size_px),
        model.spec.networks,
        slots,
        lossless=True,
        log_fault=errors.append,
    )
    capture.start()
    handed: list[Shot] = []
    while not (capture.notes.ended and slots.is_empty("hall")):
        if (taken := slots.take(1.0)) is not None:
            handed.append(taken[1])
    capture.join(10.0)
    assert errors == []
    return handed


@pytest.mark.parametrize("size_px", SIZES_PX)
def test_a_recording_is_judged_by_what_a_camera_would_hand_over(model, size_px, monkeypatch):
    recorded = judged_of_a_recording(model, size_px, monkeypatch)
    live = handed_over_by_a_camera(model, size_px)
    assert len(recorded) == len(live) > 4
    for judged, shot in zip(recorded, live, strict=True):
        assert judged.sample is not None
        assert shot.sample is not None
        assert judged.capture_ns == shot.capture_ns == judged.seen.capture_ns
        np.testing.assert_array_equal(judged.sample.streams, shot.sample.streams)
        np.testing.assert_array_equal(judged.seen.grey, shot.seen.grey)
        assert judged.seen.sharpness == shot.seen.sharpness


class Diary:
    """A keeper that notes which frames it was shown."""

    def __init__(self) -> None:
        self.shown: list[int] = []

    def see(self, frame: RawFrame) -> None:
        self.shown.append(frame.sequence)


def test_the_keeper_sees_every_frame_and_nobody_sees_one_after_the_end(model):
    over, diary = threading.Event(), Diary()
    given = []
    for frame, _ in drive(Room((48, 64)), Shots(model.spec.networks), diary, over.is_set):
        given.append(frame.sequence)
        if frame.sequence == 6:
            over.set()
    assert given == diary.shown == list(range(7))


def test_what_cannot_be_decoded_is_no_shot_and_the_others_go_on(model):
    class Damaged(Room):
        def frames(self) -> Iterator[RawFrame]:
            for frame in super().frames():
                yield RawFrame(frame.sequence, frame.capture_ns, lambda: None) if frame.sequence == 4 else frame

    driven = drive(Damaged((48, 64)), Shots(model.spec.networks), None, lambda: False)
    times_s = [shot.capture_ns / NS_PER_S for _, shot in driven if shot is not None]
    assert times_s == pytest.approx([0.0, 0.2, 0.5, 0.6, 0.8, 1.0])
