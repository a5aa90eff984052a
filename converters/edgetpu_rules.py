"""Which operations of a file the Edge TPU would take: a prediction, from what Coral publishes.

Sources: "TensorFlow models on the Edge TPU" (coral.ai/docs/edgetpu/models-intro: requirements of models, supported
operations and their known limitations) and, for the newest versions of operations, TensorFlow 2.5, the latest that was
out long enough before version 16 of the compiler (2021), the last one.

What cannot be read from a file: from which size on a reshape is not mapped, which sizes a resize bears without losing
precision, what does not fit on the chip, and the limits that are not published. Only the compiler knows for certain.
"""

import math
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from ai_edge_litert.tools import flatbuffer_utils

from converters.graph import Graph, layer_name

NEWEST_VERSIONS = {
    "ADD": 3,
    "AVERAGE_POOL_2D": 3,
    "CONCATENATION": 3,
    "CONV_2D": 5,
    "DEPTHWISE_CONV_2D": 6,
    "EXPAND_DIMS": 1,
    "FULLY_CONNECTED": 9,
    "L2_NORMALIZATION": 2,
    "LOGISTIC": 3,
    "MAXIMUM": 4,
    "MAX_POOL_2D": 3,
    "MEAN": 3,
    "MINIMUM": 4,
    "MUL": 4,
    "PACK": 3,
    "PAD": 3,
    "PRELU": 1,
    "QUANTIZE": 2,
    "REDUCE_MAX": 3,
    "REDUCE_MIN": 3,
    "RELU": 2,
    "RELU6": 3,
    "RELU_N1_TO_1": 1,
    "RESHAPE": 1,
    "RESIZE_BILINEAR": 4,
    "RESIZE_NEAREST_NEIGHBOR": 4,
    "RSQRT": 2,
    "SLICE": 5,
    "SOFTMAX": 3,
    "SPACE_TO_DEPTH": 2,
    "SPLIT": 4,
    "SQUARED_DIFFERENCE": 2,
    "SQUEEZE": 2,
    "STRIDED_SLICE": 5,
    "SUB": 5,
    "SUM": 2,
    "TANH": 3,
    "TRANSPOSE": 5,
    "TRANSPOSE_CONV": 3,
    "UNIDIRECTIONAL_SEQUENCE_LSTM": 3,
}
"""The operations that are supported, and of each the newest version."""
TYPES = {"INT8", "UINT8"}
PARAMETER_TYPES = {"INT8", "UINT8", "INT32"}
N_LARGE_DIMENSIONS = 3
LONGEST_SOFTMAX = 16_000
REDUCED_CHANNELS_MULTIPLE = 4
BEHIND = "comes after one on the processor: only the first part of a model is mapped"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether one operation would run on the Edge TPU."""

    operation: str
    layer: str
    n_macs: int
    """Multiplications with a sum."""
    reason: str
    """Why it would not; empty where it would."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """What would run where."""

    verdicts: tuple[Verdict, ...]

    @property
    def mac_share(self) -> float:
        """Share of the multiply-accumulates that would run on the Edge TPU."""
        mapped = sum(verdict.n_macs for verdict in self.verdicts if not verdict.reason)
        return mapped / max(1, sum(verdict.n_macs for verdict in self.verdicts))

    @property
    def n_on_cpu(self) -> int:
        """Operations that would run on the processor."""
        return sum(bool(verdict.reason) for verdict in self.verdicts)

    @property
    def refusals(self) -> list[str]:
        """Each reason with the operation and layer where it first occurs, and how often it does."""
        counts = Counter((verdict.operation, verdict.reason) for verdict in self.verdicts if verdict.reason)
        first = {(verdict.operation, verdict.reason): verdict.layer for verdict in reversed(self.verdicts)}
        return [f"{n} {name} ({first[name, why]}): {why}" for (name, why), n in counts.items()]


@dataclass(frozen=True, slots=True)
class _Tensor:
    shape: tuple[int, ...]
    type: str
    n_scales: int = 0
    is_constant: bool = False
    is_zero: bool = False
    """Whether it is a constant of 8-bit zeros."""
    is_state: bool = False
    """Whether it is kept from one run to the next, as an LSTM's."""


@dataclass(frozen=True, slots=True)
class _Placed:
    """An operation with what the rules look at."""

    name: str
    version: int
    options: Any
    inputs: tuple[_Tensor, ...]
    outputs: tuple[_Tensor, ...]
    constants: Mapping[int, list[int]]
    """Integers of small constant inputs, by position."""


def predict(graph: Graph) -> Prediction:
    """Say of each operation of a file whether the Edge TPU would take it."""
    subgraph = graph.model.subgraphs[0]
    on_cpu: set[int] = set()  # tensors that the processor makes
    verdicts = []
    for position, operator in enumerate(subgraph.operators):
        placed = _placed(graph, position)
        reason = _reason(placed)
        if not reason and on_cpu.intersection(int(index) for index in operator.inputs):
            reason = BEHIND
        if reason:
            on_cpu.update(int(index) for index in operator.outputs)
        operation = graph.operations[position]
        verdicts.append(Verdict(operation.name, layer_name(operation.output), _n_macs(placed), reason))
    return Prediction(tuple(verdicts))


def _placed(graph: Graph, position: int) -> _Placed:
    operator, operation = graph.model.subgraphs[0].operators[position], graph.operations[position]
    inputs = [int(index) for index in operator.inputs if index >= 0]
    constants = {place: graph.integers(index) for place, index in enumerate(inputs) if graph.is_constant(index)}
    return _Placed(
        operation.name,
        operation.version,
        operator.builtinOptions,
        tuple(_tensor(graph, index) for index in inputs),
        tuple(_tensor(graph, int(index)) for index in operator.outputs),
        constants,
    )


def _tensor(graph: Graph, index: int) -> _Tensor:
    tensor = graph.model.subgraphs[0].tensors[index]
    scales = None if tensor.quantization is None else tensor.quantization.scale
    dynamic = tensor.shapeSignature is not None and any(int(size) < 0 for size in tensor.shapeSignature)
    shape = tuple(-1 if dynamic else int(size) for size in (() if tensor.shape is None else tensor.shape))
    kind = str(flatbuffer_utils.type_to_name(tensor.type))
    n_scales, constant = 0 if scales is None else len(scales), graph.is_constant(index)
    is_zero = constant and kind in TYPES and _is_zero(graph, tensor)
    return _Tensor(shape, kind, n_scales, constant, is_zero, bool(tensor.isVariable))


def _is_zero(graph: Graph, tensor: Any) -> bool:
    zero_points = [] if tensor.quantization is None else tensor.quantization.zeroPoint
    zero = int(zero_points[0]) if zero_points is not None and len(zero_points) else 0
    dtype = np.int8 if flatbuffer_utils.type_to_name(tensor.type) == "INT8" else np.uint8
    return bool((np.frombuffer(bytes(graph.model.buffers[tensor.buffer].data), dtype) == zero).all())


def _reason(placed: _Placed) -> str:
    """Why the operation would stay on the processor; empty where it would not."""
    newest = NEWEST_VERSIONS.get(placed.name)
    if newest is None:
        return "is not among the supported operations"
    if placed.version > newest:
        return f"version {placed.version} is newer than the compiler, which knows {newest}"
    inputs = [tensor for tensor in placed.inputs if not tensor.is_constant and not tensor.is_state]
    computed = [*inputs, *placed.outputs]
    parameters = [tensor for tensor in placed.inputs if tensor.is_constant]
    if other := {t.type for t in computed} - TYPES or {t.type for t in parameters} - PARAMETER_TYPES:
        return f"works on {', '.join(sorted(other))}, not on 8-bit integers"
    if any(size < 0 for tensor in computed for size in tensor.shape):
        return "its size is not known before it runs"
    if any(math.prod(tensor.shape[:-N_LARGE_DIMENSIONS]) > 1 for tensor in computed):
        return "more than the three innermost dimensions are over 1"
    rule = RULES.get(placed.name)
    return rule(placed) if rule else ""


def _equal_dilation(placed: _Placed) -> str:
    if not placed.inputs[1].is_constant:
        return "its weights are not constant"
    if placed.options.dilationWFactor != placed.options.dilationHFactor:
        return "dilates rows otherwise than columns"
    return ""


def _dense(placed: _Placed) -> str:
    weights = placed.inputs[1]
    if not weights.is_constant:
        return "its weights are not constant"
    if placed.options.weightsFormat != 0:
        return "its weights are in another format than the default"
    if math.prod(placed.outputs[0].shape[:-1]) > 1:
        return "its output has more than one dimension"
    if weights.n_scales > 1:
        return "its weights have a scale for each channel, which the compiler expects of convolutions alone"
    return ""


def _not_fused(placed: _Placed) -> str:
    return "has a fused activation" if placed.options.fusedActivationFunction else ""


def _concatenation(placed: _Placed) -> str:
    constants = [tensor for tensor in placed.inputs if tensor.is_constant]
    if constants and (len(placed.inputs) != 2 or not constants[0].is_zero):
        return "joins a constant, and not zeros to one other"
    return _not_fused(placed)


def _is_batch(axis: int, shape: tuple[int, ...]) -> bool:
    return axis % len(shape) < len(shape) - N_LARGE_DIMENSIONS


def _reduction(placed: _Placed) -> str:
    if 1 not in placed.constants:
        return "its axes are not constant"
    shape = placed.inputs[0].shape
    axes = {axis % len(shape) for axis in placed.constants[1]}
    if any(_is_batch(axis, shape) for axis in axes):
        return "reduces the batch"
    if placed.name == "MEAN" and len(shape) - 1 in axes and shape[-1] % REDUCED_CHANNELS_MULTIPLE:
        return "reduces channels whose number is no multiple of 4"
    return ""


def _softmax(placed: _Placed) -> str:
    shape = placed.inputs[0].shape
    return "is not over at most 16,000 numbers in one dimension" if not _is_line(shape, LONGEST_SOFTMAX) else ""


def _pad(placed: _Placed) -> str:
    if 1 not in placed.constants:
        return "its widths are not constant"
    shape, widths = placed.inputs[0].shape, placed.constants[1]  # before and after, axis by axis
    padded = {place // 2 for place, width in enumerate(widths) if width}
    return "pads the batch" if any(_is_batch(axis, shape) for axis in padded) else ""


def _pack(placed: _Placed) -> str:
    return "packs along the batch" if _is_batch(placed.options.axis, placed.outputs[0].shape) else ""


def _split(placed: _Placed) -> str:
    if 0 not in placed.constants:
        return "its axis is not constant"
    return "splits the batch" if _is_batch(placed.constants[0][0], placed.inputs[1].shape) else ""


def _squeeze(placed: _Placed) -> str:
    shape, options = placed.inputs[0].shape, placed.options.squeezeDims
    given = [] if options is None else [int(axis) % len(shape) for axis in options]
    last = max(given or [axis for axis, size in enumerate(shape) if size == 1], default=0)
    return "takes out a dimension behind one over 1" if math.prod(shape[:last]) > 1 else ""


def _strided_slice(placed: _Placed) -> str:
    if 3 not in placed.constants:
        return "its strides are not constant"
    if set(placed.constants[3]) != {1}:
        return "has strides other than 1"
    return "has an ellipsis or a new axis" if placed.options.ellipsisMask or placed.options.newAxisMask else ""


def _prelu(placed: _Placed) -> str:
    alpha = placed.inputs[1].shape
    return "its alpha has more than one dimension" if math.prod(alpha) > alpha[-1] else ""


def _is_line(shape: tuple[int, ...], longest: int) -> bool:
    return math.prod(shape) == shape[-1] <= longest


RULES: dict[str, Callable[[_Placed], str]] = {
    "AVERAGE_POOL_2D": _not_fused,
    "CONCATENATION": _concatenation,
    "CONV_2D": _equal_dilation,
    "DEPTHWISE_CONV_2D": _equal_dilation,
    "FULLY_CONNECTED": _dense,
    "MAX_POOL_2D": _not_fused,
    "MEAN": _reduction,
    "PACK": _pack,
    "PAD": _pad,
    "PRELU": _prelu,
    "REDUCE_MAX": _reduction,
    "REDUCE_MIN": _reduction,
    "SOFTMAX": _softmax,
    "SPLIT": _split,
    "SQUEEZE": _squeeze,
    "STRIDED_SLICE": _strided_slice,
    "SUM": _reduction,
}
"""Known limitations of operations, as far as they can be read from a file."""


def _n_macs(placed: _Placed) -> int:
    n_outputs = math.prod(placed.outputs[0].shape)
    if placed.name not in {"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV"}:
        return 0
    weights = placed.inputs[1].shape
    if placed.name == "DEPTHWISE_CONV_2D":
        return n_outputs * weights[1] * weights[2]
    if placed.name == "TRANSPOSE_CONV":
        return math.prod(placed.inputs[2].shape[:-1]) * math.prod(weights)
    return n_outputs * math.prod(weights[1:])
