"""When training ends, which epoch is kept, and how the learning rate falls.

`--set keep=last` learns from the validation clips too, as the literature does where it has none, and keeps the last
epoch: what it says of them proves nothing. `schedule=cosine` lets the learning rate fall to zero over the epochs
(Loshchilov and Hutter, "SGDR", 2017, without restarts), `plateau=N` after N epochs that brought nothing.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from edge.errors import ConfigurationError
from trainer.fitting.recipe import ACCURACY, BEST, CONSTANT, COSINE, DESCENT, LAST, Recipe, Wanted

Epochs = Sequence[dict[str, float]]
"""Figures of the epochs so far."""


@dataclass(frozen=True, slots=True)
class Rules:
    """Of one training."""

    patience: int | None
    """Epochs without a better one after which training ends; None never ends early."""
    monitor: str = ACCURACY
    """`val_accuracy`, whose highest value is the best, or `val_loss`, whose lowest is."""
    plateau: int | None = None
    """Epochs without a better one after which the learning rate falls; None leaves it alone."""
    plateau_factor: float = 0.2
    learning_rate: float = 0.0
    """The one that training began with; read only with `plateau` and `schedule`."""
    schedule: str = CONSTANT
    keep: str = BEST

    @classmethod
    def of(cls, monitor: str, wanted: Wanted) -> Self:
        """Read them from a run's hyper-parameters; a patience of 0 never stops early, a plateau of 0 keeps the rate.

        Raises:
            ConfigurationError: a value has no meaning, or two contradict each other.
        """
        found = cls(
            patience=int(wanted.get("patience", 0)) or None,
            monitor=monitor,
            plateau=int(wanted.get("plateau", 0)) or None,
            plateau_factor=float(wanted.get("plateau_factor", DESCENT["plateau_factor"])),
            learning_rate=float(wanted.get("learning_rate", 0.0)),
            schedule=str(wanted.get("schedule", CONSTANT)),
            keep=str(wanted.get("keep", BEST)),
        )
        if found.schedule not in {CONSTANT, COSINE}:
            raise ConfigurationError(f"--set schedule={found.schedule}: choose {CONSTANT} or {COSINE}")
        if found.keep not in {BEST, LAST}:
            raise ConfigurationError(f"--set keep={found.keep}: choose {BEST} or {LAST}")
        if found.plateau and (found.schedule == COSINE or found.keep == LAST):
            what = "schedule=cosine" if found.schedule == COSINE else "keep=last"
            raise ConfigurationError(f"--set plateau={found.plateau} {what}: choose one of them")
        return found

    def gain(self, epoch: dict[str, float]) -> float:
        """An epoch's figure, the higher the better."""
        return epoch[self.monitor] if self.monitor == ACCURACY else -epoch[self.monitor]

    def kept(self, epochs: Epochs) -> int:
        """Number, from 1, of the epoch whose weights are kept: the first of the best, or the last."""
        if self.keep == LAST:
            return len(epochs)
        return 1 + max(range(len(epochs)), key=lambda epoch: (self.gain(epochs[epoch]), -epoch))

    def end(self, epochs: Epochs) -> bool:
        """Whether `patience` epochs went by without a better one."""
        return bool(epochs) and self.patience is not None and len(epochs) - self.kept(epochs) >= self.patience

    def rate_of(self, epochs: Epochs, n_epochs: int) -> float | None:
        """The learning rate of the next of `n_epochs`; None leaves it to the optimizer."""
        if self.schedule == COSINE:
            return self.learning_rate * (1 + math.cos(math.pi * len(epochs) / n_epochs)) / 2
        if self.plateau is None:
            return None
        falls = n_plateaus([self.gain(epoch) for epoch in epochs], self.plateau)
        return self.learning_rate * self.plateau_factor**falls


def learns_from_validation(recipe: Recipe, wanted: Wanted) -> bool:
    """Whether a run learns from its validation clips too, so that figures on them prove nothing."""
    return recipe.learns_from_validation or wanted.get("keep") == LAST


def n_plateaus(gains: Sequence[float], patience: int) -> int:
    """How often `patience` epochs in a row brought nothing better, as Keras's ReduceLROnPlateau counts."""
    best, waited, count = -float("inf"), 0, 0
    for gain in gains:
        waited = 0 if gain > best else waited + 1
        best = max(best, gain)
        if waited >= patience:
            waited, count = 0, count + 1
    return count
