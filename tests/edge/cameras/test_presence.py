"""What a camera tells of the people before it: counts, and the figures of its events in their order."""

import json
from typing import Any

import numpy as np
import pytest

from edge.cameras.presence import Presence
from edge.people import tracking
from edge.people.tracking import Tracks
from edge.types import NS_PER_S, Body, Event, Person

EVENT: dict[str, Any] = {
    "camera": "hall",
    "label": "fall",
    "score": 0.9,
    "peak_score": 0.9,
    "started_at": "2026-01-02T03:04:05.678Z",
    "ended_at": None,
    "duration_s": 1.0,
    "reason": None,
    "model_name": "m",
    "model_sha256": "ab" * 32,
    "position_s": None,
}
STANDING = {0: 0.2, 5: 0.3, 7: 0.4, 9: 0.5, 11: 0.5, 13: 0.65, 15: 0.8}
"""Heights of keypoints, of those to their right too."""


class Told:
    """What a publisher would be told."""

    def __init__(self) -> None:
        self.counts: list[tuple[int | None, int | None]] = []
        self.figures: list[tuple[str, dict[str, Any]]] = []

    def people(self, camera: str, people: int | None, lying: int | None) -> None:
        assert camera == "hall"
        self.counts.append((people, lying))

    def figure(self, event_id: str, content: bytes) -> None:
        self.figures.append((event_id, json.loads(content)))


class Hall:
    """Somebody walks through, ten looks a second."""

    def __init__(self, **settings: bool) -> None:
        self.told = Told()
        settings = {"publish_people": True, "figures": True} | settings
        self.presence = Presence("hall", self.told, lambda work: work(), **settings)
        self.tracks = Tracks()
        self.now_ns = 0

    def walk(self, seconds: float, *, seen: bool = True) -> None:
        for _ in range(round(seconds * 10)):
            self.now_ns += NS_PER_S // 10
            people = [walker(0.1 + 0.05 * self.now_ns / NS_PER_S)] if seen else []
            self.tracks = tracking.step(self.tracks, people, self.now_ns, 16 / 9)
            bodies = [Body(track, 0.0, 0.0) for track in self.tracks.tracks]
            self.presence.see(bodies, self.now_ns, 16 / 9)

    def event(self, event_id: str, kind: str) -> None:
        self.presence.told(Event(id=event_id, type=kind, **EVENT), self.now_ns)  # pyright: ignore[reportArgumentType]


def walker(x: float) -> Person:
    heights = [STANDING[max(key for key in STANDING if key <= k)] for k in range(17)]
    keypoints = np.column_stack([heights, x + 0.01 * (np.arange(17) % 2), np.full(17, 0.6)])
    return Person(np.array([0.15, x - 0.05, 0.85, x + 0.06], np.float32), keypoints.astype(np.float32), 0.6)


def test_who_has_moved_is_counted_and_nobody_is_when_nobody_looks() -> None:
    hall = Hall()
    hall.walk(0.2)
    assert hall.told.counts == [(0, 0)] * 2, "a poster would look the same"
    hall.walk(10)
    assert hall.told.counts[-1] == (1, 0)
    hall.walk(1, seen=False)
    assert hall.told.counts[-1] == (0, 0)
    hall.presence.gone()
    assert hall.told.counts[-1] == (None, None)


def test_an_event_is_followed_by_its_figures() -> None:
    hall = Hall()
    hall.walk(6)
    hall.event("A", "started")
    hall.walk(2)
    hall.event("A", "updated")
    hall.event("A", "ended")
    assert [(name, fields["part"], fields["last"]) for name, fields in hall.told.figures] == [
        ("A", 1, False),
        ("A", 2, True),
    ]
    assert hall.told.figures[0][1]["looks"][-1][0] == pytest.approx(0, abs=0.3)


def test_what_goes_on_is_told_after_half_a_minute() -> None:
    hall = Hall()
    hall.event("A", "started")
    hall.walk(31)
    assert [fields["last"] for _, fields in hall.told.figures] == [False, True]
    hall.event("A", "ended")
    assert len(hall.told.figures) == 2


@pytest.mark.parametrize("setting", ["publish_people", "figures"])
def test_what_is_not_wanted_stays_here(setting: str) -> None:
    hall = Hall(**{setting: False})
    hall.event("A", "started")
    hall.walk(1)
    hall.presence.gone()
    assert bool(hall.told.counts) == (setting != "publish_people")
    assert bool(hall.told.figures) == (setting != "figures")


def test_without_a_broker_nobody_is_told() -> None:
    presence = Presence("hall", None, lambda work: work(), publish_people=True, figures=True)
    presence.see([], NS_PER_S, 1.0)
    presence.told(Event(id="A", type="started", **EVENT), NS_PER_S)
    presence.gone()
