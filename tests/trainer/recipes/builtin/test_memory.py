"""The head of `edgewatch`: what its recurrent step says against weighted means written out."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from trainer.recipes.builtin.memory import EPSILON, Retention, build_step
from trainer.recipes.builtin.readout import Readout

N_FEATURES, N_STEPS = 5, 12
SLOW_S, FAST_S, RATE_HZ = 3.0, 0.3, 5.0


def sigmoid(logit: Any) -> float:
    return float(1 / (1 + np.exp(-logit)))


def expected(features: np.ndarray, readouts: Mapping[str, Readout]) -> list[float]:
    """Probabilities after the last of (n_steps, n_streams * f) features, each step's weight computed from its age."""
    age_s = np.arange(len(features))[::-1] / RATE_HZ
    slow, fast = np.exp(-age_s / SLOW_S), np.exp(-age_s / FAST_S)
    mean = np.average(features, axis=0, weights=slow)
    motion = features[:, :N_FEATURES]
    fast_mean = np.average(motion, axis=0, weights=fast)
    deviation = np.sqrt(np.average((motion - fast_mean) ** 2, axis=0, weights=fast) + EPSILON)
    rows = {
        "fall": np.concatenate([fast_mean, deviation]),
        "violence": np.sign(mean) * np.sqrt(np.abs(mean)),
    }
    events = [sigmoid(rows[label] @ readout.kernel + readout.bias) for label, readout in readouts.items()]
    return [1 - max(events), *events]


BOTH = ("fall", "violence")


@pytest.mark.parametrize(
    ("n_steps", "n_streams", "labels"),
    [
        *((1, 2, BOTH), (2, 3, BOTH), (N_STEPS, 2, BOTH), (N_STEPS, 3, BOTH)),
        *((N_STEPS, 1, BOTH[:1]), (N_STEPS, 3, BOTH[:1]), (N_STEPS, 3, BOTH[1:])),
    ],
)
def test_a_step_at_a_time_gives_the_weighted_statistics_of_all(
    n_steps: int, n_streams: int, labels: tuple[str, ...]
) -> None:
    rng = np.random.default_rng(3)
    features = rng.normal(0.5, 1, (n_steps, n_streams * N_FEATURES)).astype(np.float32)
    fall = Readout(rng.normal(size=2 * N_FEATURES).astype(np.float32), 0.2)
    violence = Readout(rng.normal(size=n_streams * N_FEATURES).astype(np.float32), -0.3)
    readouts = {label: readout for label, readout in (("fall", fall), ("violence", violence)) if label in labels}
    step = build_step(readouts, Retention.of(SLOW_S, FAST_S, RATE_HZ), n_streams, N_FEATURES)
    state = np.zeros((1, 2 + (n_streams + 2) * N_FEATURES), np.float32)
    answer = {}
    for row in features:
        answer = step({"features": row[np.newaxis], "state": state}, training=False)
        state = np.asarray(answer["next_state"])
    np.testing.assert_allclose(np.asarray(answer["probabilities"])[0], expected(features, readouts), atol=2e-4)
