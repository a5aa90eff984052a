"""Reads and replaces the constants of a float32 file: weights and biases of its layers."""

import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
from ai_edge_litert.tools import flatbuffer_utils
from numpy.typing import NDArray

from converters.edit import add_tensor, name_of
from converters.graph import Graph

CHANNEL_AXIS = {"CONV_2D": 0, "DEPTHWISE_CONV_2D": 3, "FULLY_CONNECTED": 0}
"""Operations with weights and a bias, and the axis of the weights that counts output channels."""
INT8_MAX = 127
SMALLEST_SCALE = 1e-12

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Layer:
    """The constants of an operation with weights."""

    weights: int
    """Index of the tensor."""
    bias: int
    """Index of the tensor; -1 where there is none."""
    channel_axis: int


def layer_of(graph: Graph, position: int) -> Layer | None:
    """The constants of the operation at this position; None where it is none with constant weights."""
    axis = CHANNEL_AXIS.get(graph.operations[position].name)
    if axis is None:
        return None
    inputs = [int(index) for index in graph.model.subgraphs[0].operators[position].inputs]
    if not graph.is_constant(inputs[1]):
        return None
    return Layer(inputs[1], inputs[2] if len(inputs) > 2 else -1, axis)


def read(graph: Graph, index: int) -> Floats:
    """A constant float32 tensor."""
    tensor = graph.model.subgraphs[0].tensors[index]
    return np.frombuffer(bytes(graph.model.buffers[tensor.buffer].data), np.float32).reshape(tensor.shape)


def unshared(graph: Graph) -> Graph:
    """The same graph with constants of its own for each layer: TFLite keeps equal ones, as biases of zeros, once."""
    parsed: Any = Graph(graph.content).model
    seen: set[int] = set()
    for position, operator in enumerate(parsed.subgraphs[0].operators):
        layer = layer_of(graph, position)
        inputs = [int(index) for index in operator.inputs]
        for place, index in enumerate(inputs):
            if layer and index in {layer.weights, layer.bias} & seen:
                values = read(graph, index)
                inputs[place] = add_tensor(parsed, f"{name_of(parsed, index)}/{position}", values.shape, values)
        seen.update(inputs)
        operator.inputs = np.array(inputs, np.int32)
    return Graph(bytes(flatbuffer_utils.convert_object_to_bytearray(parsed)))


def replaced(graph: Graph, values: dict[int, Floats]) -> Graph:
    """The same graph with other numbers in some of its constants, by index of the tensor."""
    changed = Graph(graph.content)
    for index, content in values.items():
        write(changed, index, content)
    return Graph(bytes(flatbuffer_utils.convert_object_to_bytearray(changed.model)))


def write(graph: Graph, index: int, values: Floats) -> None:
    """Change a constant of a graph in memory, `extract` then gives it out; the graph's `content` stays."""
    model = graph.model
    tensor = model.subgraphs[0].tensors[index]
    buffer = copy.copy(model.buffers[tensor.buffer])
    buffer.data = np.frombuffer(values.astype(np.float32).tobytes(), np.uint8)
    if sum(other.buffer == tensor.buffer for other in model.subgraphs[0].tensors) > 1:  # equal constants may share one
        model.buffers.append(buffer)
        tensor.buffer = len(model.buffers) - 1
    else:
        model.buffers[tensor.buffer] = buffer


def rounded(weights: Floats, channel_axis: int) -> Floats:
    """What int8 leaves of weights: symmetric, one scale for each output channel."""
    others = tuple(axis for axis in range(weights.ndim) if axis != channel_axis)
    scale = np.maximum(np.abs(weights).max(others, keepdims=True) / INT8_MAX, SMALLEST_SCALE)
    return (np.rint(weights / scale) * scale).astype(np.float32)
