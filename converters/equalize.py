"""Channels of one tensor scaled to like ranges: what feeds them is multiplied, what takes them divided.

Int8 gives a tensor one scale; a channel whose values stay small has few of its levels. Between convolutions with ReLU,
ReLU6 or no activation a channel can be scaled without changing what the network computes (Nagel et al., "Data-Free
Quantization Through Weight Equalization and Bias Correction", 2019, section 4.1). Here by the ranges of activations, as
pictures show them: weights have a scale for each output channel, so only those that take a channel suffer. Swish bears
no scaling: `converters.groups` is for that.

The pose network in int8, ranges from lowest to highest: object keypoint similarity to float 0.91 without, 0.94, 0.95,
0.96 and 0.96 at strengths of 0.3, 0.5, 0.8 and 1; of lying people 0.85 without, 0.92 and 0.93 at 0.5 and 0.8.
"""

from dataclasses import dataclass, field

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from numpy.typing import NDArray

from converters.calibration import evenly
from converters.constants import Floats, Layer, layer_of, read, replaced, unshared
from converters.graph import Graph

N_PICTURES = 48
STRENGTH = 0.8
"""Power of the scales that would make ranges equal."""
LAYERS = {"CONV_2D", "DEPTHWISE_CONV_2D"}
JOINING = {"ADD", "RESIZE_BILINEAR"}
"""Operations whose inputs and output have the same channels, and commute with a scaling of them."""
SMALLEST = 1e-6
MOST = 64.0
"""A channel that is never seen is not blown up."""


@dataclass
class Space:
    """Activations that share their channels."""

    tensors: set[int]
    makers: list[int] = field(default_factory=list)
    """Positions of the layers that make them."""
    takers: list[int] = field(default_factory=list)
    top: float = np.inf
    """Where an activation cuts them off."""


def equalized(graph: Graph, pictures: NDArray[np.uint8], strength: float = STRENGTH) -> Graph:
    """The same function with other constants.

    Args:
        graph: of a float32 file.
        pictures: uint8 (n, height, width, 3); they tell the ranges.
        strength: 0 leaves all as it is, 1 makes ranges equal.
    """
    graph = unshared(graph)
    tops = channel_tops(graph, evenly(pictures, N_PICTURES))
    changed: dict[int, Floats] = {}
    for space in spaces(graph):
        highest = np.max([tops[index] for index in space.tensors], 0)  # (n_channels,)
        scales = np.clip(highest.max() / np.maximum(highest, SMALLEST), 1, MOST) ** strength
        if np.isfinite(space.top):
            scales = np.clip(np.minimum(scales, space.top / np.maximum(highest, SMALLEST)), 1, None)
        for position in space.makers:
            _scale(graph, position, scales.astype(np.float32), changed)
        for position in space.takers:
            _unscale(graph, position, scales.astype(np.float32), changed)
    return replaced(graph, changed)


def spaces(graph: Graph) -> list[Space]:
    """All that can be scaled."""
    subgraph = graph.model.subgraphs[0]
    groups: list[set[int]] = []
    for operation, operator in zip(graph.operations, subgraph.operators, strict=True):
        made = {int(operator.outputs[0])}
        if operation.name in JOINING:
            made |= {int(index) for index in operator.inputs if not graph.is_constant(int(index))}
        joined = [group for group in groups if group & made]
        groups = [group for group in groups if not group & made] + [made.union(*joined)]
    found = (_space(graph, group) for group in groups)
    return [space for space in found if space is not None]


def _space(graph: Graph, tensors: set[int]) -> Space | None:
    """What makes and takes these activations; None where they cannot be scaled."""
    subgraph, space = graph.model.subgraphs[0], Space(tensors)
    if tensors & {int(index) for index in (*subgraph.inputs, *subgraph.outputs)}:
        return None
    for position, operator in enumerate(subgraph.operators):
        makes, takes = int(operator.outputs[0]) in tensors, bool(tensors.intersection(map(int, operator.inputs)))
        if not makes and not takes:
            continue
        name = graph.operations[position].name
        constant = [index for index in operator.inputs[:2] if graph.is_constant(int(index))]
        if (name == "ADD" and constant) or name not in LAYERS | JOINING:
            return None
        if name in LAYERS and layer_of(graph, position) is None:
            return None
        if makes:
            low, top = graph.fused_limits(position)
            if low not in {0.0, -np.inf}:
                return None
            space.top = min(space.top, top)
        if name in LAYERS:
            (space.makers if makes else space.takers).append(position)
    return space


def channel_tops(graph: Graph, pictures: NDArray[np.uint8]) -> dict[int, Floats]:
    """The largest size of each channel's values, (n_channels,), of every activation, by index."""
    interpreter = Interpreter(
        model_content=graph.content,
        experimental_preserve_all_tensors=True,
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        num_threads=1,
    )
    interpreter.allocate_tensors()
    entry = interpreter.get_input_details()[0]["index"]
    made = [int(operator.outputs[0]) for operator in graph.model.subgraphs[0].operators]
    tops: dict[int, Floats] = {}
    for picture in pictures:
        interpreter.set_tensor(entry, picture[None].astype(np.float32))
        interpreter.invoke()
        for index in made:
            values = interpreter.get_tensor(index)
            highest = np.abs(values).reshape(-1, values.shape[-1]).max(0)
            tops[index] = np.maximum(tops.get(index, 0), highest)
    return tops


def _scale(graph: Graph, position: int, scales: Floats, changed: dict[int, Floats]) -> None:
    """Multiply what a layer makes."""
    layer = _layer(graph, position)
    weights = changed.get(layer.weights, read(graph, layer.weights))
    shape = [-1 if axis == layer.channel_axis else 1 for axis in range(weights.ndim)]
    changed[layer.weights] = weights * scales.reshape(shape)
    if layer.bias >= 0:
        changed[layer.bias] = changed.get(layer.bias, read(graph, layer.bias)) * scales


def _unscale(graph: Graph, position: int, scales: Floats, changed: dict[int, Floats]) -> None:
    """Divide what a layer takes; its weights' last axis counts input channels, of a depthwise one all channels."""
    layer = _layer(graph, position)
    changed[layer.weights] = changed.get(layer.weights, read(graph, layer.weights)) / scales


def _layer(graph: Graph, position: int) -> Layer:
    layer = layer_of(graph, position)
    assert layer is not None
    return layer
