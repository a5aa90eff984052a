"""What the head of `edgewatch` remembers, as arrays for training and as one recurrent Keras step for the box.

Both labels are read from exponentially weighted running sums of a frame's features, violence from slow ones and falls
from fast ones. The state begins at zero and holds the weight of what went into it, so the first steps are true means.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from trainer.clips.labels import FALL, VIOLENCE
from trainer.recipes.builtin.readout import Readout, Rows

EPSILON = 1e-6


@dataclass(frozen=True, slots=True)
class Retention:
    """Which share of the running sums is kept at each step."""

    slow: float
    fast: float

    @classmethod
    def of(cls, slow_s: float, fast_s: float, rate_hz: float) -> "Retention":
        """From time constants at a rate of steps."""
        return cls(float(np.exp(-1 / (slow_s * rate_hz))), float(np.exp(-1 / (fast_s * rate_hz))))


def running_mean(values: Rows, retention: float) -> Rows:
    """Exponentially weighted mean of (n_steps, d) up to each step, (n_steps, d)."""
    weight = 0.0
    total = np.zeros(values.shape[1], np.float64)
    means = np.empty_like(values)
    for step, value in enumerate(values):
        weight = retention * weight + 1
        total = retention * total + value
        means[step] = total / weight
    return means


def signed_root(rows: Rows) -> Rows:
    """Square root that keeps the sign: differences between small features count as much as between large ones."""
    return np.asarray(rows / np.sqrt(np.abs(rows) + EPSILON), np.float32)


def fall_inputs(motion: Rows, retention: float) -> Rows:
    """Running mean and standard deviation of the motion stream: (n_steps, f) -> (n_steps, 2 * f)."""
    mean = running_mean(motion, retention)
    squares = running_mean(motion * motion, retention)
    return np.concatenate([mean, np.sqrt(np.maximum(squares - mean * mean, 0) + EPSILON)], axis=1)


def build_step(readouts: Mapping[str, Readout], retention: Retention, n_streams: int, n_motion: int) -> keras.Model:
    """One step: `features` (n, n_streams * f), motion first, and `state` -> `probabilities` (n, 1 + n_readouts),
    `next_state`.

    The state (n, 2 + (n_streams + 2) * f) holds the slow and the fast weight, the slow sums of all streams, and the
    fast sums of the motion stream and of its squares, whichever of them are read. Normal, the first label, is one minus
    the largest of the others.

    Args:
        readouts: of fall, violence or both, in the order of the labels.
        retention: of the sums.
        n_streams: of the frame model.
        n_motion: features of one stream, f.
    """
    n_slow = n_streams * n_motion
    features = keras.Input((n_slow,), name="features")
    state = keras.Input((2 + n_slow + 2 * n_motion,), name="state")
    bounds = [1, 2, 2 + n_slow, 2 + n_slow + n_motion]
    ops: Any = keras.ops  # whose types name every backend's tensors
    slow_weight, fast_weight, slow, fast, squares = ops.split(state, bounds, axis=-1)
    motion: Any = ops.split(features, [n_motion], axis=-1)[0] if n_streams > 1 else features  # (n, f)
    slow_weight = slow_weight * retention.slow + 1.0
    fast_weight = fast_weight * retention.fast + 1.0
    slow = slow * retention.slow + features
    fast = fast * retention.fast + motion
    squares = squares * retention.fast + motion * motion
    slow_mean = slow / slow_weight
    fast_mean = fast / fast_weight
    variance = ops.relu(squares / fast_weight - fast_mean * fast_mean)
    violence_rows = slow_mean / ops.sqrt(ops.abs(slow_mean) + EPSILON)
    fall_rows = ops.concatenate([fast_mean, ops.sqrt(variance + EPSILON)], axis=-1)
    rows = {FALL: fall_rows, VIOLENCE: violence_rows}
    events = [unit(readout, label)(rows[label]) for label, readout in readouts.items()]
    next_state = ops.concatenate([slow_weight, fast_weight, slow, fast, squares], axis=-1)
    outputs = {"probabilities": with_normal(events), "next_state": next_state}
    return keras.Model({"features": features, "state": state}, outputs)


def unit(readout: Readout, name: str) -> keras.layers.Layer:
    """A readout as a dense sigmoid unit."""
    layer = keras.layers.Dense(1, activation="sigmoid", name=name)
    layer.build((None, len(readout.kernel)))
    layer.set_weights([readout.kernel[:, np.newaxis], np.asarray([readout.bias], np.float32)])
    return layer


def with_normal(events: list[keras.KerasTensor]) -> keras.KerasTensor:
    """Probabilities (n, 1) of each event label -> (n, 1 + n_events), normal first."""
    ops: Any = keras.ops
    normal = 1.0 - ops.max(ops.concatenate(events, axis=-1), axis=-1, keepdims=True)
    return ops.concatenate([normal, *events], axis=-1)
