"""Weights that make up for quantized inputs: ridge regression of a layer's exact outputs on what it really gets.

Closed form, layer by layer, as in the first step of AdaQuant (Hubara et al., "Accurate Post Training Quantization With
Small Calibration Sets", 2021), whose gradient steps it replaces. The ridge pulls towards the trained weights, the
stronger the fewer rows there are for each weight: pixels of one picture resemble each other.

A layer is seen as a batch of independent regressions: a convolution is one with all its outputs, a depthwise one has a
regression for each channel.
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from converters.constants import Floats

STRENGTH = 0.3
"""Of the ridge, of the mean power of the inputs, where there are plenty of rows."""
STRENGTH_PER_SHARE = 16.0
"""And for each weight a row."""
ROWS_PER_PICTURE = 1024
VALID = 1
"""TFLite's number of that padding; the other is SAME."""

Doubles = NDArray[np.float64]


def refit(
    weights: Floats,
    inputs: Iterable[Floats],
    outputs: Iterable[Floats],
    *,
    strides: tuple[int, int],
    padding: int,
    depthwise: bool,
) -> Floats:
    """New weights, of the shape of the old.

    Args:
        weights: (n_outputs, height, width, n_inputs), or (1, height, width, n_channels) where depthwise.
        inputs: of each picture, (1, height, width, n_inputs), as the layer gets them.
        outputs: of each picture, (1, height, width, n_outputs), as they should be; their means do not matter.
        strides: of rows and columns.
        padding: TFLite's number.
        depthwise: whether each channel has its own filter.
    """
    old = _columns(weights, depthwise=depthwise)  # (n_batch, n_taps, n_outputs)
    chance = np.random.default_rng(0)
    power, product, n_rows = np.zeros((len(old), old.shape[1], old.shape[1])), np.zeros(old.shape), 0
    mean_x, mean_y = np.zeros((len(old), 1, old.shape[1])), np.zeros((len(old), 1, old.shape[2]))
    for values, wanted in zip(inputs, outputs, strict=True):
        n_pixels = wanted.shape[1] * wanted.shape[2]
        chosen = chance.permutation(n_pixels)[:ROWS_PER_PICTURE]
        x = _rows(values[0], weights.shape[1:3], strides, padding, chosen, depthwise=depthwise)
        y = _targets(wanted[0].reshape(n_pixels, -1)[chosen], depthwise=depthwise)
        power += x.transpose(0, 2, 1) @ x
        product += x.transpose(0, 2, 1) @ y
        mean_x += x.sum(1, keepdims=True)
        mean_y += y.sum(1, keepdims=True)
        n_rows += len(chosen)
    mean_x, mean_y = mean_x / n_rows, mean_y / n_rows
    power = power / n_rows - mean_x.transpose(0, 2, 1) @ mean_x
    product = product / n_rows - mean_x.transpose(0, 2, 1) @ mean_y
    new = _solve(power, product, old, n_rows)
    return _uncolumns(new, weights.shape, depthwise=depthwise)


def _solve(power: Doubles, product: Doubles, old: Doubles, n_rows: int) -> Doubles:
    n_taps = old.shape[1]
    strength = STRENGTH + STRENGTH_PER_SHARE * n_taps / n_rows
    ridge = strength * np.trace(power, axis1=1, axis2=2)[:, None, None] / n_taps + 1e-9
    return np.linalg.solve(power + ridge * np.eye(n_taps), product + ridge * old)


def _columns(weights: Floats, *, depthwise: bool) -> Doubles:
    if depthwise:
        return weights.reshape(-1, weights.shape[-1]).T[:, :, None].astype(np.float64)  # (n_channels, n_taps, 1)
    return weights.reshape(len(weights), -1).T[None].astype(np.float64)  # (1, n_taps, n_outputs)


def _uncolumns(columns: Doubles, shape: tuple[int, ...], *, depthwise: bool) -> Floats:
    flat = columns[:, :, 0].T if depthwise else columns[0].T
    return np.ascontiguousarray(flat, np.float32).reshape(shape)


def _targets(rows: Floats, *, depthwise: bool) -> Floats:
    return rows.T[:, :, None] if depthwise else rows[None]


def _rows(
    picture: Floats,
    kernel: tuple[int, int],
    strides: tuple[int, int],
    padding: int,
    chosen: NDArray[np.int64],
    *,
    depthwise: bool,
) -> Floats:
    """The inputs of each chosen output pixel: (n_batch, n_rows, n_taps)."""
    if padding != VALID:
        picture = np.pad(picture, [*(_same(picture.shape[i], kernel[i], strides[i]) for i in (0, 1)), (0, 0)])
    windows = np.lib.stride_tricks.sliding_window_view(picture, kernel, (0, 1))[:: strides[0], :: strides[1]]
    n_columns = windows.shape[1]
    taken = windows[chosen // n_columns, chosen % n_columns]  # (n_rows, n_inputs, height, width)
    if depthwise:
        return taken.reshape(*taken.shape[:2], -1).transpose(1, 0, 2)
    return taken.transpose(0, 2, 3, 1).reshape(1, len(chosen), -1)


def _same(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """Pixels that SAME padding adds before and after."""
    missing = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return missing // 2, missing - missing // 2
