"""A sample of several streams through a network on the processor."""

from pathlib import Path

import numpy as np
import pytest

from edge.inference.choice import Backend, Network
from edge.inference.streams import infer_streams
from edge.inference.tflite import open_interpreter

FRAME = Path(__file__).parent.parent / "models" / "frame_float.tflite"


@pytest.fixture
def network():
    return Network([Backend("cpu", lambda: open_interpreter(FRAME.read_bytes()))], print)


def picture(*colour: int) -> np.ndarray:
    return np.full((32, 32, 3), colour, np.uint8)


def test_one_stream_gives_one_set_of_features(network):
    features, probabilities = infer_streams(network.run, picture(255, 0, 0)[np.newaxis])
    assert features.shape == (4,)
    assert probabilities.shape == (3,)


def test_two_streams_are_concatenated_in_order_and_averaged(network):
    red, blue = (
        infer_streams(network.run, picture(255, 0, 0)[np.newaxis]),
        infer_streams(network.run, picture(0, 0, 255)[np.newaxis]),
    )
    features, probabilities = infer_streams(network.run, np.stack([picture(255, 0, 0), picture(0, 0, 255)]))
    np.testing.assert_array_equal(features, [*red[0], *blue[0]])
    np.testing.assert_allclose(probabilities, (red[1] + blue[1]) / 2, rtol=1e-6)
    assert features.dtype == probabilities.dtype == np.float32
