import numpy as np
import pytest

from converters.calibration import best_range, clipped_range, evenly
from converters.plan import STATIC_KINDS


def quantized(values, low, high):
    """Independent: the nearest of 256 levels."""
    levels = np.linspace(low, high, 256)
    return levels[np.abs(values[:, None] - levels[None]).argmin(1)]


def test_an_outlier_is_clipped_as_far_as_it_pays():
    # Squared error by hand: 200000 * step^2 / 12 of rounding + (2 - high)^2 of the clipped one
    # = 1.03 at 2.0, 0.87 at 1.8, 0.82 at 1.6, 0.86 at 1.4.
    values = np.append(np.random.default_rng(0).uniform(0, 1, 200_000), 2.0).astype(np.float32)
    low, high = best_range(values, 0.0, 2.0)
    assert low == 0
    assert high == pytest.approx(1.6)


def test_even_values_keep_their_extremes():
    values = np.random.default_rng(0).uniform(-2, 1, 5000).astype(np.float32)
    assert best_range(values, -2.0, 1.0) == (-2.0, 1.0)


def test_the_chosen_range_beats_all_other_tried_ones_by_an_independent_measure():
    values = np.random.default_rng(3).laplace(0, 1, 4000).astype(np.float32)
    low, high = float(values.min()), float(values.max())
    chosen = best_range(values, low, high)
    error = np.square(values - quantized(values, *chosen)).sum()
    for factor in (1.0, 0.8, 0.6, 0.42, 0.3):
        assert error <= np.square(values - quantized(values, low * factor, high * factor)).sum() * 1.001


def test_ranges_hold_zero():
    positive = np.full(100, 5, np.float32)
    assert best_range(positive, 4.0, 6.0)[0] == 0
    assert clipped_range(positive, 1e-3) == (0.0, 5.0)
    assert clipped_range(-positive, 1e-3) == (-5.0, 0.0)


def test_a_constant_zero_has_an_empty_range():
    assert best_range(np.zeros(10, np.float32), 0.0, 0.0) == (0.0, 0.0)


def test_clipping_leaves_its_share_outside():
    values = np.arange(10001, dtype=np.float32) - 5000
    assert clipped_range(values, 1e-3) == (-4990.0, 4990.0)


def test_evenly_spread():
    assert list(evenly(np.arange(10, dtype=np.uint8), 4)) == [0, 3, 6, 9]
    assert len(evenly(np.arange(3, dtype=np.uint8), 8)) == 3


def test_every_activation_has_a_range_in_each_way(graph, calibration):
    assert set(calibration) == set(STATIC_KINDS)
    for ranges in calibration.values():
        assert set(ranges) == set(graph.activations())
        assert ranges[graph.input_name] == (0.0, 255.0)
        assert all(low <= 0 <= high for low, high in ranges.values())
