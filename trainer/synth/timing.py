"""Motion over time: its steps, smooth starts and stops, smoothing and smooth noise."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

STEPS_HZ = 60
"""Rate at which motion is computed; films sample it at their own."""


def minimum_jerk(x: Array) -> Array:
    """From 0 to 1 as hands and bodies move: the smoothest start and stop."""
    x = np.minimum(np.maximum(x, 0), 1)
    return x * x * x * (10 + x * (6 * x - 15))


def smooth(values: Array, seconds: float) -> Array:
    """Gaussian smoothing of the first axis, ends held; `seconds` is the standard deviation."""
    sigma = seconds * STEPS_HZ
    half = int(3 * sigma) + 1
    kernel = np.exp(-0.5 * (np.arange(-half, half + 1) / sigma) ** 2)
    kernel /= kernel.sum()
    flat = values.reshape(len(values), -1)
    padded = np.pad(flat, ((half, half), (0, 0)), mode="edge")
    columns = [np.convolve(padded[:, i], kernel, mode="valid") for i in range(flat.shape[1])]
    return np.asarray(np.stack(columns, axis=-1), dtype=float).reshape(values.shape)


def wobble(rng: np.random.Generator, shape: tuple[int, ...], seconds: float) -> Array:
    """Smooth noise of unit variance whose features last about `seconds`: (n_steps, ...)."""
    noise = smooth(rng.standard_normal(shape), seconds)
    return noise / max(noise.std(), 1e-6)
