"""The logistic readout against its own definition."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from trainer.recipes.builtin.readout import Examples, calibration_of, fit_readouts, principal


@pytest.mark.parametrize(("n", "d"), [(40, 6), (20, 50)])
def test_it_is_penalised_logistic_regression_on_standardised_inputs(n: int, d: int) -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal(2, 3, (n, d)).astype(np.float32)
    truth = rows[:, 0] + rng.normal(size=n) > 2
    strengths = (10.0, 100.0)
    weights = np.where(truth, 0.5 / truth.sum(), 0.5 / (~truth).sum()) * n
    deviation = rows.std(axis=0)
    inputs = (rows - np.average(rows, axis=0, weights=weights)) / (deviation + 1e-3 * deviation.max()) / np.sqrt(d)
    for strength, readout in zip(strengths, fit_readouts(Examples(rows, truth, np.ones(n)), strengths), strict=True):
        plain = LogisticRegression(C=strength, max_iter=5000, tol=1e-8).fit(inputs, truth, sample_weight=weights)
        np.testing.assert_allclose(readout.logits(rows), plain.decision_function(inputs), atol=0.02 * strength / 10)


def test_iterating_finds_the_same_principal_directions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of rows of which some directions are negligible, of the first one's variance."""
    rows = np.random.default_rng(0).normal(size=(200, 300)) * np.geomspace(1, 1e-2, 300)
    iterated, _ = principal(rows.astype(np.float32))
    monkeypatch.setattr("trainer.recipes.builtin.readout.FEW", len(rows))
    plain, _ = principal(rows.astype(np.float32))
    assert 1 < iterated.shape[1] < len(rows)
    np.testing.assert_array_equal(iterated, plain)


def test_calibration_makes_logits_of_their_own_probabilities() -> None:
    rng = np.random.default_rng(1)
    logits = rng.normal(0, 2, 20_000)
    truth = rng.random(20_000) < 1 / (1 + np.exp(-(0.5 * logits)))
    slope, offset = calibration_of(logits, truth)
    assert slope == pytest.approx(0.5, abs=0.03)
    assert offset == pytest.approx(0.0, abs=0.05)
