"""Changes parsed float32 TFLite files: new tensors, new operations, and nothing left over."""

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
from ai_edge_litert.tools import flatbuffer_utils
from numpy.typing import NDArray

_SCHEMA: Any = flatbuffer_utils.schema_fb


def add_tensor(
    parsed: Any, name: str, shape: Sequence[int], content: NDArray[np.float32] | NDArray[np.int32] | None = None
) -> int:
    """A new tensor, float32, or int32 where its content is; constant where it has content. Its index."""
    tensor = _SCHEMA.TensorT()
    tensor.name, tensor.shape = name.encode(), np.array(shape, np.int32)
    tensor.type, tensor.buffer = _SCHEMA.TensorType.FLOAT32, 0
    tensor.hasRank = True
    if content is not None:
        set_content(parsed, tensor, content)
    parsed.subgraphs[0].tensors.append(tensor)
    return len(parsed.subgraphs[0].tensors) - 1


def set_content(parsed: Any, tensor: Any, content: NDArray[np.float32] | NDArray[np.int32]) -> None:
    """Make a tensor a constant, in a buffer of its own."""
    integer = content.dtype == np.int32
    tensor.type = _SCHEMA.TensorType.INT32 if integer else _SCHEMA.TensorType.FLOAT32
    buffer = _SCHEMA.BufferT()
    buffer.data = np.frombuffer(content.astype(np.int32 if integer else np.float32).tobytes(), np.uint8)
    parsed.buffers.append(buffer)
    tensor.buffer = len(parsed.buffers) - 1


def new_operator(parsed: Any, name: str, options: str, inputs: Sequence[int], output: int) -> Any:
    """An operation with default options, such as `MUL` with `MulOptions`."""
    kind = getattr(_SCHEMA.BuiltinOperator, name)
    codes = [code.builtinCode for code in parsed.operatorCodes]
    if kind not in codes:
        code = _SCHEMA.OperatorCodeT()
        code.builtinCode = code.deprecatedBuiltinCode = kind
        code.version = 1
        parsed.operatorCodes.append(code)
        codes.append(kind)
    operator = _SCHEMA.OperatorT()
    operator.opcodeIndex = codes.index(kind)
    operator.inputs, operator.outputs = np.array(inputs, np.int32), np.array([output], np.int32)
    operator.builtinOptions = getattr(_SCHEMA, f"{options}T")()
    operator.builtinOptionsType = getattr(_SCHEMA.BuiltinOptions, options)
    return operator


def rewired(operator: Any, inputs: Sequence[int], output: int) -> Any:
    """The same operation between other tensors."""
    copied = copy.copy(operator)
    copied.inputs, copied.outputs = np.array(inputs, np.int32), np.array([output], np.int32)
    return copied


def constant_of(parsed: Any, index: int) -> NDArray[np.float32] | None:
    """Content of a constant float32 tensor; None of any other, and where there is no tensor (-1)."""
    tensor = parsed.subgraphs[0].tensors[index]
    content = parsed.buffers[tensor.buffer].data
    if index < 0 or content is None or len(content) == 0 or tensor.type != _SCHEMA.TensorType.FLOAT32:
        return None
    return np.frombuffer(bytes(content), np.float32).reshape(tensor.shape)


def name_of(parsed: Any, index: int) -> str:
    """Name of a tensor."""
    return str(parsed.subgraphs[0].tensors[index].name.decode())


def drop_unused_tensors(parsed: Any) -> None:
    """Renumber the tensors without those that nothing uses any more, and empty the buffers that were theirs.

    The quantizer would leave them in float.
    """
    graph, signature = parsed.subgraphs[0], parsed.signatureDefs[0]
    lists = [graph.inputs, graph.outputs]
    lists += [indices for operator in graph.operators for indices in (operator.inputs, operator.outputs)]
    kept = sorted({int(index) for indices in lists for index in indices if index >= 0})
    place = {index: position for position, index in enumerate(kept)} | {-1: -1}

    def renumbered(indices: Any) -> NDArray[np.int32]:
        return np.array([place[int(index)] for index in indices], np.int32)

    held = {graph.tensors[index].buffer for index in kept}
    for tensor in graph.tensors:
        if tensor.buffer not in held:
            parsed.buffers[tensor.buffer].data = None
    graph.tensors = [graph.tensors[index] for index in kept]
    graph.inputs, graph.outputs = renumbered(graph.inputs), renumbered(graph.outputs)
    for operator in graph.operators:
        operator.inputs, operator.outputs = renumbered(operator.inputs), renumbered(operator.outputs)
    for entry in [*signature.inputs, *signature.outputs]:
        entry.tensorIndex = place[entry.tensorIndex]
