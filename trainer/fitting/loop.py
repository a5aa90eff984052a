"""The training loop of small heads: Keras's `fit` with early stopping and checkpoints, which a killed run goes on from.

After each epoch the whole model with its optimizer is written beside its place and renamed. A run that was stopped and
resumed passes through the same batches and random numbers as one that was not, and on one machine gives the same model,
bit for bit.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf
from tqdm import tqdm

from edge.errors import ConfigurationError
from trainer.files import write_atomically
from trainer.fitting.eventlog import EpochLog
from trainer.fitting.objective import Objective
from trainer.fitting.rules import Rules
from trainer.fitting.run import HISTORY_NAME, Run
from trainer.fitting.sequences import Batches

MAX_STEPS_PER_EPOCH = 1 << 20
MAX_LAYERS = 1 << 12
INNER_LAYERS = ("layer", "cell", "forward_layer", "backward_layer")


def seed_everything(seed: int) -> None:
    """Make Keras's and TensorFlow's random numbers depend on the seed alone, and the order of sums on the processor."""
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()


def latest_checkpoint(run: Run) -> tuple[int, Path] | None:
    """Number of finished epochs and the model as it was then; None where no epoch has finished."""
    found = sorted(run.checkpoints.glob("epoch-*.keras"))
    return (int(found[-1].stem.removeprefix("epoch-")), found[-1]) if found else None


def fit_epochs(
    model: Any, batches: Batches, validation: Batches, run: Run, rules: Rules, *, tensorboard: Path | None = None
) -> keras.Model:
    """Train until the run's epochs are done or the rules end it.

    Args:
        model: compiled with the metric `accuracy`; not used where a checkpoint is there.
        batches: to learn from, shuffled.
        validation: to choose by, in order.
        run: keeps history and checkpoints.
        rules: of stopping and of the learning rate.
        tensorboard: where to log each epoch, in a folder of the run's name; None logs nothing.

    Returns:
        The model with the weights of the epoch that the rules keep.

    Raises:
        ConfigurationError: the run's history is damaged, or not all there.
    """
    history = run.history()
    checkpoint = latest_checkpoint(run)
    if checkpoint is not None:
        n_epochs, path = checkpoint
        if len(history) < n_epochs:
            raise ConfigurationError(
                f"{run.path}: {HISTORY_NAME} tells of {len(history)} epochs, {path.name} is of {n_epochs}; train again "
                "with another --out"
            )
        history = history[:n_epochs]
        model = keras.models.load_model(path)
    else:
        history = []
    batches = Objective.of(run.settings.hyperparameters).weighted(batches, run.settings.labels)
    batches.begin_epoch(len(history))
    keeper = _Keeper(run, history, rules)
    if not rules.end(history) and len(history) < run.settings.epochs:
        model.fit(
            batches,
            validation_data=validation,
            initial_epoch=len(history),
            epochs=run.settings.epochs,
            shuffle=False,
            callbacks=[keeper] if tensorboard is None else [keeper, EpochLog(tensorboard / run.path.name)],
            verbose=0,
        )
    model.load_weights(_best_weights(run, rules.kept(history)))
    return model


def _best_weights(run: Run, epoch: int) -> Path:
    return run.checkpoints / f"best-{epoch:04d}.weights.h5"


def _with_inner(layer: Any) -> Iterator[Any]:
    """A layer, and those that it wraps."""
    yield layer
    for name in INNER_LAYERS:
        if isinstance(inner := getattr(layer, name, None), keras.Layer):
            yield from _with_inner(inner)


class _Keeper(keras.callbacks.Callback):
    """Writes history and checkpoints after each epoch, shows progress, and stops early."""

    model: Any  # set by Keras before training begins

    def __init__(self, run: Run, history: list[dict[str, float]], rules: Rules) -> None:
        super().__init__()
        self.run = run
        self.figures = history
        self.rules = rules
        self.bar: tqdm[Any] | None = None

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        del logs
        epochs = self.run.settings.epochs
        self.bar = tqdm(desc="training", initial=len(self.figures), total=epochs, unit="epoch", disable=None)

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        del logs
        # Keras's checkpoints hold no state of dropout's random numbers, so each epoch begins its own
        for number, outer in enumerate(self.model.layers):
            for depth, layer in enumerate(_with_inner(outer)):
                if (generator := getattr(layer, "seed_generator", None)) is not None:
                    seed = (self.run.settings.seed + number + MAX_LAYERS * depth) % (1 << 32)
                    generator.state.assign([seed, epoch * MAX_STEPS_PER_EPOCH])
        learning_rate = self.rules.rate_of(self.figures, self.run.settings.epochs)
        if learning_rate is not None:
            self.model.optimizer.learning_rate = learning_rate

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self.figures.append({key: float(value) for key, value in (logs or {}).items()})
        if self.rules.kept(self.figures) == epoch + 1:
            write_atomically(_best_weights(self.run, epoch + 1), self.model.save_weights)
        self.run.write_history(self.figures)
        write_atomically(self.run.checkpoints / f"epoch-{epoch + 1:04d}.keras", self.model.save)
        self._remove_older(epoch + 1)
        if self.bar is not None:
            self.bar.set_postfix({key: f"{value:.3f}" for key, value in self.figures[-1].items()}, refresh=False)
            self.bar.update()
        if self.rules.end(self.figures):
            self.model.stop_training = True

    def on_train_end(self, logs: dict[str, float] | None = None) -> None:
        del logs
        if self.bar is not None:
            self.bar.close()
        print(f"{len(self.figures)} epochs, number {self.rules.kept(self.figures)} is kept", file=sys.stderr)

    def _remove_older(self, epoch: int) -> None:
        keep = {f"epoch-{epoch:04d}.keras", _best_weights(self.run, self.rules.kept(self.figures)).name}
        for path in self.run.checkpoints.iterdir():
            if path.name not in keep:
                path.unlink()
