"""`edge test-alarm`: somebody tries whether an alarm arrives, through everything that a real one passes.

The command leaves a request in the state directory; the daemon sends the event, marked as a test, and answers there
when the broker has acknowledged its end. So no socket has to listen, and only who may write there can ask.
"""

import contextlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Protocol

from edge.errors import BrokerError, ConfigurationError
from edge.events.clock import rfc3339
from edge.events.ulid import new_ulid
from edge.system.locking import is_locked
from edge.types import Event

FOLDER: Final = "test-alarm"
LASTS_S: Final = 3.0
"""Long enough to be seen on a dashboard."""
ANSWER_TIMEOUT_S: Final = 20.0
POLL_INTERVAL_S: Final = 0.1
MAX_REQUEST_BYTES: Final = 1000
OK: Final = "ok"


class Outlet(Protocol):
    """Sends events."""

    def publish(self, event: Event) -> None: ...


@dataclass(frozen=True, slots=True)
class _Running:
    request: Path
    event: Event
    began_s: float


class TestAlarms:
    """The daemon's side. To be called from one thread."""

    __test__ = False  # pytest takes it for a test

    def __init__(
        self,
        state_dir: Path,
        labels: Mapping[str, Sequence[str]],
        model: tuple[str, str],
        outlet: Outlet,
        *,
        is_waiting: Callable[[str], bool],
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """Forget requests of earlier runs.

        Args:
            state_dir: where requests are left.
            labels: that alert, by camera.
            model: name and SHA-256 of the bundle, for the events.
            outlet: sends them.
            is_waiting: whether the broker has still to acknowledge something of an event.
            now_s: monotonic seconds.
        """
        self._folder = state_dir / FOLDER
        self._labels = labels
        self._model = model
        self._outlet = outlet
        self._is_waiting = is_waiting
        self._now_s = now_s
        self._running: list[_Running] = []
        self._over: set[Path] = set()
        """Requests that a disk which refuses may have kept, answered or not: none is carried out twice."""
        with contextlib.suppress(OSError):  # a disk that refuses: nobody can leave a request either
            self._folder.mkdir(exist_ok=True)
            for path in self._folder.iterdir():
                path.unlink()

    def tick(self) -> None:
        """Take up requests, and end and answer those that have lasted."""
        requests = set(self._folder.glob("*.request"))
        self._over &= requests
        for path in sorted(requests - self._over - {alarm.request for alarm in self._running}):
            self._begin(path)
        for alarm in list(self._running):
            if alarm.event.type == "started" and self._now_s() - alarm.began_s >= LASTS_S:
                self._end(alarm)
            elif alarm.event.type == "ended" and not self._is_waiting(alarm.event.id):
                self._running.remove(alarm)
                self._answer(alarm.request, OK)

    def _begin(self, path: Path) -> None:
        try:
            camera, label = _read_request(path)
        except (OSError, ValueError, KeyError, TypeError):
            self._answer(path, "is no request")
            return
        if label not in self._labels.get(camera, ()):
            known = [f"{name} {alert}" for name, alerts in self._labels.items() for alert in alerts]
            self._answer(path, f"{camera} {label}: does not alert; those that do are {', '.join(known)}")
            return
        now = datetime.now(UTC)
        name, digest = self._model
        event = Event(
            new_ulid(now), camera, label, "started", 1.0, 1.0, rfc3339(now), None, 0.0, None, name, digest, None
        )
        event = replace(event, test=True)
        self._running.append(_Running(path, event, self._now_s()))
        self._outlet.publish(event)

    def _end(self, alarm: _Running) -> None:
        event = replace(alarm.event, type="ended", ended_at=rfc3339(datetime.now(UTC)), duration_s=LASTS_S)
        self._running[self._running.index(alarm)] = replace(alarm, event=event)
        self._outlet.publish(event)

    def _answer(self, request: Path, answer: str) -> None:
        self._over.add(request)
        with contextlib.suppress(OSError):
            _write(request.with_suffix(".answer"), answer)
        with contextlib.suppress(OSError):
            request.unlink(missing_ok=True)


def request_alarm(state_dir: Path | None, camera: str, label: str, timeout_s: float = ANSWER_TIMEOUT_S) -> None:
    """Have the daemon of a state directory send a test; return when the broker has acknowledged its end.

    Raises:
        ConfigurationError: no daemon runs there, it has no such camera and label, or we may not ask.
        BrokerError: the broker has not acknowledged it in time. The event waits in the outbox.
    """
    if state_dir is None:
        raise ConfigurationError("state_dir: is not set, so the daemon cannot be reached; set it")
    folder = state_dir / FOLDER
    if not is_locked(state_dir) or not folder.is_dir():
        raise ConfigurationError(f"{state_dir}: no edge runs with this state_dir; start it, or correct state_dir")
    request = folder / f"{new_ulid(datetime.now(UTC))}.request"
    try:
        _write(request, json.dumps({"camera": camera, "label": label}))
    except OSError as error:
        raise ConfigurationError(f"{folder}: cannot be written ({error.strerror}); be root, or its owner") from error
    answer = _await_answer(request.with_suffix(".answer"), timeout_s)
    if answer is None:
        raise BrokerError(f"the broker did not acknowledge the test in {timeout_s:.0f} s; it waits in the outbox")
    if answer != OK:
        raise ConfigurationError(answer)


def _await_answer(path: Path, timeout_s: float) -> str | None:
    deadline_s = time.monotonic() + timeout_s
    while time.monotonic() < deadline_s:
        try:
            answer = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            time.sleep(POLL_INTERVAL_S)
            continue
        with contextlib.suppress(OSError):
            path.unlink()
        return answer
    return None


def _read_request(path: Path) -> tuple[str, str]:
    with path.open("rb") as file:
        fields = json.loads(file.read(MAX_REQUEST_BYTES))
    return str(fields["camera"]), str(fields["label"])


def _write(path: Path, content: str) -> None:
    """Nobody ever reads half of it."""
    unfinished = path.with_suffix(".unfinished")
    unfinished.write_text(content, encoding="utf-8")
    unfinished.replace(path)
