"""The training loop of small heads: Keras's `fit` with early stopping and checkpoints, which a killed run goes on from.

After each epoch the whole model with its optimizer is written beside its place and renamed. A run that was stopped and
resumed passes through the same batches and random numbers as one that was not, and gives the same model.
"""

import sys
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf
from tqdm import tqdm

from trainer.files import write_atomically
from trainer.run import Run
from trainer.sequences import Batches

MONITOR = "val_accuracy"
MAX_STEPS_PER_EPOCH = 1 << 20


def seed_everything(seed: int) -> None:
    """Make Keras's and TensorFlow's random numbers and the order of its sums depend on the seed alone."""
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()


def latest_checkpoint(run: Run) -> tuple[int, Path] | None:
    """Number of finished epochs and the model as it was then; None where no epoch has finished."""
    found = sorted(run.checkpoints.glob("epoch-*.keras"))
    return (int(found[-1].stem.removeprefix("epoch-")), found[-1]) if found else None


def fit_epochs(model: Any, batches: Batches, validation: Batches, run: Run, patience: int | None) -> keras.Model:
    """Train until the run's epochs are done or validation accuracy has not risen for `patience` epochs.

    Args:
        model: compiled with the metric `accuracy`; not used where a checkpoint is there.
        batches: to learn from, shuffled.
        validation: to choose by, in order.
        run: keeps history and checkpoints.
        patience: None never stops early.

    Returns:
        The model with the weights of its best epoch.
    """
    history = run.history()
    checkpoint = latest_checkpoint(run)
    if checkpoint is not None:
        history = history[: checkpoint[0]]
        model = keras.models.load_model(checkpoint[1])
    else:
        history = []
    batches.begin_epoch(len(history))
    keeper = _Keeper(run, history, patience)
    if not keeper.exhausted() and len(history) < run.settings.epochs:
        model.fit(
            batches,
            validation_data=validation,
            initial_epoch=len(history),
            epochs=run.settings.epochs,
            shuffle=False,
            callbacks=[keeper],
            verbose=0,
        )
    model.load_weights(_best_weights(run, keeper.best_epoch()))
    return model


def _best_weights(run: Run, epoch: int) -> Path:
    return run.checkpoints / f"best-{epoch:04d}.weights.h5"


class _Keeper(keras.callbacks.Callback):
    """Writes history and checkpoints after each epoch, shows progress, and stops early."""

    model: Any  # set by Keras before training begins

    def __init__(self, run: Run, history: list[dict[str, float]], patience: int | None) -> None:
        super().__init__()
        self.run = run
        self.figures = history
        self.patience = patience
        self.bar: tqdm[Any] | None = None

    def best_epoch(self) -> int:
        """Number, from 1, of the first epoch with the highest validation accuracy."""
        return 1 + max(range(len(self.figures)), key=lambda epoch: (self.figures[epoch][MONITOR], -epoch))

    def exhausted(self) -> bool:
        """Whether `patience` epochs went by without a rise."""
        return (
            bool(self.figures) and self.patience is not None and len(self.figures) - self.best_epoch() >= self.patience
        )

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        del logs
        epochs = self.run.settings.epochs
        self.bar = tqdm(desc="training", initial=len(self.figures), total=epochs, unit="epoch", disable=None)

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        del logs
        # Keras's checkpoints hold no state of dropout's random numbers, so each epoch begins its own
        for number, layer in enumerate(self.model.layers):
            if (generator := getattr(layer, "seed_generator", None)) is not None:
                generator.state.assign([(self.run.settings.seed + number) % (1 << 32), epoch * MAX_STEPS_PER_EPOCH])

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self.figures.append({key: float(value) for key, value in (logs or {}).items()})
        if self.best_epoch() == epoch + 1:
            write_atomically(_best_weights(self.run, epoch + 1), self.model.save_weights)
        self.run.write_history(self.figures)
        write_atomically(self.run.checkpoints / f"epoch-{epoch + 1:04d}.keras", self.model.save)
        self._remove_older(epoch + 1)
        if self.bar is not None:
            self.bar.set_postfix({key: f"{value:.3f}" for key, value in self.figures[-1].items()}, refresh=False)
            self.bar.update()
        if self.exhausted():
            self.model.stop_training = True

    def on_train_end(self, logs: dict[str, float] | None = None) -> None:
        del logs
        if self.bar is not None:
            self.bar.close()
        print(f"{len(self.figures)} epochs, the best is {self.best_epoch()}", file=sys.stderr)

    def _remove_older(self, epoch: int) -> None:
        keep = {f"epoch-{epoch:04d}.keras", _best_weights(self.run, self.best_epoch()).name}
        for path in self.run.checkpoints.iterdir():
            if path.name not in keep:
                path.unlink()
