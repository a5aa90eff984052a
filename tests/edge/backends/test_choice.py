"""The ordered choice between backends, on backends that fail when they are told to."""

import numpy as np
import pytest

from edge.backends.choice import Candidate, FallbackBackend
from edge.errors import ModelError

PICTURES = np.zeros((1, 32, 32, 3), np.uint8)


class Obedient:
    """Answers its number, as often as it is told to, then fails."""

    def __init__(self, name: str, number: float, n_answers: float = float("inf")) -> None:
        self.name = name
        self._number = number
        self._left = n_answers

    def infer(self, streams):  # noqa: ARG002 - the Protocol's name
        self._left -= 1
        if self._left < 0:
            raise ModelError(f"{self.name} is worn out")
        return np.full(2, self._number, np.float32), np.full(3, self._number, np.float32)


def candidate(name: str, number: float = 1, n_answers: float = float("inf")) -> Candidate:
    return Candidate(name, lambda: Obedient(name, number, n_answers))


def absent(name: str) -> Candidate:
    def refuse():
        raise ModelError(f"{name} is absent")

    return Candidate(name, refuse)


@pytest.fixture
def lines():
    return []


def test_the_first_that_works_is_taken_and_no_other_is_opened(lines):
    backend = FallbackBackend([candidate("gpu"), absent("cpu")], lines.append)
    assert backend.name == "gpu"
    assert backend.infer(PICTURES)[0].tolist() == [1, 1]
    assert lines == []
    assert backend.fields() == {"wanted": ["gpu", "cpu"], "refused": {}}


def test_what_cannot_be_opened_is_told_and_the_next_taken(lines):
    backend = FallbackBackend([absent("edgetpu"), absent("gpu"), candidate("cpu")], lines.append)
    assert backend.name == "cpu"
    assert lines == [
        "backend edgetpu: edgetpu is absent; goes on with gpu",
        "backend gpu: gpu is absent; goes on with cpu",
    ]
    assert backend.fields()["refused"] == {"edgetpu": "edgetpu is absent", "gpu": "gpu is absent"}


def test_a_picture_that_one_could_not_answer_is_answered_by_the_next(lines):
    backend = FallbackBackend([candidate("edgetpu", 1, n_answers=2), absent("gpu"), candidate("cpu", 2)], lines.append)
    answers = [backend.infer(PICTURES)[1][0] for _ in range(4)]
    assert answers == [1, 1, 2, 2]
    assert backend.name == "cpu"
    assert [line.partition(";")[0] for line in lines] == [
        "backend edgetpu: edgetpu is worn out",
        "backend gpu: gpu is absent",
    ]


def test_the_last_ones_errors_are_everyones(lines):
    with pytest.raises(ModelError, match="cpu is absent"):
        FallbackBackend([absent("gpu"), absent("cpu")], lines.append)
    backend = FallbackBackend([candidate("cpu", n_answers=1)], lines.append)
    backend.infer(PICTURES)
    with pytest.raises(ModelError, match="cpu is worn out"):
        backend.infer(PICTURES)
