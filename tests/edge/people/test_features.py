from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.people.body import POINTS
from edge.people.features import (
    N_PAIR_FEATURES,
    N_TRACK_FEATURES,
    PAIR_FEATURES,
    TRACK_FEATURES,
    nearest_pair,
    pair_features,
    track_features,
)
from edge.people.tracking import Tracks, step
from edge.types import NS_PER_S, Person

ASPECT = 4 / 3
PERIOD_S = 0.2
NOSE, LEFT_SHOULDER, LEFT_WRIST, RIGHT_WRIST, LEFT_ANKLE = 0, 5, 9, 10, 15
"""Of COCO's keypoints."""


def value(features, name, names=TRACK_FEATURES) -> float:
    return float(features[names.index(name)])


def follow(scenes, aspect=ASPECT) -> Tracks:
    state = Tracks()
    for k, people in enumerate(scenes):
        state = step(state, people, NS_PER_S + round(k * PERIOD_S * NS_PER_S), aspect)
    return state


def fall(hall, seed=0) -> list[list[Person]]:
    """One who falls beside one who walks, with the noise of the network."""
    chance = np.random.default_rng(seed)
    return [
        [
            hall.seen(hall.fallen(-1, 4.5, 20, np.clip((t - 1) / 0.7, 0, 1) ** 2), noise=0.004, chance=chance),
            hall.seen(hall.standing(1.5 - t / 2, 5.0, 160), 0.5, noise=0.004, chance=chance),
        ]
        for t in np.arange(0, 2.4, PERIOD_S)
    ]


def moved(person, scale, y, x) -> Person:
    shift = np.array([y, x], np.float32)
    keypoints = person.keypoints.copy()
    keypoints[:, :2] = scale * keypoints[:, :2] + shift
    return replace(person, keypoints=keypoints, box=scale * person.box + np.tile(shift, 2))


def test_as_many_as_there_are_names(stage):
    state = follow(fall(stage(aspect=ASPECT)))
    features = track_features(state.tracks, ASPECT)
    assert features.shape == (2, N_TRACK_FEATURES)
    assert features.dtype == np.float32
    assert len(set(TRACK_FEATURES)) == N_TRACK_FEATURES
    assert pair_features(nearest_pair(state.tracks, ASPECT), ASPECT).shape == (N_PAIR_FEATURES,)
    assert track_features([], ASPECT).shape == (0, N_TRACK_FEATURES)


def test_features_are_places_and_speeds_over_the_height_that_was_standing(stage):
    """Worked out point by point from the figure, which moves to the right at 1.2 m/s, 4 m away, 1.7 m tall."""
    hall = stage(aspect=ASPECT, tilt_deg=0.0)
    walk = [[hall.seen(hall.standing(-1 + 1.2 * t, 4.0, 90))] for t in np.arange(0, 3, PERIOD_S)]
    (features,) = track_features(follow(walk).tracks, ASPECT)
    person, height = walk[-1][0], 0.9 * 1.7 / 4
    hips = person.keypoints[11:13, :2].mean(0)
    for name, k in (("left_shoulder", LEFT_SHOULDER), ("right_wrist", RIGHT_WRIST), ("left_ankle", LEFT_ANKLE)):
        y, x = person.keypoints[k, :2] - hips
        assert value(features, f"{name}_y") == pytest.approx(y / height, rel=5e-3, abs=1e-5)
        assert value(features, f"{name}_x") == pytest.approx(x * ASPECT / height, rel=5e-3)
        assert value(features, f"{name}_speed_y") == pytest.approx(0, abs=1e-3)
        assert value(features, f"{name}_speed_x") == pytest.approx(1.2 / 1.7, rel=5e-3)
    assert value(features, "head_y") == pytest.approx(-0.288 - 0.11, rel=5e-3)
    assert value(features, "box_height") == pytest.approx((person.box[2] - person.box[0]) / height, rel=5e-3)
    assert value(features, "upright") > 0.9
    assert value(features, "score") == pytest.approx(0.6)
    assert value(features, "elapsed_s") == pytest.approx(PERIOD_S)
    assert value(features, "head_trust") == 1


def test_lying_down_does_not_change_the_scale(stage):
    """Shoulders of who lies across the picture are a torso's length from the hips, of the height that was standing."""
    hall = stage(aspect=ASPECT, tilt_deg=0.0)
    down = [[hall.seen(hall.fallen(0, 4.5, 0, share))] for share in (*[0] * 8, 0.05, 0.3, 0.8, *[1] * 40)]
    (features,) = track_features(follow(down).tracks, ASPECT)
    between = (value(features, "left_shoulder_x") + value(features, "right_shoulder_x")) / 2
    assert between == pytest.approx(0.288, rel=0.03)
    assert value(features, "lying") > 0.9


@pytest.mark.parametrize("bed", [0.0, 0.12])
def test_how_far_a_body_sank_and_whether_it_lies_higher_than_it_stood(stage, bed):
    """On the floor, or on a bed that is so high in the picture."""
    hall = stage(aspect=ASPECT, tilt_deg=0.0)
    stands = hall.seen(hall.standing(0, 4.0))
    (before,) = track_features(follow([[stands]] * 10).tracks, ASPECT)
    falling = [moved(hall.seen(hall.fallen(0, 4.0, 0, share)), 1.0, -bed * share, 0.0) for share in (0.3, 0.7, 1.0)]
    (features,) = track_features(follow([*[[stands]] * 10, *([one] for one in falling)]).tracks, ASPECT)
    height = 0.9 * 1.7 / 4
    lies = falling[-1]
    drop = (lies.keypoints[[5, 6, 11, 12], 0].mean() - stands.keypoints[[5, 6, 11, 12], 0].mean()) / height
    assert value(before, "sunk") == pytest.approx(0, abs=1e-3)
    assert value(before, "lifted") == pytest.approx(0, abs=1e-3)
    assert value(features, "sunk") == pytest.approx(drop, rel=0.1)
    assert value(features, "lifted") == pytest.approx((stands.box[2] - lies.box[2]) / height, abs=0.02)


def test_what_is_not_seen_is_nothing(stage):
    hall = stage(aspect=ASPECT)
    person = hall.seen(hall.standing(0, 4.0))
    person.keypoints[[LEFT_WRIST, LEFT_ANKLE], 2] = 0
    (features,) = track_features(follow([[person], [person]]).tracks, ASPECT)
    for name in ("left_wrist", "left_ankle"):
        assert [value(features, f"{name}{end}") for end in ("_y", "_x", "_trust", "_speed_y", "_speed_x")] == [0] * 5


@given(st.floats(0.4, 2.5), st.floats(-0.5, 0.5), st.floats(-0.5, 0.5), st.integers(0, 99))
@settings(max_examples=30)
def test_where_and_how_large_the_picture_shows_it_changes_no_feature(stage, scale, y, x, seed):
    scenes = fall(stage(aspect=ASPECT), seed)
    here = follow(scenes).tracks
    there = follow([[moved(person, scale, y, x) for person in people] for people in scenes]).tracks
    assert [track.id for track in here] == [track.id for track in there]
    assert track_features(there, ASPECT) == pytest.approx(track_features(here, ASPECT), rel=1e-3, abs=2e-3)
    pairs = [pair_features(nearest_pair(tracks, ASPECT), ASPECT) for tracks in (here, there)]
    assert pairs[1] == pytest.approx(pairs[0], rel=1e-3, abs=2e-3)


def strike(hall, speed=3.0) -> list[list[Person]]:
    """The left one's right hand moves to the right, towards the other, who stands still; metres per second."""
    scenes = []
    for t in np.arange(0, 1, PERIOD_S):
        left, right = hall.standing(-0.6, 4.0, 90), hall.standing(0.8, 4.0, 90)
        left[RIGHT_WRIST, 0] += speed * (t - 1)
        scenes.append([hall.seen(left), hall.seen(right)])
    return scenes


def test_a_hand_that_strikes_out_moves_towards_the_other(stage):
    hall = stage(aspect=ASPECT, tilt_deg=0.0)
    pair = nearest_pair(follow(strike(hall)).tracks, ASPECT)
    features = pair_features(pair, ASPECT)
    settled = 1 - np.exp(-0.8 / 0.15)  # four steps of a mean of 0.15 s, from 0
    assert value(features, "hands_most", PAIR_FEATURES) == pytest.approx(3 / 1.7 * settled, rel=0.02)
    for name in ("hands_least", "feet_most", "feet_least", "approach"):
        assert value(features, name, PAIR_FEATURES) == pytest.approx(0, abs=0.01)
    assert value(features, "distance", PAIR_FEATURES) == pytest.approx(1.4 / 1.7, rel=0.02)
    assert value(features, "score", PAIR_FEATURES) == pytest.approx(0.6)


def test_a_pair_is_the_same_whoever_comes_first(stage):
    left, right = follow(strike(stage(aspect=ASPECT))).tracks
    assert pair_features((left, right), ASPECT) == pytest.approx(pair_features((right, left), ASPECT), abs=1e-6)


def test_who_walk_towards_each_other_approach(stage):
    hall = stage(aspect=ASPECT, tilt_deg=0.0)
    walk = [
        [hall.seen(hall.standing(k * (2 - 0.85 * t), 4.0, 90)) for k in (-1, 1)] for t in np.arange(0, 2.1, PERIOD_S)
    ]
    features = pair_features(nearest_pair(follow(walk).tracks, ASPECT), ASPECT)
    assert value(features, "approach", PAIR_FEATURES) == pytest.approx(2 * 0.85 / 1.7, rel=0.02)
    assert value(features, "hands_most", PAIR_FEATURES) == pytest.approx(0, abs=0.02)


def test_the_nearest_two_of_three(stage):
    hall = stage(aspect=ASPECT)
    tracks = follow([[hall.seen(hall.standing(x, 5.0)) for x in (-2, 0.4, 1.4)]]).tracks
    pair = nearest_pair(tracks, ASPECT)
    assert pair is not None
    assert sorted(track.person.box[1] for track in pair) == sorted(track.person.box[1] for track in tracks)[1:]


def test_one_is_no_pair(stage):
    hall = stage(aspect=ASPECT)
    tracks = follow([[hall.seen(hall.standing(0, 4.0))]]).tracks
    assert nearest_pair(tracks, ASPECT) is None
    assert not pair_features(None, ASPECT).any()


def test_speeds_and_time_are_bounded(stage):
    """Left and right exchanged in a tenth of a second; a pause of a minute."""
    hall = stage(aspect=ASPECT)
    person = hall.seen(hall.standing(0, 2.2, 90))
    exchanged = person.keypoints.copy()
    exchanged[LEFT_WRIST] += (0, 2, 0)
    state = step(Tracks(), [person], NS_PER_S, ASPECT)
    glitch = step(state, [replace(person, keypoints=exchanged)], NS_PER_S + NS_PER_S // 10, ASPECT)
    (features,) = track_features(glitch.tracks, ASPECT)
    assert value(features, "left_wrist_speed_x") == 6
    (later,) = track_features(step(state, [person], 61 * NS_PER_S, ASPECT).tracks, ASPECT)
    assert value(later, "elapsed_s") == 5


def test_points_are_those_of_the_keypoints():
    assert POINTS[1 + LEFT_SHOULDER - 5] == "left_shoulder"
    assert POINTS[1 + RIGHT_WRIST - 5] == "right_wrist"
    assert POINTS[1 + LEFT_ANKLE - 5] == "left_ankle"
