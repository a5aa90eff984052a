"""Events as stick figures: what is in them, what is not, and how large they are."""

import json
from dataclasses import replace

import numpy as np
import pytest

from edge.people import tracking
from edge.people.figures import AFTER_S, BEFORE_S, MOST_BYTES, Figures, Part
from edge.people.masking import without_masked
from edge.people.tracking import Tracks
from edge.types import NS_PER_S, Person, Track

RATE_HZ = 10
ASPECT = 16 / 9
EVENT, OTHER = "01JCAFE0000000000000000000", "01JCAFE0000000000000000001"
LEFT_HALF = [(0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0)]


def at(y: float, x: float, score: float = 0.5) -> Person:
    """All keypoints near a place, in a row to the right of it."""
    keypoints = np.column_stack([np.full(17, y), x + 0.005 * np.arange(17), np.full(17, score)]).astype(np.float32)
    box = np.array([y - 0.2, x - 0.1, y + 0.2, x + 0.1], np.float32)
    return Person(box, keypoints, score)


class Camera:
    """Shows people for some seconds, ten times a second."""

    def __init__(self) -> None:
        self.figures = Figures("hall")
        self.tracks = Tracks()
        self.now_ns = 0
        self.given: list[Part] = []

    def show(self, seconds: float, *people: Person) -> None:
        for _ in range(round(seconds * RATE_HZ)):
            self.now_ns += NS_PER_S // RATE_HZ
            self.tracks = tracking.step(self.tracks, people, self.now_ns, ASPECT)
            self.figures, parts = self.figures.after(self.tracks.tracks, self.now_ns, ASPECT)
            self.given += parts

    def begin(self, event_id: str = EVENT) -> dict:
        self.figures, part = self.figures.begun(event_id, self.now_ns)
        return read(part)

    def end(self, event_id: str = EVENT) -> dict | None:
        self.figures, part = self.figures.ended(event_id)
        return None if part is None else read(part)


def read(part: Part) -> dict:
    assert len(part.content) <= MOST_BYTES
    fields = json.loads(part.content)
    assert fields["id"] == part.event_id
    return fields


def times_s(fields: dict) -> list[float]:
    return [time_s for time_s, _ in fields["looks"]]


def test_an_event_has_a_part_of_before_and_one_of_after():
    camera = Camera()
    camera.show(8, at(0.5, 0.3))
    first = camera.begin()
    camera.show(3, at(0.8, 0.3))
    last = camera.end()
    assert last is not None
    assert [part["part"] for part in (first, last)] == [1, 2]
    assert [part["last"] for part in (first, last)] == [False, True]
    assert (first["schema"], first["camera"], first["aspect"]) == (1, "hall", 1.778)
    assert times_s(first)[0] == pytest.approx(-BEFORE_S, abs=0.3)
    assert times_s(first)[-1] == pytest.approx(0, abs=0.3)
    assert 0 < times_s(last)[0] <= 0.3
    assert times_s(last)[-1] == pytest.approx(3, abs=0.3)
    assert np.diff(times_s(first) + times_s(last)) == pytest.approx(0.3, abs=0.01)
    assert not camera.given


def test_what_goes_on_is_told_after_half_a_minute_and_once():
    camera = Camera()
    camera.begin()
    camera.show(AFTER_S + 20, at(0.5, 0.3))
    (part,) = camera.given
    assert times_s(read(part))[-1] == pytest.approx(AFTER_S, abs=0.3)
    assert camera.end() is None


def test_events_beside_each_other_and_one_from_before_a_restart():
    camera = Camera()
    camera.show(1, at(0.5, 0.3))
    camera.begin()
    camera.show(1, at(0.5, 0.3))
    other = camera.begin(OTHER)
    camera.show(1, at(0.5, 0.3))
    first, second = camera.end(), camera.end(OTHER)
    assert first is not None
    assert second is not None
    assert len(other["looks"]) > len(second["looks"])
    assert len(first["looks"]) > len(second["looks"])
    assert camera.end("01JCAFE0000000000000000009") is None


def test_points_are_thousandths_and_a_face_is_one():
    camera = Camera()
    camera.show(0.1, at(0.5, 0.3))
    fields = camera.begin()
    assert fields["points"][:3] == ["head", "left_shoulder", "right_shoulder"]
    ((_, ((number, points),)),) = fields["looks"]
    assert number == camera.tracks.tracks[0].id
    assert len(points) == 3 * 13 == 3 * len(fields["points"])
    assert points[:3] == [500, 310, 9]  # the middle of five, 0.005 apart
    assert points[3:6] == [500, 325, 9]
    assert points[-3:] == [500, 380, 9]


def test_nothing_inside_a_mask_and_nothing_unsure_is_in_it():
    camera = Camera()
    seen = at(0.5, 0.46)  # the keypoints from the tenth on lie to the right of the mask
    guessed = seen.keypoints.copy()
    guessed[16, 2] = 0.05
    (person,) = without_masked([replace(seen, keypoints=guessed)], [LEFT_HALF])
    camera.show(0.1, person)
    ((_, ((_, points),)),) = camera.begin()["looks"]
    assert points[: 3 * 4] == [0] * 12
    assert points[3 * 5 : 3 * 6] == [500, 505, 9]
    assert points[-3:] == [0, 0, 0]


def test_who_is_not_seen_is_not_in_it_and_nobody_is_a_look_too():
    camera = Camera()
    camera.show(1, at(0.5, 0.3))
    camera.show(1)
    assert len(camera.tracks.tracks) == 1, "the track coasts"
    who = [len(bodies) for _, bodies in camera.begin()["looks"]]
    assert who[0] == 1
    assert who[-1] == 0


def crowd(now_ns: int) -> list[Track]:
    people = [at(0.111 * k + 1e-9 * now_ns % 0.1, 0.123 * k, 0.21 + 0.03 * k) for k in range(6)]
    return list(tracking.step(Tracks(next_id=123_456), people, now_ns, ASPECT).tracks)


def test_half_a_minute_of_six_people_fits():
    figures, _ = Figures("hall").begun(EVENT, 0)
    now_ns = 0
    for now_ns in range(0, int(25 * NS_PER_S), NS_PER_S // 4):
        figures, _ = figures.after(crowd(now_ns + 1), now_ns + 1, ASPECT)
    figures, part = figures.ended(EVENT)
    assert part is not None
    fields = read(part)
    assert len(part.content) > MOST_BYTES / 3
    assert {len(bodies) for _, bodies in fields["looks"]} == {6}
    assert times_s(fields)[-1] == pytest.approx(now_ns / NS_PER_S)


def test_where_time_goes_back_it_begins_anew():
    figures, _ = Figures("hall").after((), 10 * NS_PER_S, ASPECT)
    figures, _ = figures.after((), NS_PER_S, ASPECT)
    assert [look.time_ns for look in figures.recent] == [NS_PER_S]
