from typing import Any

import keras
import numpy as np
import pytest

from converters.calibration import calibrate
from converters.convert import FRAME_FILE
from converters.export import export_head
from converters.graph import Graph
from converters.plan import Plan
from converters.quantize import ranges_of_plan, to_float32, to_int8, to_plan
from converters.runtime import Runner, dequantize, latencies, signal_to_noise_db
from converters.verify import check_file, run_keras, verify_frame, verify_head
from edge.bundle import BUILTIN, Bundle
from edge.errors import QualityError


def test_signal_to_noise_of_known_noise():
    signal = np.full(1000, 2.0, np.float32)
    assert signal_to_noise_db(signal, signal + np.float32(0.2)) == pytest.approx(20.0, abs=1e-3)


def test_integers_stand_for_real_numbers():
    found = dequantize(np.array([-128, 0, 127], np.int8), 0.5, -128)
    np.testing.assert_array_equal(found, np.array([0, 64, 127.5], np.float32))


def test_float32_agrees_with_keras(frame_model, float32, graph, held_out):
    figures = verify_frame(frame_model, float32, to_float32(graph), held_out)
    assert figures["features_snr_db"] > 80
    assert figures["features_cosine"] == pytest.approx(1, abs=1e-5)
    assert figures["label_agreement"] == 1
    assert figures["probability_difference_max"] < 1e-4
    assert figures["n_held_out"] == 12
    assert figures["latency_ms"] > 0


def test_a_file_of_another_model_is_found_out(frame_model, float32, graph, held_out):
    other = keras.models.clone_model(frame_model)  # with other random weights
    figures = verify_frame(other, float32, to_float32(graph), held_out)
    assert figures["features_snr_db"] < 10
    assert figures["features_cosine"] < 0.99


def test_nan_is_refused(frame_model, float32, held_out):
    from converters.export import export_frame
    from edge.bundle import InputSpec

    broken = keras.models.clone_model(frame_model)
    broken.set_weights([np.full_like(weights, np.nan) for weights in broken.get_weights()])
    content = export_frame(broken, InputSpec(height_px=32, width_px=32))
    with pytest.raises(QualityError, match="NaN"):
        verify_frame(frame_model, float32, content, held_out)


def test_keras_runs_in_batches(frame_model, held_out):
    pictures = np.concatenate([held_out, held_out])  # 24: more than one batch
    found = run_keras(frame_model, pictures)["features"]
    np.testing.assert_allclose(found[:12], found[12:], atol=1e-5)
    assert found.shape == (24, 24)


def test_the_head_agrees_over_a_sequence(head_model):
    figures = verify_head(head_model, export_head(head_model))
    assert figures["probability_difference_max"] < 1e-5
    assert figures["n_steps"] == 50


def test_a_head_that_drifts_is_refused(head_model):
    other = keras.models.clone_model(head_model)
    with pytest.raises(QualityError, match=r"head"):
        verify_head(other, export_head(head_model))


def test_a_head_with_a_list_of_inputs_is_exported_by_name(head_model):
    state, features = keras.Input((6,), name="state"), keras.Input((24,), name="features")
    outputs = head_model({"features": features, "state": state})
    listed = keras.Model([state, features], outputs)
    assert verify_head(listed, export_head(listed))["probability_difference_max"] < 1e-5
    answers = Runner(export_head(listed)).run(features=np.ones((1, 24), np.float32), state=np.zeros((1, 6), np.float32))
    assert {name: value.shape for name, value in answers.items()} == {"probabilities": (1, 3), "next_state": (1, 6)}


def test_a_float_input_is_refused(float32):
    with pytest.raises(QualityError, match="its input is float32"):
        check_file(float32, "float32")


def test_int8_gives_out_8_bits(graph, calibration):
    from ai_edge_litert.tools import flatbuffer_utils

    content = to_int8(graph, calibration["static-mse"])
    assert check_file(content, "int8")

    def widened(choose) -> bytes:
        parsed: Any = flatbuffer_utils.read_model_from_bytearray(bytearray(content))
        tensor = parsed.subgraphs[0].tensors[choose(parsed.subgraphs[0])]
        tensor.type = flatbuffer_utils.schema_fb.TensorType.INT16
        return bytes(flatbuffer_utils.convert_object_to_bytearray(parsed))

    with pytest.raises(QualityError, match="outputs are INT16"):
        check_file(widened(lambda part: part.outputs[0]), "int8")
    within = [operation.name for operation in Graph(content).operations].index("DEPTHWISE_CONV_2D")
    with pytest.raises(QualityError, match="the interpreter refuses it"):
        check_file(widened(lambda part: part.operators[within].outputs[0]), "int8")


def test_int8_with_a_float_left_is_refused(graph, calibration):
    plan: Plan = ("float",) + ("static-mse",) * (len(graph.units) - 1)
    with pytest.raises(QualityError, match="left in float, first by MUL of layer preprocessing"):
        check_file(to_plan(graph, plan, ranges_of_plan(graph.units, plan, calibration)), "int8")


def test_the_built_in_frame_model_is_integers_throughout():
    bundle = Bundle.load(BUILTIN)
    assert Graph(bundle.files[FRAME_FILE]).float_tensors() == []
    assert check_file(bundle.files[FRAME_FILE], "int8")


def test_an_operation_that_the_quantizer_leaves_in_float_is_named(make_graph, representative):
    import keras

    layers = keras.layers
    pooled = layers.GlobalAveragePooling2D()
    odd = make_graph(lambda x: pooled(layers.ELU(name="odd")(x)), layers.Dense(3))
    content = to_int8(odd, calibrate(odd, representative)["static-mse"])
    with pytest.raises(QualityError, match="2 tensors are left in float, first by ELU of layer odd"):
        check_file(content, "int8")


def test_latencies_of_models_that_take_turns(float32):
    assert latencies([float32, float32], n_rounds=3, burst_s=0.002).shape == (3, 2)
