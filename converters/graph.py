"""Reads TFLite files: operations with their versions, tensors, and the units of which a plan speaks.

A unit begins with a convolution, or with the activation after it, and holds all that follows up to the next beginning:
squeeze and excitation with the activation before it, a residual sum with its convolution. What has a single pixel
(within squeeze and excitation) begins no unit.
"""

import copy
import functools
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from ai_edge_litert.tools import flatbuffer_utils

from edge.errors import ModelError

_OPENERS = {"CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV", "LOGISTIC"}
DYNAMIC = ("CONV_2D", "FULLY_CONNECTED")
"""Operations that gain from dynamic quantization. A depthwise one loses: it takes more time and 15 dB (measured)."""
_FUSED = {0: (-math.inf, math.inf), 1: (0.0, math.inf), 2: (-1.0, 1.0), 3: (0.0, 6.0)}
"""Limits of TFLite's fused activations by number: none, ReLU, ReLU from -1 to 1, ReLU6."""
_FLOAT_TYPES = {"FLOAT32", "FLOAT16", "FLOAT64", "BFLOAT16"}

_CONVERSIONS = {"DEQUANTIZE", "QUANTIZE"}


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of the graph."""

    name: str
    version: int
    output: str
    """Name of its first output tensor."""
    shape: tuple[int, ...]
    """Shape of that tensor."""

    @property
    def described(self) -> str:
        """Its name and the layer that it came from, for messages."""
        return f"{self.name} of layer {layer_name(self.output)}"


@dataclass(frozen=True, slots=True)
class Unit:
    """Consecutive operations that a plan treats alike."""

    operations: tuple[Operation, ...]
    first: int
    """Index of the first operation in the graph."""
    inputs: tuple[str, ...]
    """Names of the activations that it takes from before it."""

    @property
    def name(self) -> str:
        """The last Keras layer that the first operation's merged tensor name speaks of."""
        return layer_name(self.operations[0].output)

    @property
    def span(self) -> range:
        """Indices of the operations in the graph."""
        return range(self.first, self.first + len(self.operations))

    @property
    def has_dynamic(self) -> bool:
        """Whether dynamic quantization would change it."""
        return any(operation.name in DYNAMIC for operation in self.operations)

    @property
    def n_outputs(self) -> int:
        """Numbers in its last output."""
        return math.prod(self.operations[-1].shape)


class Graph:
    """A parsed TFLite file with one subgraph."""

    def __init__(self, model: bytes) -> None:
        self.content = model
        self.model: Any = flatbuffer_utils.read_model_from_bytearray(bytearray(model))
        self._subgraph = self.model.subgraphs[0]
        self.operations = tuple(self._operation(operator) for operator in self._subgraph.operators)
        self.input_name: str = self._subgraph.tensors[self._subgraph.inputs[0]].name.decode()

    def _operation(self, operator: Any) -> Operation:
        tensor = self._subgraph.tensors[operator.outputs[0]]
        name = flatbuffer_utils.opcode_to_name(self.model, operator.opcodeIndex)
        version = self.model.operatorCodes[operator.opcodeIndex].version
        return Operation(str(name), int(version), tensor.name.decode(), tuple(int(size) for size in tensor.shape))

    def operation_counts(self) -> dict[str, int]:
        """How often each operation occurs, as `NAME vVERSION`, most frequent first."""
        counts = Counter(f"{operation.name} v{operation.version}" for operation in self.operations)
        return dict(counts.most_common())

    def activations(self) -> dict[str, int]:
        """Rank of every tensor that is computed, by name, and of the input."""
        indices = [*self._subgraph.inputs, *(i for o in self._subgraph.operators for i in o.outputs)]
        tensors = [self._subgraph.tensors[index] for index in indices]
        return {tensor.name.decode(): len(tensor.shape) for tensor in tensors}

    def float_tensors(self) -> list[str]:
        """Names of the tensors of any float type, constants too. An integer-only file has none."""
        return [
            tensor.name.decode()
            for tensor in self._subgraph.tensors
            if flatbuffer_utils.type_to_name(tensor.type) in _FLOAT_TYPES
        ]

    def float_operations(self) -> list[Operation]:
        """Operations that take or make float, conversions from and to integers last."""
        tensors = self._subgraph.tensors
        found = [
            operation
            for operation, operator in zip(self.operations, self._subgraph.operators, strict=True)
            if any(
                flatbuffer_utils.type_to_name(tensors[index].type) in _FLOAT_TYPES
                for index in (*operator.inputs, *operator.outputs)
                if index >= 0
            )
        ]
        return sorted(found, key=lambda operation: operation.name in _CONVERSIONS)

    def truth_operations(self) -> list[Operation]:
        """Operations whose first output holds truth values."""
        tensors = self._subgraph.tensors
        return [
            operation
            for operation, operator in zip(self.operations, self._subgraph.operators, strict=True)
            if flatbuffer_utils.type_to_name(tensors[operator.outputs[0]].type) == "BOOL"
        ]

    def output_types(self) -> list[str]:
        """TFLite's types of the outputs, such as INT8."""
        tensors = [self._subgraph.tensors[index] for index in self._subgraph.outputs]
        return [str(flatbuffer_utils.type_to_name(tensor.type)) for tensor in tensors]

    @functools.cached_property
    def units(self) -> tuple[Unit, ...]:
        """Cut the graph before each convolution and activation of its main path."""
        starts = [0] + [i for i, operation in enumerate(self.operations) if i and _opens_unit(operation)]
        ends = [*starts[1:], len(self.operations)]
        return tuple(
            Unit(self.operations[a:b], a, tuple(self._name(i) for i in self._inputs(range(a, b))))
            for a, b in zip(starts, ends, strict=True)
        )

    def output_name(self, signature_name: str) -> str:
        """Name of the tensor that the signature gives out under this name."""
        entries = {entry.name.decode(): entry.tensorIndex for entry in self.model.signatureDefs[0].outputs}
        return self._name(entries[signature_name])

    def _inputs(self, chosen: Sequence[int]) -> list[int]:
        """Indices of the activations that these operations take and do not make."""
        operators = [self._subgraph.operators[index] for index in chosen]
        taken = {int(i) for operator in operators for i in operator.inputs if i >= 0}
        made = {int(i) for operator in operators for i in operator.outputs}
        return [index for index in sorted(taken - made) if not self.is_constant(index)]

    def _name(self, index: int) -> str:
        return self._subgraph.tensors[index].name.decode()

    def inputs_of(self, chosen: range) -> list[str]:
        """Names of the activations that consecutive operations take from before them."""
        return [self._name(index) for index in self._inputs(chosen)]

    def maker_of(self, name: str) -> int:
        """Position of the operation that makes the tensor of this name."""
        return max(k for k, operation in enumerate(self.operations) if operation.output == name)

    def takers_of(self, position: int) -> list[int]:
        """Positions of the operations that take what this one makes."""
        made = int(self._subgraph.operators[position].outputs[0])
        return [k for k, operator in enumerate(self._subgraph.operators) if made in operator.inputs]

    def changed_by(self, position: int) -> list[int]:
        """Positions of the later operations that this one's output is part of, and of those that they need beside it,
        in order."""
        later = range(position + 1, len(self.operations))
        operators = self._subgraph.operators
        reached, wanted = {int(operators[position].outputs[0])}, set[int]()
        for k in later:
            if reached.intersection(map(int, operators[k].inputs)):
                reached.update(map(int, operators[k].outputs))
        chosen: list[int] = []
        for k in reversed(later):
            made = {int(index) for index in operators[k].outputs}
            if made & (reached | wanted):
                chosen.append(k)
                wanted.update(map(int, operators[k].inputs))
        return chosen[::-1]

    def feeds_swish(self, position: int) -> bool:
        """Whether the operation's output goes into a sigmoid and into the product with it, and nowhere else."""
        takers = self.takers_of(position)
        if [self.operations[k].name for k in takers] != ["LOGISTIC", "MUL"]:
            return False
        return int(self._subgraph.operators[takers[0]].outputs[0]) in self._subgraph.operators[takers[1]].inputs

    def is_joined(self, position: int) -> bool:
        """Whether the operation's output goes into a concatenation and nowhere else, not out of the whole either."""
        names = [self.operations[k].name for k in self.takers_of(position)]
        made = int(self._subgraph.operators[position].outputs[0])
        return names == ["CONCATENATION"] and made not in self._subgraph.outputs

    def fused_limits(self, position: int) -> tuple[float, float]:
        """Between which limits the operation keeps its results at its end.

        Raises:
            ModelError: an activation that is not known here.
        """
        kind = getattr(self._subgraph.operators[position].builtinOptions, "fusedActivationFunction", 0)
        if kind not in _FUSED:
            raise ModelError(f"{self.operations[position].output}: its fused activation {kind} is not supported")
        return _FUSED[kind]

    def extract(self, chosen: Sequence[int], *, bare: bool = False) -> bytes:
        """A file of some operations alone, in their order: what they take from others are its inputs, what others take
        or the whole puts out its outputs, both under their tensors' names. `bare`: without fused activations."""
        old = self._subgraph
        operators = [copy.copy(old.operators[index]) for index in chosen]
        for operator in operators:
            if bare and getattr(operator.builtinOptions, "fusedActivationFunction", 0):
                operator.builtinOptions = copy.copy(operator.builtinOptions)
                operator.builtinOptions.fusedActivationFunction = 0
        made = {int(i) for operator in operators for i in operator.outputs}
        taken = {int(i) for operator in operators for i in operator.inputs if i >= 0}
        wanted = {int(i) for k, o in enumerate(old.operators) if k not in chosen for i in o.inputs}
        wanted |= {int(i) for i in old.outputs}
        order = sorted(made | taken)
        place = {index: position for position, index in enumerate(order)}
        place[-1] = -1  # an optional input that is not given
        for operator in operators:
            operator.inputs = [place[int(i)] for i in operator.inputs]
            operator.outputs = [place[int(i)] for i in operator.outputs]

        subgraph, model = copy.copy(old), copy.copy(self.model)
        model.buffers = [self.model.buffers[0]]
        subgraph.tensors = [self._carried(index, model.buffers) for index in order]
        subgraph.inputs = [place[i] for i in self._inputs(chosen)]
        subgraph.outputs = [place[i] for i in sorted(made & wanted)]
        subgraph.operators = operators
        model.subgraphs, model.signatureDefs, model.metadata = [subgraph], [], []
        return bytes(flatbuffer_utils.convert_object_to_bytearray(model))

    def is_constant(self, index: int) -> bool:
        """Whether a tensor's content stands in the file."""
        content = self.model.buffers[self._subgraph.tensors[index].buffer].data
        return content is not None and len(content) > 0

    def integers(self, index: int) -> list[int]:
        """Content of a constant INT32 tensor; empty for other types."""
        tensor = self._subgraph.tensors[index]
        if flatbuffer_utils.type_to_name(tensor.type) != "INT32":
            return []
        return np.frombuffer(bytes(self.model.buffers[tensor.buffer].data), np.int32).tolist()

    def _carried(self, index: int, buffers: list[Any]) -> Any:
        """Copy a tensor, and its constant content, if any, to the end of `buffers`."""
        tensor = copy.copy(self._subgraph.tensors[index])
        constant = self.is_constant(index)
        if constant:
            buffers.append(self.model.buffers[tensor.buffer])
        tensor.buffer = len(buffers) - 1 if constant else 0
        return tensor


def rename_input(model: bytes, name: str) -> bytes:
    """Give the signature's only input another name."""
    parsed: Any = flatbuffer_utils.read_model_from_bytearray(bytearray(model))
    (entry,) = parsed.signatureDefs[0].inputs
    entry.name = name.encode()
    return bytes(flatbuffer_utils.convert_object_to_bytearray(parsed))


def follow_outputs(original: Graph, model: bytes) -> bytes:
    """Let the signature's outputs of a quantized file name the tensors that are its outputs now.

    litert-quantizer 0.11 leaves behind the index of an output that is used inside as well (the features) and
    gets a DEQUANTIZE of its own; running the signature then fails.
    """
    view: Any = flatbuffer_utils.Model.GetRootAsModel(model, 0)  # reads without parsing all, which takes long
    outputs = [int(index) for index in view.Subgraphs(0).OutputsAsNumpy()]
    old = [int(index) for index in original.model.subgraphs[0].outputs]
    wanted = [outputs[old.index(entry.tensorIndex)] for entry in original.model.signatureDefs[0].outputs]
    if wanted == [view.SignatureDefs(0).Outputs(position).TensorIndex() for position in range(len(wanted))]:
        return model
    parsed: Any = flatbuffer_utils.read_model_from_bytearray(bytearray(model))
    for entry, index in zip(parsed.signatureDefs[0].outputs, wanted, strict=True):
        entry.tensorIndex = index
    return bytes(flatbuffer_utils.convert_object_to_bytearray(parsed))


def _opens_unit(operation: Operation) -> bool:
    if operation.name == "FULLY_CONNECTED":
        return True
    many_pixels = len(operation.shape) == 4 and operation.shape[1] * operation.shape[2] > 1
    return operation.name in _OPENERS and many_pixels


def layer_name(tensor_name: str) -> str:
    """`model/block2a_bn_1/mul;model/block2a_dwconv/depthwise` -> `block2a_dwconv`: the layer that does the work."""
    parts = [path.split("/")[-2] for path in tensor_name.split(";") if path.count("/")]
    working = [part for part in parts if "conv" in part or "dense" in part]
    return (working or parts or [tensor_name])[-1]
