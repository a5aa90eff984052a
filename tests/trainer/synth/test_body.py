"""Limbs of the right length, bodies that stay above the floor and out of beds, feet that stand."""

import numpy as np
import pytest

from trainer.synth.body import (
    ANKLES,
    BONES,
    ELBOWS,
    HIPS,
    KNEES,
    PELVIS,
    SHOULDERS,
    WRISTS,
    Build,
    Support,
    settle,
    two_bones,
)
from trainer.synth.moves import sit, walk
from trainer.synth.track import STEPS_HZ, Track

SECONDS = 5.0


@pytest.fixture
def track():
    return Track(Build(1.8), np.random.default_rng(3), SECONDS, np.zeros(2), 0.0)


def test_a_limb_bends_into_a_right_triangle():
    # 3, 4 and 5: the middle joint stands 1.8 along and 2.4 aside.
    root, target = np.zeros((20, 3)), np.tile([5.0, 0, 0], (20, 1))
    middle, end = two_bones(root, target, (3.0, 4.0), np.tile([0.0, 0, 2], (20, 1)))
    assert middle == pytest.approx(np.tile([1.8, 0, 2.4], (20, 1)), abs=1e-9)
    assert end == pytest.approx(target, abs=1e-9)


def test_a_limb_that_cannot_reach_points_there():
    root, target = np.zeros((20, 3)), np.tile([0.0, 0, -90], (20, 1))
    _, end = two_bones(root, target, (3.0, 4.0), np.tile([1.0, 0, 0], (20, 1)))
    assert end[:, 2] == pytest.approx(np.full(20, -7), abs=0.02)
    assert end[:, :2] == pytest.approx(np.zeros((20, 2)), abs=1e-9)


def test_limbs_keep_their_lengths_while_walking(track):
    walk(track, 0.2, [np.array((2.0, 0.5)), np.array((1.0, -1.0))])
    joints = track.finish().joints
    scale = 1.8 / 1.75
    limbs = ((HIPS, KNEES, 0.43), (KNEES, ANKLES, 0.42), (SHOULDERS, ELBOWS, 0.29), (ELBOWS, WRISTS, 0.26))
    for first, second, length in limbs:
        measured = np.linalg.norm(joints[:, first] - joints[:, second], axis=-1)
        assert measured == pytest.approx(np.full_like(measured, length * scale), rel=0.1)


def test_feet_stand_while_walking_and_alternate(track):
    end_s = walk(track, 0.2, [np.array((3.0, 0.0))], 1.2)
    feet = track.finish().joints[: track.at(end_s), ANKLES, :2]
    speed = np.linalg.norm(np.diff(feet, axis=0), axis=-1) * STEPS_HZ
    standing = speed < 0.15
    assert standing.any(axis=1).mean() > 0.9, "people do not glide"
    steps = np.diff(standing.astype(int), axis=0) == -1
    assert steps.sum(0).min() >= 2, "both feet step"


def test_walking_goes_where_it_is_sent_at_its_speed(track):
    end_s = walk(track, 0.2, [np.array((3.0, 0.0))], 1.2)
    pelvis = track.finish().joints[:, PELVIS]
    assert pelvis[-1, :2] == pytest.approx([3.0, 0.0], abs=0.05)
    assert end_s == pytest.approx(0.2 + 3.0 / 1.2 + 0.5)


def test_a_seated_body_rests_on_the_seat(track):
    seat = Support((-0.42, 0.0), (0.25, 0.25), 0.0, 0.44)
    end_s = sit(track, 0.5, seat.height_m)
    pelvis = track.finish([seat]).joints[track.at(end_s) + 1 :, PELVIS]
    assert pelvis[:, 2].min() >= 0.44
    assert pelvis[:, 2].max() < 0.44 + 0.2


def test_settling_lifts_what_sank_and_keeps_the_bones(track):
    joints = track.finish().joints
    lengths = [np.linalg.norm(joints[:, a] - joints[:, b], axis=-1) for a, b in BONES]
    joints[..., 2] -= 0.3
    settle(joints, ())
    assert joints[..., 2].min() >= 0.03 - 1e-9
    for (a, b), length in zip(BONES, lengths, strict=True):
        assert np.linalg.norm(joints[:, a] - joints[:, b], axis=-1) == pytest.approx(length, abs=0.06)


def test_who_is_beside_a_bed_stays_beside_it(track):
    joints = track.finish().joints
    joints[..., 1] += 0.4
    bed = Support((0.0, 1.0), (1.0, 0.5), 0.0, 2.5, solid=True)
    settle(joints, (bed,))
    assert joints[..., 1].max() <= 0.5 + 0.02
    assert joints[..., 2].max() < 2.0, "not lifted onto it"
