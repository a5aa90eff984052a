"""What is true now of every box and camera, as their retained topics and stats say. Bounded, whatever is sent."""

from collections import OrderedDict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar, cast

from edge.mqtt.incoming import MAX_TEXT_CHARACTERS, Fields, number, read_object, table, text

MAX_BOXES: Final = 1000
MAX_CAMERAS: Final = 64
"""Of a box."""
MAX_LATEST: Final = 10_000
"""Cameras whose latest event is remembered: alarms of any name are taken."""
MAX_LABELS: Final = 16
MAX_SCORES: Final = 60
"""One a second: the plot's minute."""
SCORE_DIGITS: Final = 3
CONTRACT_NAMES: Final = frozenset({"events", "stats", "availability"})
NO_LABEL: Final = "normal"
"""The class of nothing: its score says no more than the others' absence."""


@dataclass(slots=True)
class Label:
    """One label of one camera."""

    on: bool = False
    threshold: float | None = None
    asked: tuple[float, int] | None = None
    """Threshold that somebody asked for, and when (Unix ms), until it is in force."""
    scores: deque[float] = field(default_factory=lambda: deque[float](maxlen=MAX_SCORES))

    def fields(self) -> Fields:
        return {"on": self.on, "threshold": self.threshold, "asked": self.asked and self.asked[0]}


@dataclass(slots=True)
class Camera:
    """One camera."""

    state: str | None = None
    since: str | None = None
    fps: float | None = None
    reason: str | None = None
    enabled: bool | None = None
    asked: bool | None = None
    """Whether somebody asked it to be on, until the box says it is."""
    labels: dict[str, Label] = field(default_factory=dict[str, Label])
    score_times_ms: deque[int] = field(default_factory=lambda: deque[int](maxlen=MAX_SCORES))

    def label(self, name: str) -> Label | None:
        """Return a label, new at first; None when there are too many."""
        if name not in self.labels and len(self.labels) >= MAX_LABELS:
            return None
        return self.labels.setdefault(name, Label())

    def fields(self) -> Fields:
        return {
            "state": self.state,
            "since": self.since,
            "fps": self.fps,
            "reason": self.reason,
            "enabled": self.enabled,
            "asked": self.asked,
            "labels": {name: label.fields() for name, label in self.labels.items()},
        }


@dataclass(slots=True)
class Box:
    """One box."""

    online: bool | None = None
    changed_ms: int | None = None
    """When it was first seen so, by our clock."""
    stats: Fields = field(default_factory=dict[str, Any])
    stats_ms: int | None = None
    passed_over: int = 0
    unreadable: int = 0
    cameras: dict[str, Camera] = field(default_factory=dict[str, Camera])

    def camera(self, name: str) -> Camera | None:
        """Return a camera, new at first; None when there are too many, or it can be none."""
        if name in CONTRACT_NAMES or (name not in self.cameras and len(self.cameras) >= MAX_CAMERAS):
            return None
        return self.cameras.setdefault(name, Camera())

    def fields(self) -> Fields:
        return {
            "online": self.online,
            "changed_ms": self.changed_ms,
            "stats": self.stats,
            "stats_ms": self.stats_ms,
            "passed_over": self.passed_over,
            "unreadable": self.unreadable,
        }


_Kept = TypeVar("_Kept")
_Key = TypeVar("_Key")


def remember(kept: OrderedDict[_Key, _Kept], key: _Key, value: _Kept) -> None:
    """Put a camera's latest in; of too many cameras the one that was put in first goes."""
    kept[key] = value
    kept.move_to_end(key)
    if len(kept) > MAX_LATEST:
        kept.popitem(last=False)


class Fleet:
    """All boxes. Its owner holds a lock."""

    def __init__(self) -> None:
        self.boxes: OrderedDict[str, Box] = OrderedDict()
        """The longest silent first."""
        self.passed_over = 0
        """Boxes that were too many, and are forgotten."""
        self.latest: OrderedDict[str, Fields] = OrderedDict()
        """By `box/camera` the latest event, also of cameras that have not been heard yet."""

    def box(self, device: str) -> Box:
        """Return a box, new at first; of too many the longest silent is forgotten, first of those without stats: names
        that somebody invents have none."""
        if device not in self.boxes and len(self.boxes) >= MAX_BOXES:
            self.passed_over += 1
            silent = (name for name, box in self.boxes.items() if box.stats_ms is None)
            del self.boxes[next(silent, next(iter(self.boxes)))]
        box = self.boxes.setdefault(device, Box())
        self.boxes.move_to_end(device)
        return box

    def availability(self, box: Box, payload: bytes, now_ms: int) -> None:
        """Take `online` or `offline`."""
        online = {b"online": True, b"offline": False}.get(payload)
        if online is None:
            box.unreadable += 1
        elif online != box.online:
            box.online, box.changed_ms = online, now_ms

    def stats(self, box: Box, payload: bytes, now_ms: int) -> None:
        """Take what a box says of itself."""
        fields = read_object(payload)
        if fields is None:
            box.unreadable += 1
            return
        box.stats, box.stats_ms = health(fields), now_ms

    def status(self, box: Box, camera: Camera, payload: bytes) -> None:
        """Take a camera's own condition."""
        fields = read_object(payload)
        if fields is None or not isinstance(fields.get("state"), str):
            box.unreadable += 1
            return
        camera.state = text(fields["state"])
        camera.since = text(fields.get("since"))
        camera.reason = text(fields.get("reason"))
        camera.fps = number(fields.get("fps"))

    def scores(self, box: Box, camera: Camera, payload: bytes, now_ms: int) -> Fields | None:
        """Take a camera's scores; return them by label."""
        fields = read_object(payload)
        read = {name: number(value) for name, value in (fields or {}).items()}
        scores = {name: round(value, SCORE_DIGITS) for name, value in read.items() if value is not None}
        if not scores or len(scores) > MAX_LABELS:
            box.unreadable += 1
            return None
        kept: Fields = {}
        for name, value in scores.items():
            if name != NO_LABEL and 0 <= value <= 1 and (label := camera.label(name[:MAX_TEXT_CHARACTERS])) is not None:
                label.scores.append(value)
                kept[name] = value
        camera.score_times_ms.append(now_ms)
        return kept

    def snapshot(self) -> tuple[Fields, Fields, Fields]:
        """Return boxes, cameras and scores in hundredths; the latter two by `box/camera`."""
        boxes = {device: box.fields() for device, box in self.boxes.items()}
        cameras = {f"{device}/{name}": self.camera_fields(device, name) for device, name, _ in self.all_cameras()}
        scores = {
            f"{device}/{name}": {
                label: [round(100 * score) for score in kept.scores]
                for label, kept in camera.labels.items()
                if kept.scores
            }
            for device, name, camera in self.all_cameras()
            if camera.score_times_ms
        }
        return boxes, cameras, scores

    def camera_fields(self, device: str, name: str) -> Fields | None:
        """Return a camera's record; None when it is gone."""
        box = self.boxes.get(device)
        camera = None if box is None else box.cameras.get(name)
        return None if camera is None else camera.fields() | {"last": self.latest.get(f"{device}/{name}")}

    def forget(self, box: Box, name: str, words: list[str]) -> None:
        """Take the end of a retained topic: a box names a camera or label no more."""
        match words:
            case ["status"]:
                box.cameras.pop(name, None)
            case [label, "state"] if name in box.cameras:
                box.cameras[name].labels.pop(label, None)
            case _:
                pass

    def all_cameras(self) -> Iterator[tuple[str, str, Camera]]:
        """Yield box, name and camera."""
        for device, box in self.boxes.items():
            for name, camera in box.cameras.items():
                yield device, name, camera


def health(fields: Fields) -> Fields:
    """Pick from the stats what the page shows."""
    outbox = table(fields.get("outbox"))
    throttling = table(fields.get("throttling"))
    now = throttling.get("now")
    return {
        "uptime_s": number(fields.get("uptime_s")),
        "temperature_c": number(fields.get("temperature_c")),
        "throttled": [text(word) for word in cast("list[object]", now)[:8]] if isinstance(now, list) else None,
        "memory_mb": number(fields.get("memory_mb")),
        "waiting": number(outbox.get("waiting")),
        "dropped": number(outbox.get("dropped")),
        "disk_fault": text(outbox.get("fault")),
        "version": text(fields.get("version")),
        "model": text(table(fields.get("model")).get("name")),
        "backend": text(fields.get("backend")),
        "commands": table(fields.get("commands")).get("allowed") is True,
    }
