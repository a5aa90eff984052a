"""The ordered choice between backends, on backends that fail when they are told to."""

from pathlib import Path

import numpy as np
import pytest

from edge.errors import ModelError
from edge.inference.choice import Backend, Network, open_network
from edge.inference.quantization import Quantization
from edge.inference.tflite import Tensor, open_interpreter

PICTURES = np.zeros((1, 32, 32, 3), np.uint8)
FRAME = Path(__file__).parent.parent / "models" / "frame_float.tflite"


class Obedient:
    """Answers its number, as often as it is told to, then fails. Its input has a name of its own."""

    def __init__(self, name: str, number: float, n_answers: float = float("inf")) -> None:
        self.inputs = {f"pixels of {name}": Tensor(0, PICTURES.shape, PICTURES.dtype, Quantization())}
        self.outputs = {}
        self._name = name
        self._number = number
        self._left = n_answers

    def run(self, values):
        assert values.keys() == self.inputs.keys()
        self._left -= 1
        if self._left < 0:
            raise ModelError(f"{self._name} is worn out")
        return {"probabilities": np.full((1, 3), self._number, np.float32)}


def obedient(name: str, number: float = 1, n_answers: float = float("inf")) -> Backend:
    return Backend(name, lambda: Obedient(name, number, n_answers))


def absent(name: str) -> Backend:
    def refuse():
        raise ModelError(f"{name} is absent")

    return Backend(name, refuse)


def answer(network: Network) -> float:
    return float(network.run(PICTURES)["probabilities"][0, 0])


@pytest.fixture
def lines():
    return []


def test_the_first_that_works_is_taken_and_no_other_is_opened(lines):
    network = Network([obedient("gpu"), absent("cpu")], lines.append)
    assert network.backend == "gpu"
    assert answer(network) == 1
    assert lines == []
    assert network.fields() == {"in_use": "gpu", "wanted": ["gpu", "cpu"], "refused": {}}


def test_what_cannot_be_opened_is_told_and_the_next_taken(lines):
    network = Network([absent("edgetpu"), absent("gpu"), obedient("cpu")], lines.append)
    assert network.backend == "cpu"
    assert lines == [
        "backend edgetpu: edgetpu is absent; goes on with gpu",
        "backend gpu: gpu is absent; goes on with cpu",
    ]
    assert network.fields()["refused"] == {"edgetpu": "edgetpu is absent", "gpu": "gpu is absent"}


def test_a_picture_that_one_could_not_answer_is_answered_by_the_next(lines):
    network = Network([obedient("edgetpu", 1, n_answers=2), absent("gpu"), obedient("cpu", 2)], lines.append)
    assert [answer(network) for _ in range(4)] == [1, 1, 2, 2]
    assert network.backend == "cpu"
    assert [line.partition(";")[0] for line in lines] == [
        "backend edgetpu: edgetpu is worn out",
        "backend gpu: gpu is absent",
    ]


def test_networks_fall_back_each_for_itself(lines):
    failing, other = (Network([obedient("gpu", 1, n), obedient("cpu", 2)], lines.append) for n in (1, 9))
    assert [(answer(failing), answer(other)) for _ in range(3)] == [(1, 1), (2, 1), (2, 1)]
    assert (failing.backend, other.backend) == ("cpu", "gpu")
    assert lines == ["backend gpu: gpu is worn out; goes on with cpu"]


def test_the_last_ones_errors_are_everyones(lines):
    with pytest.raises(ModelError, match="cpu is absent"):
        Network([absent("gpu"), absent("cpu")], lines.append)
    network = Network([obedient("cpu", n_answers=1)], lines.append)
    answer(network)
    with pytest.raises(ModelError, match="cpu is worn out"):
        answer(network)


@pytest.mark.parametrize("backends", [("gpu",), ("gpu", "cpu"), ("cpu", "gpu")])
def test_the_processor_is_the_last_in_any_case(lines, backends):
    openers = {"gpu": absent("gpu").open, "cpu": lambda: open_interpreter(FRAME.read_bytes())}
    network = open_network(openers, backends, lines.append)
    assert (network.backend, network.fields()["wanted"]) == ("cpu", ["gpu", "cpu"])
    assert network.run(PICTURES)["features"].shape == (1, 4)
