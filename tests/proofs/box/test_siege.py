"""What a siege counts: an alarm that is told twice does not stand in for one that is lost."""

import json
import urllib.request
from collections.abc import Iterator
from contextlib import closing

import pytest

from proofs.rig.listeners import Inbox
from proofs.rig.siege import are_of_the_past, later

FIRST, SECOND = "03:04:05 on 02 January", "03:04:09 on 02 January"


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    with closing(Inbox()) as inbox:
        yield inbox


def tell(inbox: Inbox, title: str, message: str) -> None:
    content = json.dumps({"title": title, "message": message}).encode()
    url = inbox.url.replace("json://", "http://")
    urllib.request.urlopen(urllib.request.Request(url, content), timeout=10).close()  # noqa: S310 - loopback


def test_alarms_told_alone_and_together_are_counted(inbox: Inbox) -> None:
    tell(inbox, "Fall: camera-0 in box", f"{FIRST}, score 90%.")
    tell(
        inbox,
        "Fall: camera-0 in box, and 1 more",
        f"Late: Fall: camera-0 in box. {SECOND}, score 90%.\nFall: camera-1 in box. {FIRST}, score 90%.",
    )
    assert inbox.told == {0: [FIRST, SECOND], 1: [FIRST]}
    assert (inbox.missing(2, 2), inbox.surplus(2, 2)) == (1, 0)


def test_an_alarm_told_twice_stands_in_for_no_other(inbox: Inbox) -> None:
    for _ in range(2):
        tell(inbox, "Fall: camera-0 in box", f"{FIRST}, score 90%.")
    assert (inbox.missing(1, 2), inbox.surplus(1, 2)) == (1, 1)


def test_a_wait_during_the_fault_counts_as_one_after_it() -> None:
    assert (later(31.0, 0.1), later(0.1, 31.0), later(None, 0.1), later(0.1, None)) == (31.0, 31.0, None, None)


def test_a_clock_that_was_right_is_no_fault() -> None:
    assert are_of_the_past([{"started_at": "2026-01-02T03:04:05.678Z"}])
    assert not are_of_the_past([{"started_at": "2999-01-02T03:04:05.678Z"}])
    assert not are_of_the_past([])
