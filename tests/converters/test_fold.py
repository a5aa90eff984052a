import keras
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from converters.export import export_frame
from converters.fold import fold_preprocessing
from converters.graph import Graph
from converters.runtime import Runner
from edge.bundle import InputSpec

SPEC = InputSpec(height_px=32, width_px=32)


def model_with(*layers):
    """A frame model that begins with these layers and says what they made of the pixels of one corner."""
    entry = keras.Input((32, 32, 3))
    x = entry
    for layer in layers:
        x = layer(x)
    x = keras.layers.DepthwiseConv2D(2, strides=2, depthwise_initializer="ones")(x)
    features = keras.layers.Flatten()(keras.layers.Cropping2D(((0, 14), (0, 14)))(x))
    return keras.Model(entry, {"features": features, "probabilities": keras.layers.Dense(2)(features)})


def normalization(mean, variance):
    return keras.layers.Normalization(mean=mean, variance=variance)


def test_the_chain_becomes_two_links_and_computes_the_same(held_out):
    # As in EfficientNetB0: to 0..1, then by channel, then once more.
    layers = (
        keras.layers.Rescaling(1 / 255),
        normalization([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
        keras.layers.Rescaling([1 / 0.229**0.5, 1 / 0.224**0.5, 1 / 0.225**0.5]),
    )
    model = model_with(*layers)
    folded = export_frame(model, SPEC)
    assert [operation.name for operation in Graph(folded).operations][:3] == ["MUL", "ADD", "DEPTHWISE_CONV_2D"]
    left = [name for name in Graph(folded).float_tensors() if "rescaling" in name or "normalization" in name]
    assert len(left) == 1, "the unused constants of the chain are left"  # the chain's end keeps its name
    scaled = held_out / 255.0
    by_hand = (scaled - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    corner = by_hand[:, :4, :4].reshape(12, 2, 2, 2, 2, 3).sum((2, 4)).reshape(12, 12)
    np.testing.assert_allclose(Runner(folded).frames(held_out)["features"], corner, atol=1e-4)


def test_a_single_link_is_left_alone(held_out):
    content = export_frame(model_with(keras.layers.Rescaling(1 / 255)), SPEC)
    assert not any("preprocessing" in name for name in Graph(content).float_tensors())
    expected = (held_out[:, :4, :4] / 255.0).reshape(12, 2, 2, 2, 2, 3).sum((2, 4)).reshape(12, 12)
    np.testing.assert_allclose(Runner(content).frames(held_out)["features"], expected, atol=1e-4)


def test_a_model_without_preprocessing_is_given_back():
    content = export_frame(model_with(), SPEC)
    assert fold_preprocessing(content) is content


def test_a_link_that_is_used_elsewhere_too_stays(held_out):
    entry = keras.Input((32, 32, 3))
    scaled = keras.layers.Rescaling(1 / 255)(entry)
    shifted = normalization([0.5, 0.4, 0.3], [1, 1, 1])(scaled)
    both = keras.layers.Concatenate()([scaled, shifted])
    features = keras.layers.GlobalAveragePooling2D()(
        keras.layers.DepthwiseConv2D(2, depthwise_initializer="ones")(both)
    )
    model = keras.Model(entry, {"features": features, "probabilities": keras.layers.Dense(2)(features)})
    content = export_frame(model, SPEC)
    assert "preprocessing/factor" not in Graph(content).float_tensors()
    expected = np.asarray(model(held_out.astype(np.float32))["features"])
    np.testing.assert_allclose(Runner(content).frames(held_out)["features"], expected, rtol=1e-4)


@pytest.mark.parametrize("precision", ["int8", "float"])
def test_a_folded_file_quantizes(held_out, precision):
    from converters.calibration import calibrate
    from converters.quantize import to_float32, to_int8

    layers = (keras.layers.Rescaling(1 / 255), normalization([0.4, 0.5, 0.6], [0.04, 0.05, 0.06]))
    graph = Graph(export_frame(model_with(*layers), SPEC))
    calibrated = calibrate(graph, held_out)
    content = to_int8(graph, calibrated["static-mse"]) if precision == "int8" else to_float32(graph)
    Interpreter(model_content=content).allocate_tensors()
    found, expected = Runner(content).frames(held_out)["features"], Runner(graph.content).frames(held_out)["features"]
    assert np.abs(found - expected).max() < 0.05 * np.abs(expected).max()
