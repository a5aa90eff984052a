import cv2
import numpy as np
import pytest

from edge.frames.camera_motion import HELD_S, SETTLED_S, CameraMotion
from edge.frames.glance import glance
from edge.types import NS_PER_S

RATE_HZ = 10.0
WIDTH_PX, HEIGHT_PX = 320, 240


@pytest.fixture(scope="module")
def room() -> np.ndarray:
    """Walls and furniture, four pictures wide and two high: grey patches of all sizes."""
    chance = np.random.default_rng(3)
    picture = np.full((2 * HEIGHT_PX, 4 * WIDTH_PX, 3), 120, np.uint8)
    for _ in range(400):
        x, y = (int(chance.integers(0, side)) for side in picture.shape[1::-1])
        wide, tall = map(int, chance.integers(8, 90, 2))
        cv2.rectangle(picture, (x, y), (x + wide, y + tall), [int(chance.integers(20, 230))] * 3, -1)
    return cv2.GaussianBlur(picture, (0, 0), 1.5)


def view(room, x_px=0.0, y_px=0.0) -> np.ndarray:
    middle = (x_px + WIDTH_PX / 2, y_px + HEIGHT_PX / 2)
    return cv2.getRectSubPix(room, (WIDTH_PX, HEIGHT_PX), middle)


def watched(pictures, motion=None, first=0) -> tuple[CameraMotion, list[bool]]:
    motion, held = motion or CameraMotion(), []
    for number, picture in enumerate(pictures, first):
        motion = motion.after(glance(picture, round(number * NS_PER_S / RATE_HZ)))
        held.append(motion.holds_back)
    return motion, held


def pan(room, speed, seconds, down=0.0):
    """Pictures of a camera that turns; speeds are picture widths, and heights, a second."""
    for number in range(round(seconds * RATE_HZ)):
        time_s = number / RATE_HZ
        yield view(room, 10 + speed * WIDTH_PX * time_s, 10 + down * HEIGHT_PX * time_s)


@pytest.mark.parametrize(("speed", "down"), [(0.1, 0.0), (0.2, 0.0), (0.15, 0.1), (0.0, 0.15)])
def test_a_camera_that_pans(room, speed, down):
    _, held = watched(pan(room, speed, 3, down))
    assert np.mean(held[8:]) >= 0.9


def test_a_camera_that_stands_still(room):
    noise = np.random.default_rng(0).normal(0, 3, (30, HEIGHT_PX, WIDTH_PX, 3))
    assert not any(watched(np.clip(view(room) + one, 0, 255).astype(np.uint8) for one in noise)[1])


def test_light_that_changes(room):
    dimmed = (cv2.convertScaleAbs(view(room), alpha=1 - 0.02 * (number % 30)) for number in range(60))
    assert not any(watched(dimmed)[1])


def test_somebody_large_who_walks_by(room):
    def pictures():
        for number in range(30):
            picture, left = view(room).copy(), 10 * number - 60
            body = slice(max(0, left), max(0, left + 110))
            picture[20:, body] = view(room, 700 - left)[20:, body]
            yield picture

    assert not any(watched(pictures())[1])


def test_what_moves_both_ways(room):
    both = (
        np.concatenate([view(room, 10 + 6 * number)[:, :160], view(room, 700 - 6 * number)[:, 160:]], axis=1)
        for number in range(30)
    )
    assert not any(watched(both)[1])


def test_a_knock_is_no_movement(room):
    knocked = [view(room)] * 10 + [view(room, 6), view(room, -4), view(room, 2)] + [view(room)] * 20
    assert not any(watched(knocked)[1])


def test_it_stands_still_again_a_second_later(room):
    motion, _ = watched(pan(room, 0.2, 2))
    assert motion.holds_back
    last = list(pan(room, 0.2, 2))[-1]
    _, held = watched([last] * 30, motion, first=20)
    assert held[5]
    assert not held[round((SETTLED_S + 0.8) * RATE_HZ)]


def test_a_camera_that_always_moves_is_judged_as_it_is(room):
    there_and_back = [*pan(room, 0.2, 8), *reversed(list(pan(room, 0.2, 8)))]
    _, held = watched(there_and_back)
    begun = held.index(True)
    assert all(held[begun : begun + round(HELD_S * RATE_HZ) - 1])
    assert not any(held[begun + round(HELD_S * RATE_HZ) + 1 :])


def test_a_pause_begins_anew(room):
    motion, _ = watched(pan(room, 0.2, 2))
    assert not watched(pan(room, 0.2, 0.2), motion, first=40)[1][0]
