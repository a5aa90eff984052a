"""Both runtimes give what numpy gives; the second one runs these tests in an environment of its own."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from edge.errors import ModelError
from edge.inference.tflite import open_interpreter, runtime_name

MODELS = Path(__file__).parent.parent / "models"


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


@pytest.fixture
def expected(weights):
    """What the tiny frame model says of a picture, in float64."""

    def answer(picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        colour = picture.reshape(-1, 3).mean(axis=0) / 255
        features = np.maximum(colour @ weights(3, 4, 1) + weights(1, 4, 2)[0], 0)
        return features, sigmoid(features @ weights(4, 3, 3) + weights(1, 3, 4)[0])

    return answer


@pytest.fixture
def picture():
    return np.random.default_rng(3).integers(0, 256, (1, 32, 32, 3), np.uint8)


def opened(name: str):
    return open_interpreter((MODELS / f"{name}.tflite").read_bytes(), name=name)


def test_float_model_takes_pictures_as_they_are(expected, picture):
    answer = opened("frame_float").run({"pixels": picture})
    features, probabilities = expected(picture)
    assert answer["features"].dtype == answer["probabilities"].dtype == np.float32
    np.testing.assert_allclose(answer["features"][0], features, atol=1e-5)
    np.testing.assert_allclose(answer["probabilities"][0], probabilities, atol=1e-5)


@pytest.mark.parametrize("colour", [(0, 0, 0), (255, 255, 255), (255, 0, 128), (10, 200, 60)])
def test_integer_outputs_come_as_real_values(expected, colour):
    picture = np.full((1, 32, 32, 3), colour, np.uint8)
    answer = opened("frame_uint8").run({"pixels": picture})
    features, probabilities = expected(picture)
    # Steps are 0.012 and 0.004; the weights' own rounding comes on top.
    np.testing.assert_allclose(answer["features"][0], features, atol=0.03)
    np.testing.assert_allclose(answer["probabilities"][0], probabilities, atol=0.03)


def test_real_values_are_quantized_for_an_integer_input(picture):
    interpreter = opened("frame_uint8")
    as_is = interpreter.run({"pixels": picture})
    as_real = interpreter.run({"pixels": picture.astype(np.float32) + 0.2})
    for name, values in as_is.items():
        np.testing.assert_array_equal(as_real[name], values)


def test_answers_stay_what_they_were_after_the_next_run(picture):
    interpreter = opened("frame_float")
    first = interpreter.run({"pixels": picture})
    before = first["features"].copy()
    interpreter.run({"pixels": np.zeros_like(picture)})
    np.testing.assert_array_equal(first["features"], before)


def test_threads_that_share_an_interpreter_get_their_own_answers(expected):
    interpreter = opened("frame_float")
    pictures = [np.full((1, 32, 32, 3), level, np.uint8) for level in range(0, 250, 5)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda one: interpreter.run({"pixels": one}), pictures * 4))
    for picture, answer in zip(pictures * 4, answers, strict=True):
        np.testing.assert_allclose(answer["features"][0], expected(picture)[0], atol=1e-5)


def test_a_wrong_shape_is_a_model_error():
    with pytest.raises(ModelError, match="runtime failed") as caught:
        opened("frame_float").run({"pixels": np.zeros((1, 16, 16, 3), np.uint8)})
    assert "\n" not in str(caught.value)


def test_a_file_that_is_no_model_is_named():
    with pytest.raises(ModelError, match=r"frame\.tflite: not a model") as caught:
        open_interpreter(b"no model at all" * 20, name="frame.tflite")
    assert "\n" not in str(caught.value)


def test_nothing_is_written_while_a_model_is_opened(capfd, picture):
    opened("frame_float").run({"pixels": picture})
    assert capfd.readouterr() == ("", "")


def test_names_the_runtime():
    assert runtime_name() in {"ai_edge_litert", "tflite_runtime"}
