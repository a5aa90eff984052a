"""What a conversion costs: Keras and the TFLite file on the same held-out pictures."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from converters.export import input_widths
from converters.graph import Graph
from converters.plan import Precision
from converters.runtime import Runner, latencies, signal_to_noise_db
from edge.errors import QualityError

BATCH = 2
"""Keras keeps every layer's answer until the last one: 0.1 GB for each picture of 224 x 224."""
HEAD_TOLERANCE = 1e-3
N_HEAD_STEPS = 50
EIGHT_BITS = {"INT8", "UINT8"}


def verify_frame(keras_model: Any, float32: bytes, converted: bytes, pictures: NDArray[np.uint8]) -> dict[str, Any]:
    """Agreement of the converted frame model with Keras, its latency against float32 and its size.

    Args:
        keras_model: the trained frame model.
        float32: its float32 TFLite file, the measure of latency.
        converted: the file that is judged.
        pictures: uint8 (n, height, width, 3), none of which the conversion saw.

    Raises:
        QualityError: the file answers with numbers that are not finite.
    """
    expected = run_keras(keras_model, pictures)
    found = Runner(converted).frames(pictures)
    if not all(np.isfinite(values).all() for values in found.values()):
        raise QualityError("frame.tflite: its outputs hold NaN or infinity; convert with another precision")
    times = latencies([float32, converted])
    probabilities = np.abs(expected["probabilities"] - found["probabilities"])
    agrees = expected["probabilities"].argmax(1) == found["probabilities"].argmax(1)
    return {
        "n_held_out": len(pictures),
        "features_snr_db": round(signal_to_noise_db(expected["features"], found["features"]), 2),
        "features_cosine": round(_cosine(expected["features"], found["features"]), 5),
        "label_agreement": round(float(agrees.mean()), 4),
        "probability_difference_max": round(float(probabilities.max()), 4),
        "probability_difference_mean": round(float(probabilities.mean()), 5),
        "latency_ms": round(float(np.median(times[:, 1])), 3),
        "latency_float32_ms": round(float(np.median(times[:, 0])), 3),
        "latency_ratio": round(float(np.median(times[:, 1] / times[:, 0])), 3),
        "size_bytes": len(converted),
    }


def run_keras(model: Any, pictures: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
    """Outputs of a Keras frame model in inference mode, by name: (n, width of the output)."""
    batches = [pictures[start : start + BATCH].astype(np.float32) for start in range(0, len(pictures), BATCH)]
    answers = [{name: np.asarray(value) for name, value in model(batch, training=False).items()} for batch in batches]
    return {name: np.concatenate([answer[name] for answer in answers]) for name in answers[0]}


def verify_head(keras_model: Any, converted: bytes, n_batch: int = 1) -> dict[str, Any]:
    """Largest difference between Keras and TFLite over a sequence in which each feeds its own state back.

    Raises:
        QualityError: they drift apart.
    """
    widths = input_widths(keras_model)
    order = None if isinstance(keras_model.input, dict) else [tensor.name for tensor in keras_model.inputs]
    features = np.abs(np.random.default_rng(0).normal(size=(N_HEAD_STEPS, n_batch, widths["features"]))).astype(
        np.float32
    )
    ours = theirs = np.zeros((n_batch, widths["state"]), np.float32)
    runner, worst = Runner(converted), 0.0
    for step in features:
        inputs = {"features": step, "state": theirs}
        expected = keras_model([inputs[name] for name in order] if order else inputs, training=False)
        found = runner.run(features=step, state=ours)
        theirs, ours = np.asarray(expected["next_state"]), found["next_state"]
        worst = max(worst, float(np.abs(np.asarray(expected["probabilities"]) - found["probabilities"]).max()))
    if not worst <= HEAD_TOLERANCE:  # also when it is NaN
        raise QualityError(f"head: {worst:.2g} from Keras after {N_HEAD_STEPS} steps, over {HEAD_TOLERANCE:g}")
    return {"n_steps": N_HEAD_STEPS, "probability_difference_max": float(f"{worst:.2g}"), "size_bytes": len(converted)}


def check_file(converted: bytes, precision: Precision) -> dict[str, int]:
    """The file is what it is called: pixels go in as they are, int8 holds no float and gives out 8-bit integers. Its
    operations with versions.

    Raises:
        QualityError: it is not, or no interpreter takes it.
    """
    graph = Graph(converted)
    if precision == "int8":
        _check_integers(graph)
    try:
        runner = Runner(converted)
    except (RuntimeError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise QualityError(f"frame.tflite: the interpreter refuses it ({reason}); use another --precision") from error
    dtype, scale, zero_point = runner.input_quantization()
    if (dtype, scale, zero_point) != ("uint8", 1.0, 0):
        raise QualityError(
            f"frame.tflite: its input is {dtype}, scale {scale:g}, zero point {zero_point}, instead of uint8, 1, 0; "
            "the frame model must take 0..255"
        )
    return graph.operation_counts()


def _check_integers(graph: Graph) -> None:
    if left := graph.float_tensors():
        first = next((operation.described for operation in graph.float_operations()), left[0])
        raise QualityError(
            f"frame.tflite: {len(left)} tensors are left in float, first by {first}; replace it, or use "
            "--precision mixed"
        )
    if other := set(graph.output_types()) - EIGHT_BITS:
        raise QualityError(f"frame.tflite: its outputs are {', '.join(sorted(other))} instead of INT8 or UINT8")


def _cosine(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    return float(np.mean((a * b).sum(1) / np.maximum(lengths, 1e-12)))
