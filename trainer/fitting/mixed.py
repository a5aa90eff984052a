"""Mixed precision: sums in float16 on a GPU, weights in float32. What is kept of a run is float32 throughout."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import keras
import tensorflow as tf

from edge.errors import ConfigurationError
from trainer.fitting.recipe import Wanted

KEY = "mixed_precision"
POLICY = "mixed_float16"


def refuse_without_gpu(wanted: Wanted) -> None:
    """Refuse mixed precision where it would only cost accuracy.

    Raises:
        ConfigurationError: it is wanted, and TensorFlow has no GPU.
    """
    if wanted.get(KEY) and not tf.config.list_physical_devices("GPU"):
        raise ConfigurationError(
            f"--set {KEY}=true: TensorFlow finds no GPU, and a processor gains nothing; leave it out"
        )


def train_mixed(wanted: Wanted, build: Callable[[], Any], fit: Callable[[Any], Any]) -> Any:
    """Build a model and train it, in mixed precision where that is wanted.

    Args:
        wanted: a run's hyper-parameters.
        build: makes the model.
        fit: compiles and trains it, and returns it or another of the same layers.

    Returns:
        The trained model in float32.
    """
    if not wanted.get(KEY):
        return fit(build())
    with _policy(POLICY):
        trained = fit(build())
    model = build()
    model.set_weights(trained.get_weights())
    return model


@contextmanager
def _policy(name: str) -> Iterator[None]:
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
