"""The prediction for the Edge TPU, on graphs made for one rule each."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from ai_edge_litert.tools import flatbuffer_utils

from converters.edgetpu_rules import BEHIND, _Placed, _reason, _Tensor, _tensor, predict
from converters.graph import Graph
from converters.integer import make_integer_ready
from converters.quantize import to_float32, to_int8


def layers() -> Any:
    import keras

    return keras.layers


def integers(graph, pictures, *, plain_dense=True) -> Graph:
    return Graph(to_int8(*make_integer_ready(graph, pictures, lambda _line: None), plain_dense=plain_dense))


def pooled(x):
    return layers().GlobalAveragePooling2D()(x)


def dense(features):
    return layers().Dense(3, activation="sigmoid")(features)


@pytest.fixture(scope="session")
def whole(graph, representative):
    """The small network of mobile blocks, in integers, as it is made for the Edge TPU."""
    return integers(graph, representative)


def test_a_network_of_mobile_blocks_is_mapped_whole(whole):
    prediction = predict(whole)
    assert prediction.refusals == []
    assert prediction.mac_share == 1


def test_multiplications_are_counted(whole):
    counts = [v.n_macs for v in predict(whole).verdicts if v.n_macs]
    stem, pixels = 16 * 16 * 16 * 3 * 3 * 3, 16 * 16
    block = [pixels * 32 * 16, pixels * 32 * 9, 8 * 32, 32 * 8, pixels * 16 * 32]  # expand, depthwise, squeeze, project
    assert counts == [stem, *block, *block, pixels * 24 * 16, 24 * 3]


def test_a_dense_layer_with_a_scale_for_each_channel_is_refused(graph, representative):
    prediction = predict(integers(graph, representative, plain_dense=False))
    reasons = {verdict.operation: verdict.reason for verdict in prediction.verdicts if verdict.reason}
    assert "a scale for each channel" in reasons["FULLY_CONNECTED"]
    assert reasons["LOGISTIC"] == BEHIND
    assert 0.99 < prediction.mac_share < 1


def test_a_float_file_is_refused_whole(graph):
    prediction = predict(Graph(to_float32(graph)))
    assert prediction.mac_share == 0
    assert any("FLOAT32" in refusal for refusal in prediction.refusals)


def test_an_operation_that_is_not_listed_takes_all_after_it_to_the_processor(make_graph, representative):
    graph = integers(make_graph(lambda x: pooled(layers().LeakyReLU(0.1)(x)), dense), representative)
    verdicts = predict(graph).verdicts
    first = next(index for index, verdict in enumerate(verdicts) if verdict.reason)
    assert verdicts[first].reason == "is not among the supported operations"
    assert all(verdict.reason for verdict in verdicts[first:])
    assert next(verdict for verdict in verdicts if verdict.operation == "FULLY_CONNECTED").reason == BEHIND
    assert {verdict.operation for verdict in verdicts[:first]} >= {"CONV_2D", "QUANTIZE"}


def test_dilations_that_differ_are_refused(make_graph, representative):
    def features(x):
        return pooled(layers().Conv2D(8, 3, name="wide_conv")(x))

    graph = integers(make_graph(features, dense), representative)
    assert predict(graph).refusals == []
    position = [o.name for o in graph.operations].index("CONV_2D") + 1
    graph.model.subgraphs[0].operators[position].builtinOptions.dilationWFactor = 2
    assert predict(graph).verdicts[position].reason == "dilates rows otherwise than columns"


def test_newer_versions_than_the_compilers_are_refused(whole):
    newer = Graph(whole.content)
    codes = newer.model.operatorCodes
    for code in codes:
        code.version = 99
    renewed = Graph(bytes(flatbuffer_utils.convert_object_to_bytearray(newer.model)))
    assert all("version 99 is newer" in verdict.reason for verdict in predict(renewed).verdicts)


def test_a_batch_is_refused(whole):
    batched = Graph(whole.content)
    for tensor in batched.model.subgraphs[0].tensors:
        if len(tensor.shape) == 4 and tensor.shape[0] == 1:
            tensor.shape = np.array([2, *tensor.shape[1:]], np.int32)
    assert predict(batched).verdicts[0].reason == "more than the three innermost dimensions are over 1"


def test_a_softmax_over_one_picture_is_taken(make_graph, representative):
    graph = integers(make_graph(pooled, layers().Dense(3, activation="softmax")), representative)
    assert "SOFTMAX" in {operation.name for operation in graph.operations}
    assert predict(graph).refusals == []


def reason(name, inputs, output, constants=None, **options):
    """Why an operation of these tensors, or shapes of 8-bit activations, stays on the processor."""
    tensors = tuple(each if isinstance(each, _Tensor) else _Tensor(each, "INT8") for each in inputs)
    fields = {"fusedActivationFunction": 0} | options
    return _reason(_Placed(name, 1, SimpleNamespace(**fields), tensors, (_Tensor(output, "INT8"),), constants or {}))


NUMBERS = _Tensor((4,), "INT32", is_constant=True)
ZEROS = _Tensor((1, 8, 8, 2), "INT8", is_constant=True, is_zero=True)
ONES = _Tensor((1, 8, 8, 2), "INT8", is_constant=True)
PICTURE = (1, 8, 8, 3)


def test_padding_and_packing_keep_off_the_batch():
    padded = (1, 10, 10, 3)
    assert reason("PAD", [PICTURE, NUMBERS], padded, {1: [0, 0, 1, 1, 1, 1, 0, 0]}) == ""
    assert reason("PAD", [PICTURE, NUMBERS], PICTURE, {1: [0, 1, 0, 0, 0, 0, 0, 0]}) == "pads the batch"
    assert reason("PAD", [PICTURE, (4, 2)], padded) == "its widths are not constant"
    assert reason("PACK", [(8, 3), (8, 3)], (8, 2, 3), axis=1) == ""
    assert reason("PACK", [(8, 8, 3)], PICTURE, axis=0) == "packs along the batch"


def test_splits_squeezes_and_slices():
    axis = _Tensor((), "INT32", is_constant=True)
    assert reason("SPLIT", [axis, PICTURE], (1, 8, 8, 1), {0: [-1]}) == ""
    assert reason("SPLIT", [axis, PICTURE], PICTURE, {0: [0]}) == "splits the batch"
    assert reason("SPLIT", [_Tensor((), "INT8"), PICTURE], PICTURE) == "its axis is not constant"
    for shape, dimensions, taken in (
        ((1, 1, 10), None, True),
        ((1, 5, 10), [0], True),
        ((1, 5, 1), [0], True),
        ((5, 1, 10), [1], False),
        ((1, 5, 1), None, False),
        ((1, 5, 10, 1), [-1], False),
    ):
        found = reason("SQUEEZE", [shape], (10,), squeezeDims=dimensions)
        assert found == ("" if taken else "takes out a dimension behind one over 1")
    sliced = [PICTURE, NUMBERS, NUMBERS, NUMBERS]
    masks = {"ellipsisMask": 0, "newAxisMask": 0}
    assert reason("STRIDED_SLICE", sliced, (1, 8, 8, 1), {3: [1, 1, 1, 1]}, **masks) == ""
    assert reason("STRIDED_SLICE", sliced, (1, 4, 8, 3), {3: [1, 2, 1, 1]}, **masks) == "has strides other than 1"
    for mask in masks:
        found = reason("STRIDED_SLICE", sliced, PICTURE, {3: [1, 1, 1, 1]}, **masks | {mask: 1})
        assert found == "has an ellipsis or a new axis"


def test_only_zeros_may_be_joined_to_one_other():
    joined = (1, 8, 8, 5)
    assert reason("CONCATENATION", [PICTURE, ZEROS], joined) == ""
    assert reason("CONCATENATION", [PICTURE, (1, 8, 8, 2)], joined) == ""
    for inputs in ([PICTURE, ONES], [PICTURE, PICTURE, ZEROS]):
        assert reason("CONCATENATION", inputs, joined) == "joins a constant, and not zeros to one other"


def test_zeros_are_told_by_their_zero_point(whole):
    graph = Graph(whole.content)
    tensors = graph.model.subgraphs[0].tensors
    index = next(int(o.inputs[1]) for o in graph.model.subgraphs[0].operators if len(o.inputs) == 3)  # weights
    content = graph.model.buffers[tensors[index].buffer]
    content.data = np.full(len(content.data), 7, np.uint8)
    for zero_point in (0, 7):
        tensors[index].quantization.zeroPoint = np.array([zero_point])
        assert _tensor(graph, index).is_zero == (zero_point == 7)


def test_a_slope_for_each_channel_alone():
    for alpha, taken in (((3,), True), ((1, 1, 3), True), ((8, 8, 3), False)):
        slopes = _Tensor(alpha, "INT8", is_constant=True)
        assert reason("PRELU", [PICTURE, slopes], PICTURE) == ("" if taken else "its alpha has more than one dimension")


def test_an_lstm_in_one_direction_is_listed():
    state = _Tensor((1, 16), "INT16", is_state=True)
    assert reason("UNIDIRECTIONAL_SEQUENCE_LSTM", [(1, 5, 8), state], (1, 5, 16)) == ""
    assert reason("BIDIRECTIONAL_SEQUENCE_LSTM", [(1, 5, 8)], (1, 5, 32)) == "is not among the supported operations"
