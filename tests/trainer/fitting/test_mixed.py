"""Mixed precision: refused without a GPU; what comes out of it is float32 and says the same."""

from typing import Any

import keras
import numpy as np
import pytest

from edge.errors import ConfigurationError
from trainer.fitting.mixed import refuse_without_gpu, train_mixed

WANTED = {"mixed_precision": True}


def build() -> Any:
    return keras.Sequential([keras.Input((4,)), keras.layers.Dense(8, "tanh"), keras.layers.Dense(2, "softmax")])


def test_a_processor_refuses_it():
    refuse_without_gpu({})
    refuse_without_gpu({"mixed_precision": False})
    with pytest.raises(ConfigurationError, match="mixed_precision=true: TensorFlow finds no GPU"):
        refuse_without_gpu(WANTED)


def test_sums_are_float16_and_what_is_kept_float32():
    """On the processor, which can do it, though slowly."""
    seen: list[Any] = []

    def fit(model: Any) -> Any:
        model.compile(keras.optimizers.Adam(0.1), "sparse_categorical_crossentropy", metrics=["accuracy"])
        features = np.random.default_rng(0).normal(size=(32, 4)).astype(np.float32)
        model.fit(features, (features[:, 0] > 0).astype(int), epochs=2, verbose=0)
        seen.append(model)
        return model

    keras.utils.set_random_seed(0)
    model = train_mixed(WANTED, build, fit)
    assert {layer.compute_dtype for layer in seen[0].layers} == {"float16"}
    assert type(seen[0].optimizer).__name__ == "LossScaleOptimizer"
    assert {layer.compute_dtype for layer in model.layers} == {"float32"}
    assert keras.config.dtype_policy().name == "float32"
    rows = np.random.default_rng(1).normal(size=(5, 4)).astype(np.float32)
    assert np.allclose(model(rows).numpy(), seen[0](rows).numpy(), atol=5e-3)


def test_without_it_the_trained_model_is_the_model():
    assert train_mixed({}, lambda: 1, lambda model: model + 1) == 2
