"""Figures of each epoch for TensorBoard, in folders `train` and `validation`, as Keras's own callback lays them out.

That callback needs the package tensorboard to write; TensorFlow alone can, so only who looks at the logs installs it.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

VALIDATION = "val_"
PLUGIN = "scalars"


class EpochLog(keras.callbacks.Callback):
    """Writes `epoch_loss`, `epoch_accuracy`, ... and the learning rate; a resumed run goes on at its epoch."""

    model: Any  # set by Keras before training begins

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder
        self._writers: dict[str, Any] = {}

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        for name, value in (logs or {}).items():
            side = "validation" if name.startswith(VALIDATION) else "train"
            self._write(side, f"epoch_{name.removeprefix(VALIDATION)}", value, epoch)
        self._write("train", "epoch_learning_rate", float(self.model.optimizer.learning_rate), epoch)
        for writer in self._writers.values():
            writer.flush()

    def on_train_end(self, logs: Mapping[str, float] | None = None) -> None:
        del logs
        for writer in self._writers.values():
            writer.close()

    def _write(self, side: str, tag: str, value: float, epoch: int) -> None:
        if side not in self._writers:
            self._writers[side] = tf.summary.create_file_writer(str(self._folder / side))
        compat: Any = tf.compat.v1
        metadata = compat.SummaryMetadata(plugin_data=compat.SummaryMetadata.PluginData(plugin_name=PLUGIN))
        with self._writers[side].as_default():
            tf.summary.write(tag, tf.constant(value, tf.float32), step=epoch, metadata=metadata)
