"""Figures against computations that share nothing with the code: pairs counted one by one, tables of the chi-square."""

import numpy as np
import pytest

from trainer.judging import metrics
from trainer.judging.metrics import (
    alarm_rate,
    binary,
    bootstrap,
    confusion_intervals,
    delay_figures,
    group_intervals,
    group_spread,
    multiclass,
    out_of_fold,
)

TRUTH = np.array([True, True, True, False, False, False, False])
SCORES = np.array([0.9, 0.5, 0.2, 0.6, 0.4, 0.2, 0.1])


def test_binary_figures_by_hand():
    figures = binary(TRUTH, SCORES, 0.5)
    assert (figures["true_positives"], figures["false_negatives"]) == (2, 1)
    assert (figures["false_positives"], figures["true_negatives"]) == (1, 3)
    assert figures["accuracy"] == pytest.approx(5 / 7)
    assert figures["balanced_accuracy"] == pytest.approx((2 / 3 + 3 / 4) / 2)
    assert figures["precision"] == pytest.approx(2 / 3)
    pairs = [1.0 if p > n else 0.5 if p == n else 0.0 for p in SCORES[TRUTH] for n in SCORES[~TRUTH]]
    assert figures["auc"] == pytest.approx(sum(pairs) / len(pairs))
    # by falling score: hit 0.9 (1/1), miss 0.6, hit 0.5 (2/3), miss 0.4, then 0.2 is both (3/6)
    assert figures["average_precision"] == pytest.approx((1 / 1 + 2 / 3 + 3 / 6) / 3)


def test_each_clip_may_have_a_threshold_of_its_own():
    figures = binary(np.array([True, True, False]), np.array([0.3, 0.3, 0.3]), np.array([0.2, 0.4, 0.4]))
    assert (figures["true_positives"], figures["false_negatives"], figures["true_negatives"]) == (1, 1, 1)
    assert figures["threshold"] == [0.2, 0.4]


def test_what_cannot_be_said_is_none():
    figures = binary(np.array([True, True]), np.array([0.1, 0.9]), 0.5)
    assert figures["sensitivity"] == 0.5
    assert [figures[key] for key in ("specificity", "balanced_accuracy", "auc", "average_precision")] == [None] * 4


def test_multiclass_by_hand():
    figures = multiclass(np.array([0, 0, 1, 1, 2]), np.array([0, 1, 1, 1, 0]), ["a", "b", "c"])
    assert figures["confusion"] == [[1, 1, 0], [0, 2, 0], [1, 0, 0]]
    assert figures["accuracy"] == pytest.approx(3 / 5)
    assert figures["per_label"]["b"] == {
        "sensitivity": 1.0,
        "precision": pytest.approx(2 / 3),
        "specificity": pytest.approx(2 / 3),
        "f1": pytest.approx(4 / 5),
    }
    assert figures["per_label"]["c"]["precision"] is None
    assert figures["balanced_accuracy"] == pytest.approx((1 / 2 + 1 + 0) / 3)
    assert figures["macro_f1"] == pytest.approx((2 / 4 + 4 / 5 + 0) / 3)
    alone = multiclass(np.array([0, 0]), np.array([0, 1]), ["a", "b", "c"])
    assert alone["balanced_accuracy"] == 0.5, "labels that do not occur do not count"


def test_intervals_follow_groups_not_clips():
    truth = np.tile([True, False], 50)
    right = np.repeat([True, False], 50)  # one of two groups is all right, the other all wrong
    scores = np.where(right == truth, 0.9, 0.1)
    groups = ["a"] * 50 + ["b"] * 50
    assert group_intervals(truth, scores, groups, 0.5)["accuracy"] == [0.0, 1.0]
    alone = group_intervals(truth, scores, [str(number) for number in range(100)], 0.5)["accuracy"]
    assert alone is not None
    assert 0.38 < alone[0] < 0.42  # 0.5 - 1.96 * sqrt(0.25 / 100)
    assert 0.58 < alone[1] < 0.62
    assert group_intervals(truth, scores, ["a"] * 100, 0.5)["accuracy"] is None


def test_bootstrapped_figures_are_the_figures():
    """The quick ones against scikit-learn's, on draws with clips that are there twice and scores that are equal."""
    random = np.random.default_rng(0)
    for _ in range(20):
        chosen = random.integers(len(TRUTH), size=len(TRUTH))
        truth, scores = TRUTH[chosen], SCORES[chosen]
        quick = metrics._quick_figures(truth, scores, scores >= 0.5)
        slow = binary(truth, scores, 0.5)
        assert quick == pytest.approx({key: slow[key] for key in quick})
        assert all(slow[key] is None for key in set(metrics.BOOTSTRAPPED) - set(quick))
    interval = group_intervals(TRUTH, SCORES, list("abcdefg"), 0.5)["f1"]
    assert interval is not None
    assert interval[0] < binary(TRUTH, SCORES, 0.5)["f1"] < interval[1]


def test_intervals_over_all_labels():
    """Each of many groups is a clip: the interval of a share of 60 of 100 is about 0.6 +- 1.96 sqrt(0.24 / 100)."""
    truth = np.tile([0, 1], 50)
    said = np.where(np.arange(100) < 60, truth, 1 - truth)
    found = confusion_intervals(truth, said, [str(number) for number in range(100)])
    assert found["accuracy_95"] == pytest.approx([0.504, 0.696], abs=0.02)
    assert set(found) == {"accuracy_95", "balanced_accuracy_95", "macro_f1_95"}


def test_an_infinite_end_is_none():
    delays = np.asarray([0.5, 0.7, np.inf, np.inf])
    found = bootstrap(list("abcd"), lambda chosen: {"delay": float(np.median(delays[chosen]))})
    assert found["delay"] is None
    one = np.asarray([0.5, 0.7, 0.9, np.inf])
    found = bootstrap(list("abcd"), lambda chosen: {"delay": float(one[chosen].min())})
    assert found["delay"] == [0.5, 0.9], "all four draws miss in 1 of 256"


def test_spread_over_groups():
    spread = group_spread(TRUTH, SCORES, ["a", "a", "b", "b", "b", "b", "b"], 0.5)
    assert (spread["lowest_accuracy"], spread["highest_accuracy"]) == (3 / 5, 1.0)
    assert spread["groups"]["b"] == {"n": 5, "right": 3}


def test_poisson_bounds():
    assert alarm_rate(0, 110)["per_hour_upper_95"] == pytest.approx(-np.log(0.05) / (110 / 3600))
    # the bound b of 2 events solves exp(-b) (1 + b + b^2/2) = 0.05
    bound = alarm_rate(2, 3600)["per_hour_upper_95"]
    assert np.exp(-bound) * (1 + bound + bound**2 / 2) == pytest.approx(0.05)
    assert alarm_rate(0, 0)["per_hour"] is None
    low, high = alarm_rate(2, 3600)["per_hour_95"]
    # Garwood's: with `low` two or more alarms have a chance of 2.5 %, with `high` two or fewer
    assert 1 - np.exp(-low) * (1 + low) == pytest.approx(0.025)
    assert np.exp(-high) * (1 + high + high**2 / 2) == pytest.approx(0.025)
    assert alarm_rate(2, 3600)["per_day_95"] == pytest.approx([24 * low, 24 * high])
    assert alarm_rate(0, 3600)["per_hour_95"] == [0, pytest.approx(-np.log(0.025))]


def test_a_miss_is_an_infinite_delay():
    assert delay_figures([0.5, np.inf, 0.7])["median_delay_s"] == 0.7
    assert delay_figures([0.5, np.inf, np.inf])["median_delay_s"] is None
    assert delay_figures([0.5, np.inf])["delays_s"] == [0.5, None]
    assert delay_figures([])["median_delay_s"] is None


def test_the_baseline_does_not_see_its_fold():
    """Each fold's column tells its labels the wrong way round for the other fold, so honest scores are all wrong."""
    truth = np.tile([True, False], 20)
    folds = [0] * 20 + [1] * 20
    column = np.where(np.asarray(folds) == 0, truth, ~truth).astype(float)[:, np.newaxis]
    scores = out_of_fold(truth, column, folds)
    assert scores is not None
    assert binary(truth, scores, 0.5)["accuracy"] == 0.0
    assert out_of_fold(np.array([True, False]), np.zeros((2, 1)), [0, 1]) is None
