import re
from pathlib import Path

import numpy as np
import pytest

from edge.bundle import Bundle, BundleSpec
from edge.errors import ModelError
from edge.inference.aggregation import MeanAggregator, RecurrentAggregator
from edge.inference.choice import open_network
from edge.inference.model import open_model
from edge.inference.opening import scene_openers
from edge.inference.window import StepsAggregator
from tests.manifests import manifest


def test_opens_a_frame_bundle(make_bundle):
    model = open_model(Bundle.load(make_bundle()))
    assert isinstance(model.aggregator, MeanAggregator)
    assert model.network.backend == "cpu"
    assert model.network.fields() == {"in_use": "cpu", "wanted": ["cpu"], "refused": {}}
    assert model.network.run(np.zeros((1, 32, 32, 3), np.uint8))["probabilities"].shape == (1, 3)


def test_opens_a_bundle_with_a_head(make_bundle):
    model = open_model(Bundle.load(make_bundle(head="head")))
    assert isinstance(model.aggregator, RecurrentAggregator)


def test_opens_integer_models(make_bundle):
    assert open_model(Bundle.load(make_bundle("frame_uint8", precision="int8"))).spec.networks.scene.precision == "int8"


ALERTS = {"fall": {}}
INPUT = {"height_px": 32, "width_px": 32, "stream": "rgb"}


@pytest.mark.parametrize(
    ("head", "changes", "message"),
    [
        (
            None,
            {"input": INPUT | {"height_px": 64}},
            "frame.tflite: input: shape is (1, 32, 32, 3), networks.scene.input",
        ),
        (
            None,
            {"n_features": 5},
            "frame.tflite: features: shape is (1, 4), networks.scene.n_features of bundle.json says (1, 5)",
        ),
        (None, {"labels": ["normal", "fall"]}, "frame.tflite: probabilities: shape is (1, 3), labels of bundle.json"),
        ("head", {"n_state": 3}, "head.tflite: state: shape is (1, 2), heads.scene.n_state of bundle.json says (1, 3)"),
        (
            "head",
            {"input": INPUT | {"stream": "rgb+motion"}},
            "head.tflite: features: shape is (1, 4), networks.scene.n_features",
        ),
    ],
)
def test_refuses_files_that_do_not_fit(make_bundle, head, changes, message):
    bundle = Bundle.load(make_bundle(head=head, **changes))
    with pytest.raises(ModelError, match=re.escape(message)) as caught:
        open_model(bundle)
    assert "\n" not in str(caught.value)


def test_refuses_a_head_in_place_of_a_frame_model(make_bundle):
    with pytest.raises(ModelError, match=r"frame\.tflite: inputs: has .'features', 'state'.*exactly one"):
        open_model(Bundle.load(make_bundle("head")))


def test_refuses_a_frame_model_in_place_of_a_head(make_bundle):
    with pytest.raises(ModelError, match=r"head\.tflite: inputs: has .'pixels'.*needs .'features', 'state'"):
        open_model(Bundle.load(make_bundle(head="frame_float")))


def test_refuses_an_input_that_was_scaled_by_its_calibration(make_bundle):
    with pytest.raises(ModelError, match=r"frame\.tflite: input: scale 0\.49.* and zero point .* are not 1 and 0"):
        open_model(Bundle.load(make_bundle("frame_dim")))


WINDOW = (Path(__file__).parents[1] / "models" / "window.tflite").read_bytes()


def window_bundle(make_bundle, **changes):
    return Bundle.load(make_bundle(files={"window.tflite": WINDOW}, **changes))


def test_opens_a_window_behind_a_frame_model(make_bundle):
    model = open_model(window_bundle(make_bundle))
    assert model.network.run(np.zeros((1, 32, 32, 3), np.uint8))["features"].shape == (1, 4)
    assert isinstance(model.aggregator, StepsAggregator)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"input": INPUT | {"stream": "rgb+motion"}},
            "window.tflite: steps: shape is (1, 3, 4), networks.scene.n_features of",
        ),
        ({"labels": ["normal", "fall"]}, "probabilities: "),
    ],
)
def test_refuses_a_window_that_does_not_fit(make_bundle, changes, message):
    with pytest.raises(ModelError, match=re.escape(message)):
        open_model(window_bundle(make_bundle, **changes))


def pixel_bundle(**changes):
    files = {"window.tflite": WINDOW}
    return Bundle(BundleSpec.model_validate(manifest(files, **changes)), files, "0" * 64)


def test_a_window_of_pixels_must_be_of_the_pictures_size():
    with pytest.raises(ModelError, match="n_features: 4, a picture has 3072 numbers"):
        open_model(pixel_bundle())


def test_a_window_of_pixels_runs_on_the_processor_and_says_so():
    lines: list[str] = []
    network = open_network(scene_openers(pixel_bundle(n_features=32 * 32 * 3), 1, {}), ("gpu",), lines.append)
    assert network.backend == "cpu"
    assert network.run(np.ones((1, 32, 32, 3), np.uint8))["features"].tolist() == [[1.0] * 3072]
    assert lines == [
        "backend gpu: tiny has no scene network of its own; its head runs on the processor alone; goes on with cpu"
    ]


def test_refuses_another_file_in_place_of_a_window(make_bundle):
    files = {"window.tflite": (Path(__file__).parents[1] / "models" / "head.tflite").read_bytes()}
    bundle = Bundle.load(make_bundle(files=files))
    with pytest.raises(ModelError, match=r"window\.tflite: inputs: has"):
        open_model(bundle)
