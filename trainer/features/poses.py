"""Bodies over time, as the person head learns from them: real clips' and virtual ones alike."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.types import Person

NEITHER, FALLING, LYING = range(3)
"""What a body does at a look, in the order of the person head's probabilities."""
UNKNOWN = -1


@dataclass(frozen=True, slots=True)
class PoseSequence:
    """What the pose network sees at the looks of one clip, and what one of the bodies in it does."""

    times_s: NDArray[np.float64]  # (n,), rising
    people: tuple[tuple[Person, ...], ...]
    """Of each look, at most six. The body of interest comes first where its target is known; a look at which the
    network loses it has the others only, and `UNKNOWN`, or nobody at all."""
    aspect: float
    """Width of the picture over its height."""
    targets: NDArray[np.int8]  # (n,): what the body of interest does, or UNKNOWN
    kind: str
    """Of what happens: `fall`, `sits down`, `walks`, ...; for counting and for weights."""
    group: str
    """Sequences of one group show the same person, scene or motion, and stay on one side of every split."""
    weight: float = 1.0
    """Of the whole sequence, whatever its length, against others."""
