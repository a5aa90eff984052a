"""The head of `edgewatch`: what its recurrent step says against weighted means written out."""

from typing import Any

import numpy as np
import pytest

from trainer.memory import EPSILON, Retention, build_step
from trainer.readout import Readout

N_FEATURES, N_STEPS = 5, 12
SLOW_S, FAST_S, RATE_HZ = 3.0, 0.3, 5.0


def sigmoid(logit: Any) -> float:
    return float(1 / (1 + np.exp(-logit)))


def expected(features: np.ndarray, fall: Readout, violence: Readout) -> list[float]:
    """Probabilities after the last of (n_steps, n_streams * f) features, each step's weight computed from its age."""
    age_s = np.arange(len(features))[::-1] / RATE_HZ
    slow, fast = np.exp(-age_s / SLOW_S), np.exp(-age_s / FAST_S)
    mean = np.average(features, axis=0, weights=slow)
    motion = features[:, :N_FEATURES]
    fast_mean = np.average(motion, axis=0, weights=fast)
    deviation = np.sqrt(np.average((motion - fast_mean) ** 2, axis=0, weights=fast) + EPSILON)
    violent = sigmoid(np.sign(mean) * np.sqrt(np.abs(mean)) @ violence.kernel + violence.bias)
    falling = sigmoid(np.concatenate([fast_mean, deviation]) @ fall.kernel + fall.bias)
    return [1 - max(falling, violent), falling, violent]


@pytest.mark.parametrize(("n_steps", "n_streams"), [(1, 2), (2, 3), (N_STEPS, 2), (N_STEPS, 3)])
def test_a_step_at_a_time_gives_the_weighted_statistics_of_all(n_steps: int, n_streams: int) -> None:
    rng = np.random.default_rng(3)
    features = rng.normal(0.5, 1, (n_steps, n_streams * N_FEATURES)).astype(np.float32)
    fall = Readout(rng.normal(size=2 * N_FEATURES).astype(np.float32), 0.2)
    violence = Readout(rng.normal(size=n_streams * N_FEATURES).astype(np.float32), -0.3)
    step = build_step(fall, violence, Retention.of(SLOW_S, FAST_S, RATE_HZ))
    state = np.zeros((1, 2 + (n_streams + 2) * N_FEATURES), np.float32)
    answer = {}
    for row in features:
        answer = step({"features": row[np.newaxis], "state": state}, training=False)
        state = np.asarray(answer["next_state"])
    np.testing.assert_allclose(np.asarray(answer["probabilities"])[0], expected(features, fall, violence), atol=2e-4)
