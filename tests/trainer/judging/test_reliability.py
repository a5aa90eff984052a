"""Curves, calibration and contact sheets, against numbers worked out by hand."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from trainer.clips.datasets import read_dataset
from trainer.judging import metrics
from trainer.judging.gallery import CAPTION_PX, write_gallery
from trainer.judging.reliability import best_temperature, calibration, curves, expected_error, top_k, with_temperature
from trainer.judging.reports import write_curves

TRUTH = np.asarray([True, True, False, False])
SCORES = np.asarray([0.92, 0.36, 0.38, 0.04])


def test_the_expected_error_by_hand():
    """The first bin: 0.04, not positive; the fourth: two, mean 0.37, half positive; the last: 0.92, positive."""
    assert expected_error(TRUTH, SCORES) == pytest.approx((1 * 0.04 + 2 * abs(0.37 - 0.5) + 1 * 0.08) / 4)
    assert expected_error(np.asarray([True]), np.asarray([1.0])) == 0
    assert [one["n"] for one in calibration(TRUTH, SCORES)["bins"]] == [1, 2, 1]


def test_the_curves_by_hand():
    """Thresholds from 0.92 down: one true; one false; another true; the last false."""
    found = curves(TRUTH, SCORES)
    assert found is not None
    assert found["roc"][0] == [0, 0]
    assert [0.0, 0.5] in found["roc"]
    assert [0.5, 1.0] in found["roc"]
    assert found["roc"][-1] == [1, 1]
    assert [0.5, 1.0] in found["precision_recall"]
    assert [1.0, 0.666667] in found["precision_recall"]
    assert curves(np.asarray([True, True]), np.asarray([0.1, 0.2])) is None


def test_the_temperature_that_was_applied_is_found():
    random = np.random.default_rng(0)
    told = random.uniform(0.02, 0.98, 20_000)
    truth = random.uniform(size=len(told)) < told
    sharp = with_temperature(told, 1 / 3)
    assert best_temperature(truth, sharp) == pytest.approx(3, rel=0.05)
    found = calibration(truth, sharp)
    assert found["expected_error"] > 0.05
    assert found["expected_error_with_temperature"] < 0.02
    assert calibration(np.asarray([True]), np.asarray([0.5]))["temperature"] is None


def test_a_temperature_is_judged_on_clips_that_it_was_not_fitted_on():
    """Two folds that need opposite temperatures: fitted on all, neither is mended; fitted on the other, both are
    worse."""
    random = np.random.default_rng(1)
    told = random.uniform(0.02, 0.98, 4000)
    truth = random.uniform(size=len(told)) < told
    folds = np.repeat([0, 1], 2000)
    scores = np.where(folds == 0, with_temperature(told, 1 / 3), with_temperature(told, 3))
    found = calibration(truth, scores, folds.tolist())
    assert found["expected_error_held_out"] > found["expected_error_with_temperature"]
    same = calibration(truth, with_temperature(told, 1 / 3), folds.tolist())
    assert same["expected_error_held_out"] < 0.03 < same["expected_error"]
    assert calibration(truth, scores)["expected_error_held_out"] is None


def test_top_k_by_hand():
    scores = np.asarray([[0.5, 0.3, 0.2], [0.5, 0.3, 0.2], [0.1, 0.2, 0.7]])
    assert top_k(np.asarray([0, 1, 0]), scores, 2) == pytest.approx(2 / 3)
    assert top_k(np.asarray([0, 1, 0]), scores, 3) is None


def test_f1_by_hand():
    """At 0.37: one true positive, one false positive, one false negative: 2 / (2 + 1 + 1)."""
    assert metrics.binary(TRUTH, SCORES, 0.37)["f1"] == pytest.approx(0.5)
    assert metrics.multiclass(np.asarray([0, 0, 1]), np.asarray([0, 1, 1]), "ab")["per_label"]["a"][
        "f1"
    ] == pytest.approx(2 / 3)
    assert metrics.alarm_rate(1, 7200)["per_day"] == pytest.approx(12)


def test_contact_sheets_show_the_wrong_clips_alone(fights: Path, tmp_path: Path):
    clips = read_dataset(fights)
    rows = [
        {
            "path": f"{clip.dataset}/{clip.name}",
            "label": clip.label,
            "answer": "violence",
            "scores": {"normal": 0.1, "violence": 0.9},
        }
        for clip in clips
    ]
    (tmp_path / "errors-9.png").touch()
    (path,) = write_gallery(tmp_path, clips, {"clips": rows})
    assert sorted(tmp_path.iterdir()) == [tmp_path / "errors-1.png"]
    sheet = cv2.imread(str(path))
    assert sheet is not None
    assert sheet.shape == (5 * (CAPTION_PX + 96), 8 * 128, 3)
    assert write_gallery(tmp_path, clips, {"clips": []}) == []
    assert list(tmp_path.iterdir()) == []


def test_the_curves_are_drawn(tmp_path):
    label = {
        "curves": curves(TRUTH, SCORES),
        "calibration": calibration(TRUTH, SCORES),
        "videos": metrics.binary(TRUTH, SCORES, 0.5),
    }
    write_curves(tmp_path, {"labels": {"fall": label}})
    assert cv2.imread(str(tmp_path / "curves.png")) is not None
    write_curves(tmp_path / "none", {"labels": {"fall": {**label, "curves": None}}})
    assert not (tmp_path / "none").exists()
