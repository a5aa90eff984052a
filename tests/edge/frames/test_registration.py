"""Registration: a picture that was moved by a known amount is laid back where it was."""

import cv2
import numpy as np
import pytest

from edge.frames.registration import Registration

HEIGHT, WIDTH = 144, 192
MARGIN = 24


@pytest.fixture(scope="module")
def scene() -> np.ndarray:
    """A grey wall with blurred spots of all sizes, wider than a camera sees."""
    random = np.random.default_rng(5)
    spots = random.integers(0, 256, ((HEIGHT + 2 * MARGIN) // 6, (WIDTH + 2 * MARGIN) // 6), dtype=np.uint8)
    return cv2.resize(spots, (WIDTH + 2 * MARGIN, HEIGHT + 2 * MARGIN), interpolation=cv2.INTER_CUBIC)


def view(scene: np.ndarray, right: int = 0, down: int = 0) -> np.ndarray:
    """What a camera sees that points so many pixels away from the middle."""
    return np.ascontiguousarray(scene[MARGIN + down : MARGIN + down + HEIGHT, MARGIN + right : MARGIN + right + WIDTH])


@pytest.mark.parametrize(("right", "down"), [(3, 0), (0, -5), (-7, 4), (12, 9)])
def test_a_camera_that_pans_sees_the_same_where_it_looked_before(scene: np.ndarray, right: int, down: int) -> None:
    newest, earlier = view(scene, right, down), view(scene)
    laid, known = Registration(newest).of(earlier)
    assert laid.dtype == np.float32
    assert np.abs(laid - newest)[known].mean() < 2.0
    assert np.abs(earlier.astype(float) - newest).mean() > 15, "without registration all of it would have moved"
    seen = np.zeros((HEIGHT, WIDTH), bool)  # what both views hold
    seen[max(-down, 0) : HEIGHT - max(down, 0), max(-right, 0) : WIDTH - max(right, 0)] = True
    assert (known != seen).mean() < 0.01


def test_turn_and_zoom_are_undone(scene: np.ndarray) -> None:
    newest = view(scene)
    turn = cv2.getRotationMatrix2D((WIDTH / 2, HEIGHT / 2), 3.0, 1.04)
    earlier = cv2.warpAffine(newest, turn, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REFLECT)
    laid, known = Registration(newest).of(earlier)
    inner = np.s_[30:-30, 30:-30]
    assert known[inner].all()
    assert np.abs(laid - newest)[inner].mean() < 4.0
    assert np.abs(earlier.astype(float) - newest)[inner].mean() > 12


def test_a_fixed_camera_stays_fixed_to_the_bit_though_somebody_walks(scene: np.ndarray) -> None:
    random = np.random.default_rng(6)

    def filmed(left: int) -> np.ndarray:
        picture = view(scene).astype(int) + random.integers(-3, 4, (HEIGHT, WIDTH))
        picture[40:130, left : left + 30] = 200
        return np.clip(picture, 0, 255).astype(np.uint8)

    newest, earlier = filmed(70), filmed(60)
    laid, known = Registration(newest).of(earlier)
    assert known.all()
    assert (laid == earlier).all()


@pytest.mark.parametrize("what", ["one colour", "nothing in common", "one pixel"])
def test_where_nothing_can_be_told_the_picture_stays_as_it_is(scene: np.ndarray, what: str) -> None:
    newest, earlier = {
        "one colour": (np.full((HEIGHT, WIDTH), 90, np.uint8), np.full((HEIGHT, WIDTH), 120, np.uint8)),
        "nothing in common": (view(scene), cv2.flip(view(scene), -1)),
        "one pixel": (np.full((1, 1), 5, np.uint8), np.full((1, 1), 6, np.uint8)),
    }[what]
    laid, known = Registration(newest).of(earlier)
    assert known.all()
    assert (laid == earlier).all()
