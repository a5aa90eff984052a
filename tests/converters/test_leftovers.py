"""What litert-quantizer leaves in float. Where one of these fails in its first line, a new version no longer does, and
`converters/leftovers.py` can go."""

from typing import Any

import keras
import numpy as np
import pytest

from converters.calibration import calibrate
from converters.graph import Graph
from converters.leftovers import take_leftovers
from converters.quantize import to_int8
from converters.runtime import Runner

layers: Any = keras.layers
ops: Any = keras.ops


def normal_too(features):
    """Sigmoids, and 1 less the largest of them, as the built-in recipe has."""
    lively: Any = keras.initializers.RandomNormal(stddev=30)
    events = layers.Dense(2, activation="sigmoid", kernel_initializer=lively)(features)
    return ops.concatenate([1 - ops.max(events, axis=-1, keepdims=True), events], axis=-1)


def gated(features):
    """A GRU's step from a state of zeros, whose reset gate nothing takes."""
    parts = ops.split(layers.Dense(12, kernel_initializer="random_normal", bias_initializer="ones")(features), 3, -1)
    state = (1 - ops.sigmoid(parts[0])) * ops.tanh(parts[2])
    return layers.Dense(3, activation="softmax", bias_initializer="random_normal")(state)


@pytest.fixture
def quantized(make_graph, representative, monkeypatch):
    """`quantized(make_probabilities)`: the float32 graph and its int8 file with the leftovers."""
    monkeypatch.setattr("converters.quantize.take_leftovers", lambda model: model)

    def make(make_probabilities) -> tuple[Graph, bytes]:
        graph = make_graph(layers.GlobalAveragePooling2D(), make_probabilities)
        return graph, to_int8(graph, calibrate(graph, representative)["static-clip-1e-4"])

    return make


def test_maxima_are_of_integers_and_stay_what_they_are(quantized, held_out):
    _, left = quantized(normal_too)
    assert Graph(left).float_tensors()
    taken = Graph(take_leftovers(left))
    assert taken.float_tensors() == []
    counts = taken.operation_counts()
    assert counts["REDUCE_MAX v2"] == 1
    assert not [name for name in counts if name.startswith("DEQUANTIZE")]
    before, after = Runner(left).frames(held_out), Runner(taken.content).frames(held_out)
    assert np.ptp(before["probabilities"]) > 0.1
    for name in before:
        np.testing.assert_array_equal(before[name], after[name])


def test_outputs_that_nothing_takes_are_integers(quantized, held_out):
    graph, left = quantized(gated)
    assert Graph(left).float_tensors()
    taken = Graph(take_leftovers(left))
    assert taken.float_tensors() == []
    expected = Runner(graph.content)
    for picture, found in zip(held_out, Runner(taken.content).frames(held_out)["probabilities"], strict=True):
        exact = expected.run(pixels=picture[None].astype(np.float32))["probabilities"]
        np.testing.assert_allclose(found, exact[0], atol=0.02)


def test_a_file_without_leftovers_is_given_back_as_it_is(graph):
    assert take_leftovers(graph.content) is graph.content
