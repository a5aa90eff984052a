import math

import numpy as np
import pytest

from converters.keypoints import Found, compare, posture, similarity
from edge.types import Person

SIZE = np.array([200, 400])


def person(
    score: float = 0.6, *, top: float = 0.2, left: float = 0.5, lying: bool = False, sure: float = 0.9
) -> Person:
    """A body of a line: upright 100 px high and 40 wide, or lying 40 high and 100 wide."""
    line = np.linspace(0, 1, 17)
    height, width = (0.2, 0.25) if lying else (0.5, 0.1)
    along = np.stack([np.full(17, 0.5), line] if lying else [line, np.full(17, 0.5)], 1)  # y, x
    points = (top, left) + along * (height, width)
    keypoints = np.column_stack([points, np.full(17, sure)]).astype(np.float32)
    return Person(np.array([top, left, top + height, left + width], np.float32), keypoints, score)


def moved(someone: Person, keypoint: int, down_px: float) -> Person:
    keypoints = someone.keypoints.copy()
    keypoints[keypoint, 0] += down_px / SIZE[0]
    return Person(someone.box, keypoints, someone.score)


def test_who_is_seen_alike_has_one():
    assert similarity(person(), person(), SIZE) == 1


def test_an_ankle_that_is_off_by_ten_pixels():
    """COCO's sigma of ankles is 0.089, the box 100 by 40 px."""
    expected = (16 + math.exp(-(10**2) / (2 * 100 * 40 * (2 * 0.089) ** 2))) / 17
    assert similarity(person(), moved(person(), 16, 10), SIZE) == pytest.approx(expected, abs=1e-5)


def test_eyes_bear_less_than_hips():
    assert similarity(person(), moved(person(), 1, 5), SIZE) < similarity(person(), moved(person(), 11, 5), SIZE)


def test_keypoints_that_the_float_network_does_not_see_do_not_count():
    truth = person()
    truth.keypoints[16, 2] = 0.1
    assert similarity(truth, moved(person(), 16, 100), SIZE) == 1


def test_an_unmatched_person_counts_zero():
    truths = [person(), person(0.35, left=0.1)]
    assert compare(truths, [person()], 200, 400) == [Found("upright", 0.6, 1.0), Found("upright", 0.35, 0.0)]
    assert compare(truths, [], 200, 400) == [Found("upright", 0.6, 0.0), Found("upright", 0.35, 0.0)]


@pytest.mark.parametrize(("score", "matched"), [(0.41, 1.0), (0.79, 1.0), (0.39, 0.0), (0.81, 0.0)])
def test_a_score_that_is_further_off_is_somebody_else(score, matched):
    assert compare([person(0.6)], [person(score)], 200, 400) == [Found("upright", 0.6, matched)]


def test_each_person_is_matched_once_and_best_first():
    truths, found = [person(), person(left=0.51)], [person(left=0.51)]
    assert [one.similarity for one in compare(truths, found, 200, 400)] == [0, 1]


def test_whom_the_float_network_hardly_sees_is_not_asked_for():
    assert compare([person(0.19)], [], 200, 400) == []


def test_who_lies_has_a_level_torso():
    assert posture(person(), SIZE) == "upright"
    assert posture(person(lying=True), SIZE) == "lying"
