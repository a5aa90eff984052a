"""From single inferences to scores of a window. State goes in and comes out as an argument."""

from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from edge.inference.tflite import Interpreter
from edge.types import NS_PER_S, Inference, Scores, Vector

State = TypeVar("State")


class Aggregator(Protocol[State]):
    """Combines inferences over time; the same object serves many cameras, each with its own state."""

    def initial_state(self) -> State: ...

    def step(self, inference: Inference, state: State) -> tuple[Scores, State]: ...


@dataclass(frozen=True, slots=True)
class WindowState:
    """The inferences of the window until now."""

    times_ns: tuple[int, ...]
    probabilities: tuple[Vector, ...]  # as many, (n_labels,) each


class MeanAggregator:
    """The papers' simple approach: the mean of the probability vectors over a window.

    At the start, and after a gap longer than the window, it is the mean of what there is.
    """

    def __init__(self, window_s: float) -> None:
        self._window_ns = round(window_s * NS_PER_S)

    def initial_state(self) -> WindowState:
        return WindowState((), ())

    def step(self, inference: Inference, state: WindowState) -> tuple[Scores, WindowState]:
        """Take one more inference; those a window or more older than it fall out."""
        oldest_ns = inference.capture_ns - self._window_ns
        first = next((i for i, time_ns in enumerate(state.times_ns) if time_ns > oldest_ns), len(state.times_ns))
        times_ns = (*state.times_ns[first:], inference.capture_ns)
        probabilities = (*state.probabilities[first:], inference.probabilities)
        mean = np.asarray(np.mean(probabilities, axis=0), np.float32)
        return Scores(mean, times_ns[0], times_ns[-1]), WindowState(times_ns, probabilities)


@dataclass(frozen=True, slots=True)
class RecurrentState:
    """The head's state and the stretch of time that went into it."""

    state: NDArray[np.float32]  # (1, n_state)
    start_ns: int | None = None
    end_ns: int = 0


class RecurrentAggregator:
    """One step of a recurrent head (GRU): its cost does not grow with the history.

    The state begins at zero, and again after a gap longer than the window.
    """

    def __init__(self, head: Interpreter, n_state: int, window_s: float) -> None:
        self._head = head
        self._n_state = n_state
        self._window_ns = round(window_s * NS_PER_S)

    def initial_state(self) -> RecurrentState:
        return RecurrentState(np.zeros((1, self._n_state), np.float32))

    def step(self, inference: Inference, state: RecurrentState) -> tuple[Scores, RecurrentState]:
        """Feed features and state to the head.

        Raises:
            ModelError: the runtime failed.
        """
        now_ns = inference.capture_ns
        if state.start_ns is None or now_ns - state.end_ns > self._window_ns:
            state = RecurrentState(self.initial_state().state, now_ns, now_ns)
        answer = self._head.run({"features": inference.features[np.newaxis], "state": state.state})
        start_ns = now_ns if state.start_ns is None else state.start_ns
        scores = Scores(answer["probabilities"][0], max(start_ns, now_ns - self._window_ns), now_ns)
        return scores, RecurrentState(answer["next_state"], start_ns, now_ns)
