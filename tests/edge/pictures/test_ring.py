"""The last seconds of a camera."""

from functools import partial

import cv2
import numpy as np
import pytest

from edge.pictures.ring import BYTES_PER_S, Ring
from edge.types import NS_PER_S, RawFrame


def frame(time_s: float, size: tuple[int, int] = (360, 640), level: int = 90) -> RawFrame:
    return RawFrame.of(np.full((*size, 3), level, np.uint8), 0, round(time_s * NS_PER_S))


def filled(rate_hz: float = 15.0, seconds: float = 10.0) -> Ring:
    ring = Ring("full", seconds=3.0, rate_hz=5.0, width_px=320)
    for number in range(round(rate_hz * seconds)):
        time_s = number / rate_hz
        ring.see(frame(time_s, level=20 + number))
    return ring


def test_keeps_the_last_seconds_at_its_rate():
    stills = filled().between(0, 100 * NS_PER_S)
    times_s = [still.capture_ns / NS_PER_S for still in stills]
    assert times_s[-1] > 9.7
    assert 2.9 <= times_s[-1] - times_s[0] <= 3.1
    assert len(stills) == 16
    np.testing.assert_allclose(np.diff(times_s), 0.2, atol=0.07)


def test_a_minute_of_large_pictures_is_whole_and_bounded():
    ring = Ring("full", seconds=60.0, rate_hz=30.0, width_px=1920)
    noise = np.random.default_rng(0).integers(0, 256, (540, 960, 3), np.uint8)
    for number in range(70 * 30):
        ring.see(RawFrame.of(noise, number, number * NS_PER_S // 30))
    stills = ring.between(0, 100 * NS_PER_S)
    largest = len(stills[0].jpeg)
    assert 30 * largest > 5 * BYTES_PER_S, "else nothing is shown"
    assert ring.n_bytes == sum(len(still.jpeg) for still in stills)
    assert 60 * BYTES_PER_S - 2 * largest < ring.n_bytes <= 60 * BYTES_PER_S
    times_s = np.array([still.capture_ns for still in stills]) / NS_PER_S
    assert 58 < times_s[-1] - times_s[0] <= 63
    assert np.diff(times_s).max() < 0.5


def test_gives_the_picture_that_is_asked_for():
    ring = filled()
    still = ring.nearest(round(8.5 * NS_PER_S))
    assert still is not None
    picture = cv2.imdecode(np.frombuffer(still.jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    assert picture.shape == (180, 320, 3)
    assert picture.mean() == pytest.approx(20 + round(still.capture_ns / NS_PER_S * 15), abs=2)
    assert abs(still.capture_ns / NS_PER_S - 8.5) <= 0.1
    assert ring.newest_ns() == ring.between(0, 100 * NS_PER_S)[-1].capture_ns


def test_an_empty_ring_has_nothing():
    ring = Ring("full", seconds=3.0, rate_hz=5.0, width_px=320)
    assert ring.nearest(0) is None
    assert ring.newest_ns() is None
    assert ring.between(0, 1) == []


def test_a_gap_and_a_clock_that_goes_back_do_not_stop_it():
    ring = Ring("full", seconds=3.0, rate_hz=5.0, width_px=320)
    for time_s in (0.0, 0.2, 50.0, 50.2, 1.0, 1.2):
        ring.see(frame(time_s))
        assert ring.newest_ns() == round(time_s * NS_PER_S)
    ring.see(frame(1.25))
    assert ring.newest_ns() == round(1.2 * NS_PER_S), "it is not time yet"


def test_only_what_is_kept_is_decoded_and_what_cannot_be_is_passed_over():
    ring = Ring("full", seconds=3.0, rate_hz=5.0, width_px=320)
    asked: list[int] = []

    def decode(number: int):
        asked.append(number)
        return None if number == 0 else np.full((36, 64, 3), 90, np.uint8)

    for number in range(5):
        ring.see(RawFrame(number, number * NS_PER_S // 10, partial(decode, number)))
    assert asked == [0, 1, 3]
    assert [still.capture_ns for still in ring.between(0, NS_PER_S)] == [NS_PER_S // 10, 3 * NS_PER_S // 10]


def test_blurred_pictures_hold_no_face():
    checks = np.kron(np.indices((36, 64)).sum(axis=0) % 2 * 255, np.ones((10, 10))).astype(np.uint8)
    ring = Ring("blurred", seconds=3.0, rate_hz=5.0, width_px=640)
    ring.see(RawFrame.of(np.repeat(checks[:, :, np.newaxis], 3, axis=2), 0, 0))
    still = ring.nearest(0)
    assert still is not None
    picture = cv2.imdecode(np.frombuffer(still.jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    assert picture.shape == (360, 640, 3)
    assert picture.std() < 20, "details of ten pixels are gone"
