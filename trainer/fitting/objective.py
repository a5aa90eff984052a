"""What training minimises: the recipe's cross-entropy, and the usual ways to change it, all off unless asked for.

`--set class_weights=balanced` or `class_weights=fall:3,normal:1`, `focal_gamma=2`, `label_smoothing=0.1`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import keras
import numpy as np
from numpy.typing import NDArray

from edge.errors import ConfigurationError
from trainer.fitting.recipe import NO_WEIGHTS, Wanted
from trainer.fitting.sequences import Batches

BALANCED = "balanced"


@keras.saving.register_keras_serializable("edgewatch")
class FocalCrossentropy(keras.losses.Loss):
    """Cross-entropy of whole-number labels, smoothed and focal; with neither it is the sparse cross-entropy.

    Smoothing: Szegedy et al., "Rethinking the Inception architecture", 2016, section 7. Focal: Lin et al., "Focal loss
    for dense object detection", 2017, equation 4.
    """

    def __init__(self, gamma: float = 0.0, smoothing: float = 0.0, name: str = "focal", **options: Any) -> None:
        super().__init__(name=name, **options)
        self.gamma = gamma
        self.smoothing = smoothing

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Labels (n, ...) and probabilities (n, ..., n_labels) -> (n, ...)."""
        ops: Any = keras.ops
        if len(y_true.shape) == len(y_pred.shape):  # Keras may add an axis of one
            y_true = ops.squeeze(y_true, -1)
        truth = ops.one_hot(ops.cast(y_true, "int32"), y_pred.shape[-1])
        return keras.losses.categorical_focal_crossentropy(
            truth, y_pred, alpha=1.0, gamma=self.gamma, label_smoothing=self.smoothing
        )

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "gamma": self.gamma, "smoothing": self.smoothing}


@dataclass(frozen=True, slots=True)
class Objective:
    """A run's objective."""

    class_weights: str = NO_WEIGHTS
    focal_gamma: float = 0.0
    label_smoothing: float = 0.0

    @classmethod
    def of(cls, wanted: Wanted) -> Self:
        """Read it from a run's hyper-parameters.

        Raises:
            ConfigurationError: a value has no meaning.
        """
        found = cls(
            str(wanted.get("class_weights", NO_WEIGHTS)),
            float(wanted.get("focal_gamma", 0.0)),
            float(wanted.get("label_smoothing", 0.0)),
        )
        if found.focal_gamma < 0:
            raise ConfigurationError(f"--set focal_gamma={found.focal_gamma:g}: give 0 or more")
        if not 0 <= found.label_smoothing < 1:
            raise ConfigurationError(f"--set label_smoothing={found.label_smoothing:g}: give 0 or more, under 1")
        if found.class_weights not in {NO_WEIGHTS, BALANCED}:
            found.given_weights()
        return found

    @property
    def loss(self) -> Any:
        """For `compile`, of models that answer with probabilities."""
        if not self.focal_gamma and not self.label_smoothing:
            return "sparse_categorical_crossentropy"
        return FocalCrossentropy(self.focal_gamma, self.label_smoothing)

    def given_weights(self) -> dict[str, float]:
        """The weights that were given by name.

        Raises:
            ConfigurationError: they are not `LABEL:WEIGHT,...`.
        """
        found: dict[str, float] = {}
        for pair in self.class_weights.split(","):
            name, _, text = pair.partition(":")
            try:
                found[name] = float(text)
            except ValueError:
                found[name] = -1.0
            if not name or not 0 < found[name] < float("inf"):
                raise ConfigurationError(
                    f"--set class_weights={self.class_weights}: is not {BALANCED} or LABEL:WEIGHT,... of weights over 0"
                )
        return found

    def refuse_unknown(self, labels: Sequence[str]) -> None:
        """Refuse weights of labels that the model does not have.

        Raises:
            ConfigurationError: as said.
        """
        if self.class_weights in {NO_WEIGHTS, BALANCED}:
            return
        if unknown := sorted(set(self.given_weights()) - set(labels)):
            raise ConfigurationError(f"--set class_weights: no label {unknown[0]}; the labels are {', '.join(labels)}")

    def weighted(self, batches: Batches, labels: Sequence[str]) -> Batches:
        """The same batches, with the weights of their labels where any are wanted."""
        if self.class_weights == NO_WEIGHTS:
            return batches
        if self.class_weights == BALANCED:
            return WeightedBatches(batches, balanced_weights(batches, len(labels)))
        given = self.given_weights()
        return WeightedBatches(batches, np.asarray([given.get(label, 1.0) for label in labels], np.float32))


def balanced_weights(batches: Batches, n_labels: int) -> NDArray[np.float32]:
    """Weights (n_labels,) by which every label counts as much as any other: n / (n_labels * n_of_label).

    What has weight 0 already, such as padding, is not counted; a label that does not occur keeps 1.
    """
    counts = np.zeros(n_labels)
    for index in range(batches.num_batches):
        _, labels, *weights = batches[index]
        counts += np.bincount(labels.ravel(), weights[0].ravel() if weights else None, n_labels)
    found = counts.sum() / np.maximum((counts > 0).sum() * counts, 1)
    return np.where(counts > 0, found, 1.0).astype(np.float32)


class WeightedBatches(Batches):
    """Batches whose items weigh by their labels, times the weights that they have already."""

    def __init__(self, batches: Batches, label_weights: NDArray[np.float32]) -> None:
        self._batches = batches
        self._label_weights = label_weights
        super().__init__(0, 1, None)

    @property
    def num_batches(self) -> int:
        return self._batches.num_batches

    def begin_epoch(self, epoch: int) -> None:
        self._epoch = epoch
        self._batches.begin_epoch(epoch)

    def __getitem__(self, index: int) -> tuple[Any, NDArray[np.int64], NDArray[np.float32]]:
        inputs, labels, *weights = self._batches[index]
        own = self._label_weights[labels]
        return inputs, labels, own * weights[0] if weights else own
