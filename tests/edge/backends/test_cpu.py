from pathlib import Path

import numpy as np
import pytest

from edge.backends.cpu import CpuBackend
from edge.backends.tflite import open_interpreter

FRAME = Path(__file__).parent.parent / "models" / "frame_float.tflite"


@pytest.fixture
def backend():
    return CpuBackend(open_interpreter(FRAME.read_bytes()))


def picture(*colour: int) -> np.ndarray:
    return np.full((32, 32, 3), colour, np.uint8)


def test_one_stream_gives_one_set_of_features(backend):
    features, probabilities = backend.infer(picture(255, 0, 0)[np.newaxis])
    assert features.shape == (4,)
    assert probabilities.shape == (3,)


def test_two_streams_are_concatenated_in_order_and_averaged(backend):
    red, blue = backend.infer(picture(255, 0, 0)[np.newaxis]), backend.infer(picture(0, 0, 255)[np.newaxis])
    features, probabilities = backend.infer(np.stack([picture(255, 0, 0), picture(0, 0, 255)]))
    np.testing.assert_array_equal(features, [*red[0], *blue[0]])
    np.testing.assert_allclose(probabilities, (red[1] + blue[1]) / 2, rtol=1e-6)
    assert features.dtype == probabilities.dtype == np.float32
