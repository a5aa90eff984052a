"""Makes snapshots and clips of events, in a thread of its own: neither inference nor events wait for a picture."""

import contextlib
import csv
import io
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any, Final

from edge.pictures.album import Album
from edge.pictures.ring import Ring
from edge.pictures.webm import webm
from edge.system.log import one_line
from edge.types import NS_PER_S, Event

WAIT_S: Final = 0.25
PATIENCE_S: Final = 5.0
"""How much longer than a clip lasts is waited for its last pictures: the camera may be lost."""
STOP_TIMEOUT_S: Final = 5.0
"""How long an encoder, or a disk, may hold up `close`."""
PRUNE_INTERVAL_S: Final = 3600.0
NORMAL: Final = "normal"
"""The class, in a data set, of what was no alarm."""

Send = Callable[[str, bytes], None]
"""Publishes bytes below a topic of the box."""


@dataclass(frozen=True, slots=True)
class ClipSpan:
    """How much of the time around an event goes into its clip."""

    before_s: float
    after_s: float


@dataclass(frozen=True, slots=True)
class _Started:
    event: Event
    capture_ns: int
    noted_s: float


class Photographer:
    """Waits for events, and for the seconds after them."""

    def __init__(
        self,
        rings: Mapping[str, Ring],
        span: ClipSpan | None,
        *,
        album: Album | None,
        false_alarms: Album | None,
        send: Send | None,
        report: Callable[[str], None],
    ) -> None:
        """Prepare; `start` begins.

        Args:
            rings: the last seconds of each camera.
            span: of clips; None makes none.
            album: where pictures are kept; None keeps none.
            false_alarms: where clips are kept that `trainer` may learn from.
            send: publishes pictures; None does not.
            report: takes a line for the log.
        """
        self.rings = rings
        self._span = span
        self._album = album
        self._false_alarms = false_alarms
        self._send = send
        self._report = report
        self._said: str | None = None
        self._work: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._waiting: list[_Started] = []
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="pictures", daemon=True)

    def start(self) -> None:
        """Begin to wait."""
        self._thread.start()

    def close(self) -> None:
        """Finish what was begun, with the pictures that there are, and end the thread, or leave it behind after a
        while."""
        self._stopping = True
        self._work.put(lambda: None)
        self._thread.join(STOP_TIMEOUT_S)
        if self._thread.is_alive():
            self._report(f"pictures: the last ones were not finished in {STOP_TIMEOUT_S:.0f} s")

    def on_event(self, event: Event, capture_ns: int) -> None:
        """Take note of an event; only `started` ones are pictured. Returns at once."""
        if event.type == "started" and not event.test:
            started = _Started(event, capture_ns, time.monotonic())
            self._work.put(lambda: self._begin(started))

    def on_false_alarm(self, event_id: str) -> None:
        """Keep an event's clip for training. Returns at once."""
        self._work.put(lambda: self._keep_false_alarm(event_id))

    def fields(self) -> dict[str, Any]:
        """Return what stands in the stats."""
        in_memory = {"in_memory_bytes": sum(ring.n_bytes for ring in self.rings.values())}
        return in_memory | ({} if self._album is None else self._album.fields())

    def _run(self) -> None:
        pruned_s = time.monotonic()
        while not self._stopping or self._waiting or not self._work.empty():
            with contextlib.suppress(Empty):
                self._try(self._work.get(timeout=WAIT_S))
            self._finish_clips()
            if self._album is not None and time.monotonic() - pruned_s > PRUNE_INTERVAL_S:
                pruned_s = time.monotonic()
                self._try(self._album.prune)

    def _try(self, work: Callable[[], None]) -> None:
        """Do something for one picture; a fault ends that picture only."""
        try:
            work()
        except Exception as error:  # noqa: BLE001 - no picture is worth an event
            self._report(f"pictures: {one_line(error)}")

    def _begin(self, started: _Started) -> None:
        event = started.event
        still = self.rings[event.camera].nearest(started.capture_ns)
        if still is not None:
            self._show(f"{event.camera}/snapshot", f"{event.camera}/{event.id}.jpg", still.jpeg)
        if self._span is not None:
            self._waiting.append(started)

    def _finish_clips(self) -> None:
        due = [started for started in self._waiting if self._stopping or self._is_complete(started)]
        for started in due:
            self._waiting.remove(started)
            self._try(partial(self._make_clip, started))

    def _is_complete(self, started: _Started) -> bool:
        assert self._span is not None
        newest_ns = self.rings[started.event.camera].newest_ns()
        if newest_ns is not None and newest_ns >= started.capture_ns + self._span.after_s * NS_PER_S:
            return True
        return time.monotonic() - started.noted_s > self._span.after_s + PATIENCE_S

    def _make_clip(self, started: _Started) -> None:
        assert self._span is not None
        event, capture_ns = started.event, started.capture_ns
        first_ns = capture_ns - round(self._span.before_s * NS_PER_S)
        stills = self.rings[event.camera].between(first_ns, capture_ns + round(self._span.after_s * NS_PER_S))
        if stills:
            self._show(f"events/{event.id}/clip", f"{event.camera}/{event.id}.webm", webm(stills))

    def _show(self, topic: str, name: str, content: bytes) -> None:
        if self._album is not None:
            self._album.keep(name, content)
            self._tell(self._album.stopped)
        if self._send is not None:
            self._send(topic, content)

    def _tell(self, stopped: str | None) -> None:
        if stopped != self._said:
            self._said = stopped
            self._report("pictures are kept again" if stopped is None else f"pictures are not kept: {stopped}")

    def _keep_false_alarm(self, event_id: str) -> None:
        """Copy a clip into a data set with one class, `normal`, whose groups are the cameras."""
        clip = None if self._album is None else self._album.find(f"{event_id}.webm")
        if clip is None or self._false_alarms is None:
            self._report(f"false alarm {event_id}: there is no clip of it to keep")
            return
        name = f"{NORMAL}/{clip.parent.name}-{event_id}.webm"
        kept = self._false_alarms.keep(name, clip.read_bytes())
        if kept is None:
            self._tell(self._false_alarms.stopped)
            return
        lines = io.StringIO()
        rows = csv.writer(lines)
        rows.writerow(("path", "group"))
        for path in sorted(kept.parent.glob("*.webm")):
            rows.writerow((f"{NORMAL}/{path.name}", path.name.rpartition("-")[0]))
        self._false_alarms.keep("groups.csv", lines.getvalue().encode())
