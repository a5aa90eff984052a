from pathlib import Path

import numpy as np

from edge.inference.choice import Backend, Network
from edge.inference.streams import infer_streams
from edge.inference.tflite import open_interpreter
from edge.inference.window import PixelModel, StepsAggregator
from edge.types import Inference

WINDOW = Path(__file__).parents[1] / "models" / "window.tflite"
MS = 1_000_000


def inference(ms: int, row: np.ndarray) -> Inference:
    return Inference(row.astype(np.float32), np.zeros(3, np.float32), ms * MS, 0)


def expected(weights, rows: list[np.ndarray]) -> np.ndarray:
    """Softmax of (step 0 + 2 step 1 + 3 step 2) W in plain numpy."""
    logits = (rows[0] + 2 * rows[1] + 3 * rows[2]) @ weights(4, 3, 12)
    shares = np.exp(logits - logits.max())
    return shares / shares.sum()


def test_the_window_slides_and_its_oldest_sample_stands_for_missing_ones(weights):
    rows = list(np.random.default_rng(0).normal(size=(5, 4)) / 4)
    aggregator = StepsAggregator(open_interpreter(WINDOW.read_bytes()), window_s=0.6)
    state, found = aggregator.initial_state(), []
    for number, row in enumerate(rows):
        scores, state = aggregator.step(inference(200 * number, row), state)
        found.append(scores)
    windows = [[rows[0]] * 3, [rows[0], *rows[:2]], rows[:3], rows[1:4], rows[2:5]]
    for scores, window in zip(found, windows, strict=True):
        assert np.allclose(scores.probabilities, expected(weights, window), atol=1e-6)
    assert (found[4].start_ns, found[4].end_ns) == (400 * MS, 800 * MS)
    assert len(state.features) == 3


def test_begins_again_after_a_gap(weights):
    rows = list(np.random.default_rng(1).normal(size=(2, 4)))
    aggregator = StepsAggregator(open_interpreter(WINDOW.read_bytes()), window_s=0.6)
    _, state = aggregator.step(inference(0, rows[0]), aggregator.initial_state())
    scores, _ = aggregator.step(inference(601, rows[1]), state)
    assert np.allclose(scores.probabilities, expected(weights, [rows[1]] * 3), atol=1e-6)
    assert scores.start_ns == 601 * MS


def test_pixels_are_their_own_features():
    network = Network([Backend("cpu", lambda: PixelModel(2, 2, 4))], print)
    streams = np.arange(2 * 2 * 2 * 3, dtype=np.uint8).reshape(2, 2, 2, 3)
    features, shares = infer_streams(network.run, streams)
    assert features.tolist() == list(range(24))
    assert shares.tolist() == [0.25] * 4
