"""Sequences that are read from the feature cache when a batch wants them: memory does not grow with the clips."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trainer.clips.manifest import Clip
from trainer.features.cache import read_entry
from trainer.fitting.sequences import Batches, step_labels


@dataclass(frozen=True, slots=True)
class Stretch:
    """Successive samples of a clip, with the one label that they are learned by."""

    entry: Path
    start: int
    stop: int
    label: int


def whole_clips(clips: Sequence[Clip], entries: Sequence[Path], labels: Sequence[str], n_steps: int) -> list[Stretch]:
    """One stretch a clip, of all chosen samples."""
    return [Stretch(entry, 0, n_steps, labels.index(clip.label)) for clip, entry in zip(clips, entries, strict=True)]


def windows(clips: Sequence[Clip], entries: Sequence[Path], labels: Sequence[str], n_steps: int) -> list[Stretch]:
    """Windows of `n_steps` samples, each half over the one before, with the label that holds at their ends."""
    found: list[Stretch] = []
    for clip, entry in zip(clips, entries, strict=True):
        arrays = read_entry(entry)
        assert arrays is not None, entry
        times_s = np.asarray(arrays["times_s"], np.float64)
        of_steps = step_labels(clip, times_s, labels)
        for start in range(0, max(1, len(times_s) - n_steps + 1), max(1, n_steps // 2)):
            stop = min(start + n_steps, len(times_s))
            found.append(Stretch(entry, start, stop, int(of_steps[stop - 1])))
    return found


def read_steps(stretch: Stretch, n_steps: int, *, masked: bool) -> NDArray[np.float32]:
    """Features (n_steps, n_streams * n_features) of a stretch.

    What is missing of `n_steps` is zeros at the end, to be masked, or else the oldest sample, as the box has it.
    """
    arrays = read_entry(stretch.entry)
    assert arrays is not None, stretch.entry
    rows = arrays["features"][stretch.start : stretch.stop]
    rows = rows.reshape(len(rows), -1).astype(np.float32)[:n_steps]
    n_missing = n_steps - len(rows)
    if not n_missing:
        return rows
    if masked:
        return np.concatenate([rows, np.zeros((n_missing, rows.shape[1]), np.float32)])
    return np.concatenate([np.repeat(rows[:1], n_missing, axis=0), rows])


class StretchBatches(Batches):
    """Stretches: steps (n, n_steps, n_features), labels (n,)."""

    def __init__(
        self, stretches: Sequence[Stretch], n_steps: int, batch_size: int, seed: int | None, *, masked: bool
    ) -> None:
        super().__init__(len(stretches), batch_size, seed)
        self._stretches = stretches
        self._n_steps = n_steps
        self._masked = masked

    def __getitem__(self, index: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        chosen = [self._stretches[row] for row in self.chosen(index)]
        steps = np.stack([read_steps(stretch, self._n_steps, masked=self._masked) for stretch in chosen])
        return steps, np.asarray([stretch.label for stretch in chosen], np.int64)
