"""Data enters at the top and leaves at the bottom: source -> shot -> networks -> bodies and scores -> alerts."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np

from edge.bundle import AlertSpec
from edge.errors import ModelError, SourceError
from edge.events.alerts import AlertMachine, AlertState, Phase, Subject
from edge.events.clock import Clock, live_clock, recording_clock
from edge.events.falls import FallMachine, FallRules, FallState
from edge.frames.camera_motion import CameraMotion
from edge.frames.driver import Shot, Shots, drive
from edge.frames.gate import Gate
from edge.frames.glance import Glance
from edge.frames.jump import jumped
from edge.frames.looks import Look
from edge.frames.regions import Polygon
from edge.inference.model import Model
from edge.inference.people import PeopleModel
from edge.inference.streams import infer_streams
from edge.people.company import Company
from edge.people.following import Followed, begin, begin_anew, follow
from edge.people.masking import without_masked
from edge.sources import Source
from edge.system.rates import NetworkRates, Rate
from edge.types import NS_PER_S, Body, Event, Inference, Sample, Scores

SCENE: Final = "scene"
PERSON: Final = "person"
NORMAL: Final = 0
"""Column of the label that is none of the others."""
END_OF_FILE: Final = "end of file"
STOPPED: Final = "stopped"
LOST: Final = "lost"
MakeFallMachine = Callable[[str, AlertSpec, Subject, FallRules, float], FallMachine]


@dataclass(frozen=True, slots=True)
class Step:
    """What one shot led to. The last step of a watching has no time: it ends what is still active."""

    capture_ns: int | None
    duration_ns: int
    """What the networks and heads took; 0 where none ran."""
    inference: Inference | None
    """The scene network's answer, where it ran."""
    scores: Scores | None
    """Of the same step, all heads combined."""
    bodies: tuple[Body, ...] | None
    """All tracks, where the people network ran."""
    events: tuple[Event, ...]


class Pipeline:
    """One camera's way from shots to events: the model is shared, all state is this camera's own."""

    def __init__(
        self,
        model: Model,
        subject: Subject,
        alerts: Mapping[str, AlertSpec],
        rules: FallRules | None = None,
        masks: Sequence[Polygon] = (),
        *,
        fall_machine: MakeFallMachine = FallMachine,
    ) -> None:
        """Prepare.

        Args:
            model: from `open_model`.
            subject: what the events say of their origin.
            alerts: per label; labels without one raise no alert.
            rules: for falls.
            masks: that the camera's pictures lie behind.
            fall_machine: makes what tells falls.
        """
        self.gaps = 0
        """Times that shots lay longer apart than the bundle's window."""
        self._model = model
        self._masks = masks
        spec = model.spec
        window_s = spec.heads.scene.window_s
        self._machines = {
            label: AlertMachine(label, alert, subject, window_s)
            for label, alert in alerts.items()
            if PERSON not in spec.combine[label]
        }
        self._falls = {
            label: fall_machine(label, alert, subject, rules or FallRules(), window_s)
            for label, alert in alerts.items()
            if PERSON in spec.combine[label]
        }
        self._last_ns: int | None = None
        self._state: Any = self._model.aggregator.initial_state()
        self._alert_states: dict[str, AlertState] = {
            label: machine.initial_state() for label, machine in self._machines.items()
        }
        self._fall_states: dict[str, FallState] = {
            label: machine.initial_state() for label, machine in self._falls.items()
        }
        self._forget()

    def _forget(self) -> None:
        """Forget what was seen, and not what alerts are to remember."""
        people = self._model.people
        self._gate = Gate()
        self._glance: Glance | None = None
        self._aspect = 1.0
        self._followed = None if people is None else begin(people.n_state)
        self._company = Company()
        self._motion = CameraMotion()
        self._falling = 0.0
        """The highest score of a fall by a body since the scene network last ran."""

    @property
    def is_awake(self) -> bool:
        """Whether the networks are likely to run at the next shot. May be asked from any thread."""
        return self._gate.is_open

    @property
    def camera_moves(self) -> bool:
        """Whether the camera itself does, and what moves tells of nobody."""
        return self._motion.holds_back

    def step(self, shot: Shot) -> Step:
        """Judge one shot, later than the last.

        Raises:
            ModelError: the model failed.
        """
        self._note(shot.capture_ns)
        people = self._model.people
        if people is None:
            return self._judge(shot, None, None)
        seen = shot.seen
        if self._glance is not None and self._followed is not None and jumped(self._glance, seen):
            self._followed = begin_anew(self._followed)
        self._glance = seen
        self._motion = self._motion.after(seen)
        if shot.look is not None:  # else the one look of a pause might be without
            self._gate = self._gate.after(seen, self._must_look)
        if self._gate.is_open:
            return self._judge(shot, people, self._followed)
        return Step(shot.capture_ns, 0, None, None, None, self._alert_of_falls(None, None, seen))

    def _judge(self, shot: Shot, people: PeopleModel | None, followed: Followed | None) -> Step:
        begin_ns = time.perf_counter_ns()
        bodies = inference = scores = None
        if shot.look is not None and people is not None and followed is not None:
            bodies, self._followed = self._follow(shot.look, shot.seen, people, followed)
        if shot.sample is not None:
            inference, scores = self._infer(shot.sample)
            scores = self._without_held_back(scores)
        duration_ns = time.perf_counter_ns() - begin_ns
        events = [] if scores is None else self._alert(scores)
        if people is not None:
            events += self._alert_of_falls(bodies, scores, shot.seen)
        return Step(shot.capture_ns, duration_ns, inference, self._combined(scores), bodies, tuple(events))

    def _follow(
        self, look: Look, seen: Glance, people: PeopleModel, followed: Followed
    ) -> tuple[tuple[Body, ...], Followed]:
        found = without_masked(people.find(look), self._masks)
        self._aspect = look.aspect
        self._company = self._company.after(found, seen, look.aspect)
        bodies, state = follow(followed, found, look.capture_ns, look.aspect, people.step)
        in_view = (body.falling for body in bodies if body.track.last_ns == look.capture_ns)
        self._falling = max(self._falling, *in_view, 0.0)
        return bodies, state

    def _infer(self, sample: Sample) -> tuple[Inference, Scores]:
        begin_ns = time.perf_counter_ns()
        features, probabilities = infer_streams(self._model.network.run, sample.streams)
        inference = Inference(features, probabilities, sample.capture_ns, time.perf_counter_ns() - begin_ns)
        scores, self._state = self._model.aggregator.step(inference, self._state)
        if not np.isfinite(scores.probabilities).all():
            raise ModelError(f"{self._model.spec.name}: gives scores that are no numbers; convert the model again")
        return inference, scores

    def close(self, reason: str) -> tuple[Event, ...]:
        """End what is active, because the watching ends. Who lay there is told again when it goes on."""
        now_ns = self._last_ns or 0
        events: list[Event | None] = []
        for label, machine in self._machines.items():
            event, self._alert_states[label] = machine.close(reason, now_ns, self._alert_states[label])
            events.append(event)
        for label, machine in self._falls.items():
            event, self._fall_states[label] = machine.close(reason, now_ns, self._fall_states[label])
            events.append(event)
        self._forget()
        return tuple(event for event in events if event is not None)

    def set_threshold(self, label: str, onset_threshold: float) -> None:
        """Change an alert's onset threshold, from the next step on; what is active goes on."""
        if label in self._falls:
            self._falls[label] = self._falls[label].with_onset(onset_threshold)
        else:
            self._machines[label] = self._machines[label].with_onset(onset_threshold)

    def acknowledge_false(self, event_id: str) -> tuple[Event, ...]:
        """End the fall that somebody says was none; who lies there is ignored until he moves."""
        events: list[Event] = []
        for label, machine in self._falls.items():
            event, self._fall_states[label] = machine.acknowledge_false(
                event_id, self._last_ns or 0, self._fall_states[label]
            )
            if event is not None:
                events.append(event)
        return tuple(events)

    def recall(self, label: str) -> None:
        """An event of this label was active when the box was last stopped: who lies at the first looks is told."""
        if label in self._falls:
            self._fall_states[label] = self._falls[label].initial_state(was_down=True)

    @property
    def _must_look(self) -> bool:
        """Whether something is told, or about to be, that only looking can go on with."""
        is_told = any(state.phase in (Phase.PENDING, Phase.ACTIVE) for state in self._alert_states.values())
        return is_told or any(state.must_look for state in self._fall_states.values())

    def _note(self, capture_ns: int) -> None:
        if self._last_ns is not None and capture_ns - self._last_ns > self._model.spec.heads.scene.window_s * NS_PER_S:
            self.gaps += 1
        self._last_ns = capture_ns

    def _scene_score(self, label: str, scores: Scores) -> float:
        """What the scene says of a label, weighted; 0 where the bundle does not combine it."""
        spec = self._model.spec
        return spec.combine[label].get(SCENE, 0.0) * float(scores.probabilities[spec.labels.index(label)])

    def _without_held_back(self, scores: Scores) -> Scores:
        """The same without what the scene alone tells in a bundle whose falls are told by bodies: it takes two, and is
        told by what moves. So it is 0 where everybody is apart, or the camera itself moves."""
        if not self._falls or not (self._company.is_apart or self._motion.holds_back):
            return scores
        probabilities = scores.probabilities.copy()
        probabilities[[self._model.spec.labels.index(label) for label in self._machines]] = 0
        return replace(scores, probabilities=probabilities)

    def _combined(self, scores: Scores | None) -> Scores | None:
        """The scores of the scene with what bodies say, and with what is left for none of the labels."""
        if scores is None or not self._falls:
            return scores
        spec, probabilities = self._model.spec, scores.probabilities.copy()
        for label in self._falls:
            probabilities[spec.labels.index(label)] = max(self._scene_score(label, scores), self._falling)
        self._falling = 0.0
        probabilities[NORMAL] = 1 - probabilities[NORMAL + 1 :].max()
        return replace(scores, probabilities=probabilities)

    def _alert(self, scores: Scores) -> list[Event]:
        events: list[Event] = []
        for label, machine in self._machines.items():
            score = self._scene_score(label, scores)
            event, self._alert_states[label] = machine.step(score, scores.end_ns, self._alert_states[label])
            if event is not None:
                events.append(replace(event, region=self._company.region, people=self._company.people))
        return events

    def _alert_of_falls(self, bodies: Sequence[Body] | None, scores: Scores | None, seen: Glance) -> tuple[Event, ...]:
        events: list[Event] = []
        for label, machine in self._falls.items():
            state, scene_score = self._fall_states[label], None if scores is None else self._scene_score(label, scores)
            told, self._fall_states[label] = machine.step(bodies, scene_score, seen, state, aspect=self._aspect)
            events += told
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
    rate: Rate
    """Pictures a second of the source's time, over the last seconds, of the network that suffers most."""

    @property
    def below_target(self) -> bool:
        """Whether the source does not keep the rate that the model was trained on."""
        return self.rate.share is not None and self.rate.share < 1


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
        masks: Sequence[Polygon] = (),
        fall_machine: MakeFallMachine = FallMachine,
    ) -> None:
        """Prepare; nothing is opened before `steps`.

        Args:
            source: of the frames.
            model: from `open_model`. Several watchers may share it.
            camera: the name that events carry.
            alerts: per label, in place of the bundle's defaults; labels without one raise no alert.
            clock: what capture times mean; by default a recording begins now.
            rules: for falls.
            masks: that the source lies behind.
            fall_machine: makes what tells falls.
        """
        self.source = source
        subject = Subject(camera, model.spec.name, model.digest, clock or default_clock(source), source.live)
        in_force = model.spec.alerts if alerts is None else alerts
        self._pipeline = Pipeline(model, subject, in_force, rules, masks, fall_machine=fall_machine)
        self._shots = Shots(model.spec.networks)
        self._rates = NetworkRates(model.spec.networks.rates_hz)
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
            for _, shot in drive(self.source, self._shots, None, lambda: self._stopped):
                self._frames += 1
                if shot is not None:
                    self._steps += 1
                    for name in shot.networks:
                        self._rates.note(name, shot.capture_ns)
                    yield self._pipeline.step(shot)
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
            missed_ticks=self._shots.missed_ticks,
            gaps=self._pipeline.gaps,
            rate=self._rates.worst(),
        )

    def _close(self, reason: str) -> Iterator[Step]:
        """End what is active, in a step of its own when there is any."""
        if events := self._pipeline.close(reason):
            yield Step(None, 0, None, None, None, events)


def default_clock(source: Source) -> Clock:
    """Return what a source's capture times mean: a camera's are the monotonic clock's, a recording begins now."""
    if source.live:
        return live_clock(lambda: datetime.now(UTC), time.monotonic_ns)
    return recording_clock(datetime.now(UTC))
