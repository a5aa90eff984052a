"""One camera of the daemon: what it is asked to watch, how it is doing, and what it has to say."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final, Protocol

from edge.bundle import AlertSpec
from edge.cameras.capture import Capture, Notes
from edge.cameras.condition import DELIVERING, END_OF_FILE, MIN_RATE_SPAN_S, Condition, Facts, condition_of
from edge.cameras.presence import Presence
from edge.cameras.slots import Slots
from edge.cameras.view import View
from edge.cameras.watching import Outlets
from edge.cameras.writer import Writer
from edge.events.alerts import Subject
from edge.events.clock import live_clock, recording_clock, rfc3339
from edge.events.falls import FallRules
from edge.frames.driver import Keeper, Shot
from edge.frames.regions import Polygon
from edge.inference.model import Model
from edge.pipeline import STOPPED, Pipeline, Step
from edge.sources import Source
from edge.system.rates import NetworkRates
from edge.types import Event

STATUS_INTERVAL_S: Final = 60.0
SCORES_INTERVAL_S: Final = 1.0
RATE_DIGITS: Final = 2
DISABLED: Final = Condition("disabled")


class Health(Protocol):
    """Takes note of what the cameras do. Called from the main thread."""

    def judged(self, camera: str, capture_ns: int, duration_ns: int, *, live: bool) -> None:
        """Take note of a picture that has just been judged.

        Args:
            camera: its name.
            capture_ns: of the picture.
            duration_ns: what the networks took; 0 where nothing moved, and none ran.
            live: whether capture times are of the monotonic clock.
        """
        ...

    def condition(self, camera: str, state: str) -> None:
        """Take note of a camera's new state."""
        ...

    def idle(self) -> None:
        """Take note that no camera gives pictures now, so that none is to be judged."""
        ...


@dataclass(frozen=True, slots=True)
class CameraSetup:
    """What a camera is asked to watch, and how."""

    name: str
    open_source: Callable[[], Source]
    """Makes a source, behind its privacy masks; called again whenever the camera was lost."""
    alerts: Mapping[str, AlertSpec]
    live: bool = True
    lossless: bool = False
    """Whether every sample of a recording is judged."""
    rules: FallRules = field(default_factory=FallRules)
    masks: Sequence[Polygon] = ()
    """That the sources lie behind."""
    keeper: Keeper | None = None
    """Of pictures."""
    publish_people: bool = False
    figures: bool = False
    publish_scores: bool = False


class Camera:
    """Watches one camera. Everything here is called from the main thread."""

    def __init__(
        self,
        setup: CameraSetup,
        model: Model,
        slots: Slots[Shot],
        outlets: Outlets,
        *,
        writer: Writer,
        health: Health,
        report: Callable[[str], None],
        on_event: Callable[[Event, int], None],
    ) -> None:
        """Prepare; `start` begins.

        Args:
            setup: what to watch.
            model: shared by all cameras.
            slots: of all cameras.
            outlets: where events go.
            writer: has that done in its turn, so that no disk holds up the main thread.
            health: takes note of the camera's doing.
            report: takes a line for the log.
            on_event: told of every event that a picture caused, once the event is safe, with the picture's time.
        """
        self.name = setup.name
        self.condition = Condition("starting")
        self._setup = setup
        self._model = model
        self._slots = slots
        self._outlets = outlets
        self._write = writer.put
        self._health = health
        self._report = report
        self._on_event = on_event
        clock = live_clock(lambda: datetime.now(UTC), time.monotonic_ns)
        if not setup.live:
            clock = recording_clock(datetime.now(UTC))
        subject = Subject(setup.name, model.spec.name, model.digest, clock, setup.live)
        self._pipeline = Pipeline(model, subject, setup.alerts, setup.rules, setup.masks)
        sees_people = model.people is not None
        self._presence = Presence(
            setup.name,
            outlets.publisher,
            writer.put_optional,
            publish_people=setup.publish_people and sees_people,
            figures=setup.figures and sees_people,
        )
        self._capture: Capture | None = None
        self._enabled = True
        self._started = self._said = False
        self._judged = NetworkRates(model.spec.networks.rates_hz)
        self._begun_anew = 0
        self._view = View()
        self._since = rfc3339(datetime.now(UTC))
        self._status_s = self._scores_s = float("-inf")

    def start(self) -> None:
        """Begin to watch, or say that this is switched off."""
        self._started = True
        if self._enabled:
            self._open()
            self._enter(Condition("starting"))
        else:
            self._enter(DISABLED)

    @property
    def ended(self) -> bool:
        """Whether the camera was a recording, and all of it is judged."""
        notes = self._notes
        return notes is not None and notes.ended and self._slots.is_empty(self.name)

    def set_enabled(self, on: bool) -> None:
        """Begin or stop to watch. Before `start`, it says what that shall do."""
        changed, self._enabled = on != self._enabled, on
        if not changed or not self._started:
            return
        if on:
            self._view = View()
            self._open()
            self._enter(Condition("starting"))
        else:
            self._shut()
            self._enter(DISABLED)

    def set_threshold(self, label: str, onset_threshold: float) -> None:
        """Change an alert's onset threshold."""
        self._pipeline.set_threshold(label, onset_threshold)

    def acknowledge_false(self, event_id: str) -> None:
        """End the fall that somebody says was none."""
        for event in self._pipeline.acknowledge_false(event_id):
            self._publish(event)

    def recall(self, label: str) -> None:
        """An event of this label was active when the box was last stopped: who lies there is told again."""
        self._pipeline.recall(label)

    def judge(self, shot: Shot) -> None:
        """Judge what the camera saw, and say what came of it.

        Raises:
            ModelError: the model failed.
        """
        step = self._pipeline.step(shot)
        capture_ns = shot.capture_ns
        for name in shot.networks:
            self._judged.note(name, capture_ns)
        if self._setup.live:
            self._view = self._view.after(shot.seen)
        self._health.judged(self.name, capture_ns, step.duration_ns, live=self._setup.live)
        for event in step.events:
            self._write(partial(self._outlets.publish, event, capture_ns if self._setup.live else None))
            self._write(partial(self._on_event, event, capture_ns))
        if step.bodies is not None and shot.look is not None:
            self._presence.see(step.bodies, capture_ns, shot.look.aspect)
        for event in step.events:
            self._presence.told(event, capture_ns)
        if self.condition.state not in DELIVERING:
            self.check(time.monotonic())
        self._publish_scores(step)

    def check(self, now_s: float) -> None:
        """See how the camera is doing."""
        notes = self._notes
        if notes is None:
            return
        if (begun_anew := notes.reopened + notes.retimed) != self._begun_anew:
            self._begun_anew = begun_anew
            self._judged.clear()
        self._enter(condition_of(self._facts(notes, now_s), self.condition))
        if now_s - self._status_s >= STATUS_INTERVAL_S:
            self._publish_status(now_s)

    def fields(self) -> dict[str, Any]:
        """Return what stands in the stats."""
        notes = self._notes or Notes()
        rate = self._judged.worst()
        return {
            "state": self.condition.state,
            "judged_hz": None if rate.found_hz is None else round(rate.found_hz, RATE_DIGITS),
            "target_hz": rate.wanted_hz,
            "shed": self._slots.replaced(self.name),
            "skipped_frames": notes.skipped_frames,
            "reopened": notes.reopened,
        }

    def stop(self) -> None:
        """Ask the capture to end."""
        if self._capture is not None:
            self._capture.stop()

    def finish(self, timeout_s: float) -> None:
        """Wait for the capture's end, and end what is active."""
        if self._capture is not None:
            self._capture.join(timeout_s)
        self._close(STOPPED)

    @property
    def _notes(self) -> Notes | None:
        return None if self._capture is None else self._capture.notes

    def _open(self) -> None:
        setup = self._setup
        self._judged.clear()
        self._begun_anew = 0
        self._capture = Capture(
            self._slots.open(setup.name),
            setup.open_source,
            self._model.spec.networks,
            self._slots,
            lossless=setup.lossless,
            keeper=setup.keeper,
            is_awake=lambda: self._pipeline.is_awake,
            log_fault=lambda error: self._report(f"camera {setup.name}: {type(error).__name__}: {error}"),
        )
        self._capture.start()

    def _shut(self) -> None:
        """Stop the capture. One that hangs in its driver is left alone: it ends when the driver lets it, and until then
        its session is over."""
        if self._capture is not None:
            self._capture.stop()
            self._capture = None
        self._slots.shut(self.name)

    def _facts(self, notes: Notes, now_s: float) -> Facts:
        assert self._capture is not None
        return Facts(
            now_s=now_s,
            begun_s=notes.begun_s,
            frame_s=notes.frame_s,
            frozen_s=self._capture.freeze.frozen_s,
            fault=notes.fault,
            cannot_open=notes.cannot_open,
            ended=self.ended,
            blind=self._view.blind(),
            moving=self._pipeline.camera_moves,
            camera_share=self._capture.rates.worst(MIN_RATE_SPAN_S).share,
            judged_share=self._judged.worst(MIN_RATE_SPAN_S).share,
        )

    def _enter(self, condition: Condition) -> None:
        """Say how the camera is doing, when that has changed. What is active ends with the pictures."""
        if condition == self.condition and self._said:
            return
        self._said = True
        if condition.state != self.condition.state and condition.state not in (*DELIVERING, "starting"):
            reason = END_OF_FILE if condition.reason == END_OF_FILE else condition.state
            self._close(reason)
        self.condition = condition
        self._since = rfc3339(datetime.now(UTC))
        self._report(f"camera {self.name}: {condition.state}" + (f": {condition.reason}" if condition.reason else ""))
        self._health.condition(self.name, condition.state)
        self._publish_status(time.monotonic())

    def _publish_status(self, now_s: float) -> None:
        self._status_s = now_s
        if self._outlets.publisher is not None:
            rate_hz = self._judged.worst().found_hz if self.condition.state in DELIVERING else None
            status = {
                "state": self.condition.state,
                "since": self._since,
                "fps": None if rate_hz is None else round(rate_hz, RATE_DIGITS),
                "reason": self.condition.reason,
                "found_down": self._model.people is not None and self._setup.rules.rest_zones is not None,
            }
            self._outlets.publisher.camera_status(self.name, status)

    def _publish_scores(self, step: Step) -> None:
        now_s = time.monotonic()
        if not self._setup.publish_scores or now_s - self._scores_s < SCORES_INTERVAL_S:
            return
        self._scores_s = now_s
        if self._outlets.publisher is not None and step.scores is not None:
            labels, scores = self._model.spec.labels, step.scores.probabilities
            self._outlets.publisher.scores(self.name, dict(zip(labels, map(float, scores), strict=True)))

    def _close(self, reason: str) -> None:
        """End what is active."""
        for event in self._pipeline.close(reason):
            self._publish(event)
        self._presence.gone()

    def _publish(self, event: Event) -> None:
        """Tell of an event that no picture caused."""
        self._write(partial(self._outlets.publish, event))
        self._presence.told(event, 0)
