"""EfficientNet-Lite0 through the converters: what is left of it in TFLite, and that all of it goes in integers."""

from typing import Any

import keras
import numpy as np
import pytest

from converters.edgetpu_rules import predict
from converters.export import export_frame
from converters.graph import Graph
from converters.integer import make_integer_ready
from converters.quantize import to_float32, to_int8
from converters.runtime import Runner, signal_to_noise_db
from converters.verify import run_keras
from edge.bundle import InputSpec
from trainer.features import lite

SPEC = InputSpec(height_px=64, width_px=64)


@pytest.fixture(scope="module")
def model() -> Any:
    keras.utils.set_random_seed(3)
    backbone = lite.build(SPEC)
    features = keras.layers.GlobalAveragePooling2D()(backbone.output)
    return keras.Model(backbone.input, {"features": features, "probabilities": keras.layers.Dense(3)(features)})


@pytest.fixture(scope="module")
def exported(model) -> Graph:
    return Graph(export_frame(model, SPEC))


def test_it_is_exported_exactly_and_without_loose_activations(model, exported):
    # 1 preprocessing, stem, 16 blocks of expansion, depthwise and projection (the first has no expansion), top, 1 dense
    assert len(exported.units) == 1 + 1 + (16 * 3 - 1) + 1 + 1
    assert [operation.name for operation in exported.units[0].operations] == ["MUL", "ADD"]
    kinds = {name.split()[0] for name in exported.operation_counts()}
    assert kinds == {"MUL", "ADD", "CONV_2D", "DEPTHWISE_CONV_2D", "MEAN", "FULLY_CONNECTED"}
    limits = [exported.fused_limits(k) for k, o in enumerate(exported.operations) if o.name == "DEPTHWISE_CONV_2D"]
    assert limits == [(0.0, 6.0)] * 16
    pictures = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), dtype=np.uint8)
    found, expected = Runner(to_float32(exported)).frames(pictures), run_keras(model, pictures)
    assert signal_to_noise_db(expected["features"], found["features"]) > 80


def test_all_of_it_is_predicted_for_the_edge_tpu(exported):
    pictures = np.random.default_rng(1).integers(0, 256, (8, 64, 64, 3), dtype=np.uint8)
    ready = make_integer_ready(exported, pictures, lambda _: None)
    content = to_int8(*ready, plain_dense=True)
    assert Graph(content).float_tensors() == []
    assert predict(Graph(content)).mac_share == 1
