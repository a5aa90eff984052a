"""An event as stick figures: what happened, without a picture and without a face.

A figure goes out in parts, each a JSON object in UTF-8 of at most `MOST_BYTES`:

    {"schema": 1, "id": "01J...", "camera": "hall", "part": 1, "last": false, "aspect": 1.778,
     "points": ["head", "left_shoulder", ...],
     "looks": [[-4.75, [[3, [412, 220, 9, 455, 240, 8, ...]]]], ...]}

- `id`, `camera`: of the event.
- `part`: 1 with the event's beginning, what came up to 5 s before; 2 what came then, up to its end or for 30 s.
- `last`: whether nothing follows.
- `aspect`: width of the picture over its height.
- `points`: names of a body's points, in their order. The five keypoints of a face are one, the head.
- `looks`: in order of time. Each is the time in seconds after the event's beginning, and the bodies that were seen
  then: the number of a track, which stays while the body is followed, and for each point y and x in thousandths of the
  picture's height and width, and how sure it is, from 0 to 9. What is not seen, or lies inside a privacy mask, is
  0, 0, 0. Points may lie outside the picture.

Looks are a quarter of a second apart; where there are too many bytes every other one is left out until they fit.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from edge.people.body import POINTS, bodies
from edge.types import NS_PER_S, Track

SCHEMA: Final = 1
MOST_BYTES: Final = 60_000
RATE_HZ: Final = 4.0
BEFORE_S: Final = 5.0
AFTER_S: Final = 30.0
THOUSAND: Final = 1000
SUREST: Final = 9
SECONDS_DIGITS: Final = 2
ASPECT_DIGITS: Final = 3
EARLY_SHARE: Final = 0.1
"""Of the time between two looks: one that comes so much early is taken, as clocks of cameras wander."""


@dataclass(frozen=True, slots=True)
class Look:
    """Who was seen when: numbers of tracks, and their points as the schema has them."""

    time_ns: int
    bodies: tuple[tuple[int, tuple[int, ...]], ...]


@dataclass(frozen=True, slots=True)
class Part:
    """What is to be published of an event."""

    event_id: str
    content: bytes


@dataclass(frozen=True, slots=True)
class _Recording:
    """An event that goes on."""

    event_id: str
    began_ns: int
    looks: tuple[Look, ...] = ()


@dataclass(frozen=True, slots=True)
class Figures:
    """Stick figures of one camera, now. State goes in and comes out."""

    camera: str
    aspect: float = 1.0
    recent: tuple[Look, ...] = ()
    """Of the last `BEFORE_S`."""
    recordings: tuple[_Recording, ...] = ()

    def after(self, tracks: Sequence[Track], now_ns: int, aspect: float) -> "tuple[Figures, tuple[Part, ...]]":
        """Look once more; also give the parts of events that have gone on for long enough.

        Args:
            tracks: of the camera; those that were not seen at this look are passed over.
            now_ns: capture time of the picture. Where time goes back, what was before is forgotten.
            aspect: width of the picture over its height.
        """
        known = [look for look in self.recent if now_ns - BEFORE_S * NS_PER_S <= look.time_ns < now_ns]
        due = tuple(one for one in self.recordings if now_ns - one.began_ns >= AFTER_S * NS_PER_S)
        going = tuple(one for one in self.recordings if one not in due)
        wait_ns = (1 - EARLY_SHARE) / RATE_HZ * NS_PER_S
        if not known or now_ns - known[-1].time_ns >= wait_ns:
            look = _look([track for track in tracks if track.last_ns == now_ns], now_ns)
            known.append(look)
            going = tuple(replace(one, looks=(*one.looks, look)) for one in going)
        seen = replace(self, aspect=aspect, recent=tuple(known), recordings=going)
        return seen, tuple(_rest(seen, one) for one in due)

    def begun(self, event_id: str, now_ns: int) -> "tuple[Figures, Part]":
        """An event begins: give its first part, and go on recording it."""
        recording = _Recording(event_id, now_ns)
        part = _part(self, recording, self.recent, number=1, is_last=False)
        return replace(self, recordings=(*self.recordings, recording)), part

    def ended(self, event_id: str) -> "tuple[Figures, Part | None]":
        """An event has ended: give the rest, unless it was given before."""
        found = [one for one in self.recordings if one.event_id == event_id]
        if not found:
            return self, None
        going = tuple(one for one in self.recordings if one.event_id != event_id)
        return replace(self, recordings=going), _rest(self, found[0])


def _rest(figures: Figures, recording: _Recording) -> Part:
    return _part(figures, recording, recording.looks, number=2, is_last=True)


def _part(figures: Figures, recording: _Recording, looks: Sequence[Look], *, number: int, is_last: bool) -> Part:
    """Write a part, with as many of its looks as fit."""
    fields = {
        "schema": SCHEMA,
        "id": recording.event_id,
        "camera": figures.camera,
        "part": number,
        "last": is_last,
        "aspect": round(figures.aspect, ASPECT_DIGITS),
        "points": POINTS,
    }
    content = _written(fields, looks, recording.began_ns)
    while len(content) > MOST_BYTES and len(looks) > 1:
        looks = looks[::-2][::-1]  # the last one stays
        content = _written(fields, looks, recording.began_ns)
    return Part(recording.event_id, content)


def _look(tracks: Sequence[Track], now_ns: int) -> Look:
    seen = bodies([track.person for track in tracks], 1.0)
    sure = np.rint(SUREST * seen.trusts).astype(int)  # (n, 13)
    places = np.rint(THOUSAND * seen.places).astype(int) * (sure > 0)[:, :, np.newaxis]  # (n, 13, 2)
    points = np.concatenate([places, sure[:, :, np.newaxis]], 2).reshape(len(tracks), 3 * len(POINTS))
    return Look(now_ns, tuple((track.id, tuple(row)) for track, row in zip(tracks, points.tolist(), strict=True)))


def _written(fields: dict[str, Any], looks: Sequence[Look], began_ns: int) -> bytes:
    timed = [[round((look.time_ns - began_ns) / NS_PER_S, SECONDS_DIGITS), look.bodies] for look in looks]
    return json.dumps(fields | {"looks": timed}, separators=(",", ":")).encode()
