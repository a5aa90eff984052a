"""Data enters at the top and leaves at the bottom: source -> shot -> network -> aggregator -> alerts."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import numpy as np

from edge.bundle import AlertSpec
from edge.errors import ModelError, SourceError
from edge.events.alerts import AlertMachine, AlertState, Phase, Subject
from edge.events.clock import Clock, live_clock, recording_clock
from edge.events.falls import STILL_DOWN, FallRules
from edge.frames.driver import drive
from edge.frames.glance import GLANCE_PX, Glance
from edge.frames.masking import covered
from edge.frames.movement import REST_SHARE, Movement, Stillness
from edge.frames.sampling import Sampler
from edge.inference.model import Model
from edge.inference.streams import infer_streams
from edge.sources import Source
from edge.system.rates import MIN_RATE_SHARE, RateWindow
from edge.types import NS_PER_S, Event, Inference, Sample, Scores

FALL: Final = "fall"
"""The label that rest zones hold back, and that `still_down` speaks of."""
END_OF_FILE: Final = "end of file"
STOPPED: Final = "stopped"
LOST: Final = "lost"

Move = Callable[[int, AlertMachine, AlertState], tuple[Event | None, AlertState]]


@dataclass(frozen=True, slots=True)
class Step:
    """What one sample led to. The last step of a watching has no inference: it ends what is still active."""

    inference: Inference | None
    scores: Scores | None
    events: tuple[Event, ...]


class Pipeline:
    """One camera's way from samples to events: the model is shared, all state is this camera's own."""

    def __init__(
        self, model: Model, subject: Subject, alerts: Mapping[str, AlertSpec], rules: FallRules | None = None
    ) -> None:
        """Prepare.

        Args:
            model: from `open_model`.
            subject: what the events say of their origin.
            alerts: per label; labels without one raise no alert.
            rules: for falls.
        """
        self.gaps = 0
        """Times that samples lay longer apart than the bundle's window."""
        self._model = model
        rules = rules or FallRules()
        spec = model.spec
        self._machines = {
            spec.labels.index(label): AlertMachine(label, alert, subject, spec.heads.scene.window_s)
            for label, alert in alerts.items()
        }
        self._rest_cells = covered(rules.rest_zones, *GLANCE_PX) if rules.rest_zones else None
        self._still_down_ns = None if rules.still_down_s is None else round(rules.still_down_s * NS_PER_S)
        self.minds_movement = self._rest_cells is not None or self._still_down_ns is not None
        """Whether `step` makes use of glances."""
        self._last_ns: int | None = None
        self.reset()

    def reset(self) -> None:
        """Begin as if nothing had been seen."""
        self._state = self._model.aggregator.initial_state()
        self._alert_states = {index: machine.initial_state() for index, machine in self._machines.items()}
        self._movement = Movement()
        self._stillness: Stillness | None = None

    def step(self, sample: Sample, seen: Glance | None = None) -> Step:
        """Judge one sample, later than the last.

        Args:
            sample: of the camera.
            seen: a glance at the same picture; only a pipeline without rules for falls can do without.

        Raises:
            ModelError: the model failed.
        """
        self._note(sample.capture_ns)
        begin_ns = time.perf_counter_ns()
        features, probabilities = infer_streams(self._model.network.run, sample.streams)
        inference = Inference(features, probabilities, sample.capture_ns, time.perf_counter_ns() - begin_ns)
        scores, self._state = self._model.aggregator.step(inference, self._state)
        if not np.isfinite(scores.probabilities).all():
            raise ModelError(f"{self._model.spec.name}: gives scores that are no numbers; convert the model again")
        if self.minds_movement and seen is not None:
            self._movement = self._movement.after(seen)
        return Step(inference, scores, self._alert(scores))

    def close(self, reason: str) -> tuple[Event, ...]:
        """End what is active, because the watching ends."""
        now_ns = self._last_ns or 0
        return self._advance(lambda _, machine, state: machine.close(reason, now_ns, state))

    def set_threshold(self, label: str, onset_threshold: float) -> None:
        """Change an alert's onset threshold, from the next step on; what is active goes on."""
        index = self._model.spec.labels.index(label)
        self._machines[index] = self._machines[index].with_onset(onset_threshold)

    def _note(self, capture_ns: int) -> None:
        if self._last_ns is not None and capture_ns - self._last_ns > self._model.spec.heads.scene.window_s * NS_PER_S:
            self.gaps += 1
        self._last_ns = capture_ns

    def _alert(self, scores: Scores) -> tuple[Event, ...]:
        def move(index: int, machine: AlertMachine, state: AlertState) -> tuple[Event | None, AlertState]:
            score = float(scores.probabilities[index])
            if machine.label != FALL or not self.minds_movement:
                return machine.step(score, scores.end_ns, state)
            return self._step_fall(machine, score, scores.end_ns, state)

        return self._advance(move)

    def _step_fall(
        self, machine: AlertMachine, score: float, now_ns: int, state: AlertState
    ) -> tuple[Event | None, AlertState]:
        """Step the fall's machine, minding rest zones and stillness."""
        if state.phase is not Phase.ACTIVE:
            resting = self._rest_cells is not None and self._movement.share_in(self._rest_cells) >= REST_SHARE
            event, state = machine.step(0.0 if resting else score, now_ns, state)
            if state.phase is Phase.ACTIVE and self._still_down_ns is not None:
                self._stillness = Stillness(self._movement.region(), now_ns)
            return event, state
        if self._stillness is None or self._still_down_ns is None:
            return machine.step(score, now_ns, state)
        self._stillness = self._stillness.after(self._movement, now_ns)
        lies_ns = now_ns - self._stillness.since_ns
        if not self._stillness.said and lies_ns >= self._still_down_ns:
            self._stillness = Stillness(self._stillness.region, self._stillness.since_ns, said=True)
            return machine.report(STILL_DOWN, now_ns, state)
        # Who lies still has a low score. Until it is said, or he moves for a while, the fall is not over.
        hold = not self._stillness.said and lies_ns > 0
        return machine.step(score, now_ns, state, hold=hold)

    def _advance(self, move: Move) -> tuple[Event, ...]:
        events: list[Event] = []
        for index, machine in self._machines.items():
            event, self._alert_states[index] = move(index, machine, self._alert_states[index])
            if event is not None:
                events.append(event)
        return tuple(events)


@dataclass(frozen=True, slots=True)
class Progress:
    """What one watcher has done so far."""

    frames: int
    """Frames that the source gave, wanted or not."""
    skipped_frames: int
    """Frames that could not be decoded."""
    steps: int
    missed_ticks: int
    """Ticks of the bundle's rate that no frame reached: the source is slower, or had gaps."""
    gaps: int
    """Times that these lay longer apart than the bundle's window."""
    target_rate_hz: float
    achieved_rate_hz: float | None
    """Samples a second of the source's time, over the last seconds; None before there are two."""

    @property
    def below_target(self) -> bool:
        """Whether the source does not keep the rate that the model was trained on."""
        return self.achieved_rate_hz is not None and self.achieved_rate_hz < MIN_RATE_SHARE * self.target_rate_hz


class Watcher:
    """Watches one source with a model, in the caller's thread, every frame in its turn: what a recording needs."""

    def __init__(
        self,
        source: Source,
        model: Model,
        camera: str = "video",
        alerts: Mapping[str, AlertSpec] | None = None,
        clock: Clock | None = None,
        *,
        rules: FallRules | None = None,
    ) -> None:
        """Prepare; nothing is opened before `steps`.

        Args:
            source: of the frames.
            model: from `open_model`. Several watchers may share it.
            camera: the name that events carry.
            alerts: per label, in place of the bundle's defaults; labels without one raise no alert.
            clock: what capture times mean; by default a recording begins now.
            rules: for falls.
        """
        self.source = source
        self._spec = model.spec
        subject = Subject(camera, model.spec.name, model.digest, clock or default_clock(source), source.live)
        self._pipeline = Pipeline(model, subject, model.spec.alerts if alerts is None else alerts, rules)
        self._sampler = Sampler(model.spec.networks.scene.input)
        self._rate = RateWindow()
        self._frames = self._steps = 0
        self._stopped = False

    def steps(self) -> Iterator[Step]:
        """Watch until the source ends, is lost, or `stop` is called. To be called once.

        Raises:
            SourceError: the source cannot be opened, is lost, or is too short for one sample; what was active has been
                ended by a step before.
            ModelError: the model failed.
        """
        try:
            for _, shot in drive(self.source, self._sampler, None, lambda: self._stopped):
                self._frames += 1
                if shot is not None:
                    self._steps += 1
                    self._rate.note(shot.sample.capture_ns)
                    yield self._pipeline.step(shot.sample, shot.seen if self._pipeline.minds_movement else None)
        except SourceError:
            yield from self._close(LOST)
            raise
        yield from self._close(STOPPED if self._stopped else LOST if self.source.live else END_OF_FILE)
        if not self._steps and not self._stopped:
            raise SourceError(
                f"{self.source.name}: too short for one sample ({self._frames} frames); give a longer video"
            )

    def stop(self) -> None:
        """End `steps` at the next frame. May be called from another thread or from a signal's handler."""
        self._stopped = True
        self.source.close()

    @property
    def progress(self) -> Progress:
        """What has been done so far; may be asked at any time, from any thread."""
        return Progress(
            frames=self._frames,
            skipped_frames=self.source.skipped_frames,
            steps=self._steps,
            missed_ticks=self._sampler.missed_ticks,
            gaps=self._pipeline.gaps,
            target_rate_hz=self._spec.networks.scene.input.rate_hz,
            achieved_rate_hz=self._rate.rate_hz,
        )

    def _close(self, reason: str) -> Iterator[Step]:
        """End what is active, in a step of its own when there is any."""
        if events := self._pipeline.close(reason):
            yield Step(None, None, events)


def default_clock(source: Source) -> Clock:
    """Return what a source's capture times mean: a camera's are the monotonic clock's, a recording begins now."""
    if source.live:
        return live_clock(lambda: datetime.now(UTC), time.monotonic_ns)
    return recording_clock(datetime.now(UTC))
