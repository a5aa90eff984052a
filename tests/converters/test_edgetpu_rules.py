"""The prediction for the Edge TPU, on graphs made for one rule each."""

from typing import Any

import numpy as np
import pytest
from ai_edge_litert.tools import flatbuffer_utils

from converters.edgetpu_rules import BEHIND, predict
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
