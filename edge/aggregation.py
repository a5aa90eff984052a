"""From single inferences to scores of a window. State goes in and comes out as an argument."""

from typing import Protocol, TypeVar

from edge.types import Inference, Scores

State = TypeVar("State")


class Aggregator(Protocol[State]):
    """Combines inferences over time; the same object serves many cameras, each with its own state."""

    def initial_state(self) -> State: ...

    def step(self, inference: Inference, state: State) -> tuple[Scores, State]: ...
