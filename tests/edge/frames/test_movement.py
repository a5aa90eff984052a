"""Where something moves, and what rest zones and `still_down` make of it."""

from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.bundle import AlertSpec, Bundle
from edge.events.alerts import Subject
from edge.events.clock import recording_clock
from edge.frames.glance import GLANCE_PX, glance
from edge.frames.masking import covered
from edge.frames.movement import Movement
from edge.inference.model import Model, open_model
from edge.pipeline import FallRules, Pipeline
from edge.types import NS_PER_S, Sample

RATE_HZ = 5
LEFT_HALF = [(0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0)]
LEFT, RIGHT = 60, 460  # where a person stands, px of 640
GREY, GREEN = (90, 90, 90), (20, 220, 20)  # the model takes green for a fall


def picture(x_px: int | None, y_px: int = 100, light: int = 90) -> np.ndarray:
    """A room with perhaps a person, and a camera's noise."""
    pixels = np.full((360, 640, 3), light, np.uint8)
    if x_px is not None:
        cv2.rectangle(pixels, (x_px, y_px), (x_px + 80, y_px + 160), (230, 210, 200), -1)
    return np.clip(pixels + np.random.default_rng(x_px or 0).normal(0, 3, pixels.shape), 0, 255).astype(np.uint8)


def after(*pictures: np.ndarray, period_s: float = 1 / RATE_HZ) -> Movement:
    movement = Movement()
    for number, pixels in enumerate(pictures):
        movement = movement.after(glance(pixels, round(number * period_s * NS_PER_S)))
    return movement


def test_who_moves_is_found_where_he_moves():
    movement = after(picture(LEFT), picture(LEFT + 30))
    assert movement.share_in(covered([LEFT_HALF], *GLANCE_PX)) > 0.95
    region = movement.region()
    assert region[:, :20].any()
    assert not region[:, 32:].any()


@pytest.mark.parametrize(
    "movement",
    [
        after(picture(LEFT), picture(LEFT)),
        after(picture(None), picture(None, light=140)),
        after(picture(LEFT), picture(RIGHT), period_s=5.0),
        after(picture(LEFT)),
    ],
    ids=["noise", "a lamp", "a long gap", "the first picture"],
)
def test_what_is_no_movement(movement):
    assert movement.moving is not None
    assert not movement.moving.any()
    assert movement.share_in(covered([LEFT_HALF], *GLANCE_PX)) == 0
    assert movement.region().all()


def test_movement_is_forgotten():
    there = [picture(LEFT), picture(LEFT + 40)]
    later = [picture(RIGHT + 2 * step) for step in range(25)]
    assert after(*there, *later).share_in(covered([LEFT_HALF], *GLANCE_PX)) < 0.1


@pytest.fixture
def model(colour_bundle: Path) -> Model:
    return open_model(Bundle.load(colour_bundle))


class Room:
    """Shows a pipeline what the model takes for a fall or not, while somebody moves somewhere or nobody does."""

    def __init__(self, model: Model, rules: FallRules) -> None:
        subject = Subject("hall", "m", "0", recording_clock(datetime(2026, 1, 1, tzinfo=UTC)), live=False)
        quick = {"onset_threshold": 0.5, "offset_threshold": 0.3, "min_active_s": 0.2, "min_quiet_s": 0.5}
        alerts = {"fall": AlertSpec(**quick, refractory_s=0.5, update_interval_s=1e6)}
        self._pipeline = Pipeline(model, subject, alerts, rules)
        self._number = 0
        self.told: list[tuple[str, str | None, float]] = []

    def show(self, seconds: float, *, falls: bool = False, x_px: int | None = None, moves: bool = False) -> None:
        for _ in range(round(seconds * RATE_HZ)):
            time_ns = self._number * NS_PER_S // RATE_HZ
            colour = np.full((1, 32, 32, 3), GREEN if falls else GREY, np.uint8)
            shown = picture(x_px + 25 * (self._number % 2) * moves if x_px is not None else None)
            step = self._pipeline.step(Sample(colour, time_ns), glance(shown, time_ns))
            self.told += [(event.type, event.reason, time_ns / NS_PER_S) for event in step.events]
            self._number += 1

    @property
    def types(self) -> list[tuple[str, str | None]]:
        return [(kind, reason) for kind, reason, _ in self.told]


@pytest.mark.parametrize(("x_px", "alarms"), [(LEFT, False), (RIGHT, True)], ids=["on the bed", "beside it"])
def test_a_fall_in_a_rest_zone_is_held_back(model, x_px, alarms):
    room = Room(model, FallRules(rest_zones=[LEFT_HALF]))
    room.show(2, x_px=x_px, moves=True)
    room.show(2, falls=True, x_px=x_px, moves=True)
    assert bool(room.told) == alarms


def test_a_rest_zone_does_not_end_a_fall_that_has_begun(model):
    room = Room(model, FallRules(rest_zones=[LEFT_HALF]))
    room.show(2, falls=True, x_px=RIGHT, moves=True)
    room.show(4, falls=True, x_px=LEFT, moves=True)
    assert room.types == [("started", None)]


STILL = FallRules(still_down_s=10.0)


def test_who_does_not_move_after_a_fall_is_reported_once_and_the_fall_is_not_over_before(model):
    room = Room(model, STILL)
    room.show(2, falls=True, x_px=RIGHT, moves=True)
    room.show(20, x_px=RIGHT)
    assert room.types == [("started", None), ("updated", "still_down"), ("ended", None)]
    assert room.told[1][2] == pytest.approx(2 + 10, abs=0.5)


def test_who_gets_up_is_not_reported(model):
    room = Room(model, STILL)
    room.show(2, falls=True, x_px=RIGHT, moves=True)
    room.show(5, x_px=RIGHT)
    assert room.types == [("started", None)], "it is not over while nobody moves"
    room.show(3, x_px=RIGHT, moves=True)
    room.show(20, x_px=RIGHT)
    assert room.types == [("started", None), ("ended", None)]


def test_movement_elsewhere_helps_nobody(model):
    room = Room(model, STILL)
    room.show(2, falls=True, x_px=RIGHT, moves=True)
    room.show(0.2, x_px=None)  # the person is taken away, in front of a camera that cannot know
    room.show(15, x_px=LEFT, moves=True)
    assert ("updated", "still_down") in room.types


def test_it_is_off_by_default(model):
    room = Room(model, FallRules())
    room.show(2, falls=True, x_px=RIGHT, moves=True)
    room.show(20, x_px=RIGHT)
    assert room.types == [("started", None), ("ended", None)]
