from typing import Any

import numpy as np
import pytest

from converters.calibration import observe
from converters.equalize import channel_tops, equalized, spaces
from converters.quantize import to_float32, to_int8
from converters.runtime import Runner, signal_to_noise_db


def spread(n_channels: int) -> np.ndarray:
    """Ranges that differ a hundredfold, in no order."""
    return np.geomspace(0.01, 1, n_channels)[np.random.default_rng(n_channels).permutation(n_channels)]


@pytest.fixture
def uneven(make_graph):
    """Mobile blocks with ReLU6 and a residual sum: what has a small range is as weighty as the rest."""
    import keras

    layers = keras.layers

    class Uneven(keras.initializers.Initializer):
        def __call__(self, shape, dtype=None):
            even = np.random.default_rng(1).normal(0, 0.3, shape)
            return keras.ops.convert_to_tensor(even * spread(shape[3]) / spread(shape[2])[:, None], dtype)

    def conv(n_channels: int, activation: str | None = None):
        uneven: Any = Uneven()
        return layers.Conv2D(n_channels, 1, activation=activation, kernel_initializer=uneven)

    def block(x):
        inside = layers.DepthwiseConv2D(3, padding="same", activation="relu6")(conv(24, "relu6")(x))
        return x + conv(12)(inside)

    def features(x):
        return layers.GlobalAveragePooling2D()(conv(16, "relu")(block(block(conv(12)(x)))))

    return make_graph(features, layers.Dense(3))


def features_of(graph, content, pictures):
    return Runner(content or to_float32(graph)).frames(pictures)["features"]


@pytest.mark.parametrize("strength", [0.5, 1.0])
def test_the_network_computes_what_it_did(uneven, graph, representative, held_out, strength):
    for one in (uneven, graph):
        changed = equalized(one, representative, strength)
        assert [o.output for o in changed.operations] == [o.output for o in one.operations]
        # what representative pictures never reached may be cut off by a ReLU6 that is nearer now
        assert (
            signal_to_noise_db(features_of(one, None, representative), features_of(changed, None, representative)) > 90
        )
        assert signal_to_noise_db(features_of(one, None, held_out), features_of(changed, None, held_out)) > 30


def test_channels_get_like_ranges(uneven, representative):
    changed = equalized(uneven, representative, 1.0)
    before, after = channel_tops(uneven, representative), channel_tops(changed, representative)
    tried = [index for space in spaces(uneven) for index in space.tensors if len(space.tensors) == 1]
    assert len(tried) >= 4
    for index in tried:
        live = before[index] > 0.05 * before[index].max()
        assert np.ptp(after[index][live]) < 0.01 * after[index].max()
        assert after[index].max() == pytest.approx(before[index].max(), rel=1e-3)


def test_nothing_that_goes_in_or_out_or_has_another_activation_is_scaled(graph):
    ends = {*graph.model.subgraphs[0].inputs, *graph.model.subgraphs[0].outputs}
    swish = {
        int(operator.outputs[0])
        for position, operator in enumerate(graph.model.subgraphs[0].operators)
        if graph.feeds_swish(position)
    }
    scaled = set().union(*(space.tensors for space in spaces(graph)))
    assert swish
    assert not scaled & (swish | ends)


def test_integers_keep_more(uneven, representative, held_out):
    def kept(graph):
        _, lows, highs = observe(graph.content, set(graph.activations()), representative)
        ranges = {name: (min(lows[name], 0.0), max(highs[name], 1e-6)) for name in lows}
        return signal_to_noise_db(
            features_of(uneven, None, held_out), features_of(graph, to_int8(graph, ranges), held_out)
        )

    assert kept(equalized(uneven, representative)) > kept(uneven) + 2
