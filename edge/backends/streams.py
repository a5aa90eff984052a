"""From a model that takes one picture to answers about a sample of several streams."""

from collections.abc import Mapping
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edge.backends.tflite import Tensor
from edge.types import Vector


class Runnable(Protocol):
    """A frame model that is ready to run, on whatever device."""

    inputs: dict[str, Tensor]
    outputs: dict[str, Tensor]

    def run(self, values: Mapping[str, NDArray[np.generic]]) -> dict[str, NDArray[np.float32]]:
        """Run once: one array for each input; a new array of real values for each output."""
        ...


def infer_streams(model: Runnable, streams: NDArray[np.uint8]) -> tuple[Vector, Vector]:
    """Run a frame model on uint8 (n_streams, height, width, 3) RGB, one stream after the other.

    Returns:
        features float32 (n_streams * n_features,) concatenated, probabilities float32 (n_labels,) averaged.

    Raises:
        ModelError: the runtime failed.
    """
    entry = next(iter(model.inputs))
    answers = [model.run({entry: streams[i : i + 1]}) for i in range(len(streams))]
    if len(answers) == 1:
        return answers[0]["features"][0], answers[0]["probabilities"][0]
    features = np.concatenate([answer["features"][0] for answer in answers])  # (n_streams * n_features,)
    total = np.add.reduce([answer["probabilities"][0] for answer in answers])
    return features, total / np.float32(len(answers))
