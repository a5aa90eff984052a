"""What the person head gets: whole sequences, through cameras and with errors."""

import collections
from pathlib import Path

import numpy as np
import pytest

from edge.people.tracking import Tracks, step
from edge.types import NS_PER_S
from trainer.features.poses import FALLING, LYING, NEITHER, UNKNOWN, PoseSequence
from trainer.synth.bodies import virtual_sequences
from trainer.synth.bodies.cameras import looking
from trainer.synth.bodies.gaits import STANDING
from trainer.synth.bodies.puppet import Pose, Puppet, turned
from trainer.synth.bodies.sequences import LENGTHS_S, before_each_other, truth

N = 200


@pytest.fixture(scope="module")
def sequences() -> list[PoseSequence]:
    return virtual_sequences(4, N)


def falls(sequence: PoseSequence) -> bool:
    return bool((sequence.targets == FALLING).any())


def test_all_are_sound(sequences: list[PoseSequence]) -> None:
    assert len(sequences) == N
    for sequence in sequences:
        n = len(sequence.times_s)
        assert sequence.targets.shape == (n,)
        assert sequence.targets.dtype == np.int8
        assert len(sequence.people) == n
        assert set(np.unique(sequence.targets)) <= {UNKNOWN, NEITHER, FALLING, LYING}
        assert (np.diff(sequence.times_s) > 0).all()
        assert sequence.times_s[-1] - sequence.times_s[0] < LENGTHS_S[1] + 1
        for people, target in zip(sequence.people, sequence.targets, strict=True):
            assert target == UNKNOWN or people
            for person in people:
                assert person.keypoints.shape == (17, 3)
                assert person.keypoints.dtype == person.box.dtype == np.float32
                assert np.isfinite(person.keypoints).all()
                assert np.isfinite(person.box).all()
                assert (person.box >= 0).all()
                assert (person.box <= 1).all()
                assert (person.box[2:] >= person.box[:2]).all()
                assert 0.1 <= person.score <= 1
                assert ((person.keypoints[:, 2] > 0) & (person.keypoints[:, 2] < 1)).all()


def test_at_least_as_many_do_what_is_no_fall(sequences: list[PoseSequence]) -> None:
    kinds = collections.Counter(sequence.kind for sequence in sequences)
    n_falls = sum(map(falls, sequences))
    assert 0.3 * N < n_falls < 0.5 * N
    assert len(kinds) > 14
    targets = np.concatenate([sequence.targets for sequence in sequences])
    assert (targets == LYING).mean() > 0.1
    assert (targets == FALLING).mean() > 0.05


def test_rates_lengths_and_pictures_vary(sequences: list[PoseSequence]) -> None:
    seconds = np.array([sequence.times_s[-1] - sequence.times_s[0] for sequence in sequences])
    rates = np.array([len(sequence.times_s) for sequence in sequences]) / seconds
    assert rates.min() < 4
    assert rates.max() > 22
    assert 0.3 < ((rates > 9) & (rates < 11)).mean() < 0.7
    assert np.percentile(seconds, 5) > 3
    assert np.percentile(seconds, 95) > 12
    assert {round(sequence.aspect, 2) for sequence in sequences} == {1.33, 1.78, 0.56, 0.75, 1.0}


def test_the_same_seed_makes_the_same(sequences: list[PoseSequence]) -> None:
    for one, other in zip(sequences, virtual_sequences(4, 12), strict=False):
        assert np.array_equal(one.times_s, other.times_s)
        assert np.array_equal(one.targets, other.targets)
        assert one.group == other.group
        for seen, again in zip(one.people, other.people, strict=True):
            assert len(seen) == len(again)
            assert all(np.array_equal(a.keypoints, b.keypoints) for a, b in zip(seen, again, strict=True))
    assert virtual_sequences(5, 1)[0].group != sequences[0].group


def test_views_of_one_motion_are_one_group(sequences: list[PoseSequence]) -> None:
    groups = collections.Counter(sequence.group for sequence in sequences)
    assert set(groups.values()) == {5}


def sunk(sequence: PoseSequence) -> tuple[float, float]:
    """How far the middle of the shoulders goes down in a fall, and how large the body looked before, both as seen."""
    middles = [np.nan if not people else float(people[0].keypoints[5:7, 0].mean()) for people in sequence.people]
    falling = np.flatnonzero(sequence.targets == FALLING)
    first, last = falling[0], falling[-1]
    box = sequence.people[first][0].box
    return float(np.nanmedian(middles[max(last - 2, 0) : last + 1]) - middles[first]), float(box[2] - box[0])


def test_most_who_fall_sink_in_the_picture(sequences: list[PoseSequence]) -> None:
    of_falls = [sunk(sequence) for sequence in sequences if falls(sequence) and (sequence.targets == FALLING).sum() > 5]
    assert len(of_falls) > 40
    assert np.mean([down > 0.1 * size for down, size in of_falls]) > 0.75  # not before cameras that look down


def test_the_boxs_own_tracking_follows_them(sequences: list[PoseSequence]) -> None:
    followed, seen = 0, 0
    for sequence in sequences[::8]:
        state, ids = Tracks(), collections.Counter[int]()
        for time_s, people, target in zip(sequence.times_s, sequence.people, sequence.targets, strict=True):
            now_ns = 1 + round(float(time_s) * NS_PER_S)
            state = step(state, people, now_ns, sequence.aspect)
            if target != UNKNOWN:
                ids.update(track.id for track in state.tracks if track.person is people[0])
                seen += 1
        followed += max(ids.values(), default=0)
    assert followed / seen > 0.8


def test_who_stands_before_another_hides_it() -> None:
    camera = looking(np.array([0.0, -5, 1.5]), np.array([0.0, 0, 1]), 0.0, 1.0, aspect=1.0)
    standing = Puppet(1.7).put(Pose(np.zeros(3), turned(0.0), 0 * STANDING))[np.newaxis]
    near, far, aside = (
        truth(camera, standing + np.array(place), 1.7) for place in ((0, -1, 0), (0, 1, 0), (1.5, 1, 0))
    )
    assert far.visible.all()
    shown_near, shown_far, shown_aside = before_each_other([near, far, aside])
    assert shown_near.visible.all()
    assert shown_aside.visible.all()
    assert shown_far.visible.mean() < 0.4
    assert far.depths[0] == pytest.approx(6, abs=0.1)


def test_without_animations_it_says_so_in_one_line_and_goes_on(without_animations: Path) -> None:
    lines: list[str] = []
    found = virtual_sequences(1, 10, lines.append)
    assert len(found) == 10
    (line,) = lines
    assert str(without_animations) in line
    assert "\n" not in line
