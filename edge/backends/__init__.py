"""Where the frame model runs. A backend answers one sample; it keeps no state between samples.

`choice` is the ordered choice between them, `probe` tries an accelerator where it can do no harm.
"""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edge.types import Vector


class Backend(Protocol):
    """Runs a bundle's frame model on one kind of device."""

    @property
    def name(self) -> str:
        """What is really in use, as published in the stats: `cpu`, `edgetpu`, `gpu`."""
        ...

    def infer(self, streams: NDArray[np.uint8]) -> tuple[Vector, Vector]:
        """Run the frame model once per stream.

        Args:
            streams: uint8 (n_streams, height, width, 3), RGB.

        Returns:
            features float32 (n_streams * n_features,) concatenated, probabilities float32 (n_labels,) averaged.
        """
        ...
