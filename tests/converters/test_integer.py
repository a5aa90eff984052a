import numpy as np
import pytest

from converters.graph import Graph
from converters.integer import make_integer_ready, quietest_range, quietest_swish_range, to_levels
from converters.quantize import to_float32, to_int8
from converters.runtime import Runner, signal_to_noise_db


@pytest.fixture(scope="module")
def ready(graph, representative):
    lines: list[str] = []
    changed, ranges = make_integer_ready(graph, representative, lines.append)
    return changed, ranges, lines


def quality(graph, content, pictures):
    reference = Runner(to_float32(graph)).frames(pictures)["features"]
    return signal_to_noise_db(reference, Runner(content).frames(pictures)["features"])


def test_it_keeps_more_than_each_way_to_clip(graph, calibration, held_out, ready):
    content = to_int8(ready[0], ready[1])
    assert Graph(content).float_tensors() == []
    plain = max(quality(graph, to_int8(graph, ranges), held_out) for ranges in calibration.values())
    assert quality(graph, content, held_out) > plain


def test_biases_and_weights_each_help(graph, held_out, ready):
    """The same ranges with the trained constants lose more."""
    assert quality(graph, to_int8(ready[0], ready[1]), held_out) > quality(graph, to_int8(graph, ready[1]), held_out)


def test_it_tells_how_far_it_is_and_gives_every_activation_a_range(graph, ready):
    assert set(ready[1]) == set(graph.activations())
    assert ready[1][graph.input_name] == (0, 255)
    assert ready[2]
    assert all(line.startswith("int8: operation") for line in ready[2])


def test_levels_are_those_of_the_file():
    values = np.array([-3.0, -0.004, 0.0, 0.006, 0.5, 9.0], np.float32)
    np.testing.assert_allclose(to_levels(values, (-1.0, 1.55)), [-1, 0, 0, 0.01, 0.5, 1.55], atol=1e-6)


def test_ends_are_chosen_apart():
    wanted = (-2.0, 7.0)
    chosen = quietest_range(lambda r: abs(r[0] - wanted[0]) + abs(r[1] - wanted[1]), [-4, -2, -1], [9, 8, 7])
    assert chosen == (-2, 7)
    assert quietest_swish_range(lambda r: abs(r[0] + 4) + abs(r[1] - 8), -20, [9, 8, 7]) == (-4, 8)
    assert quietest_swish_range(lambda r: abs(r[0] + 4) + abs(r[1] - 8), -1, [9, 8, 7]) == (-1, 8)
