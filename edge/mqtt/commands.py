"""What people may tell the box over MQTT: switch a camera off and on, change a threshold, acknowledge an event.

Commands are validated, kept, echoed (retained, without `/set`) and carried out; a restart finds them in force. What is
no command changes nothing but a counter, and is said in one line. Everything here runs in the publisher's thread.
"""

import json
import re
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, Protocol, cast

from edge.events.clock import rfc3339
from edge.events.ulid import ALPHABET
from edge.events.ulid import LENGTH as ULID_LENGTH
from edge.mqtt.connection import Message
from edge.mqtt.outbox import Outbox
from edge.mqtt.publisher import Publisher
from edge.mqtt.retained import OFF, ON
from edge.mqtt.settings import Settings

THRESHOLD = re.compile(rb"(0|1|0?\.[0-9]{1,6}|0\.[0-9]{0,6}|1\.0{0,6})")
ULID = re.compile(rf"[{ALPHABET}]{{{ULID_LENGTH}}}")
MAX_PAYLOAD_BYTES = 256
CHANGES_A_MINUTE: Final = 60
"""Each is written to the disk, which wears."""
REFUSALS_A_MINUTE: Final = 10
"""That are said; the others are counted."""
S_PER_MIN: Final = 60.0
SWITCH = {ON.encode(): True, OFF.encode(): False}


class Controls(Protocol):
    """Carries commands out. Called from the publisher's thread; returns at once."""

    def set_enabled(self, camera: str, on: bool) -> None:
        """Watch a camera, or stop watching it."""
        ...

    def set_threshold(self, camera: str, label: str, onset: float) -> None:
        """Change the score from which a label's alert begins."""
        ...

    def acknowledge(self, event_id: str, false_alarm: bool) -> None:
        """Take note that somebody has seen an event, and what he says it was."""
        ...


class _RefusedError(Exception):
    """Why something is no command."""


class Commands:
    """The box's side of the command topics."""

    def __init__(
        self,
        publisher: Publisher,
        outbox: Outbox,
        settings: Settings,
        thresholds: Mapping[str, Mapping[str, float]],
        *,
        allowed: bool,
        report: Callable[[str], None],
    ) -> None:
        """Listen, where that is allowed. To be called before the publisher starts.

        Args:
            publisher: echoes the values in force.
            outbox: knows the events that can be acknowledged.
            settings: keeps the values. Those of an earlier run hold only while commands are allowed.
            thresholds: as configured, by camera and label.
            allowed: whether the configuration allows commands.
            report: takes a line for each message that is no command.
        """
        self._publisher = publisher
        self._outbox = outbox
        self._settings = settings
        self._thresholds = thresholds
        self._allowed = allowed
        self._report = report
        self._controls: Controls | None = None
        self._accepted = self._refused = 0
        self._changes = _Bucket(CHANGES_A_MINUTE)
        self._refusals = _Bucket(REFUSALS_A_MINUTE)
        base = publisher.topics.base
        self._echo_all()
        if allowed:
            filters = [f"{base}/+/enabled/set", f"{base}/+/+/threshold/set", f"{base}/events/+/ack"]
            publisher.listen(filters, self.receive)

    def attach(self, controls: Controls) -> None:
        """Say who carries commands out, and what earlier ones left in force. To be called before the first frame."""
        for camera, labels in self._thresholds.items():
            if not self.enabled(camera):
                controls.set_enabled(camera, on=False)
            for label, configured in labels.items():
                if (onset := self.threshold(camera, label)) != configured:
                    controls.set_threshold(camera, label, onset)
        self._controls = controls

    def enabled(self, camera: str) -> bool:
        """Whether a camera is to be watched."""
        return bool(self._in_force(f"{camera}/enabled", configured=True))

    def threshold(self, camera: str, label: str) -> float:
        """Return the onset threshold in force."""
        return float(self._in_force(f"{camera}/{label}/threshold", self._thresholds[camera][label]))

    def fields(self) -> dict[str, Any]:
        """Return what stands in the stats."""
        return {"allowed": self._allowed, "accepted": self._accepted, "refused": self._refused}

    def receive(self, message: Message) -> None:
        """Carry a command out, or refuse it. Messages of other topics are passed over."""
        words = message.topic.removeprefix(f"{self._publisher.topics.base}/").split("/")
        match words:
            case [camera, "enabled", "set"]:
                self._try(message, lambda: self._set_enabled(camera, message.payload))
            case [camera, label, "threshold", "set"]:
                self._try(message, lambda: self._set_threshold(camera, label, message.payload))
            case ["events", event_id, "ack"]:
                self._try(message, lambda: self._acknowledge(event_id, message.payload))
            case _:
                pass

    def _try(self, message: Message, carry_out: Callable[[], None]) -> None:
        try:
            self._screen(message)
            carry_out()
            self._accepted += 1
        except _RefusedError as refusal:
            self._refused += 1
            if self._refusals.has_one():
                self._refusals.take()
                self._report(f"command refused: {message.topic[:200]!a}: {refusal} ({self._refused} so far)")

    def _screen(self, message: Message) -> None:
        if message.retained:
            raise _RefusedError("it is retained, so it would come again at every start; publish without retain")
        if len(message.payload) > MAX_PAYLOAD_BYTES:
            raise _RefusedError(f"{len(message.payload)} bytes are too long")
        if not self._changes.has_one():
            raise _RefusedError(f"more than {CHANGES_A_MINUTE} a minute")

    def _set_enabled(self, camera: str, payload: bytes) -> None:
        if camera not in self._thresholds:
            raise _RefusedError("there is no such camera")
        if payload not in SWITCH:
            raise _RefusedError(f"{payload[:40]!r} is neither ON nor OFF")
        on = SWITCH[payload]
        self._keep(f"{camera}/enabled", True, on, lambda controls: controls.set_enabled(camera, on))

    def _set_threshold(self, camera: str, label: str, payload: bytes) -> None:
        if camera not in self._thresholds or label not in self._thresholds[camera]:
            raise _RefusedError("there is no such camera and label")
        if not THRESHOLD.fullmatch(payload):
            raise _RefusedError(f"{payload[:40]!r} is no number from 0 to 1")
        onset, configured = float(payload), self._thresholds[camera][label]
        self._keep(
            f"{camera}/{label}/threshold",
            configured,
            onset,
            lambda controls: controls.set_threshold(camera, label, onset),
        )

    def _acknowledge(self, event_id: str, payload: bytes) -> None:
        false_alarm = _false_alarm(payload)
        moment = rfc3339(datetime.now(UTC))
        if not ULID.fullmatch(event_id) or self._outbox.acknowledge(event_id, moment) is None:
            raise _RefusedError("there is no such event, or it is too old")
        self._changes.take()
        self._publisher.wake()
        if self._controls is not None:
            self._controls.acknowledge(event_id, false_alarm)

    def _keep(self, name: str, configured: Any, value: Any, carry_out: Callable[[Controls], None]) -> None:
        if value != self._in_force(name, configured):
            self._changes.take()
            self._settings.command(name, configured, value)
            if self._controls is not None:
                carry_out(self._controls)
        self._echo(name, value)

    def _in_force(self, name: str, configured: Any) -> Any:
        return self._settings.in_force(name, configured) if self._allowed else configured

    def _echo_all(self) -> None:
        for camera, labels in self._thresholds.items():
            self._echo(f"{camera}/enabled", self.enabled(camera))
            for label in labels:
                self._echo(f"{camera}/{label}/threshold", self.threshold(camera, label))

    def _echo(self, name: str, value: bool | float) -> None:
        text = (ON if value else OFF) if isinstance(value, bool) else f"{value:g}"
        self._publisher.retain(f"{self._publisher.topics.base}/{name}", text)


class _Bucket:
    """So many a minute, and as many at once."""

    def __init__(self, a_minute: int) -> None:
        self._a_minute = a_minute
        self._left = float(a_minute)
        self._looked_s = time.monotonic()

    def has_one(self) -> bool:
        now_s = time.monotonic()
        self._left = min(self._a_minute, self._left + (now_s - self._looked_s) * self._a_minute / S_PER_MIN)
        self._looked_s = now_s
        return self._left >= 1

    def take(self) -> None:
        self._left -= 1


def _false_alarm(payload: bytes) -> bool:
    """Read an acknowledgement: nothing at all, or a JSON object that may say `"false_alarm": true`."""
    if not payload:
        return False
    try:
        content: object = json.loads(payload)
    except (ValueError, RecursionError):
        raise _RefusedError("it is neither empty nor JSON") from None
    if not isinstance(content, dict):
        raise _RefusedError("it is no JSON object")
    fields = cast("dict[str, object]", content)
    if set(fields) - {"false_alarm"} or not isinstance(fields.get("false_alarm", False), bool):
        raise _RefusedError('it may hold nothing but "false_alarm", which is true or false')
    return bool(fields.get("false_alarm"))
