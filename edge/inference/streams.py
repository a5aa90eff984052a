"""What every backend makes of a file, and one sample of several streams through a network that takes one picture."""

from collections.abc import Callable, Mapping
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edge.inference.tflite import Tensor
from edge.types import Vector


class Runnable(Protocol):
    """A network that is ready to run, on whatever device."""

    inputs: dict[str, Tensor]
    outputs: dict[str, Tensor]

    def run(self, values: Mapping[str, NDArray[np.generic]]) -> dict[str, NDArray[np.float32]]:
        """Run once: one array for each input; a new array of real values for each output."""
        ...


def infer_streams(
    run: Callable[[NDArray[np.uint8]], Mapping[str, NDArray[np.float32]]], streams: NDArray[np.uint8]
) -> tuple[Vector, Vector]:
    """Run a frame model on a sample, one stream after the other.

    Args:
        run: of the network: takes uint8 (1, height, width, 3) RGB, gives its outputs.
        streams: uint8 (n_streams, height, width, 3) RGB.

    Returns:
        features float32 (n_streams * n_features,) concatenated, probabilities float32 (n_labels,) averaged.

    Raises:
        ModelError: the network failed.
    """
    answers = [run(streams[i : i + 1]) for i in range(len(streams))]
    if len(answers) == 1:
        return answers[0]["features"][0], answers[0]["probabilities"][0]
    features = np.concatenate([answer["features"][0] for answer in answers])  # (n_streams * n_features,)
    total = np.add.reduce([answer["probabilities"][0] for answer in answers])
    return features, total / np.float32(len(answers))
