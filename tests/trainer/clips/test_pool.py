"""Work given out to processes: bounded, in order."""

import operator
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from trainer.clips.pool import _in_order


def test_what_waits_does_not_grow_with_the_number_of_items() -> None:
    given: list[int] = []

    def items() -> Iterator[int]:
        for number in range(1000):
            given.append(number)
            yield -number

    with ProcessPoolExecutor(1, get_context("spawn")) as executor:
        answers = _in_order(executor, operator.neg, items(), 5)
        assert next(answers) == 0
        assert len(given) == 6
        assert list(answers) == list(range(1, 1000))
