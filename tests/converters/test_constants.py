import numpy as np

from converters.constants import layer_of, read, replaced, rounded, unshared
from converters.quantize import to_float32
from converters.runtime import Runner


def test_weights_keep_127_steps_of_each_output_channel():
    weights = np.array([[1.27, 0.634, -0.001], [0.0, 0.0, 0.0], [-127.0, 3.4, 3.6]], np.float32)
    np.testing.assert_allclose(rounded(weights, 0), [[1.27, 0.63, 0.0], [0, 0, 0], [-127, 3, 4]], atol=1e-6)
    np.testing.assert_array_equal(rounded(weights.T, 1).T, rounded(weights, 0))


def test_another_bias_moves_what_the_layer_makes_by_as_much(graph, representative):
    position = [operation.name for operation in graph.operations].index("CONV_2D")
    layer = layer_of(graph, position)
    assert layer is not None
    changed = replaced(graph, {layer.bias: read(graph, layer.bias) + 3})
    entry = {graph.input_name: representative[:1].astype(np.float32)}
    upto = range(position + 1)
    (before,) = Runner(graph.extract(upto)).run_part(entry).values()
    (after,) = Runner(changed.extract(upto)).run_part(entry).values()
    np.testing.assert_allclose(after, before + 3, rtol=1e-4, atol=1e-4)


def test_only_operations_with_constant_weights_are_layers(graph):
    names = {graph.operations[i].name for i in range(len(graph.operations)) if layer_of(graph, i)}
    assert names == {"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"}


def test_layers_that_share_zeros_get_their_own(graph, representative):
    """TFLite writes equal constants once; a new bias of one layer would be that of the others too."""
    n_layers = sum(layer_of(graph, position) is not None for position in range(len(graph.operations)))

    def biases(of):
        found = [layer_of(of, position) for position in range(len(of.operations))]
        return {layer.bias for layer in found if layer}

    assert len(biases(graph)) < n_layers
    apart = unshared(graph)
    assert len(biases(apart)) == n_layers
    pictures = representative[:3]
    expected, found = (Runner(to_float32(each)).frames(pictures)["features"] for each in (graph, apart))
    np.testing.assert_array_equal(found, expected)
