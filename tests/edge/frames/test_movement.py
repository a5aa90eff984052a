"""Where something moves."""

import cv2
import numpy as np
import pytest

from edge.frames.glance import glance
from edge.frames.movement import Movement
from edge.types import NS_PER_S

RATE_HZ = 5
LEFT, RIGHT = 60, 460  # where a person stands, px of 640


def picture(x_px: int | None, y_px: int = 100, light: int = 90) -> np.ndarray:
    """A room with perhaps a person, and a camera's noise."""
    pixels = np.full((360, 640, 3), light, np.uint8)
    if x_px is not None:
        cv2.rectangle(pixels, (x_px, y_px), (x_px + 80, y_px + 160), (230, 210, 200), -1)
    return np.clip(pixels + np.random.default_rng(x_px or 0).normal(0, 3, pixels.shape), 0, 255).astype(np.uint8)


def after(*pictures: np.ndarray, period_s: float = 1 / RATE_HZ) -> Movement:
    movement = Movement()
    for number, pixels in enumerate(pictures):
        movement = movement.after(glance(pixels, round(number * period_s * NS_PER_S)))
    return movement


def test_who_moves_is_found_where_he_moves():
    movement = after(picture(LEFT), picture(LEFT + 30))
    moving = movement.now()
    assert moving[:, :20].any()
    assert not moving[:, 32:].any()


@pytest.mark.parametrize(
    "movement",
    [
        after(picture(LEFT), picture(LEFT)),
        after(picture(None), picture(None, light=140)),
        after(picture(LEFT), picture(RIGHT), period_s=5.0),
        after(picture(LEFT)),
    ],
    ids=["noise", "a lamp", "a long gap", "the first picture"],
)
def test_what_is_no_movement(movement):
    assert not movement.now().any()
