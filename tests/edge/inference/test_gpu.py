"""The GPU backend on SwiftShader, Vulkan in software, beside the processor's float answers."""

import sys
from pathlib import Path

import numpy as np
import pytest

from edge.errors import ModelError
from edge.inference.choice import Backend, Network
from edge.inference.gpu import open_gpu
from edge.inference.probe import probe
from edge.inference.streams import infer_streams
from edge.inference.tflite import open_interpreter

MODELS = Path(__file__).parent.parent / "models"
FLOAT = (MODELS / "frame_float.tflite").read_bytes()
COLOURS = (MODELS / "colours.tflite").read_bytes()
"""SwiftShader refuses to run its average over a plain picture, and the runtime gives zeros without an error."""


@pytest.fixture
def pictures():
    return np.random.default_rng(5).integers(0, 256, (6, 1, 32, 32, 3), np.uint8)


@pytest.mark.usefixtures("software_gpu")
def test_answers_as_the_processor_does(pictures):
    gpu, cpu = open_gpu(FLOAT), open_interpreter(FLOAT)
    for picture in pictures:
        found, expected = gpu.run({"pixels": picture}), cpu.run({"pixels": picture})
        for name, values in expected.items():
            assert found[name].shape == values.shape
            assert np.abs(found[name] - values).max() <= 1e-3 * np.abs(values).max()


@pytest.mark.usefixtures("software_gpu")
def test_two_streams_are_concatenated_in_order_and_averaged(pictures):
    network = Network([Backend("gpu", lambda: open_gpu(FLOAT))], print)
    first, second = infer_streams(network.run, pictures[0]), infer_streams(network.run, pictures[1])
    features, probabilities = infer_streams(network.run, np.concatenate(pictures[:2]))
    np.testing.assert_array_equal(features, [*first[0], *second[0]])
    np.testing.assert_allclose(probabilities, (first[1] + second[1]) / 2, rtol=1e-6)
    assert network.backend == "gpu"


@pytest.mark.usefixtures("software_gpu")
def test_answers_stay_what_they_were_after_the_next_run(pictures):
    gpu = open_gpu(FLOAT)
    first = gpu.run({"pixels": pictures[0]})
    before = first["features"].copy()
    gpu.run({"pixels": pictures[1]})
    np.testing.assert_array_equal(first["features"], before)


@pytest.mark.usefixtures("software_gpu")
def test_nothing_is_written_while_it_opens_and_runs(capfd, pictures):
    open_gpu(FLOAT).run({"pixels": pictures[0]})
    assert capfd.readouterr() == ("", "")


@pytest.mark.usefixtures("software_gpu")
def test_zeros_without_an_error_are_a_failure():
    with pytest.raises(ModelError, match="it answered zeros"):
        open_gpu(COLOURS).run({"pixels": np.full((1, 32, 32, 3), 90, np.uint8)})


@pytest.mark.usefixtures("software_gpu")
def test_a_wrong_shape_is_a_model_error():
    with pytest.raises(ModelError, match="the GPU failed") as caught:
        open_gpu(FLOAT).run({"pixels": np.zeros((1, 64, 64, 3), np.uint8)})
    assert "\n" not in str(caught.value)


@pytest.mark.usefixtures("software_gpu")
def test_integer_outputs_are_refused():
    with pytest.raises(ModelError, match=r"no integers.*convert it with --target gpu"):
        open_gpu((MODELS / "frame_uint8.tflite").read_bytes())


@pytest.mark.usefixtures("software_gpu")
def test_a_file_that_is_no_model_is_refused_in_one_line():
    with pytest.raises(ModelError, match="no GPU takes the model") as caught:
        open_gpu(b"no model at all" * 20)
    assert "\n" not in str(caught.value)


@pytest.mark.usefixtures("software_gpu")
def test_a_gpu_that_works_is_tried_in_another_process():
    assert 0 <= probe("gpu", FLOAT, FLOAT, {}) <= 1e-3


@pytest.mark.usefixtures("software_gpu")
def test_the_difference_to_the_processors_answers_is_measured():
    quantized = (MODELS / "frame_uint8.tflite").read_bytes()
    assert 1e-3 < probe("gpu", quantized, FLOAT, {}) < 0.1
    with pytest.raises(ModelError, match=r"features \(1, 4\) instead of \(1, 3\)"):
        probe("gpu", COLOURS, FLOAT, {})


@pytest.mark.usefixtures("software_gpu")
def test_pictures_that_are_given_are_those_that_it_answers():
    quantized, pictures = (MODELS / "frame_uint8.tflite").read_bytes(), np.zeros((3, 32, 32, 3), np.uint8)
    of_each = [probe("gpu", quantized, FLOAT, {}, held_out=pictures + np.uint8(level)) for level in (0, 77, 200)]
    mixed = np.concatenate([pictures[:1] + np.uint8(level) for level in (0, 77, 200)])
    assert probe("gpu", quantized, FLOAT, {}, held_out=mixed) == max(of_each)
    assert len({*of_each, probe("gpu", quantized, FLOAT, {})}) > 2


@pytest.mark.usefixtures("software_gpu")
def test_no_driver_is_told(monkeypatch):
    monkeypatch.setenv("VK_DRIVER_FILES", "/nonexistent.json")
    with pytest.raises(ModelError, match=r"no GPU takes the model: .*No adapters found") as caught:
        probe("gpu", FLOAT, FLOAT, {})
    assert "\n" not in str(caught.value)


def test_a_driver_that_crashes_kills_only_the_trial(bad_driver):
    bad_driver("CRASH")
    with pytest.raises(ModelError, match=r"its driver killed the process that tried it \(SIG(ILL|TRAP)\)"):
        probe("gpu", FLOAT, FLOAT, {})


def test_a_driver_that_hangs_is_given_up(bad_driver):
    bad_driver("HANG")
    with pytest.raises(ModelError, match="no answer within 3 s"):
        probe("gpu", FLOAT, FLOAT, {}, timeout_s=3)


def test_a_runtime_without_gpus_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "ai_edge_litert", None)
    with pytest.raises(ModelError, match="no runtime for GPUs; install ai-edge-litert"):
        open_gpu(FLOAT)
