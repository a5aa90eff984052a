"""The frame model on the processor."""

import numpy as np
from numpy.typing import NDArray

from edge.backends.streams import infer_streams
from edge.backends.tflite import Interpreter
from edge.types import Vector


class CpuBackend:
    """Runs the frame model once per stream, one after the other."""

    name = "cpu"

    def __init__(self, interpreter: Interpreter) -> None:
        self._interpreter = interpreter

    def infer(self, streams: NDArray[np.uint8]) -> tuple[Vector, Vector]:
        """Run the frame model on uint8 (n_streams, height, width, 3) RGB.

        Returns:
            features float32 (n_streams * n_features,) concatenated, probabilities float32 (n_labels,) averaged.

        Raises:
            ModelError: the runtime failed.
        """
        return infer_streams(self._interpreter, streams)
