"""Layer shapes and parameter counts of the papers' systems.

Every expected number is the paper's own, or worked out here by hand from what its text says of the layers: a dense
layer has inputs * units + units parameters, an LSTM 4 * units * (inputs + units + 1), a GRU with two biases 3 * units *
(inputs + units + 2), a convolution k * k * inputs * filters + filters.
"""

from typing import Any

import numpy as np
import pytest

from edge.bundle import InputSpec
from trainer.features.backbone import RANDOM, Weights
from trainer.features.backbones import INCEPTIONV3, MAPS, VGG16
from trainer.recipes.catalogue import RECIPES

NO_WEIGHTS = Weights(RANDOM, RANDOM)


def network(name: str, n_features: int, n_labels: int, **changes: Any) -> Any:
    recipe = RECIPES[name]
    assert recipe.whole is not None
    return recipe.whole.build({**recipe.hyperparameters, **changes}, recipe.input, n_features, n_labels)


def trainable(model: Any) -> int:
    return sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)


PICTURE = 64 * 64 * 3


def test_convlstm_is_table_1_of_001():
    """Shapes and parameters as printed; the last layer's 516 are those of four classes, the text has ten."""
    model = network("convlstm", PICTURE, 10)
    counts = [layer.count_params() for layer in model.layers if layer.count_params()]
    assert counts == [3200, 13888, 55424, 221440, 73856, 128 * 10 + 10]
    shapes = [tuple(layer.output.shape[1:]) for layer in model.layers if layer.count_params() or "pool" in layer.name]
    assert shapes == [
        (20, 62, 62, 8),
        (20, 29, 29, 16),
        (20, 13, 13, 32),
        (5, 5, 64),
        (3, 3, 64),
        (128,),
        (10,),
    ]
    halved = [tuple(layer.output.shape[1:]) for layer in model.layers if layer.name.startswith("time_distributed")]
    assert halved == [(20, 31, 31, 8)] * 2 + [(20, 15, 15, 16)] * 2 + [(20, 7, 7, 32)] * 2
    assert model.count_params() == trainable(model) == 369_098
    assert network("convlstm", PICTURE, 4).count_params() == 368_324
    assert [layer.units for layer in model.layers if hasattr(layer, "units")] == [128, 10]


def test_lrcn_is_the_totals_of_table_2_of_001():
    model = network("lrcn", PICTURE, 10)
    assert model.get_layer("lstm").count_params() == 540_928
    assert (model.count_params(), trainable(model)) == (783_818, 783_114)
    assert network("lrcn", PICTURE, 4).count_params() == 783_428
    assert trainable(network("lrcn", PICTURE, 4)) == 782_724
    convolutions = [9 * 3 * 32 + 32, 9 * 32 * 64 + 64, 9 * 64 * 128 + 128, 9 * 128 * 128 + 128]
    normalisations = [4 * filters for filters in (32, 64, 128, 128)]
    expected = [count for pair in zip(convolutions, normalisations, strict=True) for count in pair]
    found = [layer.count_params() for layer in model.layers if layer.count_params()]
    assert found == [*expected, 540_928, 650]
    sizes = [layer.output.shape[2] for layer in model.layers if len(layer.output.shape) == 5]
    assert sorted(set(sizes), reverse=True) == [64, 32, 16, 8, 4]


def test_vgg16_lstm_is_algorithm_2_of_002():
    """Features 7 x 7 x 512 = 25,088, 40 frames; KTH: 360 units and six classes."""
    backbone: Any = VGG16.build and VGG16.build(InputSpec(), NO_WEIGHTS)
    assert backbone.output.shape == (None, 7 * 7 * 512)
    assert backbone.get_layer("vgg16").count_params() == 14_714_688  # Simonyan and Zisserman's convolutions, table 2 D
    model = network("vgg16-lstm", 25_088, 6)
    assert model.input_shape == (None, 40, 25_088)
    assert model.get_layer("rnn").count_params() == 4 * 360 * (25_088 + 360 + 1)
    assert model.get_layer("classifier").count_params() == 360 * 6 + 6
    assert model.get_layer("classifier").activation.__name__ == "sigmoid"
    assert network("vgg16-lstm", 25_088, 11, n_units=320).count_params() == 4 * 320 * (25_088 + 321) + 320 * 11 + 11


@pytest.mark.parametrize("name", ["inceptionv3-lstm", "inceptionv3-lstm-binary"])
def test_the_inception_systems_have_lstms_of_2048(name):
    model = network(name, 2048, 2)
    assert model.input_shape == (None, 40, 2048)
    assert model.get_layer("rnn").count_params() == 4 * 2048 * (2048 + 2048 + 1)
    assert model.output_shape == (None, 2)


def test_the_binary_top_is_that_of_003():
    model = network("inceptionv3-lstm-binary", 2048, 2)
    top = model.layers[model.layers.index(model.get_layer("rnn")) + 1 :]
    assert [(layer.units, layer.activation.__name__) for layer in top] == [
        (512, "relu"),
        (512, "sigmoid"),
        (2, "softmax"),
    ]
    assert top[0].count_params() == 2048 * 512 + 512


@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_the_simple_layers_of_004(activation):
    model = network(f"inceptionv3-simplernn-{activation}", 2048, 25)
    layer = model.get_layer("rnn")
    assert layer.cell.activation.__name__ == activation
    assert layer.count_params() == 2048 * (2048 + 2048 + 1)
    assert model.output_shape == (None, 25)


def test_inceptionv3_gives_2048_features():
    backbone: Any = INCEPTIONV3.build and INCEPTIONV3.build(InputSpec(height_px=299, width_px=299), NO_WEIGHTS)
    assert backbone.output.shape == (None, 2048)
    assert backbone.get_layer("inception_v3").count_params() == 21_802_784  # Keras's published size without classifier


def test_the_hybrid_maps_of_000():
    """7 x 7 x 1280 max-pooled to 6 x 6 x 1280."""
    backbone: Any = MAPS.build and MAPS.build(InputSpec(), NO_WEIGHTS)
    assert backbone.output.shape == (None, 6 * 6 * 1280)
    n_units, n_features = 64, 46_080
    counts = {
        "efficientnetb0-gru": 3 * n_units * (n_features + n_units + 2) + 64 * 5 + 5,
        "efficientnetb0-lstm": 4 * n_units * (n_features + n_units + 1) + 64 * 5 + 5,
        "efficientnetb0-bilstm": 2 * 4 * n_units * (n_features + n_units + 1) + 128 * 5 + 5,
    }
    for name, count in counts.items():
        assert network(name, n_features, 5).count_params() == count


def test_masked_padding_changes_no_answer():
    """Zeros behind a short sequence, which the network masks, against the sequence without them."""
    model = network("efficientnetb0-bilstm", 6, 3, n_units=4)
    random = np.random.default_rng(0)
    short = random.normal(size=(1, 73, 6)).astype(np.float32)
    short[:, 50:] = 0
    answer = model(short, training=False).numpy()
    noisy = short.copy()
    noisy[:, 50:] = 1
    assert not np.allclose(model(noisy, training=False).numpy(), answer, atol=1e-4)
    weights = [weight.numpy() for weight in model.get_layer("both_ways").weights]
    kernel, recurrent, bias = weights[:3]
    hidden, cell = np.zeros((1, 4)), np.zeros((1, 4))
    for step in range(50):
        gates = short[:, step] @ kernel + hidden @ recurrent + bias
        i, f, g, o = np.split(gates, 4, axis=1)
        cell = cell / (1 + np.exp(-f)) + np.tanh(g) / (1 + np.exp(-i))
        hidden = np.tanh(cell) / (1 + np.exp(-o))
    import keras

    inside = keras.Model(model.inputs[0], model.get_layer("both_ways").output)
    assert np.allclose(inside(short, training=False).numpy()[:, :4], hidden, atol=1e-5)


def test_the_papers_settings_are_the_defaults():
    def settings(name: str, *keys: str) -> list[Any]:
        return [RECIPES[name].hyperparameters[key] for key in keys]

    epochs = {name: RECIPES[name].epochs for name in ("convlstm", "lrcn", "vgg16-lstm", "efficientnetb0-lstm")}
    assert epochs == {"convlstm": 400, "lrcn": 400, "vgg16-lstm": 50, "efficientnetb0-lstm": 100}
    assert settings("convlstm", "recurrent_dropout", "dropout", "plateau_factor") == [0.2, 0.2, 0.2]
    assert settings("vgg16-lstm", "batch_size", "n_units") == [25, 360]
    assert settings("inceptionv3-lstm", "learning_rate", "dropout", "n_units") == [1e-6, 0.5, 2048]
    sizes = {name: RECIPES[name].input.height_px for name in ("convlstm", "lrcn", "vgg16-lstm", "inceptionv3-lstm")}
    assert sizes == {"convlstm": 64, "lrcn": 64, "vgg16-lstm": 224, "inceptionv3-lstm": 299}
    paper = {name for name, recipe in RECIPES.items() if recipe.hyperparameters.get("sampling") == "paper"}
    assert len(paper) == 7


@pytest.mark.filterwarnings("ignore:__array__ implementation")  # Keras, when it saves weights
def test_vgg16_sees_what_kerass_own_preprocessing_shows_it(tmp_path):
    """Blue, green, red around their means: the file's kernels are turned instead of the picture."""
    import keras

    keras.utils.set_random_seed(1)
    random: Any = None
    published = keras.applications.VGG16(weights=random, include_top=False, input_shape=(32, 32, 3))
    published.save_weights(tmp_path / "vgg16.weights.h5")
    spec = InputSpec(height_px=32, width_px=32)
    ours: Any = VGG16.build and VGG16.build(spec, Weights(str(tmp_path / "vgg16.weights.h5"), "x"))
    picture = np.random.default_rng(0).integers(0, 256, (1, 32, 32, 3)).astype(np.float32)
    shown = keras.applications.vgg16.preprocess_input(picture.copy())
    assert np.allclose(ours(picture).numpy(), published(shown).numpy().reshape(1, -1), rtol=1e-3, atol=1e-4)


def test_inceptionv3_sees_minus_one_to_one():
    import keras

    spec = InputSpec(height_px=75, width_px=75)
    build: Any = INCEPTIONV3.build
    layer = build(spec, NO_WEIGHTS).get_layer("scale")
    values = np.asarray([[[[0.0, 127.5, 255.0]]]], np.float32)
    expected: Any = keras.applications.inception_v3.preprocess_input(values.copy())
    assert np.allclose(layer(values).numpy(), expected)
