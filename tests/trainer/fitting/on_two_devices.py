"""Run by `test_devices.py` in a process of its own: TensorFlow's devices can be set only before it begins.

Takes a folder to write to; prints what it found as JSON.
"""

import json
import sys
import warnings
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from edge.bundle import InputSpec
from trainer.fitting.devices import found_devices, train_on
from trainer.fitting.loop import Rules, fit_epochs, seed_everything
from trainer.fitting.run import Run, Settings
from trainer.fitting.sequences import FrameBatches

N_ITEMS = 96
"""Shared evenly by two devices, also in the last batch."""


def build(dropout: float) -> Any:
    layer = keras.layers
    parts = [layer.BatchNormalization(), layer.Dropout(dropout), layer.Dense(6, "relu"), layer.Dense(2, "softmax")]
    return keras.Sequential([keras.Input((8,)), *parts])


def batches(seed: int | None, n_items: int = N_ITEMS) -> FrameBatches:
    features = np.random.default_rng(0).normal(size=(n_items, 8)).astype(np.float32)
    return FrameBatches(features, (features[:, 0] > 0).astype(np.int64), 32, seed)


def trained(path: Path, devices: int, dropout: float = 0.0, **wanted: Any) -> tuple[list[Any], Run]:
    """Weights after three epochs, and the run."""
    settings = Settings(recipe="r", seed=1, epochs=3, labels=("a", "b"), input=InputSpec(), devices=devices)
    run = Run.start(path, settings)

    def fit(model: Any) -> Any:
        model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
        return fit_epochs(model, batches(1), batches(None, N_ITEMS - 1), run, Rules(None))

    seed_everything(1)
    return train_on(devices, wanted, lambda: build(dropout), fit).get_weights(), run


def stopped_and_resumed(path: Path) -> list[Any]:
    """Weights of a run on two devices that was stopped after its first epoch."""
    write = Run.write_history

    def write_and_stop(self: Run, history: list[dict[str, float]]) -> None:
        write(self, history)
        if len(history) == 2:
            raise KeyboardInterrupt

    Run.write_history = write_and_stop
    try:
        trained(path, 2, dropout=0.4)
    except KeyboardInterrupt:
        pass
    finally:
        Run.write_history = write
    return trained(path, 2, dropout=0.4)[0]


def difference(one: list[Any], two: list[Any]) -> float:
    return max(float(np.abs(a - b).max()) for a, b in zip(one, two, strict=True))


def look(out: Path) -> dict[str, Any]:
    one, run_on_one = trained(out / "one", 1)
    two, run_on_two = trained(out / "two", 2)
    whole = trained(out / "whole", 2, dropout=0.4)[0]
    half = trained(out / "half", 2, mixed_precision=True)[0]
    return {
        "devices": found_devices(),
        "weights_apart": difference(one, two),
        "weights_apart_in_float16": difference(two, half),
        "histories": [run_on_one.history(), run_on_two.history()],
        "resumed_apart": difference(whole, stopped_and_resumed(out / "stopped")),
    }


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    halves = [tf.config.LogicalDeviceConfiguration(), tf.config.LogicalDeviceConfiguration()]
    tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], halves)
    print(json.dumps(look(Path(sys.argv[1]))))
