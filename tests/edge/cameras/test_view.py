"""A camera that is covered, dark, blurred or turned, against one that is none of it."""

import cv2
import numpy as np
import pytest

from edge.cameras.view import ACCEPT_S, CONFIRM_S, View
from edge.frames.glance import glance
from edge.types import NS_PER_S

RATE_HZ = 2


def room(seed: int) -> np.ndarray:
    """Furniture: rectangles of many greys, with noise."""
    rng = np.random.default_rng(seed)
    pixels = np.full((180, 320, 3), 120, np.uint8)
    for _ in range(25):
        x, y = int(rng.integers(0, 300)), int(rng.integers(0, 165))
        w, h = int(rng.integers(10, 80)), int(rng.integers(10, 60))
        cv2.rectangle(pixels, (x, y), (x + w, y + h), (int(rng.integers(20, 230)),) * 3, -1)
    return pixels


HALL = room(1)


NOISE = np.random.default_rng(0).normal(0, 2, (7, *HALL.shape)).astype(np.int16)


class Camera:
    """Shows pictures, a few a second, and asks what is wrong."""

    def __init__(self) -> None:
        self.view = View()
        self.now_s = 100.0
        self._number = 0

    def show(self, pixels: np.ndarray, seconds: float) -> str | None:
        for _ in range(round(seconds * RATE_HZ)):
            self.now_s += 1 / RATE_HZ
            self._number += 1
            noisy = np.asarray(cv2.add(pixels, NOISE[self._number % len(NOISE)], dtype=cv2.CV_8U), np.uint8)
            self.view = self.view.after(glance(noisy, round(self.now_s * NS_PER_S)))
        return self.view.blind()


@pytest.fixture
def camera() -> Camera:
    camera = Camera()
    assert camera.show(HALL, 40) is None
    return camera


@pytest.mark.parametrize(
    ("pixels", "why"),
    [
        (np.full_like(HALL, 2), "is dark"),
        (np.full_like(HALL, 90), "is covered"),
        (cv2.GaussianBlur(HALL, (0, 0), 6), "is out of focus"),
        (room(2), "looks elsewhere than usual"),
        (np.roll(HALL, 125, axis=1), "looks elsewhere than usual"),
    ],
    ids=["dark", "covered", "blurred", "another room", "turned"],
)
def test_blindness_is_told_after_a_while_and_ends_with_its_cause(camera, pixels, why):
    assert camera.show(pixels, CONFIRM_S - 1) is None
    assert camera.show(pixels, 2) == why
    assert camera.show(pixels, 60) == why
    assert camera.show(HALL, 1) is None


def person(x_px: int) -> np.ndarray:
    pixels = HALL.copy()
    cv2.rectangle(pixels, (x_px, 30), (x_px + 55, 175), (40, 60, 90), -1)
    return pixels


@pytest.mark.parametrize(
    "pixels",
    [
        np.clip(HALL * 0.5, 0, 255).astype(np.uint8),
        np.clip(HALL * 1.2 + 30, 0, 255).astype(np.uint8),
        person(150),
        np.roll(HALL, 2, axis=1),
    ],
    ids=["half the light", "more light", "a person close by", "a nudge"],
)
def test_what_is_usual_in_a_room_is_no_blindness(camera, pixels):
    assert camera.show(pixels, 60) is None


def test_dusk_is_followed(camera):
    for step in range(40):
        assert camera.show(np.clip(HALL * (1 - step / 50), 0, 255).astype(np.uint8), 15) is None


def test_a_hand_that_passes_is_no_blindness(camera):
    for _ in range(5):
        assert camera.show(np.full_like(HALL, 60), CONFIRM_S - 2) is None
        assert camera.show(HALL, 2) is None


def test_a_camera_that_was_turned_on_purpose_is_believed_in_the_end(camera):
    assert camera.show(room(2), ACCEPT_S - 5) == "looks elsewhere than usual"
    assert camera.show(room(2), 60) is None
    assert camera.show(HALL, CONFIRM_S + 5) == "looks elsewhere than usual"
