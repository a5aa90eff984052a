"""On which backend a network runs: the first of an ordered list that works, the next when it fails later."""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from edge.errors import ModelError
from edge.inference.streams import Runnable

CPU: Final = "cpu"
"""Works everywhere, so that it is the last to be tried."""

Opener = Callable[[], Runnable]
"""Opens a network on one backend. Raises ModelError where it does not work."""


@dataclass(frozen=True, slots=True)
class Backend:
    """Where a network may run."""

    name: str
    """As published in the stats: `cpu`, `edgetpu`, `gpu`."""
    open: Opener


class Network:
    """One network of a bundle, on the first of its backends that works. What one could not answer is asked of the next,
    which stays in use.

    Each is opened only when it is needed.
    """

    def __init__(self, backends: Sequence[Backend], report: Callable[[str], object]) -> None:
        """Open it on the first that works.

        Args:
            backends: in their order.
            report: takes a line about each that does not work.

        Raises:
            ModelError: of the last one.
        """
        self._wanted = [backend.name for backend in backends]
        self._waiting = deque(backends)
        self._report = report
        self._refused: dict[str, str] = {}
        self._backend, self._model = self._open_next()

    @property
    def backend(self) -> str:
        """The name of the one that is really in use."""
        return self._backend

    def run(self, pictures: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
        """Run the network once, on its one input.

        Args:
            pictures: uint8 (n_batch, height, width, 3) RGB, as many at once as the network takes.

        Returns:
            a new array of real values for each output.

        Raises:
            ModelError: the last backend failed.
        """
        while True:
            entry = next(iter(self._model.inputs))
            try:
                return self._model.run({entry: pictures})
            except ModelError as error:
                if not self._waiting:
                    raise
                self._refuse(self._backend, error)
            self._backend, self._model = self._open_next()

    def fields(self) -> dict[str, Any]:
        """Return what stands in the stats: what is in use, what was wanted, and why some of that is not in use."""
        return {"in_use": self._backend, "wanted": self._wanted, "refused": self._refused.copy()}

    def _open_next(self) -> tuple[str, Runnable]:
        while True:
            backend = self._waiting.popleft()
            try:
                return backend.name, backend.open()
            except ModelError as error:
                if not self._waiting:
                    raise
                self._refuse(backend.name, error)

    def _refuse(self, name: str, error: ModelError) -> None:
        self._refused[name] = str(error)
        self._report(f"backend {name}: {error}; goes on with {self._waiting[0].name}")


def open_network(openers: Mapping[str, Opener], backends: Sequence[str], report: Callable[[str], object]) -> Network:
    """Open a network on the first backend that works.

    Args:
        openers: how each opens it, by its name.
        backends: those to try, in this order; the processor is the last in any case.
        report: takes a line about each that does not work.

    Raises:
        ModelError: not even the processor takes it.
    """
    wanted = [*(name for name in backends if name != CPU), CPU]
    return Network([Backend(name, openers[name]) for name in wanted], report)
