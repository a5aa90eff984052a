from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.people.posture import LYING, UPRIGHT
from edge.people.tracking import COAST_S, LYING_COAST_S, Tracks, begin_anew, is_somebody, step
from edge.types import NS_PER_S, Person

NOISE = 0.006
"""Heights of the picture: a pixel and a half of 256."""
START_NS = 5 * NS_PER_S

step_lengths_s = st.lists(st.floats(0.1, 0.35), min_size=12, max_size=40)
seeds = st.integers(0, 2**32 - 1)


def follow(scenes, aspect, state=None) -> list[Tracks]:
    """The states after each of some scenes: (time in seconds, people)."""
    states = [Tracks() if state is None else state]
    for time_s, people in scenes:
        states.append(step(states[-1], people, START_NS + round(time_s * NS_PER_S), aspect))
    return states[1:]


def every(step_s, until_s) -> np.ndarray:
    return np.arange(0, until_s, step_s)


def ids(state: Tracks) -> list[int]:
    return [track.id for track in state.tracks]


def middle(person: Person) -> float:
    return float(person.keypoints[:, 1].mean())


@given(step_lengths_s, seeds)
@settings(max_examples=60)
def test_two_who_cross_keep_their_ids_however_long_the_steps_and_in_any_order(stage, lengths_s, seed):
    """They walk at 1.2 m/s, three and five metres from the camera; the one behind is not seen while the other covers
    him, and one picture in ten shows neither."""
    hall, chance = stage(), np.random.default_rng(seed)
    time_s, state, owner = 0.0, Tracks(), {}
    for length_s in lengths_s * 4:
        time_s += length_s
        if time_s > 4:
            break
        front = hall.seen(hall.standing(-2.4 + 1.2 * time_s, 3.0), noise=NOISE, chance=chance)
        behind = hall.seen(hall.standing(2.4 - 1.2 * time_s, 5.0, 180), 0.5, noise=NOISE, chance=chance)
        people = {"front": front, "behind": behind}
        if abs(middle(front) - middle(behind)) < 0.05:
            del people["behind"]
        if chance.random() < 0.1:
            people = {}
        names = list(chance.permutation(list(people)))
        state = step(state, [people[name] for name in names], START_NS + round(time_s * NS_PER_S), hall.aspect)
        for name in names:
            (track,) = [track for track in state.tracks if track.person is people[name]]
            assert owner.setdefault(name, track.id) == track.id
    assert len(owner) == 2


@given(step_lengths_s, seeds, st.integers(0, 7))
@settings(max_examples=60)
def test_who_falls_keeps_the_id(stage, lengths_s, seed, eighth):
    """Down in 0.7 s, as a stick falls, in any direction; some pictures show nobody, never two in a row."""
    hall, chance, time_s, scenes = stage(), np.random.default_rng(seed), 0.0, []
    for length_s in [*lengths_s, *[0.35] * 4]:
        time_s += length_s
        share = np.clip((time_s - 1) / 0.7, 0, 1) ** 2
        fallen = hall.fallen(0.3, 4.0, 45 * eighth, share)
        trust = 0.6 - 0.3 * share
        lost = chance.random() < 0.2 and bool(scenes and scenes[-1][1])
        scenes.append((time_s, [] if lost else [hall.seen(fallen, trust, trust, NOISE, chance)]))
    (track,) = follow(scenes, hall.aspect)[-1].tracks
    assert track.id == 1
    assert is_somebody(track)


@pytest.mark.parametrize("step_s", [0.1, 0.2, 0.35])
def test_velocities_are_per_second_whatever_the_step(stage, step_s):
    hall = stage(tilt_deg=0.0)
    walk = [(t, [hall.seen(hall.standing(-1 + 1.2 * t, 4.0, 90))]) for t in every(step_s, 2)]
    (track,) = follow(walk, hall.aspect)[-1].tracks
    assert track.velocities == pytest.approx(np.tile([0, 0.9 * 1.2 / 4], (13, 1)), abs=1e-3)
    assert track.elapsed_s == pytest.approx(step_s)


def test_the_height_is_that_of_who_stands_also_when_the_body_lies(stage):
    hall, chance = stage(tilt_deg=0.0), np.random.default_rng(1)
    shares = [*[0] * 20, *np.linspace(0, 1, 7) ** 2, *[1] * 100]
    fall = [(0.1 * k, [hall.seen(hall.fallen(0, 4.0, 0, s), noise=NOISE, chance=chance)]) for k, s in enumerate(shares)]
    states = follow(fall, hall.aspect)
    stands = 0.9 * 1.7 / 4
    assert states[19].tracks[0].height == pytest.approx(stands, rel=0.05)
    assert states[-1].tracks[0].height == pytest.approx(stands, rel=0.05)
    assert states[19].tracks[0].posture[UPRIGHT] > 0.8
    assert states[-1].tracks[0].posture[LYING] > 0.8


def test_the_height_follows_who_walks_away(stage):
    hall = stage(tilt_deg=0.0)
    walk = [(t, [hall.seen(hall.standing(0, 3 + 1.2 * t, 90))]) for t in every(0.1, 4)]
    (track,) = follow(walk, hall.aspect)[-1].tracks
    assert track.id == 1
    assert track.height == pytest.approx(0.9 * 1.7 / (3 + 1.2 * 3.9), rel=0.2)


def test_who_stands_is_kept_for_seconds_and_who_lies_for_a_minute(stage):
    hall = stage()
    for figure, coast_s in ((hall.standing(0, 4.0), COAST_S), (hall.fallen(0, 4.0), LYING_COAST_S)):
        seen = [hall.seen(figure, 0.3, 0.3)]
        state = follow([(0, seen), (0.2, seen)], hall.aspect)[-1]
        away = [(0.2 * k + 0.4, []) for k in range(round(coast_s / 0.2) - 1)]
        assert ids(follow([*away, (coast_s + 0.1, seen)], hall.aspect, state)[-1]) == [1]
        longer = [*away, *((coast_s + 0.2 * k, []) for k in range(1, 4))]
        assert ids(follow([*longer, (coast_s + 1, seen)], hall.aspect, state)[-1]) == [2]


def test_tracks_live_through_a_pause(stage):
    """Nothing moves, nobody looks; then the same body is there, or comes back at the second look."""
    hall = stage()
    seen = [hall.seen(hall.standing(0, 4.0))]
    state = follow([(0, seen), (0.1, seen)], hall.aspect)[-1]
    assert ids(follow([(600, seen)], hall.aspect, state)[-1]) == [1]
    later = follow([(600, []), (605, []), (610, seen)], hall.aspect, state)[-1]
    assert ids(later) == [1]
    assert later.tracks[0].elapsed_s == pytest.approx(609.9)
    assert np.abs(later.tracks[0].velocities).max() < 1e-3


def test_who_walks_on_unseen_is_found_again(stage):
    """Behind a pillar for 0.7 s."""
    hall = stage()
    walk = [(t, [hall.seen(hall.standing(-2 + 1.2 * t, 4.0))] if not 1.5 < t < 2.2 else []) for t in every(0.1, 3)]
    assert ids(follow(walk, hall.aspect)[-1]) == [1]


def test_a_body_that_was_lost_in_a_fall_is_not_whoever_comes_further_along(stage):
    """Ten seconds later somebody lies, or stands, where it would be if it had gone on."""
    hall = stage()
    fall = [(0.1 * k, [hall.seen(hall.fallen(-1.5, 4.0, 0, share))]) for k, share in enumerate((0, 0.2, 0.45, 0.75))]
    state = follow(fall, hall.aspect)[-1]
    lost = follow([(0.2 * k + 0.5, []) for k in range(50)], hall.aspect, state)[-1]
    (track,) = lost.tracks
    assert track.id == 1
    way = track.velocities.mean(0) * (10.5 - 0.3) / [1, hall.aspect]
    assert np.abs(way).max() > 1
    further = track.person.keypoints + np.array([*way, 0], np.float32)
    there = replace(track.person, keypoints=further, box=track.person.box + np.tile(way, 2).astype(np.float32))
    for person in (there, *(hall.seen(hall.standing(x, 4.0)) for x in np.arange(0, 3, 0.25))):
        assert ids(follow([(10.5, [person])], hall.aspect, lost)[-1]) == [1, 2]


@pytest.mark.parametrize("heading_deg", [0, 90, 180, 270])
@pytest.mark.parametrize("step_s", [0.1, 0.3])
def test_a_fall_along_the_axis_of_the_camera_is_no_walk_away(stage, heading_deg, step_s):
    """The body looks shorter by half in the end, and is as tall as it was."""
    hall = stage()
    scenes = [
        (t, [hall.seen(hall.fallen(0, 4.5, heading_deg, np.clip((t - 1) / 0.8, 0, 1) ** 2))]) for t in every(step_s, 6)
    ]
    states = follow(scenes, hall.aspect)
    assert states[-1].tracks[0].height == pytest.approx(states[2].tracks[0].height, rel=0.15)
    assert states[-1].tracks[0].posture[LYING] > 0.6


def test_a_picture_that_jumps_begins_anew_and_nobody_has_moved(stage):
    hall = stage()
    here = [hall.seen(hall.standing(-1, 4.0))]
    state = follow([(0, here), (0.1, here)], hall.aspect)[-1]
    there = [hall.seen(hall.fallen(1, 4.0))]
    jumped = follow([(0.2, there)], hall.aspect, state)[-1]
    assert [(track.id, track.person is there[0]) for track in jumped.tracks] == [(1, False), (2, True)]
    assert not jumped.tracks[1].velocities.any()
    known_to_jump = follow([(0.2, here)], hall.aspect, begin_anew(state))[-1]
    assert ids(known_to_jump) == [2]
    back_in_time = follow([(0, here)], hall.aspect, state)[-1]
    assert ids(back_in_time) == [2]


def test_of_more_than_six_the_six_surest(stage):
    hall = stage()
    people = [
        hall.seen(hall.standing(-3 + k, 5.0), score) for k, score in enumerate((0.3, 0.9, 0.5, 0.25, 0.7, 0.4, 0.6))
    ]
    (state,) = follow([(0, people)], hall.aspect)
    assert sorted(track.person.score for track in state.tracks) == [0.3, 0.4, 0.5, 0.6, 0.7, 0.9]
    assert {track.slot for track in state.tracks} == set(range(6))


@given(seeds)
@settings(max_examples=30)
def test_slots_are_of_one_track_each_and_do_not_change(stage, seed):
    """Up to eight people come and go."""
    hall, chance = stage(), np.random.default_rng(seed)
    state, slots = Tracks(), {}
    for k in range(60):
        people = [
            hall.seen(hall.standing(-4 + n, 5.0), chance.uniform(0.1, 0.7), noise=NOISE, chance=chance)
            for n in range(8)
            if chance.random() < 0.5 + 0.4 * np.sin(k / 6 + n)
        ]
        state = step(state, people, START_NS + k * NS_PER_S // 5, hall.aspect)
        assert len({track.slot for track in state.tracks}) == len(state.tracks) <= 6
        assert {track.slot for track in state.tracks} <= set(range(6))
        for track in state.tracks:
            assert slots.setdefault(track.id, track.slot) == track.slot
    assert ids(state) == sorted(ids(state))


def test_a_lying_body_that_is_lost_keeps_its_slot_while_others_come_and_go(stage):
    hall = stage()
    lying = [hall.seen(hall.fallen(0, 3.0))]
    state = follow([(0, lying), (0.1, lying)], hall.aspect)[-1]
    for k in range(6):
        state = step(
            state, [hall.seen(hall.standing(-3 + k, 6.0))], START_NS + NS_PER_S + k * NS_PER_S // 5, hall.aspect
        )
    assert 1 in ids(state)
    full = [hall.seen(hall.standing(-3 + k, 6.0)) for k in range(6)]
    assert 1 not in ids(step(state, full, START_NS + 3 * NS_PER_S, hall.aspect))


def test_a_faint_body_goes_on_but_does_not_begin(stage):
    hall = stage()
    faint, sure = hall.seen(hall.fallen(0, 4.0), 0.12, 0.3), hall.seen(hall.fallen(0, 4.0), 0.3, 0.3)
    assert [len(state.tracks) for state in follow([(0, [faint]), (0.1, [faint])], hall.aspect)] == [0, 0]
    state = follow([(0, [sure]), (0.1, [faint])], hall.aspect)[-1]
    assert [(track.id, track.unseen_s) for track in state.tracks] == [(1, 0)]


def test_a_poster_is_nobody_and_who_came_or_lies_is_somebody(stage):
    hall, chance = stage(), np.random.default_rng(2)
    still = [(t, [hall.seen(hall.standing(1, 4.0), noise=NOISE, chance=chance)]) for t in every(0.2, 60)]
    assert not is_somebody(follow(still, hall.aspect)[-1].tracks[0])
    lying = [(t, [hall.seen(hall.fallen(1, 4.0), noise=NOISE, chance=chance)]) for t in every(0.2, 2)]
    assert is_somebody(follow(lying, hall.aspect)[-1].tracks[0])
    came = [(t, [hall.seen(hall.standing(min(t, 1.5), 4.0))]) for t in every(0.2, 60)]
    assert is_somebody(follow(came, hall.aspect)[-1].tracks[0])


def test_a_body_without_a_single_trusted_point_is_followed_by_its_box(stage):
    hall = stage()
    blank = hall.seen(hall.standing(0, 4.0), trust=0.05)
    states = follow([(0, [blank]), (0.1, [blank]), (0.2, [replace(blank, score=0.5)])], hall.aspect)
    assert [ids(state) for state in states] == [[1], [1], [1]]
    assert all(np.isfinite(track.posture).all() and np.isfinite(track.moved) for track in states[-1].tracks)


def test_nobody(stage):
    assert follow([(0, []), (0.1, [])], stage().aspect)[-1].tracks == ()
