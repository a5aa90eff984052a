"""Whether scores mean what they say: curves over all thresholds, calibration, the temperature that would mend it."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from sklearn.metrics import precision_recall_curve, roc_curve

from trainer.judging.metrics import FloatArray, Truth

N_BINS = 10
MAX_POINTS = 200
EPSILON = 1e-6
TEMPERATURES = (0.05, 20.0)


def curves(truth: Truth, scores: FloatArray) -> dict[str, list[list[float]]] | None:
    """Points of the ROC curve (false-positive rate, sensitivity) and of precision over recall; None of one class."""
    if truth.all() or not truth.any():
        return None
    false_rate, sensitivity, _ = roc_curve(truth, scores)
    precision, recall, _ = precision_recall_curve(truth, scores)
    return {
        "roc": _points(false_rate, sensitivity),
        "precision_recall": _points(recall[::-1], precision[::-1]),
    }


def _points(x: FloatArray, y: FloatArray) -> list[list[float]]:
    """At most `MAX_POINTS` of them, the ends included."""
    kept = np.unique(np.linspace(0, len(x) - 1, min(len(x), MAX_POINTS)).round().astype(int))
    return [[round(float(x[index]), 6), round(float(y[index]), 6)] for index in kept]


def calibration(truth: Truth, scores: FloatArray, folds: Sequence[int] | None = None) -> dict[str, Any]:
    """Reliability in ten equal bins, the expected calibration error, and what a temperature would make of it.

    The temperature is fitted on these very clips, so the error that it leaves is a lower bound. With folds there is
    also the error where each clip's temperature is fitted on the other folds, which is what to expect of new clips.
    """
    temperature = best_temperature(truth, scores)
    mended = None if temperature is None else with_temperature(scores, temperature)
    return {
        "bins": reliability_bins(truth, scores),
        "expected_error": expected_error(truth, scores),
        "temperature": temperature,
        "expected_error_with_temperature": None if mended is None else expected_error(truth, mended),
        "expected_error_held_out": None if folds is None else _held_out_error(truth, scores, np.asarray(folds)),
    }


def _held_out_error(truth: Truth, scores: FloatArray, folds: NDArray[np.int64]) -> float | None:
    mended = np.zeros(len(scores))
    for fold in np.unique(folds):
        inside = folds == fold
        temperature = best_temperature(truth[~inside], scores[~inside])
        if temperature is None:
            return None
        mended[inside] = with_temperature(scores[inside], temperature)
    return expected_error(truth, mended)


def reliability_bins(truth: Truth, scores: FloatArray) -> list[dict[str, float]]:
    """For each bin that holds a score: its bounds, how many, their mean, and the share that is really positive."""
    index = np.minimum((scores * N_BINS).astype(int), N_BINS - 1)
    return [
        {
            "low": number / N_BINS,
            "high": (number + 1) / N_BINS,
            "n": int((index == number).sum()),
            "mean_score": float(scores[index == number].mean()),
            "positive": float(truth[index == number].mean()),
        }
        for number in np.unique(index).tolist()
    ]


def expected_error(truth: Truth, scores: FloatArray) -> float:
    """Mean over the scores of their bin's distance between score and share (ECE; Guo et al., 2017)."""
    bins = reliability_bins(truth, scores)
    return sum(one["n"] * abs(one["mean_score"] - one["positive"]) for one in bins) / len(truth)


def with_temperature(scores: FloatArray, temperature: float) -> NDArray[np.float64]:
    """Scores whose logits are divided by a temperature."""
    kept = np.clip(scores, EPSILON, 1 - EPSILON).astype(np.float64)
    return 1 / (1 + np.exp(-np.log(kept / (1 - kept)) / temperature))


def best_temperature(truth: Truth, scores: FloatArray) -> float | None:
    """The temperature of the least log loss; None of one class."""
    if truth.all() or not truth.any():
        return None

    def log_loss(log_temperature: float) -> float:
        told = with_temperature(scores, float(np.exp(log_temperature)))
        return float(-np.log(np.clip(np.where(truth, told, 1 - told), EPSILON, 1)).mean())

    bounds = (np.log(TEMPERATURES[0]), np.log(TEMPERATURES[1]))
    found: Any = minimize_scalar(log_loss, bounds=bounds, method="bounded")
    return float(np.exp(found.x))


def top_k(truth: NDArray[np.int64], scores: FloatArray, k: int) -> float | None:
    """How often the truth is among the `k` highest scores (n, n_labels); None where there are no more labels."""
    if scores.shape[1] <= k:
        return None
    best = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    return float((best == truth[:, np.newaxis]).any(axis=1).mean())
