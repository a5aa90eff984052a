"""Watching cameras for ever: what `edge run --config` does.

Every camera has a thread that captures; the main thread takes turns over what they captured, so that one model in
memory serves all, and another thread writes what that led to. What is wrong with one camera stays there; what concerns
all (the model, the outbox) ends the daemon.
"""

import time
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from typing import Any, Final

from edge.cameras.camera import Camera, CameraSetup, Health
from edge.cameras.capture import Shot
from edge.cameras.condition import DELIVERING
from edge.cameras.slots import Slots
from edge.cameras.watching import FLUSH_TIMEOUT_STOPPED_S, Outlets
from edge.cameras.writer import Writer
from edge.inference.model import Model
from edge.types import Event

WAIT_S: Final = 0.1
"""For a picture; the states are looked at between two waits."""
CHECK_INTERVAL_S: Final = 0.1
STOP_TIMEOUT_S: Final = 5.0
"""How long a camera that hangs in its driver may hold up the stop of the daemon, and then a disk that hangs."""
WRITING_TIMEOUT_S: Final = 15.0
"""How long a disk that is slow may take for all that is left."""


class Cameras:
    """All cameras of a box, and the model's turns over them. What is commanded may come from any thread."""

    def __init__(
        self,
        setups: Sequence[CameraSetup],
        model: Model,
        outlets: Outlets,
        *,
        health: Health,
        report: Callable[[str], None],
        on_event: Callable[[Event, int], None] | None = None,
        on_false_alarm: Callable[[str], None] | None = None,
    ) -> None:
        """Prepare; `run` begins.

        Args:
            setups: of the cameras.
            model: that judges all of them.
            outlets: where events go.
            health: takes note of what the cameras do.
            report: takes a line for the log.
            on_event: told of every event that a picture caused, once the event is safe, with the picture's time.
            on_false_alarm: told of the id of an event that somebody calls a false alarm.
        """
        self._slots = Slots[Shot]([setup.name for setup in setups], Shot.after)
        self._outlets = outlets
        self._report = report
        self._writer = Writer()
        self._is_written = True
        self.writing_s = self._writer.rounds.last_s
        """Answers for how long one event is being written."""
        self._health = health
        self._on_false_alarm = on_false_alarm
        self._commands: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._checked_s = float("-inf")
        self.is_ending = False
        """Whether `end` was called."""
        self._cameras = {
            setup.name: Camera(
                setup,
                model,
                self._slots,
                outlets,
                writer=self._writer,
                health=health,
                report=report,
                on_event=on_event or (lambda _event, _capture_ns: None),
            )
            for setup in setups
        }

    def set_enabled(self, camera: str, on: bool) -> None:
        """Watch a camera, or stop watching it."""
        self._command(lambda: self._cameras[camera].set_enabled(on))

    def set_threshold(self, camera: str, label: str, onset: float) -> None:
        """Change the score from which a label's alert begins."""
        self._command(lambda: self._cameras[camera].set_threshold(label, onset))

    def acknowledge(self, event_id: str, false_alarm: bool) -> None:
        """Take note that somebody has seen an event, and whether it was a false alarm."""
        if not false_alarm:
            return
        self._command(lambda: self._end_false(event_id))
        if self._on_false_alarm is not None:
            self._on_false_alarm(event_id)

    def recall(self, camera: str, label: str) -> None:
        """An event was active when the box was last stopped. Before `run`."""
        if camera in self._cameras:
            self._cameras[camera].recall(label)

    def _end_false(self, event_id: str) -> None:
        for camera in self._cameras.values():
            camera.acknowledge_false(event_id)

    def end(self) -> None:
        """Have `run` return."""
        self.is_ending = True
        self._slots.wake()

    def fields(self, camera: str) -> dict[str, Any]:
        """Return what stands in the stats of a camera; may be asked from any thread."""
        return self._cameras[camera].fields()

    def run(self, interruption: object) -> None:
        """Watch until the process is asked to stop, `end` is called, or every source was a recording and has ended.

        Args:
            interruption: is true once the process shall stop.

        Raises:
            EdgewatchError: something that concerns all cameras.
        """
        cameras = self._cameras.values()
        self._writer.start()
        self._carry_out_commands()
        try:
            for camera in cameras:
                camera.start()
            while not (interruption or self.is_ending or all(camera.ended for camera in cameras)):
                self._turn()
        finally:
            self._stop()
        self._writer.check()
        if self._outlets.publisher is not None:
            self._outlets.publisher.check()
            if self._is_written:  # else the outbox is in the hands of a disk that does not answer
                self._outlets.publisher.flush(FLUSH_TIMEOUT_STOPPED_S)

    def _turn(self) -> None:
        self._carry_out_commands()
        taken = self._slots.take(WAIT_S)
        if taken is not None:
            name, shot = taken
            self._outlets.begin()
            self._cameras[name].judge(shot)
        now_s = time.monotonic()
        if now_s - self._checked_s < CHECK_INTERVAL_S:
            return
        self._checked_s = now_s
        for camera in self._cameras.values():
            camera.check(now_s)
        self._writer.check()
        if self._outlets.publisher is not None:
            self._outlets.publisher.check()
        if not any(camera.condition.state in DELIVERING for camera in self._cameras.values()):
            self._health.idle()

    def _stop(self) -> None:
        cameras = self._cameras.values()
        for camera in cameras:
            camera.check(time.monotonic())
            camera.stop()
        deadline_s = time.monotonic() + STOP_TIMEOUT_S
        for camera in cameras:
            camera.finish(max(0.0, deadline_s - time.monotonic()))
        self._is_written = self._writer.close(STOP_TIMEOUT_S, WRITING_TIMEOUT_S)
        if not self._is_written:
            self._report("the disk has not taken the last events; check it")

    def _command(self, carry_out: Callable[[], None]) -> None:
        self._commands.put(carry_out)
        self._slots.wake()

    def _carry_out_commands(self) -> None:
        while True:
            try:
                carry_out = self._commands.get_nowait()
            except Empty:
                return
            carry_out()
