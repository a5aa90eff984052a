import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.inference.quantization import Quantization, dequantize, quantize


def test_rounds_to_even_after_dividing_and_clips_last():
    values = np.array([-10.0, 0.0, 0.25, 0.26, 0.75, 99.0], np.float32)
    assert quantize(values, Quantization(0.5, 3), np.uint8).tolist() == [0, 3, 3, 4, 5, 201]
    assert quantize(np.array([1000.0, -1000.0]), Quantization(0.5, 3), np.int8).tolist() == [127, -128]


def test_does_not_wrap_around_in_narrow_types():
    assert dequantize(np.array([-128, 127], np.int8), Quantization(0.5, 100)).tolist() == [-114.0, 13.5]
    assert quantize(np.array([255], np.uint8), Quantization(1.0, -128), np.int8).tolist() == [127]


def test_a_scale_of_zero_means_values_as_they_are():
    assert dequantize(np.array([7], np.uint8), Quantization()).tolist() == [7.0]
    assert quantize(np.array([7.4]), Quantization(), np.uint8).tolist() == [7]


@given(st.integers(-128, 127), st.floats(1e-4, 10, allow_subnormal=False), st.integers(-128, 127))
def test_integers_survive_the_way_there_and_back(integer, scale, zero_point):
    quantization = Quantization(scale, zero_point)
    real = dequantize(np.array([integer], np.int8), quantization)
    assert quantize(real, quantization, np.int8)[0] == integer


@pytest.mark.parametrize("dtype", [np.uint8, np.int8])
def test_real_values_come_back_within_half_a_step(dtype):
    quantization = Quantization(2 / 255, 10)
    inside = dequantize(np.arange(np.iinfo(dtype).min, np.iinfo(dtype).max, dtype=np.int64), quantization)
    values = inside + np.float32(0.3 * 2 / 255)
    assert np.abs(dequantize(quantize(values, quantization, dtype), quantization) - values).max() <= 1 / 255 + 1e-6


def test_eight_bits_become_what_double_precision_makes_of_them():
    for scale in np.random.default_rng(0).uniform(1e-6, 10, 50).astype(np.float32):
        for zero_point, dtype in ((-128, np.int8), (3, np.int8), (127, np.uint8)):
            integers = np.arange(256, dtype=np.uint8).view(dtype)
            expected = ((integers.astype(np.float64) - zero_point) * float(scale)).astype(np.float32)
            assert np.array_equal(dequantize(integers, Quantization(float(scale), zero_point)), expected)
