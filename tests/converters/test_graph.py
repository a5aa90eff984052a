import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from converters.graph import Graph, follow_outputs, rename_input
from converters.plan import Plan
from converters.runtime import Runner


def test_units_begin_at_the_convolutions_and_activations_of_the_main_path(graph):
    block = ["CONV_2D", "LOGISTIC", "DEPTHWISE_CONV_2D", "LOGISTIC", "CONV_2D"]
    assert [unit.operations[0].name for unit in graph.units] == [
        "MUL",  # rescaling
        "CONV_2D",  # stem
        "LOGISTIC",
        *block * 2,
        "CONV_2D",  # top
        "LOGISTIC",
        "FULLY_CONNECTED",
    ]
    convolutions = [unit.name.removesuffix("_1") for unit in graph.units[3:8:2]]  # Keras's export may append _1
    assert convolutions == ["block1_expand_conv", "block1_dwconv", "block1_project_conv"]
    assert sum(len(unit.operations) for unit in graph.units) == len(graph.operations)


def test_squeeze_and_excitation_stays_with_the_activation_before_it(graph):
    activation = [operation.name for operation in graph.units[6].operations]
    assert activation.count("CONV_2D") == 2
    assert "MEAN" in activation


def test_cut_out_units_in_a_row_compute_what_the_whole_computes(graph, frame_model, held_out):
    tensors = {graph.input_name: held_out[:1].astype(np.float32)}
    for unit in graph.units:
        part = Interpreter(model_content=graph.extract(unit.span))
        part.allocate_tensors()
        for entry in part.get_input_details():
            part.set_tensor(entry["index"], tensors[entry["name"]])
        part.invoke()
        tensors |= {answer["name"]: part.get_tensor(answer["index"]) for answer in part.get_output_details()}
    expected = frame_model(held_out[:1].astype(np.float32), training=False)
    found = list(tensors.values())[-1]
    np.testing.assert_allclose(found, np.asarray(expected["probabilities"]), atol=1e-5)


def test_outputs_are_known_by_their_tensors(graph):
    assert graph.output_name("probabilities") == graph.operations[-1].output
    assert graph.output_name("features") in graph.units[-1].inputs


def test_float_tensors_are_found(graph):
    assert set(graph.activations()) <= set(graph.float_tensors())


def test_operation_counts_name_versions(graph):
    assert graph.operation_counts()["DEPTHWISE_CONV_2D v1"] == 2


def test_the_input_is_renamed(float32):
    renamed = rename_input(float32, "photo")
    signature = Interpreter(model_content=renamed).get_signature_list()["serving_default"]
    assert signature["inputs"] == ["photo"]


def test_an_output_that_is_used_inside_is_followed(graph, calibration, held_out):
    from converters.quantize import ranges_of_plan, to_plan

    before: Plan = ("float",) * (len(graph.units) - 2)
    plan: Plan = (*before, "static-mse", "float")  # makes the features, which the float layer after it takes
    answers = Runner(to_plan(graph, plan, ranges_of_plan(graph.units, plan, calibration))).frames(held_out)
    assert answers["features"].shape == (12, 24)
    assert follow_outputs(graph, graph.content) is graph.content


def test_a_damaged_file_is_not_read():
    with pytest.raises(Exception, match=r".+"):
        Graph(b"TFL3 not a model")


def test_what_an_operation_changes_is_computed_from_it_and_what_came_before(make_graph, held_out):
    """Of a network with a branch that waits for the other: the same answer as of the whole."""
    import keras

    layers = keras.layers

    def branches(x):
        side = layers.Conv2D(8, 1)(x)
        deep = layers.Conv2D(8, 3, padding="same")(layers.Conv2D(16, 1, activation="relu")(x))
        return layers.GlobalAveragePooling2D()(side + deep)

    graph = make_graph(branches, layers.Dense(3))
    tensors = {graph.input_name: held_out[:1].astype(np.float32)}
    expected = Runner(graph.extract(range(len(graph.operations)))).run_part(tensors)
    for position in range(len(graph.operations) - 1):
        tensors |= Runner(graph.extract(range(position, position + 1))).run_part(tensors)
        found = Runner(graph.extract(graph.changed_by(position))).run_part(tensors)
        for name in set(expected) & set(found):
            np.testing.assert_allclose(found[name], expected[name], atol=1e-5)
        assert graph.output_name("probabilities") in found
    assert graph.changed_by(len(graph.operations) - 1) == []
