import cv2
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from edge.people.masking import without_masked
from edge.types import Person

WINDOW = [(0.2, 0.1), (0.6, 0.1), (0.6, 0.5), (0.2, 0.5)]

unit = st.floats(0, 1, width=32)
points = st.tuples(unit, unit)


def person(places) -> Person:
    keypoints = np.full((17, 3), 0.5, np.float32)
    keypoints[:, :2] = places
    return Person(np.array([0, 0, 1, 1], np.float32), keypoints, 0.5)


def test_keypoints_inside_a_mask_are_none_and_the_rest_stay():
    places = np.full((17, 2), 0.9)
    places[3] = (0.3, 0.4)  # y, x
    places[4] = (0.4, 0.9)
    places[5] = (-0.3, 0.4)  # above the picture
    before = person(places)
    (seen,) = without_masked([before], [WINDOW])
    assert np.flatnonzero(seen.keypoints[:, 2] == 0).tolist() == [3]
    assert np.array_equal(seen.keypoints[:, :2], before.keypoints[:, :2])
    assert before.keypoints[3, 2] == 0.5


def test_who_is_all_behind_masks_is_nobody():
    behind = person(np.tile((0.3, 0.4), (17, 1)))
    beside = person(np.tile((0.3, 0.7), (17, 1)))
    assert (
        without_masked([behind, beside], [WINDOW, [(0, 0), (0.1, 0), (0, 0.1)]])[0].keypoints[0, 1]
        == beside.keypoints[0, 1]
    )
    assert len(without_masked([behind, beside], [WINDOW])) == 1
    assert len(without_masked([behind, beside], [])) == 2


@given(st.lists(points, min_size=3, max_size=7, unique=True), st.lists(points, min_size=17, max_size=17))
def test_any_polygon_covers_what_opencv_says_that_it_covers(polygon, places):
    seen = without_masked([person(places), person(np.full((17, 2), 2))], [polygon])
    contour = np.array(polygon, np.float32)[:, np.newaxis]
    for k, (y, x) in enumerate(places):
        distance = cv2.pointPolygonTest(contour, (x, y), True)
        if abs(distance) > 1e-4 and len(seen) == 2:
            assert (seen[0].keypoints[k, 2] == 0) == (distance > 0)
