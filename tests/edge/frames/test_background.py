"""A room, what stands in it, and its light."""

import cv2
import numpy as np
import pytest

from edge.frames.background import Background, Box, cells_of, grown
from edge.frames.glance import GLANCE_PX, Glance
from edge.types import NS_PER_S

PLACE = (0.6, 0.3, 0.8, 0.6)
NOBODY = cells_of([])


def picture(*dark: Box, time_s: float = 0.0, gain: float = 1.0, added: float = 0.0) -> Glance:
    """A room in which some boxes are darker."""
    levels = np.random.default_rng(0).uniform(60, 160, (9, 16))
    grey = cv2.resize(levels, GLANCE_PX[::-1], interpolation=cv2.INTER_NEAREST)
    for box in dark:
        grey[cells_of([box])] *= 0.5
    noise = np.random.default_rng(round(time_s * 10)).normal(0, 0.5, GLANCE_PX)
    lit = (grey * gain + added + noise).clip(0, 255).astype(np.uint8)
    return Glance(lit, 50.0, round(time_s * NS_PER_S))


def learned(*looks: tuple[Glance, np.ndarray]) -> Background:
    background = Background()
    for seen, taken in looks:
        background = background.after(seen, taken)
    return background


EMPTY = learned(*((picture(time_s=k / 5), NOBODY) for k in range(10)))


def test_cells_are_those_that_a_box_touches():
    cells = cells_of([(0.5, 0.25, 0.75, 0.5)])
    rows, columns = np.nonzero(cells)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (18, 26, 16, 31)
    assert cells.sum() == 9 * 16
    assert grown(cells, 2).sum() == 13 * 20


@pytest.mark.parametrize(("gain", "added"), [(1.0, 0.0), (1.0, 40.0), (1.4, 0.0), (0.5, 0.0), (1.3, -30.0)])
def test_an_empty_place_looks_like_itself_in_any_light_and_a_taken_one_does_not(gain, added):
    place = cells_of([PLACE])
    empty = EMPTY.likeness(picture(time_s=9, gain=gain, added=added), place, NOBODY)
    taken = EMPTY.likeness(picture(PLACE, time_s=9, gain=gain, added=added), place, NOBODY)
    assert empty is not None
    assert taken is not None
    assert empty > 0.95
    assert taken < 0.5


def test_what_is_asked_about_is_the_place_alone():
    other = (0.1, 0.1, 0.3, 0.2)
    assert EMPTY.likeness(picture(other, time_s=9), cells_of([PLACE]), NOBODY) == pytest.approx(1.0, abs=0.05)


def test_cells_that_somebody_takes_are_not_asked_about():
    half = (0.6, 0.3, 0.8, 0.4)
    place = cells_of([PLACE])
    asked = EMPTY.likeness(picture(half, time_s=9), place, NOBODY)
    assert asked is not None
    assert asked < 0.8
    assert EMPTY.likeness(picture(half, time_s=9), place, cells_of([half])) == pytest.approx(1.0, abs=0.05)


def test_where_somebody_always_stood_nobody_can_say():
    background = learned(*((picture(PLACE, time_s=k / 5), cells_of([PLACE])) for k in range(10)))
    assert background.likeness(picture(time_s=9), cells_of([PLACE]), NOBODY) is None
    assert Background().likeness(picture(), cells_of([PLACE]), NOBODY) is None


def test_who_stands_there_is_not_learned():
    looks = [(picture(PLACE, time_s=2 + k / 5), cells_of([PLACE])) for k in range(100)]
    background = EMPTY
    for seen, taken in looks:
        background = background.after(seen, taken)
    likeness = background.likeness(picture(time_s=30), cells_of([PLACE]), NOBODY)
    assert likeness is not None
    assert likeness > 0.95


def test_what_stays_becomes_the_room():
    background = EMPTY
    for k in range(300):
        background = background.after(picture(PLACE, time_s=2 + k / 5), NOBODY)
    likeness = background.likeness(picture(PLACE, time_s=70), cells_of([PLACE]), NOBODY)
    assert likeness is not None
    assert likeness > 0.95


def test_a_camera_that_looks_elsewhere_does_not_look_as_before():
    elsewhere = picture(time_s=9).grey[::-1, ::-1].copy()
    assert EMPTY.likeness(Glance(elsewhere, 50.0, 9 * NS_PER_S), cells_of([PLACE]), NOBODY) == 0.0


def test_who_stands_around_a_place_is_no_light():
    around = ((0.3, 0.15, 0.55, 0.75), (0.85, 0.15, 1.0, 0.75), (0.5, 0.1, 0.9, 0.27), (0.5, 0.63, 0.9, 0.75))
    seen = picture(*around, time_s=9)
    assert EMPTY.likeness(seen, cells_of([PLACE]), cells_of(around)) == pytest.approx(1.0, abs=0.05)
    assert EMPTY.likeness(seen, cells_of([PLACE]), NOBODY) == 0.0
