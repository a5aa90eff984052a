from pathlib import Path

import numpy as np
import pytest

from edge.inference.aggregation import MeanAggregator, RecurrentAggregator
from edge.inference.tflite import open_interpreter
from edge.types import Inference

HEAD = Path(__file__).parents[1] / "models" / "head.tflite"
MS = 1_000_000


def inference(ms: int, *probabilities: float, features: tuple[float, ...] = ()) -> Inference:
    return Inference(np.array(features, np.float32), np.array(probabilities, np.float32), ms * MS, 0)


def run(aggregator, *inferences: Inference):
    state = aggregator.initial_state()
    scores = []
    for one in inferences:
        found, state = aggregator.step(one, state)
        scores.append(found)
    return scores


class TestMean:
    def test_is_the_mean_of_what_lies_within_the_window(self):
        scores = run(MeanAggregator(0.5), *(inference(200 * i, i, 0) for i in range(5)))
        # 0.5 s before 0.8 s is 0.3 s: the inferences of 0.4, 0.6 and 0.8 s.
        assert [float(one.probabilities[0]) for one in scores] == [0.0, 0.5, 1.0, 2.0, 3.0]
        assert (scores[4].start_ns, scores[4].end_ns) == (400 * MS, 800 * MS)

    def test_an_inference_a_whole_window_old_is_out(self):
        assert run(MeanAggregator(1.0), inference(0, 1.0), inference(1000, 0.0))[1].probabilities.tolist() == [0.0]

    def test_begins_again_after_a_gap(self):
        scores = run(MeanAggregator(1.0), inference(0, 1.0), inference(200, 1.0), inference(5000, 0.25))
        assert scores[-1].probabilities.tolist() == [0.25]
        assert scores[-1].start_ns == 5000 * MS

    def test_keeps_nothing_for_itself(self):
        aggregator = MeanAggregator(10.0)
        _, state = aggregator.step(inference(0, 1.0), aggregator.initial_state())
        once, _ = aggregator.step(inference(100, 0.0), state)
        again, _ = aggregator.step(inference(100, 0.0), state)
        assert once.probabilities.tolist() == again.probabilities.tolist() == [0.5]


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


class TestRecurrent:
    FEATURES = ((0.2, 0.4, 0.1, 0.9), (1.0, 0.0, 0.5, 0.3), (0.0, 0.7, 0.7, 0.1), (0.4, 0.4, 0.4, 0.4))

    @pytest.fixture
    def aggregator(self):
        return RecurrentAggregator(open_interpreter(HEAD.read_bytes()), n_state=2, window_s=1.0)

    @pytest.fixture
    def expected(self, weights):
        """The GRU by its equations, in float64: probabilities after each step."""

        def run(sequence) -> list[np.ndarray]:
            state, answers = np.zeros(2), []
            for features in map(np.array, sequence):
                update = sigmoid(features @ weights(4, 2, 5) + state @ weights(2, 2, 6))
                reset = sigmoid(features @ weights(4, 2, 7) + state @ weights(2, 2, 8))
                new = np.tanh(features @ weights(4, 2, 9) + (reset * state) @ weights(2, 2, 10))
                state = update * state + (1 - update) * new
                logits = np.exp(state @ weights(2, 3, 11))
                answers.append(logits / logits.sum())
            return answers

        return run

    def test_steps_as_the_equations_say(self, aggregator, expected):
        scores = run(aggregator, *(inference(200 * i, features=f) for i, f in enumerate(self.FEATURES)))
        np.testing.assert_allclose([one.probabilities for one in scores], expected(self.FEATURES), atol=1e-5)
        assert [one.start_ns for one in scores] == [0, 0, 0, 0]
        assert scores[-1].end_ns == 600 * MS

    def test_a_gap_longer_than_the_window_resets_the_state(self, aggregator, expected):
        times_ms = (0, 1000, 2001, 2201)  # 1.0 s is as long as the window, 1.001 s is longer
        scores = run(aggregator, *(inference(t, features=f) for t, f in zip(times_ms, self.FEATURES, strict=True)))
        answers = [*expected(self.FEATURES[:2]), *expected(self.FEATURES[2:])]
        np.testing.assert_allclose([one.probabilities for one in scores], answers, atol=1e-5)
        assert [one.start_ns // MS for one in scores] == [0, 0, 2001, 2001]

    def test_two_cameras_do_not_mix(self, aggregator, expected):
        ours = theirs = aggregator.initial_state()
        found = []
        for i, features in enumerate(self.FEATURES):
            scores, ours = aggregator.step(inference(200 * i, features=features), ours)
            _, theirs = aggregator.step(inference(200 * i, features=(1.0, 1.0, 1.0, 1.0)), theirs)
            found.append(scores.probabilities)
        np.testing.assert_allclose(found, expected(self.FEATURES), atol=1e-5)
