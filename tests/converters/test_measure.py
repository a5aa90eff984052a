import numpy as np
import pytest

from converters.measure import measure, quietest
from converters.plan import Plan
from converters.quantize import ranges_of_plan, to_float32, to_plan
from converters.runtime import Runner, signal_to_noise_db


def test_the_quietest_ranges_are_climbed_to():
    noises = {
        "static-mse": 9.0,
        "static-clip-1e-4": 8.0,
        "static-clip-3e-4": 7.0,
        "static-clip-1e-3": 3.0,
        "static-clip-3e-3": 2.0,
        "static-clip-1e-2": 1.0,
    }
    assert quietest(noises.__getitem__) == ("static-clip-1e-2", 1.0)
    assert quietest((noises | {"static-mse": 0.5}).__getitem__) == ("static-mse", 0.5)
    assert quietest((noises | {"static-clip-3e-4": 0.5}).__getitem__) == ("static-clip-3e-4", 0.5)


def test_measured_noise_is_that_of_the_whole_file_with_one_unit_quantized(graph, calibration, representative):
    pictures, lines = representative[:4], []
    table = measure(graph, calibration, pictures, lines.append)
    assert len(table) == len(lines) == len(graph.units)
    exact = Runner(to_float32(graph)).frames(pictures)["features"]
    compared = 0
    for index, unit in enumerate(table[:-1]):  # the last one comes after the features
        assert (unit[0].kind, unit[0].noise) == ("float", 0)
        for option in unit[1:]:
            assert option.time_ms < unit[0].time_ms
            plan: Plan = tuple(option.kind if i == index else "float" for i in range(len(table)))
            content = to_plan(graph, plan, ranges_of_plan(graph.units, plan, calibration))
            features = Runner(content).frames(pictures)["features"]
            assert -10 * np.log10(option.noise) == pytest.approx(signal_to_noise_db(exact, features), abs=1.0)
            compared += 1
    assert compared > 0


def test_what_comes_after_the_features_makes_no_noise(graph, calibration, representative):
    last = measure(graph, calibration, representative[:2], lambda _: None)[-1]
    assert all(option.noise == 0 for option in last)
