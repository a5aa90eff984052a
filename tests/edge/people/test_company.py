import numpy as np
import pytest

from edge.frames.glance import GLANCE_PX, Glance
from edge.people.company import Company
from edge.types import NS_PER_S, Person

ASPECT = 4 / 3
LEFT, RIGHT, BESIDE_LEFT = (0.2, 0.1, 0.8, 0.25), (0.2, 0.7, 0.8, 0.85), (0.2, 0.3, 0.8, 0.45)
"""0.6 tall: RIGHT is a body's height away from LEFT, BESIDE_LEFT a tenth of one."""
EMPTY = (0.3, 0.5, 0.6, 0.6)
"""Where nobody is found."""


def person(box, score=0.6) -> Person:
    return Person(np.array(box, np.float32), np.full((17, 3), 0.5, np.float32), score)


def glance(*moving, number=0) -> Glance:
    """A grey room in which places are lighter at every other look."""
    grey = np.full(GLANCE_PX, 90, np.uint8)
    height, width = GLANCE_PX
    for y0, x0, y1, x1 in moving:
        grey[int(y0 * height) : int(y1 * height), int(x0 * width) : int(x1 * width)] += 60 * (number % 2)
    return Glance(grey, 50.0, number * NS_PER_S // 10)


def looked(people, moving, n_looks=12, company=None, first=0) -> Company:
    company = company or Company()
    for number in range(first, first + n_looks):
        company = company.after(people, glance(*moving, number=number), ASPECT)
    return company


@pytest.mark.parametrize(
    ("people", "moving", "is_apart"),
    [
        ([person(LEFT)], [LEFT], True),
        ([person(LEFT), person(RIGHT)], [LEFT, RIGHT], True),
        ([person(LEFT), person(BESIDE_LEFT)], [LEFT, BESIDE_LEFT], False),
        ([person(LEFT), person(BESIDE_LEFT, 0.1)], [LEFT], False),
        ([person(LEFT), person(BESIDE_LEFT), person(RIGHT)], [RIGHT], True),
        ([person(LEFT), person(BESIDE_LEFT), person(RIGHT)], [RIGHT, LEFT], False),
        ([person(LEFT)], [LEFT, EMPTY], False),
        ([person(LEFT, 0.25)], [LEFT], False),
        ([], [EMPTY], False),
        ([], [], False),
        ([person(LEFT)], [], True),
    ],
    ids=[
        "alone",
        "far from each other",
        "near each other",
        "near somebody who is hardly seen",
        "only who is far from them moves",
        "they move too",
        "something else moves",
        "hardly seen",
        "nobody found, something moves",
        "nobody found",
        "alone and still",
    ],
)
def test_who_is_apart(people, moving, is_apart):
    assert looked(people, moving).is_apart is is_apart


def test_nobody_looked():
    assert not Company().is_apart
    assert Company().region is None
    assert Company().people is None


def test_who_meets_is_not_apart_at_once_and_who_parts_is_a_second_later():
    apart, together = [person(LEFT), person(RIGHT)], [person(LEFT), person(BESIDE_LEFT)]
    company = looked(apart, [LEFT, RIGHT])
    company = looked(together, [LEFT, BESIDE_LEFT], 2, company, first=12)
    assert not company.is_apart
    parted = looked(apart, [LEFT, RIGHT], 8, company, first=14)
    assert not parted.is_apart
    assert looked(apart, [LEFT, RIGHT], 3, parted, first=22).is_apart


def test_a_pause_is_forgotten():
    company = looked([person(LEFT), person(BESIDE_LEFT)], [LEFT])
    assert not looked([person(LEFT)], [], 1, company, first=90).is_apart
    assert looked([person(LEFT)], [], 1, company, first=200).is_apart


def test_who_hides_behind_another_is_still_there():
    met = looked([person(LEFT), person(BESIDE_LEFT)], [LEFT])
    hidden = looked([person(LEFT)], [LEFT], 60, met, first=12)
    assert not hidden.is_apart
    assert looked([person(LEFT)], [LEFT], 60, hidden, first=72).is_apart
    seen_again = looked([person(LEFT), person(RIGHT)], [LEFT], 1, hidden, first=72)
    assert seen_again.is_apart


def test_where_they_are_is_around_the_group_in_which_most_moves():
    everybody = [person(RIGHT), person(LEFT), person(BESIDE_LEFT)]
    company = looked(everybody, [LEFT])
    assert company.region == pytest.approx((0.2, 0.1, 0.8, 0.45))
    assert company.people == 3
    assert looked(everybody, [RIGHT]).region == pytest.approx(RIGHT)
    lost = looked([], [LEFT], 3, company, first=12)
    assert lost.region == pytest.approx((0.2, 0.1, 0.8, 0.45))
    assert lost.people == 3
    assert looked(everybody, [], 12, company, first=12).region is None


def test_where_nobody_is_found_it_is_around_what_moves():
    for people in ([], [person(LEFT)]):
        region = looked(people, [EMPTY, (0.9, 0.9, 0.95, 0.95)]).region
        assert region == pytest.approx(EMPTY, abs=0.05)


def test_a_box_beyond_the_picture_is_cut():
    company = looked([person((-0.1, -0.2, 0.9, 0.3)), person((0.1, 0.2, 1.2, 0.5))], [LEFT])
    assert company.region == pytest.approx((0.0, 0.0, 1.0, 0.5))
    assert looked([person((-0.4, -0.2, 0.9, 0.3))], [LEFT]).is_apart
