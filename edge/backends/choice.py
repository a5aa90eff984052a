"""Which backend runs the frame model: the first of an ordered list that works, the next when it fails later."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.backends import Backend
from edge.errors import ModelError
from edge.types import Vector


@dataclass(frozen=True, slots=True)
class Candidate:
    """A backend that may be used."""

    name: str
    open: Callable[[], Backend]
    """Raises ModelError where it does not work."""


class FallbackBackend:
    """Runs on the first candidate that works. What one could not answer is asked of the next, which stays in use.

    Each is opened when it is needed: the models of two are not in memory at once.
    """

    def __init__(self, candidates: Sequence[Candidate], report: Callable[[str], object]) -> None:
        """Open the first that works.

        Args:
            candidates: in their order.
            report: takes a line about each that does not work.

        Raises:
            ModelError: of the last one.
        """
        self._wanted = [candidate.name for candidate in candidates]
        self._waiting = deque(candidates)
        self._report = report
        self._refused: dict[str, str] = {}
        self._backend = self._next()

    @property
    def name(self) -> str:
        """What is really in use."""
        return self._backend.name

    def infer(self, streams: NDArray[np.uint8]) -> tuple[Vector, Vector]:
        """Run the frame model on uint8 (n_streams, height, width, 3) RGB; as `CpuBackend.infer`.

        Raises:
            ModelError: the last candidate failed.
        """
        while True:
            try:
                return self._backend.infer(streams)
            except ModelError as error:
                if not self._waiting:
                    raise
                self._refuse(self._backend.name, error)
            self._backend = self._next()

    def fields(self) -> dict[str, Any]:
        """Return what stands in the stats: what was wanted, and why some of it is not in use."""
        return {"wanted": self._wanted, "refused": self._refused.copy()}

    def _next(self) -> Backend:
        while True:
            candidate = self._waiting.popleft()
            try:
                return candidate.open()
            except ModelError as error:
                if not self._waiting:
                    raise
                self._refuse(candidate.name, error)

    def _refuse(self, name: str, error: ModelError) -> None:
        self._refused[name] = str(error)
        self._report(f"backend {name}: {error}; goes on with {self._waiting[0].name}")
