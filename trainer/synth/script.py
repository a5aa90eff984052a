"""A clip before it is filmed: a room, people in it, and when something happens that alerts."""

from dataclasses import dataclass, field

import numpy as np

from trainer.clips.manifest import Segment
from trainer.synth.body import Array, Skeleton
from trainer.synth.clothes import Look
from trainer.synth.room import Room


@dataclass(frozen=True, slots=True)
class Actor:
    """One person in a scene, present between two times."""

    skeleton: Skeleton
    look: Look
    enter_s: float = 0.0
    leave_s: float = float("inf")


@dataclass(slots=True)
class Script:
    """What happens, and where to look."""

    room: Room
    seconds: float
    actors: list[Actor] = field(default_factory=list)
    segments: list[Segment] = field(default_factory=list)
    target: Array = field(default_factory=lambda: np.zeros(2))
    """Where on the floor the camera looks."""
    radius_m: float = 1.5
    """How far around the target things happen."""
