"""What the proof `faults` makes of what arrived: planted losses, repeats and disorder are found."""

from typing import Any

import pytest

from proofs.box import faults, siege
from proofs.rig.siege import AUDIENCES

FAULTS = {"kill_broker": 1, "cut": 2, "swallow": 1, "kill_daemon": 3}


def quiet_run() -> list[list]:
    """Two falls on every camera, all delivered once."""
    return [
        [camera, f"{camera}-{number}", kind, None]
        for number in range(2)
        for camera in faults.CAMERAS
        for kind in ("started", "ended")
    ]


def outcome(**changes: Any) -> dict[str, Any]:
    """What a fault that everybody withstood leaves."""
    nothing = dict.fromkeys(AUDIENCES, 0)
    whole = {"fault": "deaf", "falls": 6, "late_s": nothing, "missing": nothing, "twice": 0, "said": True}
    return whole | {"memory_mb": {"box": 90.0}, "log_kb": 2.0} | changes


def found(events: list[list], written: list[list] | None = None) -> dict:
    stored = [event[:3] for event in quiet_run()] if written is None else written
    evidence = {"falls": 6, "faults": FAULTS, "minutes": 1.0, **faults.condensed(events, stored)}
    evidence["outcomes"] = [outcome()]
    return dict(faults.figures(evidence))


def test_an_alarm_that_is_lost_late_or_unsaid_in_a_siege_is_found() -> None:
    bad = [
        outcome(late_s={"broker": 30.1, "people": 0, "page": 0}),
        outcome(fault="size", said=False, twice=1, missing={"broker": 1, "people": 0, "page": 0}),
    ]
    evidence = {"falls": 6, "faults": FAULTS, "minutes": 1.0, **faults.condensed(quiet_run(), [])}
    assert missed(faults.figures(evidence | {"outcomes": bad})) == {
        "attacked_lost", "attacked_late_s", "attacked_twice", "unsaid",
    }  # fmt: skip
    never = outcome(late_s={"broker": 0, "people": None, "page": 0}, memory_mb={"box": 301.0})
    found = siege.figures({"minutes": 60.0, "outcomes": [never]})
    assert {line.split()[0] for line in siege.PROOF.missed(found)} == {"attacked_late_s", "memory_mb"}


def missed(figures: dict) -> set[str]:
    return {line.split()[0] for line in faults.PROOF.missed(figures)}


def test_a_quiet_run_misses_nothing() -> None:
    figures = found(quiet_run())
    assert missed(figures) == set()
    assert (figures["cuts"], figures["repeats"], figures["restarts"]) == (3, 0, 0)


def test_a_repeat_is_no_fault() -> None:
    events = quiet_run()
    figures = found([*events[:4], events[3], *events[4:]])
    assert missed(figures) == set()
    assert figures["repeats"] == 1


def test_a_lost_event_is_found() -> None:
    assert missed(found(quiet_run()[:-1])) == {"missing", "lost"}


def test_a_lost_event_is_not_made_up_by_another_one() -> None:
    stranger = ["attic", "stranger", "ended", None]
    assert missed(found([*quiet_run()[:-1], stranger])) >= {"missing", "unknown", "lost"}


@pytest.mark.parametrize("swap", [(0, 1), (0, 6)])
def test_disorder_is_found(swap: tuple[int, int]) -> None:
    events = quiet_run()
    first, second = swap
    events[first], events[second] = events[second], events[first]
    assert missed(found(events)) == {"out_of_order"}


def test_the_order_in_which_events_were_stored_counts() -> None:
    events = quiet_run()
    written = [event[:3] for event in [*events[6:8], *events[:6], *events[8:]]]
    assert missed(found(events, written)) == {"out_of_order"}
