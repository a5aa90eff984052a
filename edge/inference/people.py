"""What of a bundle sees people: the network that finds bodies, and the head that follows each."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.errors import ModelError
from edge.frames.looks import Look
from edge.inference.choice import Network
from edge.inference.tflite import Interpreter
from edge.people.decoding import decode
from edge.types import Person

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class PeopleModel:
    """A bundle's people network and person head, ready to run; shared by all cameras."""

    network: Network
    head: Interpreter
    n_state: int

    def find(self, look: Look) -> list[Person]:
        """Find the people of one look, the surest first; at most six.

        Raises:
            ModelError: the network failed.
        """
        return decode(self.network.run(look.picture[np.newaxis]), look.place)

    def step(self, features: Floats, memory: Floats) -> tuple[Floats, Floats]:
        """Take one step of all tracks: float32 (6, n_features), (6, n_state) -> (6, 3), (6, n_state).

        Raises:
            ModelError: the head failed, or gives what are no numbers.
        """
        answer = self.head.run({"features": features, "state": memory})
        if not all(np.isfinite(values).all() for values in answer.values()):
            raise ModelError("the person head gives scores that are no numbers; convert the model again")
        return answer["probabilities"], answer["next_state"]
