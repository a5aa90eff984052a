"""Ranges of the activations for int8, from representative pictures.

The lowest and highest value ever seen waste most of int8's 256 steps on a few outliers: with them EfficientNetB0's
features keep 3 dB. Two better ways: the range with the least mean squared error over a sample of the values (clipping
plus rounding; Nagel et al., "A White Paper on Neural Network Quantization", 2021, section 3.2), and ranges that clip a
fixed share. Neither wins everywhere: after the squared error block 2 still has too coarse steps for its many small
values, which later layers amplify; so the search tries each.
"""

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from numpy.typing import NDArray

from converters.graph import Graph
from converters.plan import PIXEL_RANGE, STATIC_KINDS, Calibration, Ranges, StaticKind
from edge.errors import ModelError

N_PICTURES = 96
"""More change the ranges by less than a step."""
VALUES_PER_PICTURE = 1024
SHRINKS = np.array([1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.42, 0.35, 0.3, 0.25, 0.2])
"""Fractions of the extremes that are tried as ends of a range."""
N_STEPS = 255
CLIPPED_SHARES: dict[StaticKind, float] = {
    kind: float(kind.removeprefix("static-clip-")) for kind in STATIC_KINDS if kind != "static-mse"
}


def calibrate(graph: Graph, pictures: NDArray[np.uint8]) -> Calibration:
    """Find a range for every activation of a float32 file, in each of the ways.

    Args:
        graph: of a float32 file with one input (1, height, width, 3) of 0..255.
        pictures: uint8 (n, height, width, 3); at most `N_PICTURES` of them, evenly spread, are used.

    Raises:
        ModelError: an operation makes truth values, which have no range; the message names it and its layer.
    """
    for operation in graph.truth_operations():
        raise ModelError(f"{operation.described}: truth values have no range; use --precision float16")
    chosen = evenly(pictures, N_PICTURES)
    samples, lows, highs = observe(graph.content, set(graph.activations()), chosen)
    values = {name: np.concatenate(parts) for name, parts in samples.items()}

    def of_kind(kind: StaticKind) -> Ranges:
        if kind == "static-mse":
            return {name: best_range(values[name], lows[name], highs[name]) for name in values}
        return {name: clipped_range(values[name], CLIPPED_SHARES[kind]) for name in values}

    return {kind: of_kind(kind) | {graph.input_name: PIXEL_RANGE} for kind in STATIC_KINDS}


def evenly(pictures: NDArray[np.uint8], n_wanted: int) -> NDArray[np.uint8]:
    """At most so many of the pictures, evenly spread over their order."""
    return pictures[np.linspace(0, len(pictures) - 1, min(n_wanted, len(pictures))).astype(int)]


def clipped_range(values: NDArray[np.float32], share: float) -> tuple[float, float]:
    """The range, with 0, outside of which this share of the values lies at either end."""
    low, high = np.quantile(values, [share, 1 - share])
    return min(float(low), 0.0), max(float(high), 0.0)


def best_range(values: NDArray[np.float32], low: float, high: float) -> tuple[float, float]:
    """The range within low..high (and with 0) that quantizes the values with the least squared error."""
    low, high = min(low, 0.0), max(high, 0.0)
    for _ in range(2):  # the two ends depend on each other only through the step: twice is enough
        highs = high * SHRINKS
        high = float(highs[np.argmin([_error(values, low, end) for end in highs])])
        lows = low * SHRINKS
        low = float(lows[np.argmin([_error(values, end, high) for end in lows])])
    return low, high


def _error(values: NDArray[np.float32], low: float, high: float) -> float:
    step = (high - low) / N_STEPS
    if step <= 0:
        return float(np.square(values).sum())
    rounded = low + np.rint((np.clip(values, low, high) - low) / step) * step
    return float(np.square(values - rounded).sum())


def observe(
    model: bytes, names: set[str], pictures: NDArray[np.uint8]
) -> tuple[dict[str, list[NDArray[np.float32]]], dict[str, float], dict[str, float]]:
    """Run the pictures; a sample of each tensor's values, its lowest and its highest value, by name."""
    interpreter = Interpreter(
        model_content=model,
        experimental_preserve_all_tensors=True,
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        num_threads=1,
    )
    interpreter.allocate_tensors()
    details = [detail for detail in interpreter.get_tensor_details() if detail["name"] in names]
    entry = interpreter.get_input_details()[0]["index"]
    chance = np.random.default_rng(0)
    values: dict[str, list[NDArray[np.float32]]] = {detail["name"]: [] for detail in details}
    lows, highs = dict.fromkeys(values, np.inf), dict.fromkeys(values, -np.inf)
    for picture in pictures:
        interpreter.set_tensor(entry, picture[None].astype(np.float32))
        interpreter.invoke()
        for detail in details:
            name, tensor = detail["name"], interpreter.get_tensor(detail["index"]).ravel()
            values[name].append(tensor[chance.integers(0, tensor.size, min(VALUES_PER_PICTURE, tensor.size))])
            lows[name], highs[name] = min(lows[name], float(tensor.min())), max(highs[name], float(tensor.max()))
    return values, lows, highs
