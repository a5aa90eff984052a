"""The frame model on the processor."""

import numpy as np
from numpy.typing import NDArray

from edge.backends.tflite import Interpreter
from edge.types import Vector


class CpuBackend:
    """Runs the frame model once per stream, one after the other."""

    name = "cpu"

    def __init__(self, interpreter: Interpreter) -> None:
        self._interpreter = interpreter
        self._input = next(iter(interpreter.inputs))

    def infer(self, streams: NDArray[np.uint8]) -> tuple[Vector, Vector]:
        """Run the frame model on uint8 (n_streams, height, width, 3) RGB.

        Returns:
            features float32 (n_streams * n_features,) concatenated, probabilities float32 (n_labels,) averaged.

        Raises:
            ModelError: the runtime failed.
        """
        answers = [self._interpreter.run({self._input: streams[i : i + 1]}) for i in range(len(streams))]
        if len(answers) == 1:
            return answers[0]["features"][0], answers[0]["probabilities"][0]
        features = np.concatenate([answer["features"][0] for answer in answers])  # (n_streams * n_features,)
        total = np.add.reduce([answer["probabilities"][0] for answer in answers])
        return features, total / np.float32(len(answers))
