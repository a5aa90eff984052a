"""A bell, heard as the network's wait hears it."""

import select
from collections.abc import Iterator
from contextlib import closing

import pytest

from edge.mqtt.bell import Bell

MORE_THAN_A_SOCKET_HOLDS = 100_000


@pytest.fixture
def bell() -> Iterator[Bell]:
    with closing(Bell()) as hung:
        yield hung


def is_heard(bell: Bell) -> bool:
    return bool(select.select([bell.rung], [], [], 0)[0])


def test_it_is_heard_until_it_is_hushed(bell) -> None:
    assert not is_heard(bell)
    bell.ring()
    bell.ring()
    assert is_heard(bell)
    bell.hush()
    assert not is_heard(bell)
    bell.ring()
    assert is_heard(bell)


def test_ringing_never_waits_and_one_hush_ends_it_all(bell) -> None:
    for _ in range(MORE_THAN_A_SOCKET_HOLDS):
        bell.ring()
    bell.hush()
    assert not is_heard(bell)
