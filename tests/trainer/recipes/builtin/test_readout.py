"""The logistic readout against its own definition."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from trainer.recipes.builtin.readout import NEGLIGIBLE, Examples, calibration_of, fit_readouts, principal


@pytest.mark.parametrize(("n", "d"), [(40, 6), (20, 50)])
def test_it_is_penalised_logistic_regression_on_standardised_inputs(n: int, d: int) -> None:
    """To a twentieth of a logit: the solver stops early, and negligible directions are left out. That makes 0.016 at
    most, with any processor's kernels."""
    rng = np.random.default_rng(0)
    rows = rng.normal(2, 3, (n, d)).astype(np.float32)
    truth = rows[:, 0] + rng.normal(size=n) > 2
    strengths = (10.0, 100.0)
    weights = np.where(truth, 0.5 / truth.sum(), 0.5 / (~truth).sum()) * n
    deviation = rows.std(axis=0)
    inputs = (rows - np.average(rows, axis=0, weights=weights)) / (deviation + 1e-3 * deviation.max()) / np.sqrt(d)
    for strength, readout in zip(strengths, fit_readouts(Examples(rows, truth, np.ones(n)), strengths), strict=True):
        plain = LogisticRegression(C=strength, max_iter=5000, tol=1e-8).fit(inputs, truth, sample_weight=weights)
        np.testing.assert_allclose(readout.logits(rows), plain.decision_function(inputs), atol=0.05)


@pytest.mark.parametrize("few", [0, 201])
def test_principal_coordinates_keep_all_but_negligible_directions(monkeypatch: pytest.MonkeyPatch, few: int) -> None:
    """With the largest variance found by iterating and without, against the eigenvectors of the products in float64.

    Directions' signs are arbitrary, so products of coordinates are compared. What is left out has at most a thousandth
    of the largest variance; rounding, which differs between processors' kernels, is a few times float32's of it.
    """
    rows = (np.random.default_rng(0).normal(size=(200, 300)) * np.geomspace(1, 1e-2, 300)).astype(np.float32)
    monkeypatch.setattr("trainer.recipes.builtin.readout.FEW", few)
    coordinates, basis = principal(rows)
    variances, vectors = np.linalg.eigh(rows.astype(np.float64) @ rows.T.astype(np.float64))
    kept = variances > NEGLIGIBLE * variances[-1]
    assert coordinates.shape == (200, kept.sum())
    assert 1 < kept.sum() < len(rows)
    expected = (vectors[:, kept] * variances[kept]) @ vectors[:, kept].T
    rounding = 10 * np.finfo(np.float32).eps * variances[-1]
    np.testing.assert_allclose(coordinates @ coordinates.T, expected, rtol=0, atol=rounding)
    np.testing.assert_allclose(rows @ basis, coordinates, rtol=0, atol=rounding)


def test_calibration_makes_logits_of_their_own_probabilities() -> None:
    rng = np.random.default_rng(1)
    logits = rng.normal(0, 2, 20_000)
    truth = rng.random(20_000) < 1 / (1 + np.exp(-(0.5 * logits)))
    slope, offset = calibration_of(logits, truth)
    assert slope == pytest.approx(0.5, abs=0.03)
    assert offset == pytest.approx(0.0, abs=0.05)
