"""A camera that is switched off, and on again, while its thread is busy or hangs in its driver."""

import itertools
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from edge.bundle import Bundle
from edge.cameras.camera import Camera, CameraSetup
from edge.cameras.capture import Capture, Freeze
from edge.cameras.slots import Slots
from edge.cameras.watching import Outlets
from edge.cameras.writer import Writer
from edge.frames import driver as driving
from edge.frames.driver import Shot
from edge.frames.glance import Glance, glance
from edge.inference.model import Model, open_model
from edge.types import NS_PER_S, RawFrame

FAR_S = 30.0
AT_ONCE_S = 0.0
HALL = "hall"


class Driver:
    """A camera whose driver gives a picture when the test says so, and takes no notice of being closed."""

    name, live, skipped_frames = "driver", True, 0

    def __init__(self, begin_s: float) -> None:
        self._begin_s = begin_s
        self._due = threading.Semaphore(0)
        self.ended = threading.Event()

    def give(self, n_pictures: int = 1) -> None:
        self._due.release(n_pictures)

    def frames(self) -> Iterator[RawFrame]:
        try:
            for number in itertools.count():
                assert self._due.acquire(timeout=FAR_S)
                time_ns = round((self._begin_s + number) * NS_PER_S)
                yield RawFrame.of(np.full((48, 64, 3), number, np.uint8), number, time_ns)
        finally:
            self.ended.set()

    def close(self) -> None:
        pass


class Times:
    """A keeper that notes the times of what it is shown."""

    def __init__(self) -> None:
        self.seen_ns: list[int] = []

    def see(self, frame: RawFrame) -> None:
        self.seen_ns.append(frame.capture_ns)


class Deaf:
    """Takes no note of what a camera does."""

    def judged(self, camera: str, capture_ns: int, duration_ns: int, *, live: bool) -> None:
        pass

    def condition(self, camera: str, state: str) -> None:
        pass

    def idle(self) -> None:
        pass


@pytest.fixture
def model(colour_bundle: Path) -> Model:
    return open_model(Bundle.load(colour_bundle))


@pytest.fixture
def slots() -> Slots[Shot]:
    return Slots[Shot]([HALL])


@pytest.fixture
def keeper() -> Times:
    return Times()


@pytest.fixture
def watch(model: Model, slots: Slots[Shot], keeper: Times) -> Callable[..., Camera]:
    """`watch(driver, ...)`: a camera that is opened with one driver after the other."""

    def begin(*drivers: Driver) -> Camera:
        following = iter(drivers)
        setup = CameraSetup(HALL, lambda: next(following), model.spec.alerts, keeper=keeper)
        camera = Camera(
            setup,
            model,
            slots,
            Outlets(None, None, []),
            writer=Writer(),
            health=Deaf(),
            report=lambda _: None,
            on_event=lambda _event, _capture_ns: None,
        )
        camera.start()
        return camera

    return begin


def test_a_picture_that_was_half_seen_when_its_camera_was_switched_off_is_not_judged(watch, slots, monkeypatch):
    driver, is_looking, may_go_on = Driver(0), threading.Event(), threading.Event()

    def look(pixels: np.ndarray, capture_ns: int) -> Glance:
        is_looking.set()
        assert may_go_on.wait(FAR_S)
        return glance(pixels, capture_ns)

    monkeypatch.setattr(driving, "glance", look)
    camera = watch(driver)
    driver.give(2)
    assert is_looking.wait(FAR_S)
    camera.set_enabled(on=False)
    may_go_on.set()
    assert driver.ended.wait(FAR_S)
    assert slots.take(AT_ONCE_S) is None


def test_what_still_hangs_in_its_driver_feeds_nobody_when_its_camera_is_switched_on_again(watch, slots, keeper):
    old, new = Driver(0), Driver(1000)
    camera = watch(old, new)
    old.give()
    assert slots.take(FAR_S) is not None
    camera.set_enabled(on=False)
    camera.set_enabled(on=True)
    n_seen = len(keeper.seen_ns)
    old.give(2)
    assert old.ended.wait(FAR_S)
    assert slots.take(AT_ONCE_S) is None
    assert keeper.seen_ns[n_seen:] == []
    new.give()
    taken = slots.take(FAR_S)
    assert taken is not None
    assert taken[1].sample.capture_ns == 1000 * NS_PER_S
    assert set(keeper.seen_ns[n_seen:]) == {1000 * NS_PER_S}
    camera.stop()
    new.give(2)
    assert new.ended.wait(FAR_S)


def test_a_camera_that_is_switched_on_again_is_not_asked_for_what_was_seen_before(watch, slots, until):
    old, new = Driver(0), Driver(1000)
    camera = watch(old, new)
    old.give()
    until(lambda: not slots.is_empty(HALL), "a picture of before")
    camera.set_enabled(on=False)
    camera.set_enabled(on=True)
    assert slots.take(AT_ONCE_S) is None
    camera.stop()
    for driver in (old, new):
        driver.give(2)
        assert driver.ended.wait(FAR_S)


def frozen_after(seconds: float, *, is_repeat: bool) -> float | None:
    """What is said of one picture that comes again and again for so long, three times a second."""
    freeze, pixels = Freeze(), np.zeros((48, 64, 3), np.uint8)
    for number in range(round(3 * seconds) + 1):
        freeze.see(pixels, glance(pixels, 0), 100 + number / 3, is_repeat=is_repeat)
    return freeze.frozen_s


def test_what_is_sent_again_stands_still_and_what_is_coded_anew_may_be_a_quiet_night():
    assert frozen_after(4.5, is_repeat=True) is None
    assert frozen_after(5.5, is_repeat=True) == 5.0
    assert frozen_after(60, is_repeat=False) is None
    assert frozen_after(121, is_repeat=False) == 120.0


def test_what_stands_still_does_so_until_it_changes_whatever_is_opened_anew():
    freeze, dark, light = Freeze(), np.zeros((48, 64, 3), np.uint8), np.full((48, 64, 3), 9, np.uint8)
    for number in range(20):
        freeze.see(dark, glance(dark, 0), 100 + number / 3, is_repeat=True)
    freeze.see(dark, glance(dark, 0), 110, is_repeat=False)  # the first one after opening
    assert freeze.frozen_s == 5.0
    freeze.see(light, glance(light, 0), 110.3, is_repeat=False)
    assert freeze.frozen_s is None


class Retimed:
    """A camera of ten pictures a second, whose clock goes at half the speed until its stamps are given up."""

    name, live, skipped_frames = "retimed", True, 0

    def __init__(self, *, says_so: bool) -> None:
        self._says_so = says_so
        self.shown, self.may_end = threading.Event(), threading.Event()

    def frames(self) -> Iterator[RawFrame]:
        for number in range(85):
            time_s = number / 20 if number < 40 else number / 10
            pixels, is_retimed = np.full((48, 64, 3), number, np.uint8), self._says_so and number == 40
            yield RawFrame(number, round(time_s * NS_PER_S), lambda found=pixels: found, is_retimed=is_retimed)
        self.shown.set()
        assert self.may_end.wait(FAR_S)

    def close(self) -> None:
        self.may_end.set()


@pytest.mark.parametrize("says_so", [True, False])
def test_a_change_of_clocks_is_no_gap_in_the_pictures(model, slots, says_so):
    camera = Retimed(says_so=says_so)
    capture = Capture(slots.open(HALL), lambda: camera, model.spec.networks, slots, log_fault=lambda _: None)
    capture.start()
    assert camera.shown.wait(FAR_S)
    share = capture.rates.worst(4.0).share
    capture.stop()
    capture.join(FAR_S)
    assert share is not None
    assert (share >= 1) == says_so
    assert capture.notes.retimed == says_so
