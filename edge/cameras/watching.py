"""Watching one source to its end, in the foreground: what `edge run --source` does."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge.errors import BrokerError
from edge.events.sinks import JsonLines, Sink, position
from edge.pipeline import Watcher
from edge.system.interruption import Interruption
from edge.system.stats import Meter
from edge.types import NS_PER_S, Event

if TYPE_CHECKING:  # imports paho, which a run without broker does not need
    from edge.mqtt.publisher import Publisher

FLUSH_TIMEOUT_S = 10.0
"""How long the broker has for what is left at the end of a recording."""
FLUSH_TIMEOUT_STOPPED_S = 3.0
"""The same when somebody waits for the process to stop."""


class Outlets:
    """The ways out of an event, in their order: the outbox first, so that nothing happens to an event before that."""

    def __init__(self, publisher: "Publisher | None", lines: JsonLines | None, others: Sequence[Sink]) -> None:
        self.publisher = publisher
        self._lines = lines
        self._sinks: list[Sink] = [] if lines is None else [lines]
        self._sinks += others
        self._lock = threading.Lock()
        self._begun = lines is None

    def begin(self) -> None:
        """Note that something has been inferred: from now on the file of events is there."""
        if self._lines is not None and not self._begun:  # later the lock may be held for as long as a disk takes
            with self._lock:
                self._lines.open()
            self._begun = True

    def publish(self, event: Event, captured_ns: int | None = None) -> None:
        """Send an event everywhere.

        Args:
            event: what happened.
            captured_ns: when the picture was taken that caused it, on the monotonic clock, where it has such a time.
        """
        with self._lock:
            if self.publisher is not None:
                self.publisher.publish(event, captured_ns)
            for sink in self._sinks:
                sink.publish(event)


@dataclass(slots=True)
class Summary:
    """What one run over a source came to."""

    looks: int = 0
    events: int = 0
    """Events that ended."""
    last_ns: int = 0

    def describe(self, name: str, skipped_frames: int, meter: Meter) -> str:
        """One line for people."""
        rate_hz = meter.rate_hz()
        rate = "" if rate_hz is None else f" ({rate_hz:.0f} a second)"
        line = f"{name}: {position(self.last_ns / NS_PER_S)}, {self.looks} looks{rate}, {self.events} events"
        return f"{line}; {skipped_frames} frames could not be decoded and were skipped" if skipped_frames else line


def watch_once(
    watcher: Watcher, outlets: Outlets, meter: Meter, interruption: Interruption, report: Callable[[str], None]
) -> None:
    """Watch a source until it ends or the process is asked to stop, and deliver what was seen.

    Raises:
        SourceError: the source cannot be opened or is lost.
        BrokerError: the recording has ended and the broker has not acknowledged every event.
    """
    summary = Summary()
    interruption.on_stop(watcher.stop)
    for step in watcher.steps():
        outlets.begin()
        if step.capture_ns is not None:
            meter.count(step.capture_ns, step.duration_ns)
            summary.looks += 1
            summary.last_ns = step.capture_ns
        for event in step.events:
            outlets.publish(event)
            summary.events += event.type == "ended"
    report(summary.describe(watcher.source.name, watcher.progress.skipped_frames, meter))
    if outlets.publisher is not None:
        _deliver(outlets.publisher, interruption, report)


def _deliver(publisher: "Publisher", interruption: Interruption, report: Callable[[str], None]) -> None:
    waiting = publisher.flush(FLUSH_TIMEOUT_STOPPED_S if interruption else FLUSH_TIMEOUT_S)
    why = publisher.fault or "it did not answer in time"
    if interruption and waiting:
        report(f"{waiting} events were not acknowledged by the broker: {why}")
    elif waiting:
        raise BrokerError(f"{waiting} events were not acknowledged by the broker: {why}")
    elif not publisher.was_connected and not interruption:
        raise BrokerError(f"no event was lost, but the broker was never reached: {why}")
