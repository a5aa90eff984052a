"""The person head: what it learns from, that the step is the network that was trained, and what absent rows get."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from converters.export import export_head
from converters.runtime import Runner
from converters.verify import verify_head
from edge.people.body import POINTS
from edge.people.decoding import MOST_PEOPLE
from edge.people.features import N_TRACK_FEATURES, TRACK_FEATURES
from edge.types import Person
from trainer.features.poses import FALLING, LYING, NEITHER, UNKNOWN, PoseSequence
from trainer.recipes.builtin.person import PersonSettings, fit_person, step_of_members, steps_model
from trainer.recipes.builtin.person_examples import (
    RATES_HZ,
    UNSURE_WEIGHT,
    Example,
    examples,
    jittered,
    joined,
    many_examples,
    mirrored,
    rising,
    turning,
    varied,
    without_points,
)

SMALL = PersonSettings(members=2, units=6, inputs=8, times=1, epochs=8, batch_size=8, most_looks=40)
COLUMN = {name: number for number, name in enumerate(TRACK_FEATURES)}


def person(x: float, share: float, tall: float = 0.5) -> Person:
    """A flat stick figure that has turned around its feet by a share of a right angle."""
    along = np.repeat([0.94, 0.82, 0.63, 0.48, 0.53, 0.285, 0.04], [5, 2, 2, 2, 2, 2, 2])
    across = np.array([0, 0.01, -0.01, 0.02, -0.02, *[k * 0.07 for _ in range(6) for k in (1, -1)]])
    angle = share * np.pi / 2
    y = 0.8 - tall * (along * np.cos(angle) - across * np.sin(angle))
    xs = x + tall * (along * np.sin(angle) + across * np.cos(angle))
    box = np.array([y.min(), xs.min(), y.max(), xs.max()], np.float32)
    return Person(box, np.column_stack([y, xs, np.full(17, 0.6)]).astype(np.float32), 0.5)


def sequence(shares, targets, rate_hz: float = 10.0, *, group: str = "one") -> PoseSequence:
    times_s = np.arange(len(shares)) / rate_hz
    people = tuple((person(0.2, float(share)),) for share in shares)
    return PoseSequence(times_s, people, 1.0, np.array(targets, np.int8), "kind", group)


def fall(rate_hz: float = 10.0, at_s: float = 1.0, seconds: float = 0.7) -> PoseSequence:
    times_s = np.arange(0, 4, 1 / rate_hz)
    shares = np.clip((times_s - at_s) / seconds, 0, 1) ** 2
    targets = np.where(times_s < at_s, NEITHER, np.where(times_s < at_s + seconds + 1, FALLING, LYING))
    return sequence(shares, targets, rate_hz)


def lying_down(rate_hz: float = 10.0) -> PoseSequence:
    times_s = np.arange(0, 5, 1 / rate_hz)
    shares = np.clip((times_s - 1) / 3, 0, 1)
    return sequence(shares, np.where(times_s < 3.5, NEITHER, LYING), rate_hz)


def test_a_track_gives_one_example_whose_unsure_looks_count_little() -> None:
    (example,) = examples(fall())
    assert example.features.shape == (40, N_TRACK_FEATURES)
    assert example.falls
    assert example.weights[5] == pytest.approx(0.1)  # the time that a look stands for
    assert example.weights[11] == pytest.approx(0.1 * UNSURE_WEIGHT)
    assert example.weights[18] == pytest.approx(0.1)


def test_what_is_not_known_weighs_nothing_and_who_is_not_meant_is_left_out() -> None:
    one = fall()
    targets = one.targets.copy()
    targets[:7] = UNKNOWN
    beside = tuple((*people, person(0.75, 0.0)) for people in one.people)
    (example,) = examples(replace(one, people=beside, targets=targets))
    assert example.weights[:7].tolist() == [0.0] * 7
    assert np.ptp(example.features[:, COLUMN["lying"]]) > 0.8  # the one who falls, not the one beside


def test_the_same_fall_at_any_rate_weighs_the_same() -> None:
    totals = [float(examples(fall(rate_hz))[0].weights.sum()) for rate_hz in (5, 10, 30)]
    assert totals == pytest.approx([totals[1]] * 3, rel=0.15)


def test_other_boxes_see_the_same_at_their_rates() -> None:
    chance = np.random.default_rng(0)
    for rate_hz in set(RATES_HZ):
        seen = varied(fall(30), chance, rate_hz)
        steps_s = np.diff(seen.times_s)
        assert np.median(steps_s) == pytest.approx(1 / rate_hz, rel=0.35)
        assert len(seen.people) == len(seen.times_s) == len(seen.targets)
        assert FALLING in seen.targets


def test_played_backwards_nobody_falls() -> None:
    backwards = rising(fall())
    assert FALLING not in backwards.targets
    assert backwards.targets[0] == LYING
    assert backwards.targets[-1] == NEITHER
    assert (np.diff(backwards.times_s) > 0).all()
    assert backwards.people[0][0] is fall().people[-1][0] or np.array_equal(
        backwards.people[0][0].keypoints, fall().people[-1][0].keypoints
    )


def test_a_mirror_gives_the_features_of_the_mirrored_body() -> None:
    """The independent way: mirror the picture's keypoints, with left and right exchanged, and follow them."""
    one = fall()
    other_side = [0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15]

    def flipped(who: Person) -> Person:
        y0, x0, y1, x1 = who.box
        points = who.keypoints[other_side] * [1, -1, 1] + [0, 1, 0]
        return Person(np.array([y0, 1 - x1, y1, 1 - x0], np.float32), points.astype(np.float32), who.score)

    other = replace(one, people=tuple((flipped(people[0]),) for people in one.people))
    (here,), (there,) = examples(one), examples(other)
    np.testing.assert_allclose(mirrored(here.features), there.features, atol=2e-4)
    np.testing.assert_array_equal(mirrored(mirrored(here.features)), here.features)


def test_hidden_points_are_as_if_they_were_not_seen() -> None:
    (example,) = examples(fall())
    hidden = without_points(example.features, ("left_knee",))
    changed = {TRACK_FEATURES[k] for k in np.flatnonzero((hidden != example.features).any(0))}
    assert changed == {f"left_knee_{what}" for what in ("y", "x", "trust", "speed_y", "speed_x")}


def test_each_epoch_differs_and_what_is_not_seen_stays_0() -> None:
    (example,) = examples(fall())
    hidden = without_points(example.features, POINTS[:3])
    first, second = (jittered(hidden, np.random.default_rng(k)) for k in (0, 1))
    assert not np.array_equal(first, second)
    for name in (f"{point}_{axis}" for point in POINTS[:3] for axis in ("y", "x", "speed_y", "speed_x")):
        assert not first[:, COLUMN[name]].any()


def test_who_comes_before_teaches_nothing_there() -> None:
    (one,), (other,) = examples(fall()), examples(lying_down())
    both = joined(other, one, 12)
    assert len(both.targets) == 12 + len(one.targets)
    assert not both.weights[:12].any()
    np.testing.assert_array_equal(both.features[:12], other.features[-12:])


def test_the_same_seed_gives_the_same_examples() -> None:
    first, second = (many_examples([fall(), lying_down()], 3, 2) for _ in range(2))
    assert len(first) == len(second)
    assert all(np.array_equal(a.features, b.features) for a, b in zip(first, second, strict=True))


def test_cartwheels_are_turned_over_once_and_are_no_falls() -> None:
    standing = [sequence(np.zeros(40), np.full(40, NEITHER)) for _ in range(60)]
    turned = turning([*standing, fall(), lying_down()], 4)
    assert 3 <= len(turned) <= 25
    for one in turned:
        before, points = standing[0].people[0][0].keypoints, [people[0].keypoints for people in one.people]
        np.testing.assert_allclose(points[0], before, atol=1e-5)
        np.testing.assert_allclose(points[-1], before, atol=1e-5)
        head_over_feet = [float(at[15:, 0].mean() - at[0, 0]) for at in points]
        assert min(head_over_feet) < -0.8 * max(head_over_feet)
        lengths = [np.hypot(*(at[15, :2] - at[0, :2])) for at in points]
        np.testing.assert_allclose(lengths, lengths[0], rtol=1e-4)
        assert set(one.targets.tolist()) == {NEITHER}
    assert turning(standing, 4)[0].people[20][0].box.tolist() == turning(standing, 4)[0].people[20][0].box.tolist()


def trained_shapes(units: int = 5) -> list[keras.Model]:
    keras.utils.set_random_seed(7)
    spread = np.zeros(N_TRACK_FEATURES, np.float32), np.full(N_TRACK_FEATURES, 0.5, np.float32)
    return [steps_model(replace(SMALL, units=units + k), *spread, k) for k in range(2)]


@pytest.mark.filterwarnings("ignore")  # Keras reads what it has written
def test_a_head_of_several_networks_is_kept_and_read_again(tmp_path: Path) -> None:
    step = step_of_members(trained_shapes())
    step.save(tmp_path / "person.keras")
    again: Any = keras.models.load_model(tmp_path / "person.keras")
    rows = {"features": np.ones((2, N_TRACK_FEATURES), np.float32), "state": np.full((2, 11), 0.1, np.float32)}
    for name, answer in step(rows).items():
        np.testing.assert_allclose(np.asarray(again(rows)[name]), np.asarray(answer), atol=1e-6)


def test_a_step_after_the_other_is_the_network_over_the_whole_track() -> None:
    members = trained_shapes()
    step = step_of_members(members)
    features = np.random.default_rng(0).normal(size=(3, 9, N_TRACK_FEATURES)).astype(np.float32)
    mask = np.ones((3, 9), np.bool_)
    whole = np.mean([np.asarray(m({"features": features, "mask": mask}, training=False)) for m in members], 0)
    state = np.zeros((3, 5 + 6), np.float32)
    for look in range(9):
        answer = step({"features": features[:, look], "state": state}, training=False)
        state = np.asarray(answer["next_state"])
        np.testing.assert_allclose(np.asarray(answer["probabilities"]), whole[:, look], atol=1e-5)


@pytest.mark.filterwarnings("ignore")  # TensorFlow's converter
def test_one_call_steps_six_tracks_and_absent_ones_are_never_nan() -> None:
    step = step_of_members(trained_shapes())
    content = export_head(step, MOST_PEOPLE)
    assert verify_head(step, content, MOST_PEOPLE)["probability_difference_max"] < 1e-4
    runner, state = Runner(content), np.zeros((MOST_PEOPLE, 11), np.float32)
    rows = np.zeros((MOST_PEOPLE, N_TRACK_FEATURES), np.float32)
    rows[0] = 6.0
    for _ in range(600):
        state = runner.run(features=rows, state=state)["next_state"]
    answer = runner.run(features=rows, state=state)
    assert np.isfinite(answer["probabilities"]).all()
    np.testing.assert_allclose(answer["probabilities"].sum(1), 1, atol=1e-5)
    np.testing.assert_array_equal(answer["probabilities"][1], answer["probabilities"][5])  # rows do not touch


@pytest.mark.filterwarnings("ignore")
def test_it_learns_to_tell_a_fall_from_lying_down_and_the_same_seed_gives_the_same_head() -> None:
    known = [replace(fall(rate_hz, at_s), group=f"{at_s}") for rate_hz in (10, 20) for at_s in (0.8, 1.1, 1.4)] * 2
    known += [lying_down(rate_hz) for rate_hz in (10, 15, 20)] * 4
    first, second = (fit_person(known, 5, replace(SMALL, members=1, units=12, learning_rate=2e-2)) for _ in range(2))
    for a, b in zip(first.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)

    def most(one: PoseSequence) -> float:
        (example,) = examples(one)
        return _most_falling(first, example)

    assert most(fall(at_s=1.25)) > 0.6
    assert most(lying_down(12)) < 0.5


def _most_falling(head: keras.Model, example: Example) -> float:
    state, highest = np.zeros((1, 12), np.float32), 0.0
    for row in example.features:
        answer = head({"features": row[np.newaxis], "state": state}, training=False)
        state = np.asarray(answer["next_state"])
        highest = max(highest, float(np.asarray(answer["probabilities"])[0, FALLING]))
    return highest
