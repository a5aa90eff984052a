"""Data enters at the top and leaves at the bottom: source -> sample -> backend -> aggregator -> alerts."""

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import numpy as np

from edge.alerts import AlertMachine, AlertState, Subject
from edge.bundle import AlertSpec
from edge.clock import Clock, live_clock, recording_clock
from edge.errors import ModelError, SourceError
from edge.model import Model
from edge.sampling import Sampler
from edge.sources import Source
from edge.types import NS_PER_S, Event, Inference, Sample, Scores

RATE_WINDOW_S: Final = 10.0
"""How far back the achieved rate looks."""
MIN_RATE_SHARE: Final = 0.9
"""A rate under this share of the bundle's is a fault: the model was trained on another."""

END_OF_FILE: Final = "end of file"
STOPPED: Final = "stopped"
LOST: Final = "lost"


@dataclass(frozen=True, slots=True)
class Step:
    """What one sample led to. The last step of a watching has no inference: it ends what is still active."""

    inference: Inference | None
    scores: Scores | None
    events: tuple[Event, ...]


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
    """Watches one source with a model. Several watchers share a model: state is each watcher's own."""

    def __init__(
        self,
        source: Source,
        model: Model,
        camera: str = "video",
        alerts: Mapping[str, AlertSpec] | None = None,
        clock: Clock | None = None,
    ) -> None:
        """Prepare; nothing is opened before `steps`.

        Args:
            source: of the frames.
            model: from `open_model`.
            camera: the name that events carry.
            alerts: per label, in place of the bundle's defaults; labels without one raise no alert.
            clock: what capture times mean; by default a recording begins now.
        """
        self.source = source
        self._model = model
        spec = model.spec
        subject = Subject(camera, spec.name, model.digest, clock or _default_clock(source), source.live)
        specs = spec.alerts if alerts is None else alerts
        self._machines = {
            spec.labels.index(label): AlertMachine(label, alert, subject, spec.window_s)
            for label, alert in specs.items()
        }
        self._alert_states: dict[int, AlertState] = {}
        self._sampler = Sampler(spec.input)
        self._frames = self._steps = self._gaps = 0
        self._last_ns: int | None = None
        self._recent_ns: deque[int] = deque()
        self._stopped = False

    def steps(self) -> Iterator[Step]:
        """Watch until the source ends, is lost, or `stop` is called. To be called once.

        Raises:
            SourceError: the source cannot be opened, is lost, or is too short for one sample; what was active has been
                ended by a step before.
            ModelError: the model failed.
        """
        aggregator = self._model.aggregator
        state = aggregator.initial_state()
        self._alert_states = {index: machine.initial_state() for index, machine in self._machines.items()}
        try:
            for frame in self.source.frames(self._wants):
                sample = self._sampler.push(frame)
                if sample is None:
                    continue
                inference = self._infer(sample)
                scores, state = aggregator.step(inference, state)
                yield Step(inference, scores, self._alert(scores))
        except SourceError:
            yield from self._close(LOST)
            raise
        yield from self._close(STOPPED if self._stopped else LOST if self.source.live else END_OF_FILE)
        if not self._steps and not self._stopped:
            raise SourceError(
                f"{self.source.name}: {self._frames} frames are too few for one sample; give a longer video"
            )

    def stop(self) -> None:
        """End `steps` at the next frame. May be called from another thread or from a signal's handler."""
        self._stopped = True
        self.source.close()

    @property
    def progress(self) -> Progress:
        """What has been done so far; may be asked at any time, from any thread."""
        recent_ns = tuple(self._recent_ns)
        span_ns = recent_ns[-1] - recent_ns[0] if recent_ns else 0
        return Progress(
            frames=self._frames,
            skipped_frames=self.source.skipped_frames,
            steps=self._steps,
            missed_ticks=self._sampler.missed_ticks,
            gaps=self._gaps,
            target_rate_hz=self._model.spec.input.rate_hz,
            achieved_rate_hz=(len(recent_ns) - 1) * NS_PER_S / span_ns if span_ns else None,
        )

    def _wants(self, capture_ns: int) -> bool:
        self._frames += 1
        return self._sampler.wants(capture_ns)

    def _infer(self, sample: Sample) -> Inference:
        self._note(sample.capture_ns)
        begin_ns = time.perf_counter_ns()
        features, probabilities = self._model.backend.infer(sample.streams)
        return Inference(features, probabilities, sample.capture_ns, time.perf_counter_ns() - begin_ns)

    def _note(self, capture_ns: int) -> None:
        self._steps += 1
        if self._last_ns is not None and capture_ns - self._last_ns > self._model.spec.window_s * NS_PER_S:
            self._gaps += 1
        self._last_ns = capture_ns
        self._recent_ns.append(capture_ns)
        while capture_ns - self._recent_ns[0] > RATE_WINDOW_S * NS_PER_S:
            self._recent_ns.popleft()

    def _alert(self, scores: Scores) -> tuple[Event, ...]:
        if not np.isfinite(scores.probabilities).all():
            raise ModelError(f"{self._model.spec.name}: gives scores that are no numbers; convert the model again")
        return self._advance(
            lambda index, machine, state: machine.step(float(scores.probabilities[index]), scores.end_ns, state)
        )

    def _close(self, reason: str) -> Iterator[Step]:
        """End what is active, in a step of its own when there is any."""
        now_ns = self._last_ns or 0
        events = self._advance(lambda _, machine, state: machine.close(reason, now_ns, state))
        if events:
            yield Step(None, None, events)

    def _advance(
        self, move: Callable[[int, AlertMachine, AlertState], tuple[Event | None, AlertState]]
    ) -> tuple[Event, ...]:
        events: list[Event] = []
        for index, machine in self._machines.items():
            event, self._alert_states[index] = move(index, machine, self._alert_states[index])
            if event is not None:
                events.append(event)
        return tuple(events)


def _default_clock(source: Source) -> Clock:
    if source.live:
        return live_clock(lambda: datetime.now(UTC), time.monotonic_ns)
    return recording_clock(datetime.now(UTC))
