"""Watching cameras for ever: what `edge run --config` does.

Every camera has a thread that opens it, watches it, and opens it again after a growing pause when it is lost. What is
wrong with one of them stays there; what concerns all (the model, the outbox) ends the daemon.
"""

import threading
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Literal

from edge.clock import parse_rfc3339, rfc3339
from edge.errors import EdgewatchError, SourceError
from edge.health.stats import Meter
from edge.interruption import Interruption
from edge.pauses import growing_pauses_s
from edge.pipeline import Watcher
from edge.types import Event
from edge.watching import FLUSH_TIMEOUT_STOPPED_S, Outlets

CHECK_INTERVAL_S = 1.0
CAMERA_STOP_TIMEOUT_S = 5.0
"""How long a camera that hangs in its driver may hold up the stop of the daemon."""

CameraState = Literal["starting", "ok", "slow", "lost"]


class CameraKeeper:
    """Keeps one camera watched."""

    def __init__(
        self,
        name: str,
        open_watcher: Callable[[], Watcher],
        outlets: Outlets,
        *,
        meter: Meter,
        report: Callable[[str], None],
    ) -> None:
        """Prepare; `start` begins.

        Args:
            name: of the camera.
            open_watcher: makes a watcher with fresh state; called again whenever the camera was lost.
            outlets: where its events go.
            meter: counts its inferences.
            report: takes a line for the log.
        """
        self.fatal: BaseException | None = None
        """What ended the watching and concerns more than this camera."""
        self._name = name
        self._open_watcher = open_watcher
        self._outlets = outlets
        self._meter = meter
        self._report = report
        self._watcher: Watcher | None = None
        self._pauses_s = growing_pauses_s()
        self._stopping = threading.Event()
        self._state: tuple[CameraState, str | None] | None = None
        self._thread = threading.Thread(target=self._run, name=f"camera-{name}", daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def stop(self) -> None:
        """Ask the thread to end what is active, and itself."""
        self._stopping.set()
        if self._watcher is not None:
            self._watcher.stop()

    def join(self, timeout_s: float) -> None:
        """Wait for the end of the thread."""
        self._thread.join(timeout_s)

    def is_alive(self) -> bool:
        """Whether the camera is still watched, or tried."""
        return self._thread.is_alive()

    def _run(self) -> None:
        try:
            self._keep_watching()
        except BaseException as error:  # noqa: BLE001 - raised again in the main thread
            self.fatal = error

    def _keep_watching(self) -> None:
        self._enter("starting", None)
        while not self._stopping.is_set():
            try:
                if self._watch_once():
                    self._enter("lost", "end of file")
                    return
                reason = "gives no more pictures"
            except SourceError as error:
                reason = str(error)
            except EdgewatchError:
                raise
            except Exception:  # noqa: BLE001 - a fault of this camera's must not end the others
                traceback.print_exc()
                reason = "unexpected fault, see the log"
            if not self._stopping.is_set():
                self._enter("lost", reason)
                self._stopping.wait(next(self._pauses_s))

    def _watch_once(self) -> bool:
        """Watch until the source ends or is lost; return whether it was a recording and there is no more of it.

        Raises:
            SourceError: the camera cannot be opened, or was lost.
        """
        watcher = self._watcher = self._open_watcher()
        if self._stopping.is_set():  # `stop` may have come before there was a watcher
            watcher.stop()
        for step in watcher.steps():
            if step.inference is not None:
                self._pauses_s = growing_pauses_s()
                self._meter.count(step.inference)
                self._enter("slow" if watcher.progress.below_target else "ok", None)
            for event in step.events:
                self._outlets.publish(event)
        return not watcher.source.live and not self._stopping.is_set()

    def _enter(self, state: CameraState, reason: str | None) -> None:
        """Publish the camera's condition when it has changed. A camera that stays lost is said to be so once."""
        if (state, reason) == self._state:
            return
        self._state = (state, reason)
        self._report(f"camera {self._name}: {state}" + (f": {reason}" if reason else ""))
        if self._outlets.publisher is not None:
            since = rfc3339(datetime.now(UTC))
            status = {"state": state, "since": since, "fps": self._meter.rate_hz(), "reason": reason}
            self._outlets.publisher.camera_status(self._name, status)


def run_daemon(
    keepers: Sequence[CameraKeeper], outlets: Outlets, interrupted: Sequence[Event], interruption: Interruption
) -> None:
    """Watch until the process is asked to stop, or every source was a recording and has ended.

    Args:
        keepers: one for each camera, not yet started.
        outlets: where events go.
        interrupted: what was active when the daemon died; it is ended before anything new happens.
        interruption: asks to stop.

    Raises:
        EdgewatchError: something that concerns all cameras.
    """
    for event in interrupted:
        outlets.publish(ended_by_restart(event))
    for keeper in keepers:
        keeper.start()
    try:
        while any(keeper.is_alive() for keeper in keepers) and not interruption.wait(CHECK_INTERVAL_S):
            _raise_faults(keepers, outlets)
    finally:
        for keeper in keepers:
            keeper.stop()
        deadline_s = time.monotonic() + CAMERA_STOP_TIMEOUT_S
        for keeper in keepers:
            keeper.join(max(0.0, deadline_s - time.monotonic()))
    _raise_faults(keepers, outlets)
    if outlets.publisher is not None:
        outlets.publisher.flush(FLUSH_TIMEOUT_STOPPED_S)


def _raise_faults(keepers: Sequence[CameraKeeper], outlets: Outlets) -> None:
    if outlets.publisher is not None:
        outlets.publisher.check()
    for keeper in keepers:
        if keeper.fatal is not None:
            raise keeper.fatal


def ended_by_restart(interrupted: Event) -> Event:
    """Return the end of an event that was active when the daemon died.

    It ends where it was last known to be active: how long the box was off says nothing about it.
    """
    end = parse_rfc3339(interrupted.started_at) + timedelta(seconds=interrupted.duration_s)
    return replace(interrupted, type="ended", ended_at=rfc3339(end), reason="restart", position_s=None)
