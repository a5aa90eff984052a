"""From scores to events: one state machine per label, with hysteresis. Time comes from the data.

    IDLE --score >= onset--> PENDING --for min_active_s--> ACTIVE --score < offset for min_quiet_s--> REFRACTORY

PENDING falls back to IDLE when the score does; REFRACTORY becomes IDLE after refractory_s.

State goes in and comes out, so one machine serves replays and live cameras alike and can be kept across a restart.
"""

from dataclasses import dataclass, replace
from enum import Enum, auto

from edge.bundle import AlertSpec
from edge.events.clock import Clock, rfc3339
from edge.events.ulid import new_ulid
from edge.types import NS_PER_S, Event, Transition


class Phase(Enum):
    """Where one label's alert stands."""

    IDLE = auto()
    PENDING = auto()
    ACTIVE = auto()
    REFRACTORY = auto()


@dataclass(frozen=True, slots=True)
class Subject:
    """Who watches, with what: what all events of one camera have in common."""

    camera: str
    model_name: str
    model_sha256: str
    clock: Clock
    live: bool
    """Whether times are a clock's, so that they are no positions in a recording."""


@dataclass(frozen=True, slots=True)
class AlertState:
    """All that a machine remembers."""

    phase: Phase = Phase.IDLE
    id: str = ""
    started_at: str = ""
    """Said once, so that all events of one id say the same, also when the wall clock is set between them."""
    start_ns: int = 0
    """When the score first reached the onset threshold."""
    seen_ns: int | None = None
    """Time of the last score."""
    quiet_since_ns: int | None = None
    """From when on the score was seen to stay under the offset threshold."""
    reported_ns: int = 0
    """Time of the last event."""
    score: float = 0.0
    peak_score: float = 0.0


def event_of(
    label: str,
    subject: Subject,
    state: AlertState,
    transition: Transition,
    now_ns: int,
    *,
    end_ns: int | None = None,
    reason: str | None = None,
) -> Event:
    """Say a transition of an alert.

    Args:
        label: of the alert.
        subject: whose it is.
        state: that the transition led to.
        transition: which.
        now_ns: when it is said.
        end_ns: when what has ended did end.
        reason: as events have it.
    """
    until_ns = now_ns if end_ns is None else end_ns
    return Event(
        id=state.id,
        camera=subject.camera,
        label=label,
        type=transition,
        score=state.score,
        peak_score=state.peak_score,
        started_at=state.started_at,
        ended_at=None if end_ns is None else rfc3339(subject.clock(end_ns)),
        duration_s=(until_ns - state.start_ns) / NS_PER_S,
        reason=reason,
        model_name=subject.model_name,
        model_sha256=subject.model_sha256,
        position_s=None if subject.live else now_ns / NS_PER_S,
    )


class AlertMachine:
    """The alert of one label."""

    def __init__(
        self, label: str, spec: AlertSpec, subject: Subject, max_gap_s: float, *, onset_threshold: float | None = None
    ) -> None:
        """Prepare.

        Args:
            label: that the scores are of.
            spec: thresholds and durations.
            subject: what the events say of their origin.
            max_gap_s: a longer time without scores proves neither activity nor quiet: what has to last begins again.
            onset_threshold: in force in place of the one of `spec`; the offset threshold stays under it.
        """
        self.label = label
        self._spec = spec
        self._onset_threshold = spec.onset_threshold if onset_threshold is None else onset_threshold
        self._offset_threshold = min(spec.offset_threshold, self._onset_threshold)
        self._subject = subject
        self._min_active_ns = round(spec.min_active_s * NS_PER_S)
        self._min_quiet_ns = round(spec.min_quiet_s * NS_PER_S)
        self._refractory_ns = round(spec.refractory_s * NS_PER_S)
        self._update_interval_ns = round(spec.update_interval_s * NS_PER_S)
        self._max_gap_ns = round(max_gap_s * NS_PER_S)

    def initial_state(self) -> AlertState:
        return AlertState()

    def step(self, score: float, now_ns: int, state: AlertState) -> tuple[Event | None, AlertState]:
        """Take the score of a moment later than the last one; return the transition that it makes, if any.

        Args:
            score: of the label.
            now_ns: the moment.
            state: from the last step.
        """
        is_gap = state.seen_ns is not None and now_ns - state.seen_ns > self._max_gap_ns
        state = replace(state, seen_ns=now_ns, score=score, peak_score=max(score, state.peak_score))
        if state.phase is Phase.REFRACTORY and now_ns - state.reported_ns >= self._refractory_ns:
            state = replace(state, phase=Phase.IDLE)
        if state.phase in (Phase.IDLE, Phase.PENDING):
            return self._watch_for_onset(now_ns, state, is_gap=is_gap)
        if state.phase is Phase.ACTIVE:
            return self._watch_for_quiet(now_ns, state, is_gap=is_gap)
        return None, state

    def with_onset(self, onset_threshold: float) -> "AlertMachine":
        """Return the same machine with another onset threshold; the offset threshold is the configured one, or that."""
        max_gap_s = self._max_gap_ns / NS_PER_S
        return AlertMachine(self.label, self._spec, self._subject, max_gap_s, onset_threshold=onset_threshold)

    def close(self, reason: str, now_ns: int, state: AlertState) -> tuple[Event | None, AlertState]:
        """End what is active, because the watching ends (`end of file`, `stopped`, `lost`)."""
        if state.phase is not Phase.ACTIVE:
            return None, replace(state, phase=Phase.IDLE) if state.phase is Phase.PENDING else state
        return self._end(state, now_ns, now_ns, reason)

    def _watch_for_onset(self, now_ns: int, state: AlertState, *, is_gap: bool) -> tuple[Event | None, AlertState]:
        if state.score < self._onset_threshold:
            return None, replace(state, phase=Phase.IDLE)
        if state.phase is Phase.IDLE or is_gap:
            state = replace(state, phase=Phase.PENDING, start_ns=now_ns, peak_score=state.score)
        if now_ns - state.start_ns < self._min_active_ns:
            return None, state
        moment = self._subject.clock(state.start_ns)
        state = replace(state, phase=Phase.ACTIVE, id=new_ulid(moment), started_at=rfc3339(moment))
        state = replace(state, quiet_since_ns=None, reported_ns=now_ns)
        return event_of(self.label, self._subject, state, "started", now_ns), state

    def _watch_for_quiet(self, now_ns: int, state: AlertState, *, is_gap: bool) -> tuple[Event | None, AlertState]:
        if state.score >= self._offset_threshold:
            state = replace(state, quiet_since_ns=None)
        elif state.quiet_since_ns is None or is_gap:
            state = replace(state, quiet_since_ns=now_ns)
        if state.quiet_since_ns is not None and now_ns - state.quiet_since_ns >= self._min_quiet_ns:
            return self._end(state, now_ns, state.quiet_since_ns, None)
        if now_ns - state.reported_ns < self._update_interval_ns:
            return None, state
        state = replace(state, reported_ns=now_ns)
        return event_of(self.label, self._subject, state, "updated", now_ns), state

    def _end(self, state: AlertState, now_ns: int, end_ns: int, reason: str | None) -> tuple[Event, AlertState]:
        state = replace(state, phase=Phase.REFRACTORY, reported_ns=now_ns)
        return event_of(self.label, self._subject, state, "ended", now_ns, end_ns=end_ns, reason=reason), state
