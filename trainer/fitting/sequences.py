"""From clips and their cached features to what Keras learns from: labelled frames, and padded, masked sequences."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from trainer.clips.labels import NORMAL
from trainer.clips.manifest import Clip
from trainer.features.features import Features

PAPER_RATE_HZ = 30
"""Of paper 000's clips, by which its numbers of frames become seconds."""
MAX_CLIP_S = 220 / PAPER_RATE_HZ
TRIM_S = 10 / PAPER_RATE_HZ


def paper_samples(times_s: NDArray[np.float64], trim_s: float, max_clip_s: float) -> NDArray[np.bool_]:
    """Paper 000's choice of a clip's samples, in seconds: its first part only, both ends of that trimmed.

    A clip that is too short to be trimmed keeps all of its samples.
    """
    inside = times_s < max_clip_s
    end_s = times_s[inside][-1] if inside.any() else 0.0
    trimmed = inside & (times_s >= trim_s) & (times_s <= end_s - trim_s)
    return trimmed if trimmed.any() else inside


def step_labels(clip: Clip, times_s: NDArray[np.float64], labels: Sequence[str]) -> NDArray[np.int64]:
    """Index of the one label of each sample, (n_samples,): the first in the labels' order that holds, bar `normal`.

    Where none holds and the model has no `normal`, it is the clip's.
    """
    index = {label: number for number, label in enumerate(labels)}
    found = (sorted(clip.labels_at(time_s), key=lambda label: (label == NORMAL, label)) for time_s in times_s)
    return np.asarray([index[names[0] if names[0] in index else clip.label] for names in found], np.int64)


@dataclass(frozen=True, slots=True)
class LabelledSequence:
    """A clip as a recurrent head sees it."""

    features: NDArray[np.float32]  # (n_steps, n_streams * n_features)
    labels: NDArray[np.int64]  # (n_steps,)


def sequence(
    clip: Clip, features: Features, labels: Sequence[str], trim_s: float, max_clip_s: float
) -> LabelledSequence:
    """The chosen samples of a clip in order, streams concatenated."""
    kept = paper_samples(features.times_s, trim_s, max_clip_s)
    values = features.values[kept]
    return LabelledSequence(values.reshape(len(values), -1), step_labels(clip, features.times_s[kept], labels))


class Batches(keras.utils.PyDataset):
    """Batches in an order that depends on seed and epoch alone, so a resumed run repeats it; None keeps the order."""

    def __init__(self, n_items: int, batch_size: int, seed: int | None, epoch: int = 0) -> None:
        super().__init__()
        self._n_items = n_items
        self._batch_size = batch_size
        self._seed = seed
        self.begin_epoch(epoch)

    @property
    def num_batches(self) -> int:
        return -(-self._n_items // self._batch_size)

    def on_epoch_end(self) -> None:
        self.begin_epoch(self._epoch + 1)

    def begin_epoch(self, epoch: int) -> None:
        """Shuffle for an epoch, counted from 0."""
        self._epoch = epoch
        in_order = np.arange(self._n_items)
        self._order = (
            in_order if self._seed is None else np.random.default_rng((self._seed, epoch)).permutation(in_order)
        )

    def chosen(self, index: int) -> NDArray[np.int64]:
        """The items of a batch."""
        return self._order[index * self._batch_size : (index + 1) * self._batch_size]


class FrameBatches(Batches):
    """Single frames: features (n, n_features), labels (n,)."""

    def __init__(
        self, features: NDArray[np.floating[Any]], labels: NDArray[np.int64], batch_size: int, seed: int | None
    ) -> None:
        super().__init__(len(labels), batch_size, seed)
        self._features = features
        self._labels = labels

    def __getitem__(self, index: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        rows = self.chosen(index)
        return self._features[rows].astype(np.float32), self._labels[rows]


class SequenceBatches(Batches):
    """Whole sequences, padded to one length; padding has weight 0 and is masked."""

    def __init__(self, sequences: Sequence[LabelledSequence], length: int, batch_size: int, seed: int | None) -> None:
        super().__init__(len(sequences), batch_size, seed)
        self._sequences = sequences
        self._length = length

    def __getitem__(self, index: int) -> tuple[dict[str, Any], NDArray[np.int64], NDArray[np.float32]]:
        return pad([self._sequences[row] for row in self.chosen(index)], self._length)


def pad(
    sequences: Sequence[LabelledSequence], length: int
) -> tuple[dict[str, Any], NDArray[np.int64], NDArray[np.float32]]:
    """Pad sequences at their end: ({features (n, length, f), mask (n, length)}, labels (n, length), weights)."""
    features = np.zeros((len(sequences), length, sequences[0].features.shape[1]), np.float32)
    labels = np.zeros((len(sequences), length), np.int64)
    mask = np.zeros((len(sequences), length), np.bool_)
    for row, item in enumerate(sequences):
        steps = min(length, len(item.labels))
        features[row, :steps] = item.features[:steps]
        labels[row, :steps] = item.labels[:steps]
        mask[row, :steps] = True
    return {"features": features, "mask": mask}, labels, mask.astype(np.float32)
