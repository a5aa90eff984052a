from typing import Any

import keras
import numpy as np

from converters.export import export_frame
from converters.graph import Graph
from converters.quantize import to_float32
from converters.verify import run_keras
from edge.bundle import InputSpec


def test_efficientnetb0_is_exported_exactly_and_cut_into_its_parts(weights_dir):
    from converters.runtime import Runner, signal_to_noise_db

    untrained: Any = None  # Keras annotates the argument as str alone
    backbone = keras.applications.EfficientNetB0(include_top=False, weights=untrained, input_shape=(224, 224, 3))
    backbone.load_weights(weights_dir / "efficientnetb0_notop.weights.h5")
    features = keras.layers.GlobalAveragePooling2D()(backbone.output)
    model = keras.Model(backbone.input, {"features": features, "probabilities": keras.layers.Dense(3)(features)})
    graph = Graph(export_frame(model, InputSpec()))
    # 1 preprocessing, stem, 16 blocks of expansion, depthwise and projection (the first has no expansion), top, 1 dense
    assert len(graph.units) == 1 + 2 + (16 * 5 - 2) + 2 + 1
    assert [operation.name for operation in graph.units[0].operations] == ["MUL", "ADD"]

    pictures = np.random.default_rng(0).integers(0, 256, (2, 224, 224, 3), dtype=np.uint8)
    found, expected = Runner(to_float32(graph)).frames(pictures), run_keras(model, pictures)
    assert signal_to_noise_db(expected["features"], found["features"]) > 80
