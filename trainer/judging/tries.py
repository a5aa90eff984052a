"""What the box's machine of falls does under many settings, all of which are asked at each look of one watching.

Replays of kept scores, as for other labels, cannot tell it: when a fall begins depends on the bodies, where they lie,
what the place looks like, and on whether somebody lies there already.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from edge.bundle import AlertSpec
from edge.events.alerts import Subject
from edge.events.falls import FallMachine, FallRules, FallState
from edge.frames.glance import Glance
from edge.types import Body, Event


@dataclass(frozen=True, slots=True)
class TriedState(FallState):
    """The bundle's own state, and that of each setting."""

    tried: tuple[FallState, ...] = ()

    @property
    def must_look(self) -> bool:
        """Whether any setting must, so that none misses a look: what nothing asks for the gate leaves out."""
        return self.is_on or any(one.must_look for one in self.tried)


class TryingMachine(FallMachine):
    """The alert of falls under the bundle's own setting, with others beside it."""

    def __init__(
        self,
        label: str,
        spec: AlertSpec,
        subject: Subject,
        rules: FallRules,
        max_gap_s: float,
        *,
        tries: Sequence[AlertSpec],
    ) -> None:
        """Prepare; `tries` are the other settings, the rest is as a `FallMachine` takes it."""
        super().__init__(label, spec, subject, rules, max_gap_s)
        self._machines = [FallMachine(label, one, subject, rules, max_gap_s) for one in tries]
        self.started_s: list[list[float]] = [[] for _ in tries]
        """Of each setting, where in the recording it has begun a fall."""

    def initial_state(self, *, was_down: bool = False) -> TriedState:
        """Begin, all alike."""
        own = super().initial_state(was_down=was_down)
        return TriedState(floor=own.floor, tried=(own,) * len(self._machines))

    def step(
        self, bodies: Sequence[Body] | None, scene_score: float | None, seen: Glance, state: FallState, *, aspect: float
    ) -> tuple[tuple[Event, ...], FallState]:
        """Take a moment; return what there is to say of it under the bundle's own setting."""
        assert isinstance(state, TriedState)
        after: list[FallState] = []
        for machine, one, started_s in zip(self._machines, state.tried, self.started_s, strict=True):
            told, own = machine.step(bodies, scene_score, seen, one, aspect=aspect)
            started_s += [event.position_s or 0.0 for event in told if event.type == "started"]
            after.append(own)
        return super().step(bodies, scene_score, seen, replace(state, tried=tuple(after)), aspect=aspect)
