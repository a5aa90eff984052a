"""What is learned of violence: one row for every stretch of a clip."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from trainer.clips.labels import VIOLENCE
from trainer.recipes.builtin.memory import signed_root
from trainer.recipes.builtin.readout import Examples, fit_readouts
from trainer.recipes.builtin.watched import SCALES, Watched

LONGEST_S = 3.0
"""Of what one row is a mean of."""
MIN_STRETCH_S = 0.5
"""Stretches of one label that are shorter say nothing."""


def violence_examples(item: Watched, weight: float) -> Examples:
    """Rows of a clip: signed root of the mean features of every stretch of one label, in pieces of 3 s at most.

    Clips whose times are not annotated are one stretch.
    """
    rows: list[NDArray[np.float32]] = []
    truth: list[bool] = []
    phases = [phase for features in (item.features, *item.resized) for phase in item.phases(features)]
    for times_s, values in phases:
        holds = np.asarray([VIOLENCE in item.clip.labels_at(time_s) for time_s in times_s])
        for piece in pieces(times_s, holds, LONGEST_S):
            rows.append(signed_root(values[piece].mean(axis=0).reshape(-1)))
            truth.append(bool(holds[piece][0]))
    return Examples(np.stack(rows), np.asarray(truth), np.full(len(rows), weight / len(rows)))


def pieces(times_s: NDArray[np.float64], holds: NDArray[np.bool_], longest_s: float) -> list[NDArray[np.int64]]:
    """Indices of stretches of one truth value, cut into nearly equal pieces of about `longest_s` at most.

    Short stretches are left out, but never all of them.
    """
    stretches = np.split(np.arange(len(holds)), np.flatnonzero(np.diff(holds.astype(int))) + 1)
    lengths_s = [float(times_s[stretch[-1]] - times_s[stretch[0]]) for stretch in stretches]
    kept = [number for number, length_s in enumerate(lengths_s) if length_s >= MIN_STRETCH_S]
    found: list[NDArray[np.int64]] = []
    for number in kept or [int(np.argmax(lengths_s))]:
        n_pieces = max(1, round(lengths_s[number] / longest_s))
        found += np.array_split(stretches[number], min(n_pieces, len(stretches[number])))
    return found


def held_out_logits(
    parts: Sequence[Examples], folds: NDArray[np.int64], strengths: Sequence[float], always: Sequence[Examples] = ()
) -> NDArray[np.float64]:
    """Mean logits (n_strengths, n_clips) of each clip's rows by readouts fitted without the clip's fold, and with what
    is always learned from.

    Of a clip with violence only its violent rows count; of all clips only those at the pictures' own size, which come
    first.
    """
    logits = np.zeros((len(strengths), len(parts)))
    for fold in np.unique(folds):
        learned_from = Examples.join([*(parts[index] for index in np.flatnonzero(folds != fold).tolist()), *always])
        readouts = fit_readouts(learned_from, strengths)
        for index in np.flatnonzero(folds == fold).tolist():
            own = parts[index].rows[: -(-len(parts[index].rows) // (1 + len(SCALES)))]
            truth = parts[index].truth[: len(own)]
            rows = own[truth] if truth.any() else own
            logits[:, index] = [readout.logits(rows).mean() for readout in readouts]
    return logits
