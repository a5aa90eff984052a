import math

import numpy as np
import pytest

from edge.frames.letterbox import fit, letterbox
from edge.people.decoding import LEAST_SCORE, MAPS, decode

PX = 256
SQUARE = fit(np.zeros((PX, PX, 3), np.uint8), PX, PX)
LOW, HIGH = -12.0, 3.0


def sigmoid(logit: float) -> float:
    return 1 / (1 + math.exp(-logit))


def empty() -> dict[str, np.ndarray]:
    maps = {name: np.zeros((1, 64, 64, channels), np.float32) for name, channels in MAPS.items()}
    maps["centers"][:] = maps["heat"][:] = LOW
    return maps


def with_person(maps: dict[str, np.ndarray], row: int, column: int, sure: float = HIGH) -> None:
    """A person of 20 by 10 cells, keypoint k on row `row - 8 + k`, three columns to the right of the centre."""
    maps["centers"][0, row, column] = sure
    maps["box_sizes"][0, row, column] = (20, 10)
    for k in range(17):
        maps["regressions"][0, row, column, 2 * k : 2 * k + 2] = (k - 8, 3)
        maps["heat"][0, row - 8 + k, column + 3, k] = HIGH
        maps["offsets"][0, row - 8 + k, column + 3, 2 * k : 2 * k + 2] = (0.5, 0.25)


def noisy(seed: int) -> dict[str, np.ndarray]:
    """Maps of up to eight people, near each other and the border, with noise everywhere."""
    chance = np.random.default_rng(seed)
    spread = {"centers": 2, "heat": 2, "offsets": 0.5, "regressions": 6, "box_offsets": 0.5, "box_sizes": 8}
    maps = {name: chance.normal(0, spread[name], (1, 64, 64, n)).astype(np.float32) for name, n in MAPS.items()}
    maps["centers"] -= 8
    maps["heat"] -= 4
    for row, column in chance.integers(0, 64, (8, 2)):
        maps["centers"][0, row, column] = chance.normal(1, 2)
        maps["box_sizes"][0, row, column] = chance.uniform(5, 60, 2)
    return maps


def assert_same(people, published: np.ndarray) -> int:
    """The published file's people, to a pixel of 256 and to 0.01; those that are no tie."""
    theirs = sorted((row for row in published if row[55] >= LEAST_SCORE), key=lambda row: -row[55])
    assert len(people) == len(theirs)
    for person, row in zip(people, theirs, strict=True):
        points = row[:51].reshape(17, 3)
        counts = points[:, 2] > 0.127
        assert person.score == pytest.approx(row[55], abs=0.01)
        assert person.keypoints[:, 2] == pytest.approx(points[:, 2], abs=0.01)
        assert np.abs(person.keypoints[counts, :2] - points[counts, :2]).max() * PX < 1
        assert person.box * PX == pytest.approx(row[51:55] * PX, abs=1)
    return len(theirs)


def test_a_person_that_is_worked_out_by_hand():
    maps = empty()
    with_person(maps, 30, 20)
    (person,) = decode(maps, SQUARE)
    assert person.box * 64 == pytest.approx([20, 15, 40, 25])
    assert person.keypoints[:, 0] * 64 == pytest.approx(np.arange(22, 39) + 0.5)
    assert person.keypoints[:, 1] * 64 == pytest.approx(23.25)
    assert person.keypoints[:, 2] == pytest.approx(sigmoid(HIGH))
    assert person.score == pytest.approx(sigmoid(HIGH) ** 2)
    assert {person.box.dtype, person.keypoints.dtype} == {np.dtype(np.float32)}


def test_a_keypoint_is_weighted_by_its_distance_from_where_the_regression_points():
    maps = empty()
    with_person(maps, 30, 20)
    maps["heat"][0, 22, 23, 0] = LOW
    maps["heat"][0, 24, 22, 0] = HIGH  # 2 rows and a column away
    (person,) = decode(maps, SQUARE)
    assert person.keypoints[0, :2] * 64 == pytest.approx([24, 22])
    assert person.keypoints[0, 2] == pytest.approx(sigmoid(HIGH) * math.exp(-5 / (0.3 * 64)), rel=1e-3)


def test_nobody():
    assert decode(empty(), SQUARE) == []


def test_what_no_network_says_is_nobody_and_no_warning():
    maps = empty()
    maps["centers"][:] = maps["heat"][:] = -1000
    assert decode(maps, SQUARE) == []
    assert decode({name: np.full_like(values, np.nan) for name, values in maps.items()}, SQUARE) == []


def test_a_centre_without_keypoints_is_nobody():
    maps = empty()
    maps["centers"][0, 10, 10] = HIGH
    assert decode(maps, SQUARE) == []  # its box is empty
    maps["box_sizes"][0, 10, 10] = (9, 9)
    assert decode(maps, SQUARE) == []


def test_a_plateau_is_one_person():
    """Equal cells side by side, as integers make them."""
    maps = empty()
    with_person(maps, 30, 20)
    with_person(maps, 30, 22)
    assert len(decode(maps, SQUARE)) == 1
    with_person(maps, 30, 26)
    assert len(decode(maps, SQUARE)) == 2


def test_more_than_six_are_the_six_surest():
    maps = empty()
    for number in range(8):
        with_person(maps, 12 + 30 * (number % 2), 5 + 14 * (number // 2), sure=number / 2)
    people = decode(maps, SQUARE)
    assert [person.score for person in people] == pytest.approx(
        [sigmoid(n / 2) * sigmoid(HIGH) for n in range(7, 1, -1)]
    )


def test_the_letterbox_is_undone():
    maps = empty()
    with_person(maps, 32, 32)
    (person,) = decode(maps, fit(np.zeros((720, 1280, 3), np.uint8), PX, PX))  # 144 of 256 rows, from row 56 on
    assert person.keypoints[8, :2] == pytest.approx([(32.5 * 4 - 56) / 144, 35.25 / 64])
    assert person.box == pytest.approx([(22 * 4 - 56) / 144, 27 / 64, (42 * 4 - 56) / 144, 37 / 64])


@pytest.mark.parametrize("seed", range(12))
def test_crafted_maps_give_the_people_of_the_published_decoding(published_decoding, seed):
    maps = noisy(seed)
    assert assert_same(decode(maps, SQUARE), published_decoding(maps)) > 0


def test_real_frames_give_the_people_of_the_published_file(published_maps, real_frames):
    n_people = 0
    for frame in real_frames:
        picture = letterbox(frame, fit(frame, PX, PX))
        maps, published = published_maps(picture)
        n_people += assert_same(decode(maps, SQUARE), published)
    assert n_people >= len(real_frames) / 2
