"""Features whose mean over the pictures is the float file's: the bias of the last layer makes up for what is left.

A readout adds up a thousand features, so an error that is the same in every picture moves every answer one way.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from converters.calibration import evenly
from converters.constants import CHANNEL_AXIS, layer_of, read, replaced
from converters.graph import Graph
from converters.quantize import to_float32
from converters.runtime import Runner

N_PICTURES = 96
STEP = 0.01
"""Of the bias, to see how the features follow it."""
LEAST_SLOPE = 0.05
"""A feature that follows less, because its activation is mostly off, is left as it is."""


def with_exact_means(graph: Graph, pictures: NDArray[np.uint8], quantize: Callable[[Graph], bytes]) -> bytes:
    """Quantize, see how far the mean of each feature is off, and quantize again with the last layer's bias corrected.

    Args:
        graph: of the float32 file.
        pictures: uint8 (n, height, width, 3), representative.
        quantize: makes the file.
    """
    content = quantize(graph)
    place = _last_bias(graph)
    if place is None:
        return content
    chosen = evenly(pictures, N_PICTURES)
    exact = _features(to_float32(graph), chosen)
    error = (_features(content, chosen) - exact).mean(0)
    bias = read(graph, place)
    moved = _features(to_float32(replaced(graph, {place: bias + np.float32(STEP)})), chosen)
    slope = (moved - exact).mean(0) / STEP
    correction = np.where(slope > LEAST_SLOPE, error / np.maximum(slope, LEAST_SLOPE), 0.0)
    return quantize(replaced(graph, {place: (bias - correction).astype(np.float32)}))


def _last_bias(graph: Graph) -> int | None:
    """Index of the bias after which no operation mixes channels before the features; None where there is none."""
    end = graph.maker_of(graph.output_name("features"))
    position = max((k for k in range(end + 1) if graph.operations[k].name in CHANNEL_AXIS), default=None)
    layer = None if position is None else layer_of(graph, position)
    if layer is None or layer.bias < 0 or read(graph, layer.bias).size != graph.operations[end].shape[-1]:
        return None
    return layer.bias


def _features(content: bytes, pictures: NDArray[np.uint8]) -> NDArray[np.float64]:
    return Runner(content).frames(pictures)["features"].astype(np.float64)
