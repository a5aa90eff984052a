"""Training on several devices of one machine: each takes its share of every batch (`tf.distribute`, mirrored weights).

The sums are those of one device in another order, with two exceptions: dropout draws the same numbers on every device,
and where an epoch's last batch cannot be shared evenly, the items of the smaller share weigh more.
"""

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from edge.errors import ConfigurationError
from trainer.fitting.mixed import train_mixed
from trainer.fitting.recipe import Recipe, Wanted

ALL = "all"


def found_devices() -> list[str]:
    """What TensorFlow can train on, such as `GPU:0`: the GPUs, or the processor where there are none."""
    devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    return [device.name.removeprefix("/device:") for device in devices]


def n_devices(wish: str | None, recipe: Recipe, wanted: Wanted) -> int:
    """On how many devices a run trains.

    Args:
        wish: a number, `all`, or None for one.
        recipe: what is trained.
        wanted: the run's hyper-parameters.

    Raises:
        ConfigurationError: the recipe has no batches to share, so many devices are not there, or they cannot share a
            batch evenly.
    """
    if wish is None:
        return 1
    if recipe.epochs == 1:
        raise ConfigurationError(
            f"--devices {wish}: {recipe.name} is fitted at once, without batches that devices could share; leave it out"
        )
    found = found_devices()
    number = len(found) if wish == ALL else int(wish)
    if number > len(found):
        raise ConfigurationError(
            f"--devices {wish}: TensorFlow finds {', '.join(found)} here; give at most {len(found)}, or leave it out"
        )
    batch_size = int(wanted["batch_size"])
    if batch_size % number:
        raise ConfigurationError(
            f"--devices {wish}: {number} devices cannot share batches of {batch_size} evenly; "
            f"give --set batch_size={number * max(1, round(batch_size / number))}"
        )
    return number


def train_on(number: int, wanted: Wanted, build: Callable[[], Any], fit: Callable[[Any], Any]) -> Any:
    """Build a model and train it on so many devices; arguments and answer as of `train_mixed`, on one device."""
    if number == 1:
        return train_mixed(wanted, build, fit)
    with tf.distribute.MirroredStrategy(found_devices()[:number]).scope():
        trained = train_mixed(wanted, lambda: _synchronized(build()), fit)
    model = build()
    model.set_weights(trained.get_weights())
    return model


def _synchronized(model: Any) -> Any:
    """The model, its batch normalisation by the whole batch instead of a device's share."""
    for layer in model._flatten_layers():  # noqa: SLF001  (Keras's only way to inner layers)
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.synchronized = True
    return model
