"""What a conversion is to keep: outputs of a network, as those see them who use them."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Outputs = Mapping[str, Floats]
"""By the signature's names."""


@dataclass(frozen=True, slots=True)
class Judge:
    """Judges an answer by the power of its error over the power of the exact one, summed over outputs."""

    outputs: tuple[str, ...]
    """By the signature's names."""
    seen: Callable[[Outputs, Outputs], Outputs]
    """From an answer and the exact one to what counts of it; both of one picture, and of some of the outputs."""
    logits: frozenset[str] = frozenset()
    """Outputs of which a sigmoid is taken."""
    n_pictures: int = 32
    """So many judge a range."""

    def powers(self, exact: Iterable[Outputs]) -> dict[str, float]:
        """Of each output over these pictures."""
        seen = [self.seen(answer, answer) for answer in exact]
        return {name: sum(_power(each[name]) for each in seen) for name in self.outputs}

    def error(self, answer: Outputs, exact: Outputs, powers: Mapping[str, float]) -> float:
        """How far one picture's answer, which may lack some outputs, is from the exact one."""
        found, wanted = self.seen(answer, exact), self.seen(exact, exact)
        return sum(_power(found[name] - wanted[name]) / powers[name] for name in found)


def _power(values: Floats) -> float:
    return float(np.square(values).sum())


FEATURES = Judge(("features",), lambda answer, _: answer)
"""Of a frame model. With 16 pictures the logits of a readout are off by a tenth more."""
