from typing import Any

import numpy as np
import pytest

from converters.calibration import calibrate
from converters.constants import layer_of, read
from converters.graph import Graph
from converters.integer import (
    make_integer_ready,
    make_plan_ready,
    no_finer,
    quietest_range,
    quietest_swish_range,
    to_levels,
)
from converters.plan import Plan
from converters.quantize import ranges_of_plan, to_float32, to_int8, to_plan
from converters.runtime import Runner, signal_to_noise_db
from edge.errors import ModelError


@pytest.fixture(scope="module")
def ready(graph, representative):
    lines: list[str] = []
    monkeypatch = pytest.MonkeyPatch()
    monkeypatch.setattr("converters.integer.REPORTED", 10)
    changed, ranges = make_integer_ready(graph, representative, lines.append)
    monkeypatch.undo()
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


def test_a_plan_is_made_ready_too(graph, calibration, representative, held_out):
    """Every other unit in integers, some weights alone, the rest float."""
    kinds: Plan = ("static-mse", "float", "static-mse", "dynamic")
    plan: Plan = tuple(kinds[index % len(kinds)] for index in range(len(graph.units)))
    known, lines = ranges_of_plan(graph.units, plan, calibration), list[str]()
    changed, ranges = make_plan_ready(graph, plan, known, representative, lines.append)
    assert lines == ["mixed: ranges, weights and biases from 24 pictures"]
    assert set(ranges) == set(known) | {graph.input_name}
    before, after = to_plan(graph, plan, known), to_plan(changed, plan, ranges)
    assert Graph(after).operation_counts() == Graph(before).operation_counts()
    assert quality(graph, after, held_out) > quality(graph, before, held_out) + 1
    assert quality(graph, after, held_out) > quality(graph, to_plan(changed, plan, known), held_out)


def test_what_moves_every_picture_one_way_is_taken_back(graph, calibration, representative, held_out):
    plan: Plan = tuple("dynamic" if index % 4 == 3 else "static-mse" for index in range(len(graph.units)))
    known = ranges_of_plan(graph.units, plan, calibration)
    changed, ranges = make_plan_ready(graph, plan, known, representative, lambda _: None)
    exact, before, after = (
        Runner(content).frames(held_out)["features"].astype(np.float64)
        for content in (to_float32(graph), to_plan(graph, plan, known), to_plan(changed, plan, ranges))
    )
    assert np.abs((after - exact).mean(0)).mean() < 0.5 * np.abs((before - exact).mean(0)).mean()


def test_what_stays_float_keeps_its_weights(graph, calibration, representative):
    kept = [k for k, unit in enumerate(graph.units) if layer_of(graph, unit.first) and k % 2]
    plan: Plan = tuple("float" if index in kept else "static-mse" for index in range(len(graph.units)))
    known = ranges_of_plan(graph.units, plan, calibration)
    changed, _ = make_plan_ready(graph, plan, known, representative, lambda _: None)
    same = []
    for position in range(len(graph.operations)):
        old, new = layer_of(graph, position), layer_of(changed, position)
        if old and new and min(read(graph, old.weights).shape[1:3]) > 1:  # beyond single pixels
            same.append((position, np.array_equal(read(graph, old.weights), read(changed, new.weights))))
    in_float = {position for index in kept for position in graph.units[index].span}
    assert {position for position, unchanged in same if unchanged} == in_float & dict(same).keys()
    assert any(unchanged for _, unchanged in same)
    assert not all(unchanged for _, unchanged in same)


def test_it_tells_how_far_it_is_and_gives_every_activation_a_range(graph, ready):
    assert set(ready[1]) == set(graph.activations())
    assert ready[1][graph.input_name] == (0, 255)
    first, *others = ready[2]
    assert first == "int8: ranges, weights and biases from 24 pictures"
    assert [line.split(" of ")[0] for line in others[:2]] == ["int8: operation 10", "int8: operation 20"]
    assert all(line.endswith(" dB") for line in others)


def test_operations_of_several_outputs_may_come_after_the_features_only(make_graph, representative):
    """As in a recurrent step from a state of zeros."""
    import keras

    layers = keras.layers

    def halves(x):
        parts: Any = keras.ops.split(x, 2, axis=-1)
        return parts[0] * layers.Activation("tanh")(parts[1])

    after = make_graph(layers.GlobalAveragePooling2D(), lambda features: layers.Dense(3)(halves(features)))
    assert "SPLIT" in [operation.name for operation in after.operations]
    changed, ranges = make_integer_ready(after, representative, lambda _: None)
    assert set(ranges) == set(after.activations())
    content = to_int8(changed, ranges)
    assert Graph(content).float_tensors() == []
    assert quality(after, content, representative) > 20

    before = make_graph(lambda x: layers.GlobalAveragePooling2D()(halves(x)), layers.Dense(3))
    with pytest.raises(ModelError, match="int8 cannot have SPLIT, which has several outputs, before the features"):
        make_integer_ready(before, representative, lambda _: None)
    plan: Plan = ("float",) * len(before.units)
    assert make_plan_ready(before, plan, {}, representative, lambda _: None)[1] == {}


def test_an_operation_of_truth_values_is_named(make_graph, representative):
    import keras

    class Odd(keras.layers.Layer):
        def call(self, x):
            return keras.ops.where(x > 0, x, 2 * x)

    odd = make_graph(lambda x: keras.layers.GlobalAveragePooling2D()(Odd(name="odd")(x)), keras.layers.Dense(3))
    with pytest.raises(ModelError, match=r"GREATER of layer odd.*: int8 cannot have it \(Cannot set tensor"):
        make_integer_ready(odd, representative, lambda _: None)
    with pytest.raises(ModelError, match=r"GREATER of layer odd.*: truth values have no range"):
        calibrate(odd, representative)


def test_levels_are_those_of_the_file():
    values = np.array([-3.0, -0.004, 0.0, 0.006, 0.5, 9.0], np.float32)
    np.testing.assert_allclose(to_levels(values, (-1.0, 1.55)), [-1, 0, 0, 0.01, 0.5, 1.55], atol=1e-6)


def test_ends_are_chosen_apart():
    wanted = (-2.0, 7.0)
    chosen = quietest_range(lambda r: abs(r[0] - wanted[0]) + abs(r[1] - wanted[1]), [-4, -2, -1], [9, 8, 7])
    assert chosen == (-2, 7)
    assert quietest_swish_range(lambda r: abs(r[0] + 4) + abs(r[1] - 8), -20, [9, 8, 7]) == (-4, 8)
    assert quietest_swish_range(lambda r: abs(r[0] + 4) + abs(r[1] - 8), -1, [9, 8, 7]) == (-1, 8)


def test_levels_are_no_finer_than_what_is_summed():
    assert no_finer((-1.0, 1.0), 2 / 255) == (-1.0, 1.0)
    low, high = no_finer((0.0, 1e-6), 0.5)
    assert (low, high) == (0.0, pytest.approx(127.5))
