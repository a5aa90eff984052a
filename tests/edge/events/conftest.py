"""A room with a camera, and bodies in it whose doings are written down: tracks, the head's words, and pictures."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import cv2
import numpy as np
import pytest

from edge.bundle import AlertSpec
from edge.events.alerts import Subject
from edge.events.clock import recording_clock
from edge.events.falls import FallMachine, FallRules, FallState
from edge.frames.glance import GLANCE_PX, Glance
from edge.people.body import bodies as measured
from edge.types import NS_PER_S, Body, Event, Person, Track

BEGAN_AT = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
ASPECT = 16 / 9
TALL = 0.5  # of all bodies, in heights of the picture
FLOOR_Y = 0.8
POSTURES = {
    "upright": (0.9, 0.05, 0.05),
    "sitting": (0.05, 0.9, 0.05),
    "nearly lying": (0.05, 0.5, 0.45),
    "lying": (0.05, 0.05, 0.9),
}
WORDS = {"neither": (0.05, 0.05), "falls": (0.9, 0.05), "lies": (0.05, 0.9)}
"""The head's: falling, lying."""


@dataclass(frozen=True)
class Doing:
    """What one body does at a look."""

    track: int
    x: float = 0.5
    """Of its hips, relative to the picture's width."""
    posture: str = "upright"
    says: str = "neither"
    lost: bool = False
    y: float = FLOOR_Y
    """Of its feet, or of its hips where it lies."""
    jitter: float = 0.0
    """Of its points, in body heights."""
    arm: float = 0.0
    """How far an arm is raised, in body heights."""
    speed: float = 0.0
    """Downwards, in body heights per second."""
    score: float = 0.6

    def but(self, **changes) -> "Doing":
        return replace(self, **changes)


class Who:
    """What bodies do, by track."""

    @staticmethod
    def stands(track: int = 1, x: float = 0.5, **others: Any) -> Doing:
        return replace(Doing(track, x), **others)

    @staticmethod
    def falls(track: int = 1, x: float = 0.5, **others: Any) -> Doing:
        return replace(Doing(track, x, "lying", "falls"), **others)

    @staticmethod
    def lies(track: int = 1, x: float = 0.5, **others: Any) -> Doing:
        return replace(Doing(track, x, "lying", "lies"), **others)

    @staticmethod
    def sits(track: int = 1, x: float = 0.5, **others: Any) -> Doing:
        return replace(Doing(track, x, "sitting"), **others)


def person_of(doing: Doing, chance: np.random.Generator) -> Person:
    """Thirteen points on a line, from head to feet; lying, to the right."""
    shares = np.array([0.95] * 5 + [0.82] * 2 + [0.65] * 2 + [0.5] * 2 + [0.53] * 2 + [0.28] * 2 + [0.04] * 2)
    up = shares * TALL * (0.6 if doing.posture == "sitting" else 1)
    if doing.posture == "lying":
        places = np.stack([np.full(17, doing.y), doing.x + (up - 0.53 * TALL) / ASPECT], 1)
    else:
        places = np.stack([doing.y - up, np.full(17, doing.x)], 1)
    places[7:11, 0] -= doing.arm * TALL
    places += chance.normal(0, doing.jitter * TALL, places.shape) / [1, ASPECT] if doing.jitter else 0
    box = np.concatenate([places.min(0) - 0.04, places.max(0) + 0.04]).clip(0, 1)
    return Person(box.astype(np.float32), np.column_stack([places, np.full(17, 0.6)]).astype(np.float32), doing.score)


@dataclass
class Room:
    """Feeds a machine with looks, and keeps what it says."""

    machine: FallMachine
    state: FallState
    period_s: float = 0.2
    now_s: float = 0.0
    light: float = 0.0
    """Grey levels that a lamp adds."""
    picture: int = 0
    """Which room it is: another is a jump."""
    restless: bool = False
    """Whether something moves that is in no track."""
    events: list[Event] = field(default_factory=list)
    tracks: dict[int, Track] = field(default_factory=dict)
    chance: np.random.Generator = field(default_factory=lambda: np.random.default_rng(3))

    def look(
        self,
        *doings: Doing,
        scene: float | None = None,
        looks: bool = True,
        unseen: tuple[Doing, ...] = (),
        drawn: bool = True,
    ) -> None:
        """One step.

        Args:
            doings: of all who have a track.
            scene: score of the whole picture.
            looks: whether somebody looks for bodies.
            unseen: who is in the picture, but in no track.
            drawn: whether bodies can be told from the room.
        """
        self.now_s = round(self.now_s + self.period_s, 6)
        now_ns = round(self.now_s * NS_PER_S)
        bodies = [self._body(doing, now_ns) for doing in doings] if looks else None
        seen = self._glance([*doings, *unseen] if drawn else [], now_ns)
        events, self.state = self.machine.step(bodies, scene, seen, self.state, aspect=ASPECT)
        self.events += events

    def during(self, seconds: float, *doings: Doing, **others) -> None:
        """Looks for so long."""
        for _ in range(round(seconds / self.period_s)):
            self.look(*doings, **others)

    def said(self) -> list[tuple[str, str | None]]:
        return [(event.type, event.reason) for event in self.events]

    def closed(self, reason: str) -> None:
        event, self.state = self.machine.close(reason, round(self.now_s * NS_PER_S), self.state)
        self.events += [] if event is None else [event]

    def acknowledged(self, event_id: str) -> None:
        now_ns = round(self.now_s * NS_PER_S)
        event, self.state = self.machine.acknowledge_false(event_id, now_ns, self.state)
        self.events += [] if event is None else [event]

    def _body(self, doing: Doing, now_ns: int) -> Body:
        falling, lying = WORDS[doing.says]
        known = self.tracks.get(doing.track)
        if doing.lost:
            assert known is not None
            track = replace(known, unseen_s=known.unseen_s + self.period_s)
        else:
            person = person_of(doing, self.chance)
            center = measured([person], ASPECT).centers[0]
            moved = 0.0 if known is None else float(np.hypot(*(center - known.origin))) / TALL
            track = Track(
                id=doing.track,
                slot=doing.track % 6,
                person=person,
                first_ns=now_ns if known is None else known.first_ns,
                last_ns=now_ns,
                elapsed_s=0.0 if known is None else (now_ns - known.last_ns) / NS_PER_S,
                unseen_s=0.0,
                height=TALL,
                moved=moved if known is None else max(known.moved, moved),
                top=float(center[0]),
                floor=doing.y,
                origin=center if known is None else known.origin,
                velocities=np.tile(np.array([doing.speed * TALL, 0], np.float32), (13, 1)),
                posture=np.array(POSTURES[doing.posture], np.float32),
            )
        self.tracks[doing.track] = track
        return Body(track, falling, lying)

    def _glance(self, doings: list[Doing], now_ns: int) -> Glance:
        """A room with furniture; bodies are dark."""
        chance = np.random.default_rng(self.picture)
        small = chance.uniform(60, 180, (9 - 5 * self.picture, 16 - 11 * self.picture)).astype(np.float32)
        grey = cv2.resize(small, GLANCE_PX[::-1], interpolation=cv2.INTER_NEAREST)
        grey = grey * (1 + self.light / 100) + self.light / 2
        for doing in doings:
            y0, x0, y1, x1 = person_of(doing.but(jitter=0.0), self.chance).box * [*GLANCE_PX, *GLANCE_PX]
            grey[round(y0) : round(y1), round(x0) : round(x1)] *= 0.4
        if self.restless:
            place = round(now_ns / NS_PER_S / self.period_s) % 8
            grey[2:10, 4 * place : 4 * place + 8] += 60
        grey += np.random.default_rng(now_ns // 1000).normal(0, 0.5, GLANCE_PX)
        return Glance(grey.clip(0, 255).astype(np.uint8), 50.0, now_ns)


SPEC = AlertSpec(
    onset_threshold=0.7,
    offset_threshold=0.4,
    min_active_s=0.4,
    min_quiet_s=2.0,
    refractory_s=5.0,
    update_interval_s=10.0,
)
GAP_S = 1.0


@pytest.fixture
def room() -> Callable[..., Room]:
    """Make a room; rules are those of `FallRules`, others the room's."""

    def make(*, live: bool = False, spec: AlertSpec = SPEC, was_down: bool = False, **rules) -> Room:
        period_s, restless = rules.pop("period_s", 0.2), rules.pop("restless", False)
        subject = Subject("hall", "tiny", "ab" * 32, recording_clock(BEGAN_AT), live=live)
        machine = FallMachine("fall", spec, subject, FallRules(**rules), GAP_S)
        return Room(machine, machine.initial_state(was_down=was_down), period_s, restless=restless)

    return make


@pytest.fixture
def who() -> type[Who]:
    return Who
