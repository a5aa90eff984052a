"""From the people of one look to bodies: tracks, and what the person head says of each. State goes in and comes out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from edge.bundle import STATES
from edge.people import tracking
from edge.people.body import Floats
from edge.people.decoding import MOST_PEOPLE
from edge.people.features import N_TRACK_FEATURES, track_features
from edge.people.tracking import Tracks
from edge.types import Body, Person

FALLING, LYING = STATES.index("falling"), STATES.index("lying")
"""Columns of the head's probabilities."""

HeadStep = Callable[[Floats, Floats], tuple[Floats, Floats]]
"""One step of the person head: features (6, n_features), memory (6, n_state) -> probabilities (6, 3), memory."""


@dataclass(frozen=True, slots=True)
class Followed:
    """The bodies of one camera until now; rows of arrays are the tracks' slots."""

    memory: Floats  # (6, n_state)
    tracks: Tracks = field(default_factory=Tracks)
    said: Floats = field(default_factory=lambda: np.zeros((MOST_PEOPLE, len(STATES)), np.float32))
    """What the head said last, (6, 3)."""


def begin(n_state: int) -> Followed:
    """Nobody has been seen."""
    return Followed(np.zeros((MOST_PEOPLE, n_state), np.float32))


def begin_anew(state: Followed) -> Followed:
    """Forget all bodies: the picture jumped."""
    return replace(state, tracks=tracking.begin_anew(state.tracks))


def follow(
    state: Followed, people: Sequence[Person], now_ns: int, aspect: float, head: HeadStep
) -> tuple[tuple[Body, ...], Followed]:
    """Look once more.

    Args:
        state: as the last look left it.
        people: of this picture, outside of masks.
        now_ns: capture time of the picture.
        aspect: width of the picture over its height.
        head: of the bundle.

    Returns:
        all tracks, those too that were looked for in vain, with what the head last said of them; and the state.
    """
    tracks = tracking.step(state.tracks, people, now_ns, aspect)
    seen = [track for track in tracks.tracks if track.last_ns == now_ns]
    memory, said = state.memory, state.said
    if seen:
        slots = [track.slot for track in seen]
        features = np.zeros((MOST_PEOPLE, N_TRACK_FEATURES), np.float32)
        features[slots] = track_features(seen, aspect)
        memory, said = memory.copy(), said.copy()
        memory[[track.slot for track in seen if track.first_ns == now_ns]] = 0
        probabilities, after = head(features, memory)
        memory[slots], said[slots] = after[slots], probabilities[slots]
    bodies = tuple(
        Body(track, float(said[track.slot, FALLING]), float(said[track.slot, LYING])) for track in tracks.tracks
    )
    return bodies, Followed(memory, tracks, said)
