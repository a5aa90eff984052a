from dataclasses import replace

import numpy as np
import pytest

from edge.people.body import bodies, heights
from edge.people.posture import LYING, POSTURES, SITTING, UPRIGHT, posture

CAMERAS = [(1.0, 0), (1.5, 5), (2.2, 15), (2.8, 22), (3.5, 30)]
"""Height in metres and tilt in degrees."""
HEADINGS_DEG = range(0, 360, 45)
FACE, ARMS, HIPS, LEGS = range(5), range(5, 11), range(11, 13), range(13, 17)


def judged(stage, person, standing=None) -> np.ndarray:
    """(3,); by the height of who stands there, or the body's own."""
    seen = bodies([person], stage.aspect)
    stands = heights(bodies([standing or person], stage.aspect))[0]
    return posture(seen, stands)[0]


def without(person, keypoints):
    left = person.keypoints.copy()
    left[list(keypoints), 2] = 0.05
    return replace(person, keypoints=left)


def figures(hall):
    """What they do, and how."""
    return ((UPRIGHT, hall.standing), (SITTING, hall.sitting), (LYING, hall.fallen))


@pytest.mark.parametrize(("camera_m", "tilt_deg"), CAMERAS)
@pytest.mark.parametrize("away_m", [4.5, 7.0])
def test_upright_sitting_and_lying_from_all_sides(stage, camera_m, tilt_deg, away_m):
    """Far enough that the camera looks down on the floor by less than 38 degrees."""
    hall = stage(camera_m=camera_m, tilt_deg=tilt_deg)
    standing = hall.seen(hall.standing(0, away_m))
    for heading_deg in HEADINGS_DEG:
        for told, figure in figures(hall):
            answer = judged(hall, hall.seen(figure(0, away_m, heading_deg)), standing)
            assert POSTURES[answer.argmax()] == POSTURES[told], (heading_deg, answer)
            assert answer.sum() <= 1 + 1e-6


def test_confidences_of_a_body_along_the_picture_are_near_one(stage):
    hall = stage()
    for told, figure in figures(hall):
        assert judged(hall, hall.seen(figure(0, 4.5, 0)))[told] > 0.9


@pytest.mark.parametrize("heading_deg", [0, 180])
def test_who_picks_something_up_is_none_of_the_three(stage, heading_deg):
    hall = stage()
    assert judged(hall, hall.seen(hall.bent(0, 4.5, heading_deg)), hall.seen(hall.standing(0, 4.5))).sum() < 0.2


def test_who_lies_curled_up_seen_from_above_lies(stage):
    """Thighs at right angles to the torso, shanks along it: in the picture the thighs go down."""
    hall = stage(camera_m=2.8, tilt_deg=35)
    curled = hall.figure((0, 0.1, 3.5), torso=(1, 0, 0), thighs=(0, 0, -1), shanks=(-1, 0, 0), side=(0, 1, 0))
    assert judged(hall, hall.seen(curled), hall.seen(hall.standing(0, 3.5)))[LYING] > 0.6


@pytest.mark.parametrize(
    ("hidden", "least"),
    [(FACE, 0.9), (ARMS[2:], 0.9), (range(1, 17, 2), 0.9), (LEGS, 0.4), (HIPS, 0.4), ((*HIPS, *LEGS), 0.4)],
    ids=["face", "arms", "left side", "legs", "hips", "below the waist"],
)
def test_missing_keypoints_leave_less_confidence_but_the_same_posture(stage, hidden, least):
    hall = stage()
    for told, figure in ((UPRIGHT, hall.standing), (LYING, hall.fallen)):
        answer = judged(hall, without(hall.seen(figure(0, 4.5, 0)), hidden), hall.seen(hall.standing(0, 4.5)))
        assert answer[told] >= least
        assert answer[LYING if told == UPRIGHT else UPRIGHT] < 0.2


def test_a_body_of_which_only_the_box_is_known(stage):
    hall = stage()
    assert judged(hall, without(hall.seen(hall.standing(0, 4.5)), range(17))).argmax() != LYING
    assert judged(hall, without(hall.seen(hall.fallen(0, 4.5)), range(17))).argmax() == LYING


def test_upside_down_is_not_upright(stage):
    hall = stage()
    person = hall.seen(hall.standing(0, 4.5))
    keypoints = person.keypoints.copy()
    keypoints[:, 0] = person.box[0] + person.box[2] - keypoints[:, 0]
    assert judged(hall, replace(person, keypoints=keypoints))[UPRIGHT] < 0.1


def test_heights_are_those_of_the_figure(stage):
    """1.7 m four metres away; a box where no leg and no torso is seen."""
    hall = stage(tilt_deg=0.0, camera_m=1.0)
    person = hall.seen(hall.standing(0, 4.0, 90))
    measured, trust = heights(bodies([person, without(person, range(17))], hall.aspect))
    assert measured == pytest.approx([0.9 * 1.7 / 4, person.box[2] - person.box[0]], rel=1e-3)
    assert trust == pytest.approx([1, 0])
