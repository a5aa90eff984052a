"""Decoding ahead of inference."""

import threading
from collections.abc import Iterator

import numpy as np
import pytest

from edge.errors import DatasetError
from edge.types import Sample
from trainer.clips.decoding import N_AHEAD, ahead

N_SAMPLES = 30


def numbered(until: int, made: list[int], error: Exception | None = None) -> Iterator[Sample]:
    """Samples that show their number; `made` gets each as it is made, and -1 when their maker is closed."""
    try:
        for number in range(until):
            assert threading.current_thread() is not threading.main_thread()
            made.append(number)
            yield Sample.of(np.full((1, 2, 2, 3), number, np.uint8), number)
        if error is not None:
            raise error
    finally:
        made.append(-1)


def test_samples_keep_their_order_and_a_few_wait() -> None:
    made: list[int] = []
    seen: list[int] = []
    for sample in ahead(numbered(N_SAMPLES, made)):
        seen.append(sample.capture_ns)
        assert max(made) < len(seen) + N_AHEAD
    assert seen == list(range(N_SAMPLES))
    assert made == [*range(N_SAMPLES), -1]


def test_decoding_goes_on_while_a_sample_is_worked_on() -> None:
    third = threading.Event()

    def watched() -> Iterator[Sample]:
        for sample in numbered(N_SAMPLES, []):
            if sample.capture_ns == 2:
                third.set()
            yield sample

    found = ahead(watched())
    next(found)
    assert third.wait(60)


def test_an_error_comes_after_the_samples_before_it() -> None:
    found = ahead(numbered(2, [], DatasetError("a.avi: damaged")))
    assert [next(found).capture_ns, next(found).capture_ns] == [0, 1]
    with pytest.raises(DatasetError, match=r"a\.avi: damaged"):
        next(found)


def test_who_stops_early_leaves_no_thread() -> None:
    made: list[int] = []
    before = threading.active_count()
    found = ahead(numbered(N_SAMPLES, made))
    next(found)
    found.close()
    assert threading.active_count() == before
    assert len(made) <= N_AHEAD + 2
