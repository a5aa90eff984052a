"""Takes every message of the contract to where it belongs, and people's commands to the boxes."""

import json
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import Any, Final, Literal, Protocol

from edge.dashboard.fleet import Box, Camera, Fleet, remember
from edge.dashboard.history import History, Kind, Row, Wanted
from edge.dashboard.hub import Hub
from edge.mqtt.allowance import Allowance
from edge.mqtt.connection import Message
from edge.mqtt.incoming import MAX_NAME_CHARACTERS, MS_PER_S, ROOT, EventMessage, plausible_ms, read_event, read_topic

FILTERS: Final = (f"{ROOT}/+/events",)
UNQUEUED_FILTERS: Final = (
    f"{ROOT}/+/availability",
    f"{ROOT}/+/stats",
    f"{ROOT}/+/+/status",
    f"{ROOT}/+/+/scores",
    f"{ROOT}/+/+/snapshot",
    f"{ROOT}/+/+/enabled",
    f"{ROOT}/+/+/enabled/set",
    f"{ROOT}/+/+/+/state",
    f"{ROOT}/+/+/+/threshold",
    f"{ROOT}/+/+/+/threshold/set",
    f"{ROOT}/+/events/+/clip",
)
MAX_SNAPSHOT_BYTES: Final = 2_000_000
SAMPLED_MS: Final = 20
"""Of one topic of stats, scores or status, more often than this is counted, not read."""
NEWS_MS: Final = 600_000
"""An alarm that began longer ago, and comes late, rings no bell."""
SNAPSHOT_BELONGS_MS: Final = 20_000
MAX_EARLY: Final = 16
TRACE_BEFORE_MS: Final = 15_000
ALARMS_SHOWN: Final = 50
ALARM_AGE_MS: Final = 12 * 3600 * 1000
JPEG, WEBM = b"\xff\xd8\xff", b"\x1a\x45\xdf\xa3"
Answer = Literal["seen", "false_alarm"]


class Outlet(Protocol):
    """Sends commands; answers False when it cannot."""

    def __call__(self, topic: str, payload: str) -> bool: ...


@dataclass(frozen=True, slots=True)
class _Sender:
    """Whose message it is."""

    device: str
    box: Box
    name: str
    camera: Camera

    @property
    def key(self) -> str:
        return f"{self.device}/{self.name}"


class Desk:
    """All that the dashboard knows. `receive` runs in the subscriber's thread, the rest in any."""

    def __init__(self, history: History, now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000) -> None:
        self.history = history
        self.hub = Hub(self.describe, self.traffic)
        self.fault: str | None = "not connected yet"
        """Why the broker does not hear us."""
        self._now_ms = now_ms
        self._lock = Lock()
        self._fleet = Fleet()
        self._received = 0
        self._passed_over = 0
        self._seen_ms: OrderedDict[str, int] = OrderedDict()
        self._allowance = Allowance()
        """Of one box; more are counted, not kept."""
        self._started: OrderedDict[tuple[str, str], tuple[str, int]] = OrderedDict()
        """Of each camera the latest `started`, and when it came: whose snapshot this is."""
        self._early: OrderedDict[tuple[str, str], tuple[bytes, int]] = OrderedDict()
        """Snapshots whose event has not come yet."""
        for row in history.latest():
            self._note_last(row)

    def connected(self, fault: str | None) -> None:
        """Take note of the connection."""
        self.fault = fault

    def receive(self, message: Message) -> None:
        """Take a message; one that is no part of the contract is counted."""
        self._received += 1
        read = read_topic(message.topic)
        if read is None:
            self._passed_over += 1
            return
        device, words = read
        now_ms = self._now_ms()
        with self._lock:
            self._dispatch(device, self._fleet.box(device), words, message, now_ms)

    def _dispatch(self, device: str, box: Box, words: list[str], message: Message, now_ms: int) -> None:
        payload = message.payload
        match words:
            case ["availability"]:
                self._fleet.availability(box, payload, now_ms)
            case ["stats"]:
                if self._is_sampled(box, message, now_ms):
                    self._fleet.stats(box, payload, now_ms)
            case ["events"]:
                self._event(device, box, payload, now_ms)
                return
            case ["events", event_id, "clip"]:
                self._clip(device, box, event_id, payload)
                return
            case [camera, *rest] if not payload:
                self._fleet.forget(box, camera, rest)
                self.hub.camera(f"{device}/{camera}")
            case [camera, *rest] if _is_known(rest) and (known := box.camera(camera)) is not None:
                self._camera(_Sender(device, box, camera, known), rest, message, now_ms)
                return
            case _:
                self._pass_over(box)
        self.hub.box(device)

    def _camera(self, sender: "_Sender", words: list[str], message: Message, now_ms: int) -> None:
        box, camera, payload = sender.box, sender.camera, message.payload
        match words:
            case ["status"]:
                self._fleet.status(box, camera, payload)
            case ["scores"]:
                if self._is_sampled(box, message, now_ms) and (
                    scores := self._fleet.scores(box, camera, payload, now_ms)
                ):
                    self.hub.scores(sender.key, scores)
                return
            case ["snapshot"]:
                self._snapshot(sender.device, box, sender.name, payload, now_ms)
                return
            case ["enabled"]:
                camera.enabled = payload == b"ON"
                camera.asked = None if camera.asked == camera.enabled else camera.asked
            case ["enabled", "set"]:
                camera.asked = payload == b"ON" if (payload == b"ON") != camera.enabled else None
            case [label, "state"] if (known := camera.label(label)) is not None:
                known.on = payload == b"ON"
            case [label, "threshold", *ending] if (known := camera.label(label)) is not None:
                self._threshold(known, ending, payload, now_ms)
            case _:  # a label too many
                self._pass_over(box)
        self.hub.camera(sender.key)

    @staticmethod
    def _threshold(label: Any, ending: list[str], payload: bytes, now_ms: int) -> None:
        try:
            value = float(payload[:MAX_NAME_CHARACTERS])
        except ValueError:
            return
        if not 0 <= value <= 1:
            return
        if ending == ["set"]:
            label.asked = None if value == label.threshold else (value, now_ms)
        else:
            label.threshold = value
            label.asked = None if label.asked is not None and label.asked[0] == value else label.asked

    def _event(self, device: str, box: Box, payload: bytes, now_ms: int) -> None:
        event = read_event(payload)
        if event is None:
            box.unreadable += 1
            self.hub.box(device)
        elif not self._allowance.takes(device, now_ms / MS_PER_S):
            self._pass_over(box)
            self.hub.box(device)
        else:
            camera = box.camera(event.camera)  # None is one too many; its alarm is one all the same
            trace = [] if camera is None else self._trace(camera, event, now_ms)
            row, is_new = self.history.add(device, event, trace)
            if is_new:
                self._begin(device, event, now_ms)
            self._note_last(row)
            is_news = is_new and event.type == "started" and now_ms - row["started_ms"] < NEWS_MS
            self.hub.event(row | {"is_new": is_news})
            self.hub.camera(f"{device}/{event.camera}")

    def _begin(self, device: str, event: EventMessage, now_ms: int) -> None:
        key = (device, event.camera)
        remember(self._started, key, (event.id, now_ms))
        content, came_ms = self._early.pop(key, (b"", 0))
        if content and now_ms - came_ms < SNAPSHOT_BELONGS_MS and not event.test:
            self.history.keep_picture(device, event.id, "snapshot", content)

    def _trace(self, camera: Camera, event: EventMessage, now_ms: int) -> list[tuple[int, float]]:
        """Return the label's scores around an event, as far as the minute that we remember reaches."""
        label = camera.labels.get(event.label)
        trace: list[tuple[int, float]] = []
        if label is not None and label.scores:
            times_ms = list(camera.score_times_ms)[-len(label.scores) :]
            began_ms = plausible_ms(event.started_at, now_ms) or now_ms
            trace = [
                (at_ms, score)
                for at_ms, score in zip(times_ms, label.scores, strict=False)
                if at_ms >= began_ms - TRACE_BEFORE_MS
            ]
        return trace if event.delayed else [*trace, (now_ms, event.score)]

    def _note_last(self, row: Row) -> None:
        key = f"{row['device']}/{row['camera']}"
        last = self._fleet.latest.get(key)
        if last is None or last["started_ms"] <= row["started_ms"]:
            names = ("id", "label", "type", "started_ms", "ended_ms", "test")
            remember(self._fleet.latest, key, {name: row[name] for name in names})

    def _snapshot(self, device: str, box: Box, camera: str, content: bytes, now_ms: int) -> None:
        if not content.startswith(JPEG) or len(content) > MAX_SNAPSHOT_BYTES:
            box.unreadable += 1
            return
        event_id, started_ms = self._started.get((device, camera), ("", 0))
        if now_ms - started_ms < SNAPSHOT_BELONGS_MS:
            self._keep_picture(device, event_id, "snapshot", content)
        else:
            self._early[device, camera] = (content, now_ms)
            self._early.move_to_end((device, camera))
            if len(self._early) > MAX_EARLY:
                self._early.popitem(last=False)

    def _clip(self, device: str, box: Box, event_id: str, content: bytes) -> None:
        if content.startswith(WEBM) and self.history.card(device, event_id) is not None:
            self._keep_picture(device, event_id, "clip", content)
        else:
            box.unreadable += 1

    def _keep_picture(self, device: str, event_id: str, kind: Kind, content: bytes) -> None:
        if not self._allowance.takes(device, self._now_ms() / MS_PER_S):
            return
        self.history.keep_picture(device, event_id, kind, content)
        if (card := self.history.card(device, event_id)) is not None:
            self.hub.event({name: value for name, value in card.items() if name != "trace"} | {"is_new": False})

    def _is_sampled(self, box: Box, message: Message, now_ms: int) -> bool:
        if not message.retained and now_ms - self._seen_ms.get(message.topic, 0) < SAMPLED_MS:
            self._pass_over(box)
            return False
        self._seen_ms[message.topic] = now_ms
        self._seen_ms.move_to_end(message.topic)
        if len(self._seen_ms) > 10_000:
            self._seen_ms.popitem(last=False)
        return True

    def _pass_over(self, box: Box) -> None:
        box.passed_over += 1
        self._passed_over += 1

    def describe(self, boxes: set[str], cameras: set[str]) -> dict[str, Any]:
        """Return the records of some boxes and cameras."""
        with self._lock:
            known = self._fleet.boxes
            fields: dict[str, Any] = {}
            if boxes:
                fields["boxes"] = {device: known[device].fields() for device in boxes if device in known}
            if cameras:
                named = {key: key.split("/", 1) for key in cameras}
                fields["cameras"] = {key: self._fleet.camera_fields(*words) for key, words in named.items()}
            return fields

    def traffic(self) -> dict[str, Any]:
        """Return what every message to a page repeats."""
        return {
            "fault": self.fault,
            "now_ms": self._now_ms(),
            "received": self._received,
            "passed_over": self._passed_over + self._fleet.passed_over,
        }

    def state(self) -> dict[str, Any]:
        """Return everything that a page begins with."""
        with self._lock:
            boxes, cameras, scores = self._fleet.snapshot()
        now_ms = self._now_ms()
        recent = Wanted(unanswered=True, from_ms=now_ms - ALARM_AGE_MS)
        return self.traffic() | {
            "boxes": boxes,
            "cameras": cameras,
            "scores": scores,
            "alarms": self.history.find(recent, ALARMS_SHOWN),
            "names": self.history.names(),
        }

    def acknowledge(self, send: Outlet, device: str, event_id: str, answer: Answer) -> bool:
        """Keep what somebody says of an event and tell its box, now or when the broker is back.

        Returns:
            whether there is such an event.
        """
        row = self.history.answer(device, event_id, answer)
        if row is None:
            return False
        self.hub.event(row | {"is_new": False})
        _send_answer(send, row)
        return True

    def repeat_answers(self, send: Outlet) -> None:
        """Tell boxes once more what they have not heard, as far as they say: the broker was away."""
        for row in self.history.unheard(self._now_ms() - ALARM_AGE_MS, ALARMS_SHOWN):
            _send_answer(send, row)

    def knows(self, device: str, camera: str, label: str | None = None) -> bool:
        """Whether there is such a camera, with such a label."""
        with self._lock:
            box = self._fleet.boxes.get(device)
            known = None if box is None else box.cameras.get(camera)
            return known is not None and (label is None or label in known.labels)


def _send_answer(send: Outlet, row: Row) -> None:
    payload = json.dumps({"false_alarm": True}) if row["answer"] == "false_alarm" else ""
    send(f"{ROOT}/{row['device']}/events/{row['id']}/ack", payload)


def _is_known(words: list[str]) -> bool:
    """Whether a camera's topic goes on as the contract says."""
    match words:
        case ["status" | "scores" | "snapshot" | "enabled"] | ["enabled", "set"]:
            return True
        case [_, "state" | "threshold"] | [_, "threshold", "set"]:
            return True
        case _:
            return False
