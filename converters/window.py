"""A model of a whole window to float32 TFLite, and what that costs.

It is not quantized: recurrence over integers drifts, and most of a step's cost is the frame model's."""

import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from converters.export import export
from converters.runtime import MS_PER_S, Runner
from converters.verify import run_keras
from edge.bundle import InputSpec
from edge.errors import ModelError, QualityError
from edge.inference.window import STEPS_INPUT

TOLERANCE = 1e-3
N_SEQUENCES = 8


def check_window(model: Any) -> None:
    """Stop before the work when the Keras model is not as agreed.

    Raises:
        ModelError: inputs or outputs have other names or shapes.
    """
    inputs = {tensor.name: tensor.shape for tensor in model.inputs}
    if list(inputs) != [STEPS_INPUT] or len(inputs[STEPS_INPUT]) != 3 or None in inputs[STEPS_INPUT][1:]:
        raise ModelError(f"window: its inputs are {inputs}; give one, {STEPS_INPUT} (n, n_steps, n_features)")
    if not isinstance(model.output, dict) or list(model.output) != ["probabilities"]:
        raise ModelError("window: its output is no dict of 'probabilities' alone")


def window_features(model: Any) -> int:
    """Numbers that a window model takes of each sample."""
    return int(model.inputs[0].shape[-1])


def export_window(model: Any) -> bytes:
    """Export a window model (a keras.Model): steps (1, n_steps, n_features) to probabilities (1, n_labels)."""
    import keras  # noqa: PLC0415  (seconds to import)

    shape = (1, *model.inputs[0].shape[1:])
    steps = keras.Input(batch_shape=shape, name=STEPS_INPUT)
    fixed = keras.Model({STEPS_INPUT: steps}, model(steps))
    return export(fixed, [{STEPS_INPUT: keras.InputSpec(shape=shape, dtype="float32", name=STEPS_INPUT)}])


def steps_of(frame: Any, spec: InputSpec, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
    """What pictures give a window model, (n, n_features): the frame model's features, or their pixels."""
    if frame is None:
        return pictures.reshape(len(pictures), -1).astype(np.float32)
    return np.tile(run_keras(frame, pictures)["features"], len(spec.streams))


def verify_window(model: Any, converted: bytes, rows: NDArray[np.float32]) -> dict[str, Any]:
    """Largest difference between Keras and TFLite over windows of these rows (n, n_features), and the time of one.

    Raises:
        QualityError: they differ.
    """
    n_steps = int(model.inputs[0].shape[1])
    starts = np.linspace(0, len(rows) - 1, N_SEQUENCES).astype(int)
    runner, worst, times_ms = Runner(converted), 0.0, []
    for start in starts:
        steps = np.take(rows, np.arange(start, start + n_steps), axis=0, mode="wrap")[np.newaxis]
        began = time.process_time()
        found = runner.run(**{STEPS_INPUT: steps})["probabilities"]
        times_ms.append((time.process_time() - began) * MS_PER_S)
        expected = np.asarray(model(steps, training=False)["probabilities"])
        worst = max(worst, float(np.abs(expected - found).max()))
    if not worst <= TOLERANCE:  # also when it is NaN
        raise QualityError(f"window.tflite: {worst:.2g} from Keras, over {TOLERANCE:g}; report this as a fault")
    return {
        "n_windows": len(starts),
        "n_steps": n_steps,
        "probability_difference_max": float(f"{worst:.2g}"),
        "latency_ms": round(float(np.median(times_ms)), 3),
        "size_bytes": len(converted),
    }
