"""Readouts: one logistic unit on what a frozen backbone says, fitted in closed form as far as logistic loss allows."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh
from scipy.sparse.linalg import eigsh
from sklearn.linear_model import LogisticRegression

Rows = NDArray[np.float32]

MAX_ITERATIONS = 300
LEAST_DEVIATION = 1e-3
"""Of the largest standard deviation: inputs that hardly vary are not blown up beyond it."""
NEGLIGIBLE = 1e-3
"""Principal directions with less than this share of the first one's variance are left out: the penalty mutes them."""
FEW = 100
"""Of rows: under it, iterating is no quicker."""


@dataclass(frozen=True, slots=True)
class Examples:
    """Rows to learn from."""

    rows: Rows  # (n, n_inputs)
    truth: NDArray[np.bool_]  # (n,)
    weights: NDArray[np.float64]  # (n,), what each row counts

    @classmethod
    def join(cls, parts: list["Examples"]) -> "Examples":
        """All parts one after the other."""
        return cls(
            np.concatenate([part.rows for part in parts]),
            np.concatenate([part.truth for part in parts]),
            np.concatenate([part.weights for part in parts]),
        )

    def without(self, n_first: int) -> "Examples":
        """The same rows without their first inputs."""
        return Examples(self.rows[:, n_first:], self.truth, self.weights)


@dataclass(frozen=True, slots=True)
class Readout:
    """One logistic unit: `logit = rows @ kernel + bias`."""

    kernel: NDArray[np.float32]  # (n_inputs,)
    bias: float

    def logits(self, rows: Rows) -> NDArray[np.float64]:
        """Logit of each row of (n, n_inputs)."""
        return np.asarray(rows.astype(np.float64) @ self.kernel + self.bias)

    def calibrated(self, slope: float, offset: float) -> "Readout":
        """The same ranking with other probabilities: `slope * logit + offset`."""
        return Readout((self.kernel * slope).astype(np.float32), self.bias * slope + offset)

    def ignoring(self, n_first: int) -> "Readout":
        """The same of rows with more inputs before its own, which it does not heed."""
        return Readout(np.concatenate([np.zeros(n_first, np.float32), self.kernel]), self.bias)


def fit_readout(examples: Examples, strength: float) -> Readout:
    """`fit_readouts` with one strength."""
    return fit_readouts(examples, [strength])[0]


def fit_readouts(examples: Examples, strengths: Sequence[float]) -> list[Readout]:
    """Fit L2-regularised logistic regression on standardised inputs, both classes weighing the same: one readout for
    each strength.

    Standardised inputs are divided by the root of their number, so that one `strength` (the inverse of the penalty,
    scikit-learn's C) suits any number of inputs. The fit runs on principal coordinates: the same solution, but for
    rounding and what negligible directions add, and a tenth of the time where inputs are more than rows. Rounding is
    that of the processor's kernels: the same examples give the same bits on processors of one kind alone.
    """
    weights = balanced(examples)
    mean = (weights / weights.sum()).astype(np.float32) @ examples.rows
    rows = examples.rows - mean
    deviation = rows.std(axis=0)
    deviation += LEAST_DEVIATION * deviation.max() + np.finfo(np.float32).tiny
    scale = 1 / (deviation * np.sqrt(np.float32(rows.shape[1])))
    rows *= scale
    coordinates, basis = principal(rows)
    inputs, readouts = coordinates.astype(np.float64), list[Readout]()
    for strength in strengths:
        model = LogisticRegression(C=strength, max_iter=MAX_ITERATIONS)
        model.fit(inputs, examples.truth, sample_weight=weights)
        kernel = (basis @ model.coef_[0]) * scale
        bias = float(np.asarray(model.intercept_)[0] - mean @ kernel)
        readouts.append(Readout(kernel.astype(np.float32), bias))
    return readouts


def balanced(examples: Examples) -> NDArray[np.float64]:
    """Weights (n,) of the rows with mean 1 in which each class weighs a half."""
    weights = examples.weights.copy()
    for side in (examples.truth, ~examples.truth):
        weights[side] *= 0.5 / weights[side].sum()
    return weights * len(weights)


def principal(rows: Rows) -> tuple[Rows, Rows]:
    """Coordinates (n, k) of rows (n, d) along their principal directions, and these (d, k); nothing of weight is lost.

    Not centred: `rows @ basis` gives the coordinates of other rows too.
    """
    if rows.shape[0] > rows.shape[1]:
        _, basis = _leading(rows.T @ rows)  # (d, k)
        return rows @ basis, basis
    variances, left = _leading(rows @ rows.T)  # (k,), (n, k)
    basis = (rows.T @ (left / np.sqrt(variances))).astype(np.float32)  # (d, k)
    return rows @ basis, basis


def _leading(products: Rows) -> tuple[Rows, Rows]:
    """Eigenvalues (k,) that are not negligible of a positive symmetric matrix (n, n), and their vectors (n, k).

    The others are never worked out, which halves the time.
    """
    variances, vectors = eigh(products, subset_by_value=(NEGLIGIBLE * _largest(products), np.inf))
    return np.asarray(variances, np.float32), np.asarray(vectors, np.float32)


def _largest(products: Rows) -> float:
    """The largest eigenvalue, by iteration where that is quicker."""
    last = len(products) - 1
    if last < FEW:
        return float(eigh(products, eigvals_only=True, subset_by_index=(last, last))[0])
    start = np.ones(len(products), products.dtype)
    return float(eigsh(products, k=1, return_eigenvectors=False, v0=start)[0])


def calibration_of(logits: NDArray[np.float64], truth: NDArray[np.bool_]) -> tuple[float, float]:
    """Slope and offset that make probabilities of logits of clips that were held out (Platt 1999), classes balanced."""
    model = LogisticRegression(C=1.0, class_weight="balanced").fit(logits[:, np.newaxis], truth)
    return float(model.coef_[0, 0]), float(model.intercept_[0])
