"""Tracks and the memory of their head: whose row is whose, and what is forgotten."""

import numpy as np

from edge.people.features import N_TRACK_FEATURES
from edge.people.following import Followed, begin, begin_anew, follow
from edge.types import NS_PER_S, Person

ASPECT = 4 / 3
UP = np.array([0.95] * 5 + [0.82] * 2 + [0.65] * 2 + [0.5] * 2 + [0.53] * 2 + [0.28] * 2 + [0.04] * 2)
"""Of COCO's keypoints, over the height of a body that stands."""


def standing(x: float) -> Person:
    keypoints = np.stack([0.8 - 0.5 * UP, np.full(17, x), np.full(17, 0.7)], 1).astype(np.float32)
    return Person(np.array([0.3, x - 0.05, 0.8, x + 0.05], np.float32), keypoints, 0.6)


class Counter:
    """A head whose memory counts its steps, and that says so."""

    def __init__(self) -> None:
        self.calls = 0
        self.rows = np.zeros(0)

    def step(self, features, memory):
        self.calls += 1
        assert features.shape == (6, N_TRACK_FEATURES)
        self.rows = np.flatnonzero(np.abs(features).sum(1))
        after = memory + 1
        said = np.stack([0 * after[:, 0], after[:, 0] / 100, 1 + 0 * after[:, 0]], 1)
        return said.astype(np.float32), after.astype(np.float32)


def looked(head: Counter, *looks: list[Person], state: Followed | None = None, begin_s: float = 0.0):
    """The bodies of each look, a tenth of a second apart, and the state after."""
    state = begin(1) if state is None else state
    found = []
    for number, people in enumerate(looks):
        bodies, state = follow(state, people, round((begin_s + 0.1 * (number + 1)) * NS_PER_S), ASPECT, head.step)
        found.append(bodies)
    return found, state


def steps_of(bodies) -> dict[int, float]:
    """How often the head has stepped for each track, as it says."""
    return {body.track.id: round(100 * body.falling) for body in bodies}


def test_each_track_has_a_memory_of_its_own():
    left, right = standing(0.3), standing(0.7)
    found, _ = looked(Counter(), [left], [left, right], [left, right])
    assert [steps_of(bodies) for bodies in found] == [{1: 1}, {1: 2, 2: 1}, {1: 3, 2: 2}]
    assert all(body.lying == 1 for body in found[-1])


def test_who_is_not_seen_takes_no_step_and_keeps_what_was_said():
    left, right = standing(0.3), standing(0.7)
    head = Counter()
    found, _ = looked(head, [left, right], [right], [left, right])
    assert [steps_of(bodies) for bodies in found] == [{1: 1, 2: 1}, {1: 1, 2: 2}, {1: 2, 2: 3}]
    assert head.rows.tolist() == [0, 1]


def test_nobody_costs_no_step():
    head = Counter()
    found, _ = looked(head, [], [], [standing(0.5)], [])
    assert head.calls == 1
    assert [len(bodies) for bodies in found] == [0, 0, 1, 1]


def test_whoever_takes_the_place_of_another_begins_anew():
    head = Counter()
    _, state = looked(head, *[[standing(0.3)]] * 5)
    (bodies,), state = looked(head, [standing(0.8)], state=state, begin_s=9.0)
    assert steps_of(bodies)[2] == 1
    (bodies,), _ = looked(head, [standing(0.8)], state=begin_anew(state), begin_s=10.0)
    assert steps_of(bodies) == {3: 1}


def test_the_state_that_went_in_is_as_it_was():
    head = Counter()
    _, state = looked(head, [standing(0.3)])
    before = state.memory.copy()
    looked(head, [standing(0.3)], state=state, begin_s=1.0)
    assert (state.memory == before).all()
