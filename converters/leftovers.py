"""Makes integers of what litert-quantizer 0.11 leaves in float: maxima, and outputs that nothing takes."""

from typing import Any

import numpy as np
from ai_edge_litert.tools import flatbuffer_utils

from converters.edit import drop_unused_tensors

EXTREMES = {"REDUCE_MAX", "REDUCE_MIN"}
"""The largest of some levels is one of them: they need no arithmetic."""
EXTREMES_INT8_VERSION = 2
"""TFLite's first version of them that takes int8."""


def take_leftovers(model: bytes) -> bytes:
    """Give a quantized file back without them; one that has none as it is."""
    parsed: Any = flatbuffer_utils.read_model_from_bytearray(bytearray(model))
    if not (_bridge_extremes(parsed) | _type_unused(parsed)):
        return model
    drop_unused_tensors(parsed)
    return bytes(flatbuffer_utils.convert_object_to_bytearray(parsed))


def _bridge_extremes(parsed: Any) -> bool:
    """Let each maximum between DEQUANTIZE and QUANTIZE take the integers; the QUANTIZE then changes their scale."""
    graph, changed = parsed.subgraphs[0], False
    makers = {int(operator.outputs[0]): operator for operator in graph.operators}
    for operator in graph.operators:
        maker, made = makers.get(int(operator.inputs[0])), int(operator.outputs[0])
        if _name(parsed, operator) not in EXTREMES or maker is None or _name(parsed, maker) != "DEQUANTIZE":
            continue
        takers = [_name(parsed, other) for other in graph.operators if made in other.inputs]
        if made in graph.outputs or set(takers) != {"QUANTIZE"}:
            continue
        operator.inputs = np.array([maker.inputs[0], *operator.inputs[1:]], np.int32)
        _copy_type(graph.tensors[maker.inputs[0]], graph.tensors[made])
        code = parsed.operatorCodes[operator.opcodeIndex]
        code.version = max(code.version, EXTREMES_INT8_VERSION)
        changed = True
    taken = {int(index) for operator in graph.operators for index in operator.inputs} | set(map(int, graph.outputs))
    graph.operators = [
        operator
        for operator in graph.operators
        if _name(parsed, operator) != "DEQUANTIZE" or int(operator.outputs[0]) in taken
    ]
    return changed


def _type_unused(parsed: Any) -> bool:
    """Give outputs that nothing takes, as a GRU's reset gate from a state of zeros, the type of those beside them."""
    graph, changed = parsed.subgraphs[0], False
    taken = {int(index) for operator in graph.operators for index in operator.inputs} | set(map(int, graph.outputs))
    for operator in graph.operators:
        typed = [graph.tensors[index] for index in operator.outputs if int(index) in taken]
        for index in operator.outputs:
            tensor = graph.tensors[index]
            if int(index) not in taken and typed and tensor.type != typed[0].type:
                _copy_type(typed[0], tensor)
                changed = True
    return changed


def _copy_type(source: Any, target: Any) -> None:
    target.type, target.quantization = source.type, source.quantization


def _name(parsed: Any, operator: Any) -> str:
    return str(flatbuffer_utils.opcode_to_name(parsed, operator.opcodeIndex))
