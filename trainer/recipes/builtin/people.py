"""The person head of the built-in recipe: poses of the clips, and of bodies that the package makes, to one network."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import keras

from trainer.clips.labels import FALL, NORMAL
from trainer.clips.manifest import Clip
from trainer.features.cache import Cache
from trainer.features.falling import sequences_of
from trainer.features.poses import PoseSequence, read_poses, watch_poses
from trainer.recipes.builtin.person import PersonSettings, fit_person
from trainer.recipes.builtin.watched import set_weights
from trainer.synth.bodies import virtual_sequences

RATE_HZ, LEAST_RATE_HZ = 10.0, 4.0
"""Of the looks that a box takes; the head learns from 3 to 30 a second."""
LOOKS_HZ: Final = 15.0
"""At which poses are kept; lower rates are thinned from them."""


@dataclass(frozen=True, slots=True)
class PoseCache:
    """Where poses are kept, and by how many processes they are made."""

    cache: Cache
    workers: int


def fit_people(
    clips: Sequence[Clip],
    networks: Sequence[Path],
    poses: PoseCache,
    seed: int,
    settings: PersonSettings,
) -> keras.Model:
    """Fit the person head.

    Args:
        clips: those that say whether somebody falls are learned from, and those of nothing at all.
        networks: that find bodies, in the precisions that boxes run.
        poses: where they are kept.
        seed: of all that is drawn.
        settings: how to fit.

    Returns:
        one step, see `fit_person`.

    Raises:
        DatasetError: a clip cannot be read.
    """
    known = [clip for clip in clips if FALL in clip.annotates or clip.label == NORMAL]
    weights = set_weights(known, 1.0)
    sequences: list[PoseSequence] = virtual_sequences(seed, settings.n_virtual)
    for network in networks:
        entries = watch_poses(known, network, poses.cache, rate_hz=LOOKS_HZ, workers=poses.workers)
        for clip, entry, weight in zip(known, entries, weights, strict=True):
            sequences += sequences_of(clip, read_poses(entry), clip.dataset, weight)
    return fit_person(sequences, seed, settings)
