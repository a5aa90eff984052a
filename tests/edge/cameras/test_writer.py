"""What is written beside the judging, and in which order."""

import threading

import pytest

from edge.cameras.writer import Writer

FAR_S = 30.0


def fail() -> None:
    raise OSError("no space left")


def test_what_fails_holds_back_nothing_that_comes_after_it() -> None:
    writer, done = Writer(), list[str]()
    for work in (lambda: done.append("a"), fail, lambda: done.append("b"), fail, lambda: done.append("c")):
        writer.put(work)
    writer.start()
    assert writer.close(FAR_S, FAR_S)
    assert done == ["a", "b", "c"]
    with pytest.raises(OSError, match="no space left"):
        writer.check()


def test_what_is_optional_waits_for_all_else_and_not_beyond_the_end() -> None:
    writer, done, may_go_on, has_ended = Writer(), list[str](), threading.Event(), threading.Event()
    writer.put(may_go_on.wait)
    writer.put_optional(lambda: done.append("figure"))
    writer.put_optional(has_ended.set)
    for name in "ab":
        writer.put(lambda name=name: done.append(name))
    writer.start()
    may_go_on.set()
    assert has_ended.wait(FAR_S)
    assert done == ["a", "b", "figure"]
    may_go_on.clear()
    writer.put(may_go_on.wait)
    writer.put_optional(lambda: done.append("too late"))
    assert not writer.close(stuck_s=0.1, most_s=FAR_S)
    may_go_on.set()
    assert writer.close(FAR_S, FAR_S)
    assert done[3:] == []


def test_the_end_waits_as_long_as_it_goes_on() -> None:
    writer, done, turns = Writer(), list[int](), threading.Semaphore(0)

    def work(number: int) -> None:
        assert turns.acquire(timeout=FAR_S)
        done.append(number)

    for number in range(3):
        writer.put(lambda number=number: work(number))
    writer.start()
    assert not writer.close(stuck_s=0.1, most_s=FAR_S), "the first one hangs"
    turns.release(3)
    assert writer.close(FAR_S, FAR_S)
    assert done == [0, 1, 2]
    late = Writer()
    late.put(lambda: turns.acquire(timeout=FAR_S))
    late.start()
    assert not late.close(stuck_s=FAR_S, most_s=0.1)
    turns.release()
