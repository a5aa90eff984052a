"""When a fall is learned, and how its threshold is chosen."""

import numpy as np
import pytest

from trainer.recipes.builtin.falls import (
    FallClip,
    HeldOut,
    choose_threshold,
    examples,
    first_alarm_s,
    locate,
    relocated,
)
from trainer.recipes.builtin.readout import Readout

TIMES_S = np.arange(25) / 5


def clip(start_s: float | None, *, guessed: bool = False, rows: np.ndarray | None = None) -> FallClip:
    rows = np.zeros((len(TIMES_S), 1), np.float32) if rows is None else rows
    return FallClip(TIMES_S, rows, start_s, "group", 1.0, guessed)


def descending(first_step: int) -> np.ndarray:
    """One input that is high for the second from a step on."""
    rows = np.zeros((len(TIMES_S), 1), np.float32)
    rows[first_step : first_step + 6] = 1.0
    return rows


def test_only_the_second_of_going_down_is_a_fall_and_lying_is_nothing() -> None:
    learned = examples(clip(2.0))
    assert learned.truth.sum() == 6  # 2.2, 2.4 ... 3.2 s
    assert (~learned.truth).sum() == 10  # 0.0 ... 1.8 s: from 1.9 s on it is unsure, after 3.2 s lying


def test_a_clip_without_a_fall_is_learned_from_whole() -> None:
    learned = examples(clip(None))
    assert len(learned.truth) == len(TIMES_S)
    assert not learned.truth.any()


def test_the_second_most_like_a_fall_is_found() -> None:
    found = locate(clip(0.0, rows=descending(10)), Readout(np.ones(1, np.float32), 0.0))
    assert found == pytest.approx(1.8), "high from 2.0 s on, and falls are learned from 0.2 s after their start"


def test_only_guessed_falls_are_looked_for_again() -> None:
    known, guessed, calm = clip(1.8, rows=descending(10)), clip(0.6, guessed=True, rows=descending(5)), clip(None)
    found = relocated([known, guessed, calm], strength=10.0, rounds=1)
    assert [item.start_s for item in found] == [1.8, pytest.approx(0.8), None]
    assert [item.start_s for item in relocated([known, guessed, calm], 10.0, rounds=0)] == [1.8, 0.6, None]


def test_an_alarm_needs_the_score_to_last() -> None:
    probabilities = np.zeros(len(TIMES_S))
    probabilities[[5, 10, 11]] = 0.9
    held_out = HeldOut(TIMES_S, probabilities, 1.5)
    assert first_alarm_s(held_out, 0.5, 0.0) == pytest.approx(1.0)
    assert first_alarm_s(held_out, 0.5, 0.2) == pytest.approx(2.2)
    assert first_alarm_s(held_out, 0.95, 0.0) is None


def test_the_threshold_lies_amid_those_that_part_falls_from_the_rest() -> None:
    fall = np.where((TIMES_S > 2) & (TIMES_S < 3), 0.8, 0.1)
    calm = np.where(TIMES_S > 2, 0.5, 0.1)
    chosen = choose_threshold([HeldOut(TIMES_S, fall, 2.0), HeldOut(TIMES_S, calm, None)], 0.2)
    assert 0.6 <= chosen <= 0.7


def test_without_timed_falls_the_threshold_is_the_default() -> None:
    assert choose_threshold([], 0.2) == 0.75
