"""Layers in groups of channels: the same function, in int8 with less noise."""

import itertools

import numpy as np
import pytest

from converters import groups
from converters.graph import Graph
from converters.groups import chains, channel_space, channel_tops, group_sizes, in_groups
from converters.integer import make_integer_ready
from converters.quantize import to_float32, to_int8
from converters.runtime import Runner, signal_to_noise_db


@pytest.fixture(autouse=True)
def small_layers(monkeypatch):
    """The model of these tests is smaller than what is worth it."""
    monkeypatch.setattr(groups, "LEAST_PIXELS", 1)
    monkeypatch.setattr(groups, "GRANULE", 8)


@pytest.fixture
def uneven(make_graph):
    """A block of 32 channels that reach unequally far and say equally much, with squeeze and excitation."""
    import keras

    layers = keras.layers
    keras.utils.set_random_seed(3)

    def block(x):
        wide, deep = layers.Conv2D(32, 1), layers.DepthwiseConv2D(3, padding="same", bias_initializer="random_normal")
        x = deep(layers.Activation("swish")(wide(x)))
        reach = 1.2 ** np.random.default_rng(1).permutation(32)
        wide.set_weights([array * reach for array in wide.get_weights()])
        kernel, bias = deep.get_weights()
        deep.set_weights([kernel / reach[:, np.newaxis], bias])
        x = layers.Activation("swish")(x)
        squeezed = layers.Conv2D(4, 1, activation="swish")(layers.GlobalAveragePooling2D(keepdims=True)(x))
        squeezed = layers.Conv2D(32, 1, activation="sigmoid", bias_initializer="random_normal")(squeezed)
        x = layers.Conv2D(24, 1, activation="swish")(layers.Multiply()([x, squeezed]))
        return layers.GlobalAveragePooling2D()(x)

    return make_graph(block, layers.Dense(3))


def features(graph, pictures):
    return Runner(to_float32(graph)).frames(pictures)["features"]


def test_the_function_stays_and_the_wide_layer_is_cut(uneven, representative, held_out):
    cut = in_groups(uneven, representative)
    names = [operation.name for operation in cut.operations]
    assert names.count("DEPTHWISE_CONV_2D") == 3
    assert names.count("CONCATENATION") == 1
    assert [operation.name for operation in uneven.operations].count("DEPTHWISE_CONV_2D") == 1
    held = {tensor.buffer for tensor in cut.model.subgraphs[0].tensors}
    left = [buffer for k, buffer in enumerate(cut.model.buffers) if k not in held and buffer.data is not None]
    assert sum(len(buffer.data) for buffer in left) < 200, "only what describes the file, and no old weights"
    expected = features(uneven, held_out)
    np.testing.assert_allclose(features(cut, held_out), expected, atol=1e-5 * np.abs(expected).max())


def test_like_channels_are_together(uneven, representative):
    (first,) = chains(uneven)
    tops = np.sort(channel_tops(uneven, first, representative))
    cut = in_groups(uneven, representative)
    found = [channel_tops(cut, start, representative) for start in chains(cut)]
    assert [len(group) for group in found] == group_sizes(tops, 3)
    np.testing.assert_allclose(np.concatenate(found), tops, rtol=1e-4)


def test_a_channel_s_highest_value_is_over_pixels_and_pictures(uneven, representative):
    (first,) = chains(uneven)
    name = uneven.operations[first + 2].output
    runner = Runner(uneven.extract(range(first + 3)))
    highest = np.full(32, -np.inf)
    for picture in representative:
        for row in runner.run_part({uneven.input_name: picture[None].astype(np.float32)})[name].reshape(-1, 32):
            highest = np.maximum(highest, row)
    np.testing.assert_array_equal(channel_tops(uneven, first, representative), highest)


@pytest.mark.parametrize("n_groups", [1, 2, 3, 9])
def test_groups_have_the_least_power_of_all_ways_to_cut(n_groups):
    tops = np.sort(np.random.default_rng(4).exponential(size=48)).astype(np.float32)

    def power(sizes):
        ends = np.cumsum(sizes)
        return sum(size * tops[end - 1] ** 2 for size, end in zip(sizes, ends, strict=True))

    ways = [
        sizes
        for n in range(1, n_groups + 1)
        for sizes in itertools.product(range(8, 49, 8), repeat=min(n, 6))
        if sum(sizes) == 48
    ]
    found = group_sizes(tops, n_groups)
    assert sum(found) == 48
    assert power(found) == pytest.approx(min(map(power, ways)))


def test_channels_of_one_range_stay_together():
    assert group_sizes(np.ones(32, np.float32), 3) == [32]


def test_int8_keeps_more_of_the_features(uneven, representative, held_out, monkeypatch):
    def kept():
        ready, ranges = make_integer_ready(uneven, representative, lambda _: None)
        content = to_int8(ready, ranges)
        assert Graph(content).float_tensors() == []
        return signal_to_noise_db(features(uneven, held_out), Runner(content).frames(held_out)["features"])

    in_three = kept()
    monkeypatch.setattr("converters.integer.in_groups", lambda graph, _: graph)
    assert in_three > kept() + 1


def test_what_is_joined_has_one_range(uneven, representative):
    ready, ranges = make_integer_ready(uneven, representative, lambda _: None)
    (join,) = (k for k, operation in enumerate(ready.operations) if operation.name == "CONCATENATION")
    joined = {ranges[name] for name in ready.inputs_of(range(join, join + 1))}
    assert joined == {ranges[ready.operations[join].output]}


def test_channels_that_are_put_out_keep_their_order(make_graph, representative):
    """As where somebody reads the features channel by channel."""
    import keras

    layers = keras.layers

    def bare(x):
        x = layers.DepthwiseConv2D(3)(layers.Activation("swish")(layers.Conv2D(32, 1)(x)))
        return layers.GlobalAveragePooling2D()(layers.Activation("swish")(x))

    graph = make_graph(bare, layers.Dense(3))
    (first,) = chains(graph)
    assert channel_space(graph, first) is None
    assert in_groups(graph, representative) is graph


def test_small_and_odd_layers_are_left(uneven, monkeypatch):
    monkeypatch.setattr(groups, "LEAST_PIXELS", 10_000)
    assert chains(uneven) == []
    monkeypatch.setattr(groups, "LEAST_PIXELS", 1)
    monkeypatch.setattr(groups, "GRANULE", 5)
    assert chains(uneven) == []
