"""The person head of the built-in recipe: poses of the clips, and of bodies that the package makes, to one network.

A data set weighs by the root of its size: more clips of one kind of room say less than another room. In a set without
falls clips that show nothing at all weigh more than its fights: nobody alerts on a street by day.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Final

import keras

from edge.bundle import HeadName
from trainer.clips.labels import FALL, NORMAL
from trainer.clips.manifest import Clip
from trainer.features.cache import Cache
from trainer.features.falling import sequences_of
from trainer.features.poses import PoseSequence, read_poses, watch_poses
from trainer.recipes.builtin.person import PersonSettings, fit_person
from trainer.recipes.builtin.person_examples import Example, many_examples, turning
from trainer.recipes.builtin.shipped_head import Member
from trainer.synth.bodies import virtual_sequences

RATE_HZ, LEAST_RATE_HZ = 10.0, 4.0
"""Of the looks that a box takes; the head learns from 3 to 30 a second."""
LOOKS_HZ: Final = 10.0
"""At which poses are kept; lower rates are thinned from them, higher ones are learned from virtual bodies."""
CLIP_WEIGHT: Final = 20.0
"""Of a clip, over the root of how many its set has."""
CALM_WEIGHT: Final = 3.0
"""Of a clip that shows nothing, in a set without falls, beside one that shows something."""
VIRTUAL_WEIGHT: Final = 400.0
"""Of all virtual bodies of a member together: about a third of what the built-in bundle learns from."""


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
    *,
    start: Sequence[Member] = (),
) -> keras.Model:
    """Fit the person head.

    Args:
        clips: with falls or without.
        networks: that find bodies, in the precisions that boxes run.
        poses: where they are kept.
        seed: of all that is drawn.
        settings: how to fit.
        start: networks of an earlier head to go on from.

    Returns:
        one step, see `fit_person`.

    Raises:
        ConfigurationError: the cache cannot be written, or MuJoCo is not installed.
        DatasetError: a clip cannot be read.
    """
    sequences = real_sequences(clips, networks, poses)
    virtual = _virtual_examples(seed, settings.n_virtual, len(start) or settings.members)
    return fit_person(sequences, seed, settings, virtual=virtual, start=start)


def by_bodies_first(scene_onset: float, person_onset: float) -> dict[HeadName, float]:
    """Weights of both heads, so that one onset threshold holds for both."""
    return {"person": 1.0, "scene": min(1.0, person_onset / scene_onset)}


@lru_cache(maxsize=1)
def _virtual_examples(seed: int, n: int, members: int) -> list[list[Example]]:
    """Of each member's own bodies, as they were seen by many kinds of boxes already. Made once for the folds of a
    protocol: simulating them takes as long as to fit.
    """
    bodies = virtual_sequences(seed, n)
    found: list[list[Example]] = []
    for number in range(members):
        own = bodies[n * number // members : n * (number + 1) // members]
        weighted = [replace(one, weight=VIRTUAL_WEIGHT / len(own)) for one in own]
        found.append(many_examples([*weighted, *turning(weighted, seed)], seed, 0))
    return found


def real_sequences(clips: Sequence[Clip], networks: Sequence[Path], poses: PoseCache) -> list[PoseSequence]:
    """What the bodies in clips do, once for each network.

    Raises:
        ConfigurationError: the cache cannot be written.
        DatasetError: a clip cannot be read.
    """
    weights = clip_weights(clips)
    found: list[PoseSequence] = []
    for network in networks:
        entries = watch_poses(clips, network, poses.cache, rate_hz=LOOKS_HZ, workers=poses.workers)
        for clip, entry, weight in zip(clips, entries, weights, strict=True):
            kind = f"{clip.dataset} {clip.label}"
            found += sequences_of(clip, read_poses(entry), kind, weight / len(networks))
    return found


def clip_weights(clips: Sequence[Clip]) -> list[float]:
    """Weight of each clip."""
    sizes = Counter(clip.dataset for clip in clips)
    with_falls = {clip.dataset for clip in clips if clip.label == FALL}
    return [
        CLIP_WEIGHT
        / sizes[clip.dataset] ** 0.5
        * (CALM_WEIGHT if clip.label == NORMAL and clip.dataset not in with_falls else 1)
        for clip in clips
    ]
