"""Figures of merit, from arrays of truth and scores, with intervals that are bootstrapped over groups."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import average_precision_score, confusion_matrix, roc_auc_score

N_BOOTSTRAP = 2000
CONFIDENCE = 0.95
N_TREES = 300
SECONDS_PER_HOUR = 3600.0

Truth = NDArray[np.bool_]
FloatArray = NDArray[np.floating[Any]]
Threshold = float | FloatArray


def ratio(part: float, whole: float) -> float | None:
    """A share; None of nothing."""
    return float(part / whole) if whole else None


def binary(truth: Truth, scores: FloatArray, threshold: Threshold) -> dict[str, Any]:
    """Figures of one label's scores against its presence, both (n,). A score at the threshold counts as presence.

    The threshold is one number, or (n,) where the scores are of several models with thresholds of their own. What
    cannot be said, such as the AUC of a single class, is None.
    """
    said = scores >= threshold
    thresholds = np.unique(threshold).tolist()
    true_positives, false_negatives = int((said & truth).sum()), int((~said & truth).sum())
    false_positives, true_negatives = int((said & ~truth).sum()), int((~said & ~truth).sum())
    sensitivity = ratio(true_positives, true_positives + false_negatives)
    specificity = ratio(true_negatives, true_negatives + false_positives)
    balanced = (sensitivity + specificity) / 2 if sensitivity is not None and specificity is not None else None
    both = balanced is not None
    return {
        "n": len(truth),
        "n_positive": int(truth.sum()),
        "threshold": thresholds[0] if len(thresholds) == 1 else thresholds,
        "accuracy": ratio(true_positives + true_negatives, len(truth)),
        "balanced_accuracy": balanced,
        "auc": float(roc_auc_score(truth, scores)) if both else None,
        "average_precision": float(average_precision_score(truth, scores)) if both else None,
        "sensitivity": sensitivity,
        "specificity": specificity,
        "precision": ratio(true_positives, true_positives + false_positives),
        "f1": ratio(2 * true_positives, 2 * true_positives + false_positives + false_negatives),
        "true_positives": true_positives,
        "false_positives": false_positives,
        "false_negatives": false_negatives,
        "true_negatives": true_negatives,
    }


def multiclass(truth: NDArray[np.int64], said: NDArray[np.int64], labels: Sequence[str]) -> dict[str, Any]:
    """Accuracy, the confusion matrix (rows: truth) and, per label, the papers' figures."""
    matrix = confusion_matrix(truth, said, labels=range(len(labels)))
    total, right = matrix.sum(), np.diag(matrix)
    per_label = {
        label: {
            "sensitivity": ratio(right[index], matrix[index].sum()),
            "precision": ratio(right[index], matrix[:, index].sum()),
            "f1": ratio(2 * right[index], matrix[index].sum() + matrix[:, index].sum()),
            "specificity": ratio(
                total - matrix[index].sum() - matrix[:, index].sum() + right[index], total - matrix[index].sum()
            ),
        }
        for index, label in enumerate(labels)
    }
    return {
        "n": int(total),
        "accuracy": ratio(right.sum(), total),
        **_of_labels(matrix),
        "confusion": matrix.tolist(),
        "labels": list(labels),
        "per_label": per_label,
    }


def _of_labels(matrix: NDArray[np.int64]) -> dict[str, float]:
    """Means over the labels that occur: of their sensitivities (balanced accuracy) and of their F1."""
    occurs = matrix.sum(axis=1) > 0
    right = np.diag(matrix)[occurs]
    true, said = matrix.sum(axis=1)[occurs], matrix.sum(axis=0)[occurs]
    return {"balanced_accuracy": float((right / true).mean()), "macro_f1": float((2 * right / (true + said)).mean())}


def bootstrap(
    groups: Sequence[str], figures: Callable[[NDArray[np.int64]], Mapping[str, float]], seed: int = 0
) -> dict[str, list[float] | None]:
    """95 % intervals when groups, not clips, are drawn again.

    Args:
        groups: of each clip.
        figures: of the clips of these indices, of which each may be there more than once; what cannot be said of them
            is left out.
        seed: of the draws.

    Returns:
        Lower and upper end of each figure; None where there is a single group, or an end is infinite.
    """
    names, index = np.unique(np.asarray(groups), return_inverse=True)
    members = [np.flatnonzero(index == number) for number in range(len(names))]
    random = np.random.default_rng(seed)
    draws: dict[str, list[float]] = {}
    for _ in range(N_BOOTSTRAP):
        chosen = np.concatenate([members[number] for number in random.integers(len(names), size=len(names))])
        for key, value in figures(chosen).items():
            draws.setdefault(key, []).append(value)
    return {key: _interval(values) if len(names) > 1 else None for key, values in draws.items()}


def over_seeds(
    truth: Truth, right: Truth, scores: FloatArray, groups: Sequence[str]
) -> tuple[dict[str, float], dict[str, list[float] | None]]:
    """Accuracy, balanced accuracy and AUC, means over seeds, with their intervals when groups are drawn again.

    Args:
        truth: whether each clip holds the label, (n_clips,).
        right: whether each was answered rightly, (n_seeds, n_clips).
        scores: of the label, (n_seeds, n_clips).
        groups: of each clip.
    """

    def of_chosen(chosen: NDArray[np.int64]) -> dict[str, float]:
        told = {"accuracy": float(right[:, chosen].mean())}
        if truth[chosen].any() and not truth[chosen].all():
            sides = [right[:, chosen[truth[chosen] == side]].mean() for side in (True, False)]
            told["balanced_accuracy"] = float(np.mean(sides))
            told["auc"] = float(np.mean([auc_of(truth[chosen], row[chosen]) for row in scores]))
        return told

    return of_chosen(np.arange(len(truth))), bootstrap(groups, of_chosen)


def _interval(values: Sequence[float]) -> list[float] | None:
    tail = (1 - CONFIDENCE) / 2
    method = "linear" if np.isfinite(values).all() else "nearest"  # between a number and infinity lies nothing
    edges = [float(edge) for edge in np.quantile(values, [tail, 1 - tail], method=method)]
    return edges if np.isfinite(edges).all() else None


BOOTSTRAPPED = (
    "accuracy", "balanced_accuracy", "auc", "average_precision", "sensitivity", "specificity", "precision", "f1",
)  # fmt: skip


def group_intervals(
    truth: Truth, scores: FloatArray, groups: Sequence[str], threshold: Threshold, seed: int = 0
) -> dict[str, list[float] | None]:
    """95 % intervals of one label's figures when groups, not clips, are drawn again."""
    said = scores >= threshold
    found = bootstrap(groups, lambda chosen: _quick_figures(truth[chosen], scores[chosen], said[chosen]), seed)
    return {key: found.get(key) for key in BOOTSTRAPPED}


def confusion_intervals(
    truth: NDArray[np.int64], said: NDArray[np.int64], groups: Sequence[str]
) -> dict[str, list[float] | None]:
    """95 % intervals of accuracy, balanced accuracy and F1 over all labels when groups are drawn again."""
    n_labels = int(max(truth.max(), said.max())) + 1

    def figures(chosen: NDArray[np.int64]) -> dict[str, float]:
        pairs = truth[chosen] * n_labels + said[chosen]
        matrix = np.bincount(pairs, minlength=n_labels**2).reshape(n_labels, n_labels)
        return {"accuracy": float((truth[chosen] == said[chosen]).mean()), **_of_labels(matrix)}

    return {f"{key}_95": interval for key, interval in bootstrap(groups, figures).items()}


def _quick_figures(truth: Truth, scores: FloatArray, said: Truth) -> dict[str, float]:
    """The figures that are bootstrapped, without scikit-learn's checks of its input."""
    figures = {"accuracy": float((said == truth).mean())}
    n_positive, n_negative, n_said = int(truth.sum()), int((~truth).sum()), int(said.sum())
    n_right = int((said & truth).sum())
    if n_said:
        figures["precision"] = n_right / n_said
    if n_positive:
        figures |= {"sensitivity": n_right / n_positive, "f1": 2 * n_right / (n_positive + n_said)}
    if n_negative:
        figures["specificity"] = float((~said[~truth]).mean())
    if n_positive and n_negative:
        figures["balanced_accuracy"] = float(said[truth].mean() + (~said[~truth]).mean()) / 2
        figures["auc"] = auc_of(truth, scores)
        figures["average_precision"] = _average_precision(truth, scores)
    return figures


def auc_of(truth: Truth, scores: FloatArray) -> float:
    """The area under the ROC curve of both classes, by ranks (Mann and Whitney): much quicker than scikit-learn's."""
    n_positive = int(truth.sum())
    n_pairs = n_positive * (len(truth) - n_positive)
    return float((stats.rankdata(scores)[truth].sum() - n_positive * (n_positive + 1) / 2) / n_pairs)


def _average_precision(truth: Truth, scores: FloatArray) -> float:
    """Mean precision over the positives, clips of equal scores counting together."""
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(truth[order])
    ends = np.flatnonzero(np.append(np.diff(scores[order]) != 0, True))  # the last clip of each score
    gained = np.diff(hits[ends], prepend=0)
    return float((gained * hits[ends] / (ends + 1)).sum() / hits[-1])


def group_spread(truth: Truth, scores: FloatArray, groups: Sequence[str], threshold: Threshold) -> dict[str, Any]:
    """Accuracy of each group with its counts, and their lowest and highest."""
    said = scores >= threshold
    names = np.asarray(groups)
    each = {
        str(name): {"n": int((names == name).sum()), "right": int((said == truth)[names == name].sum())}
        for name in np.unique(names)
    }
    shares = [counts["right"] / counts["n"] for counts in each.values()]
    return {"n_groups": len(each), "lowest_accuracy": min(shares), "highest_accuracy": max(shares), "groups": each}


def alarm_rate(alarms: int, seconds: float) -> dict[str, Any]:
    """False alarms an hour and a day, with the 95 % interval and upper bound of a Poisson process (Garwood, 1936)."""
    hours = seconds / SECONDS_PER_HOUR
    bound = float(stats.chi2.ppf(CONFIDENCE, 2 * (alarms + 1)) / 2)
    tail = (1 - CONFIDENCE) / 2
    low = float(stats.chi2.ppf(tail, 2 * alarms) / 2) if alarms else 0.0
    high = float(stats.chi2.ppf(1 - tail, 2 * (alarms + 1)) / 2)
    return {
        "alarms": alarms,
        "minutes": seconds / 60,
        "per_hour": ratio(alarms, hours),
        "per_day": ratio(24 * alarms, hours),
        "per_hour_upper_95": ratio(bound, hours),
        "per_hour_95": [low / hours, high / hours] if hours else None,
        "per_day_95": [24 * low / hours, 24 * high / hours] if hours else None,
    }


def delay_figures(delays_s: Sequence[float]) -> dict[str, Any]:
    """Delays of alarms after the annotated start, `inf` for a miss; JSON has no infinity, so a miss is None."""
    median = float(np.median(delays_s)) if len(delays_s) else None
    return {
        "n": len(delays_s),
        "missed": int(np.isinf(delays_s).sum()) if len(delays_s) else 0,
        "median_delay_s": median if median is not None and np.isfinite(median) else None,
        "delays_s": [float(delay) if np.isfinite(delay) else None for delay in delays_s],
    }


def out_of_fold(truth: Truth, columns: FloatArray, folds: Sequence[int]) -> NDArray[np.float64] | None:
    """Scores (n,) of a random forest on columns (n, n_columns), each clip's by one that did not see its fold.

    A forest, since a linear model finds less in such columns and would flatter what it is set beside.
    None where a fold leaves a single class to learn from.
    """
    held_out = np.asarray(folds)
    scores = np.zeros(len(truth))
    for fold in np.unique(held_out):
        inside = held_out == fold
        if len(np.unique(truth[~inside])) < 2:
            return None
        forest = RandomForestClassifier(N_TREES, min_samples_leaf=3, random_state=0)
        forest.fit(columns[~inside], truth[~inside])
        scores[inside] = np.asarray(forest.predict_proba(columns[inside]))[:, 1]
    return scores
