"""Features of a quantized file have the mean that they had."""

import numpy as np

from converters.constants import layer_of, read, replaced
from converters.means import with_exact_means
from converters.plan import Plan
from converters.quantize import to_float32, to_plan
from converters.runtime import Runner


def features(content, pictures):
    return Runner(content).frames(pictures)["features"].astype(np.float64)


def test_what_moves_every_picture_one_way_is_taken_back(graph, calibration, representative, held_out):
    plan: Plan = ("dynamic",) * len(graph.units)

    def quantize(made):
        return to_plan(made, plan, calibration)

    exact = features(to_float32(graph), held_out)
    before = (features(quantize(graph), held_out) - exact).mean(0)
    after = (features(with_exact_means(graph, representative, quantize), held_out) - exact).mean(0)
    assert np.abs(after).mean() < 0.5 * np.abs(before).mean()


def test_a_known_error_is_taken_back_exactly(graph, representative):
    """A file that is float but for its last bias."""
    position = max(k for k, operation in enumerate(graph.operations) if operation.name == "CONV_2D")
    layer = layer_of(graph, position)
    assert layer is not None

    def wrong(made):
        bias = read(made, layer.bias)
        return to_float32(replaced(made, {layer.bias: bias + np.linspace(-0.1, 0.1, bias.size, dtype=np.float32)}))

    exact = features(to_float32(graph), representative)
    error = np.abs(features(with_exact_means(graph, representative, wrong), representative) - exact).mean(0)
    assert error.max() < 0.1 * np.abs(features(wrong(graph), representative) - exact).mean(0).max()


def test_features_that_share_a_bias_are_left(make_graph, representative):
    import keras

    layers = keras.layers
    flat = make_graph(lambda x: layers.Flatten()(layers.Conv2D(8, 1)(x)), layers.Dense(3))
    asked = []

    def quantize(made):
        asked.append(made)
        return to_float32(made)

    with_exact_means(flat, representative, quantize)
    assert asked == [flat]
