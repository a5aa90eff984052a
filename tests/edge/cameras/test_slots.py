"""The slots between cameras and model."""

import threading
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from edge.cameras.slots import Slots

FAR_S = 30.0
AT_ONCE_S = 0.0


def test_the_newest_replaces_what_nobody_took():
    slots = Slots[int](["a"])
    session = slots.open("a")
    for number in range(5):
        slots.put(session, number)
    assert slots.take(AT_ONCE_S) == ("a", 4)
    assert slots.take(AT_ONCE_S) is None
    assert slots.replaced("a") == 4


@given(st.lists(st.sampled_from("abcd"), max_size=200))
def test_a_taker_that_is_too_slow_gives_every_camera_the_same_turns(offers):
    """All cameras always have something; whatever the order in which they offer it, turns are even."""
    slots = Slots[str](list("abcd"))
    sessions = {name: slots.open(name) for name in "abcd"}
    taken = Counter()
    for name in "abcd":
        slots.put(sessions[name], name)
    for name in offers:
        found = slots.take(AT_ONCE_S)
        assert found is not None
        taken[found[0]] += 1
        slots.put(sessions[found[0]], "again")
        slots.put(sessions[name], "newer")
    assert max(taken.values(), default=0) - min((taken[name] for name in "abcd"), default=0) <= 1


def test_a_camera_that_has_waited_goes_before_one_that_has_just_been_served():
    slots = Slots[int](["a", "b"])
    a, b = slots.open("a"), slots.open("b")
    slots.put(a, 1)
    assert slots.take(AT_ONCE_S) == ("a", 1)
    slots.put(a, 2)
    slots.put(b, 3)
    assert slots.take(AT_ONCE_S) == ("b", 3)
    assert slots.take(AT_ONCE_S) == ("a", 2)


def test_a_recording_waits_for_its_turn():
    slots = Slots[int](["a"])
    session = slots.open("a")

    def play() -> None:
        for number in range(200):
            slots.put_when_free(session, number, lambda: False)

    player = threading.Thread(target=play)
    player.start()
    assert [slots.take(FAR_S) for _ in range(200)] == [("a", number) for number in range(200)]
    player.join()
    assert slots.replaced("a") == 0


def test_a_recording_that_is_over_does_not_wait():
    slots = Slots[int](["a"])
    session = slots.open("a")
    slots.put(session, 1)
    slots.put_when_free(session, 2, lambda: True)
    assert slots.take(AT_ONCE_S) == ("a", 1)


def test_waking_ends_the_wait():
    slots = Slots[int](["a"])
    waker = threading.Timer(0.0, slots.wake)
    waker.start()
    assert slots.take(FAR_S) is None
    waker.join()


def test_what_waits_ends_with_its_session():
    slots = Slots[int](["a"])
    slots.put(slots.open("a"), 1)
    slots.shut("a")
    assert slots.is_empty("a")
    assert slots.take(AT_ONCE_S) is None


def test_a_session_that_is_over_can_put_nothing_and_counts_for_nothing():
    slots = Slots[int](["a"])
    old, new = slots.open("a"), slots.open("a")
    slots.put(new, 1)
    slots.put(old, 2)
    slots.put_when_free(old, 3, lambda: False)
    assert slots.take(AT_ONCE_S) == ("a", 1)
    assert slots.replaced("a") == 0
    slots.shut("a")
    slots.put(new, 4)
    assert slots.take(AT_ONCE_S) is None


def test_a_recording_that_waits_for_its_turn_ends_with_its_session():
    slots = Slots[int](["a"])
    session = slots.open("a")
    slots.put(session, 1)
    waiting = threading.Thread(target=slots.put_when_free, args=(session, 2, lambda: False))
    waiting.start()
    slots.shut("a")
    waiting.join(FAR_S)
    assert not waiting.is_alive()
    assert slots.take(AT_ONCE_S) is None
