"""The one place where real values become integers and back: `real = scale * (integer - zero_point)`."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import DTypeLike, NDArray


@dataclass(frozen=True, slots=True)
class Quantization:
    """Affine quantization of a whole tensor; a scale of 0 means that the tensor holds its values as they are."""

    scale: float = 0.0
    zero_point: int = 0


def quantize(values: NDArray[np.generic], quantization: Quantization, dtype: DTypeLike) -> NDArray[np.generic]:
    """Turn real values of any shape into integers of `dtype`: widened first, rounded, then clipped."""
    limits = np.iinfo(dtype)
    scale = quantization.scale or 1.0
    integers = np.rint(values.astype(np.float64) / scale) + quantization.zero_point
    return np.clip(integers, limits.min, limits.max).astype(dtype)


def dequantize(integers: NDArray[np.generic], quantization: Quantization) -> NDArray[np.float32]:
    """Turn integers of any shape into real values, float32."""
    scale = quantization.scale or 1.0
    if integers.dtype.itemsize > 1:
        return ((integers.astype(np.float64) - quantization.zero_point) * scale).astype(np.float32)
    values = integers.astype(np.float32)  # the same bits at a third of the time: files have scales of float32
    values -= np.float32(quantization.zero_point)
    values *= np.float32(scale)
    return values
