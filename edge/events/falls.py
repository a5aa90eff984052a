"""What a fall means: one alert as long as somebody lies there. Time comes from the data.

It begins (`started`) when a body goes down, or with the reason `found_down` for somebody who lies still although
nobody was seen falling, and ends (`ended`) when nobody is down any more: with `got_up`, however soon, with `left`, or
with `false_alarm` when a person said so. Its duration is how long it was until then: a body that is up again after two
seconds has `got_up` and 2 s. A body that was never seen to lie, and then is seen not to be down, ends without a reason.
The scene's readout tells a fall only where bodies are hardly found: from the ceiling, in the dark, far away. It lasts
as long as its score, until a body is found that lies.

While it lasts, `updated` says `another` fall, `unseen` once the network has lost a body, `still_down` once it has not
moved for long, and, without a reason, that it goes on: rarer and rarer.

State goes in and comes out, as in `edge.events.alerts`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from edge.bundle import AlertSpec
from edge.events.alerts import AlertState, Phase, Subject, event_of
from edge.events.clock import rfc3339
from edge.events.scene import Scene
from edge.events.ulid import new_ulid
from edge.frames.glance import Glance
from edge.frames.regions import Polygon
from edge.people.down import Down, is_lost, lies_still
from edge.people.floor import Change, Floor, FloorRules, looked, stepped
from edge.people.watched import Onset
from edge.types import NS_PER_S, Body, Box, Event, Transition

FOUND_DOWN: Final = "found_down"
STILL_DOWN: Final = "still_down"
UNSEEN: Final = "unseen"
ANOTHER: Final = "another"
FALSE_ALARM: Final = "false_alarm"
FOUND_DOWN_S: Final = 20.0
PRESENT: Final = 0.5
"""Presence from which bodies tell falls, and not the scene."""
RARER: Final = (1, 6, 60)
"""When an `updated` is due that says that a fall goes on, in `update_interval_s`; after the last every so often."""


@dataclass(frozen=True, slots=True)
class FallRules:
    """What a user wants of falls beyond their score."""

    rest_zones: Sequence[Polygon] | None = None
    """Where people may lie; None: nobody has said, so nobody is `found_down`."""
    still_down_s: float | None = None
    """Report who does not move for so long after a fall; None does not."""
    found_down_s: float = FOUND_DOWN_S
    """Report who lies still for so long outside the rest zones."""


@dataclass(frozen=True, slots=True)
class FallState(AlertState):
    """All that the machine remembers."""

    floor: Floor = field(default_factory=Floor)
    """Who is down, and told or about to be."""
    scene: Scene = field(default_factory=Scene)
    told_ns: int = 0
    """When it was told that it began."""
    reason: str | None = None
    """Why it did."""
    updates: int = 0
    """How many of those that are due have been."""
    region: Box | None = None

    @property
    def is_on(self) -> bool:
        """Whether somebody is down, told or not."""
        return bool(self.floor.downs) or self.scene.is_on

    @property
    def must_look(self) -> bool:
        """Whether there is somebody, or something, that only looking can go on with, though nothing moves."""
        floor = self.floor
        lying = not floor.resting and any(one.lying_since_ns is not None for one in floor.watched)
        return self.is_on or self.scene.since_ns is not None or lying or floor.was_down


class FallMachine:
    """The alert of falls of one camera."""

    def __init__(
        self,
        label: str,
        spec: AlertSpec,
        subject: Subject,
        rules: FallRules,
        max_gap_s: float,
        *,
        onset_threshold: float | None = None,
    ) -> None:
        """Prepare.

        Args:
            label: that the events carry.
            spec: thresholds and durations; `update_interval_s` is that of the first `updated`.
            subject: what the events say of their origin.
            rules: of a user.
            max_gap_s: a longer time without looks proves nothing: what has to last begins again.
            onset_threshold: in force in place of the one of `spec`; the offset threshold stays under it.
        """
        self.label = label
        self._spec = spec
        onset = spec.onset_threshold if onset_threshold is None else onset_threshold
        offset = min(spec.offset_threshold, onset)
        self._in_force = spec.model_copy(update={"onset_threshold": onset, "offset_threshold": offset})
        self._subject = subject
        self._rules = rules
        self._max_gap_ns = round(max_gap_s * NS_PER_S)
        self._floor_rules = FloorRules(
            onset=Onset(onset, spec.min_active_s, self._max_gap_ns),
            offset=offset,
            min_quiet_s=spec.min_quiet_s,
            zones=rules.rest_zones or (),
            found_down_s=None if rules.rest_zones is None else rules.found_down_s,
        )

    def initial_state(self, *, was_down: bool = False) -> FallState:
        """Begin; `was_down`: somebody lay there when the box was last stopped."""
        return FallState(floor=Floor(was_down=was_down))

    def with_onset(self, onset_threshold: float) -> "FallMachine":
        """Return the same machine with another onset threshold; the offset threshold is the configured one, or that."""
        max_gap_s = self._max_gap_ns / NS_PER_S
        return FallMachine(
            self.label, self._spec, self._subject, self._rules, max_gap_s, onset_threshold=onset_threshold
        )

    def step(
        self, bodies: Sequence[Body] | None, scene_score: float | None, seen: Glance, state: FallState, *, aspect: float
    ) -> tuple[tuple[Event, ...], FallState]:
        """Take a moment later than the last one; return what there is to say of it.

        Args:
            bodies: all tracks, those too that were looked for in vain, with what the head last said of them; None
                where nobody looked for bodies.
            scene_score: of a fall, by the whole picture; None where nobody asked that.
            seen: a glance at the picture; its time is that of the moment.
            state: from the last step.
            aspect: width of the picture over its height.
        """
        now_ns, before = seen.capture_ns, state
        rules = self._floor_rules
        floor, moment = looked(state.floor, bodies, seen, rules, aspect)
        scene = state.scene
        if scene_score is not None:
            is_told_by_bodies = floor.downs or floor.presence >= PRESENT
            may_begin = not is_told_by_bodies and now_ns >= floor.jump_ns
            scene = scene.after(scene_score, now_ns, self._in_force, self._max_gap_ns, may_begin=may_begin)
        change = Change()
        if moment.bodies is not None:
            floor, change = stepped(floor, moment, rules, scene.since_ns if scene.is_on else None)
        if floor.downs and (scene.is_on or before.scene.is_on):
            scene = scene.spent()
        state = replace(state, floor=floor, scene=scene, seen_ns=now_ns)
        return self._told(change, before, _scored(change, before, state))

    def acknowledge_false(self, event_id: str, now_ns: int, state: FallState) -> tuple[Event | None, FallState]:
        """Somebody says that an event was none: it ends, and who lies there is ignored until he moves."""
        if event_id != state.id:
            return None, state
        if state.phase is not Phase.ACTIVE:
            return None, replace(state, floor=replace(state.floor, was_down=False))
        scene = state.scene.spent() if state.scene.is_on else state.scene
        state = replace(state, floor=state.floor.ignoring_all(), scene=scene)
        return self._ended(now_ns, now_ns, FALSE_ALARM, state)

    def close(self, reason: str, now_ns: int, state: FallState) -> tuple[Event | None, FallState]:
        """End what is active, because the watching ends (`end of file`, `stopped`, `lost`).

        The state remembers whether somebody lay there: who lies at the first looks of the next watching is told again.
        """
        event = None
        if state.phase is Phase.ACTIVE:
            event, state = self._ended(now_ns, now_ns, reason, state)
        floor = state.floor.closed()
        phase = Phase.IDLE if floor.was_down else state.phase
        return event, replace(state, phase=phase, floor=floor, scene=Scene(), seen_ns=None)

    def _told(self, change: Change, before: FallState, state: FallState) -> tuple[tuple[Event, ...], FallState]:
        """Say what there is to say."""
        now_ns = state.seen_ns or 0
        refractory_ns = self._in_force.refractory_s * NS_PER_S
        if state.phase is Phase.REFRACTORY and now_ns - state.reported_ns >= refractory_ns:
            state = replace(state, phase=Phase.IDLE)
        if state.phase is Phase.IDLE and state.is_on:
            event, state = self._started(now_ns, state)
            return (event,), state
        if state.phase is not Phase.ACTIVE:
            return (), state
        if state.is_on:
            return self._updated(change, before, now_ns, state)
        reason, end_ns = None, state.scene.quiet_since_ns
        if change.over is not None:
            reason, end_ns = change.over.end, change.over.end_ns
        event, state = self._ended(now_ns, now_ns if end_ns is None else end_ns, reason, state)
        return (event,), state

    def _started(self, now_ns: int, state: FallState) -> tuple[Event, FallState]:
        begin_ns = min((one.start_ns for one in state.floor.downs), default=state.scene.since_ns)
        start_ns = now_ns if begin_ns is None else begin_ns
        moment = self._subject.clock(start_ns)
        reason = state.reason if state.floor.downs else None
        state = replace(state, phase=Phase.ACTIVE, id=new_ulid(moment), started_at=rfc3339(moment), start_ns=start_ns)
        state = replace(state, told_ns=now_ns, reported_ns=now_ns, updates=0)
        return self._event("started", now_ns, state, reason=reason), state

    def _updated(
        self, change: Change, before: FallState, now_ns: int, state: FallState
    ) -> tuple[tuple[Event, ...], FallState]:
        """What is new of a fall that goes on."""
        # Who is found to lie where the scene told a fall is who fell.
        others = change.new if before.floor.downs else change.new[1:]
        said = [(ANOTHER, one.down) for one in others]
        downs: list[Down] = []
        for one in state.floor.downs:
            is_new_loss, still_s = is_lost(one), self._rules.still_down_s
            is_still = still_s is not None and lies_still(one, now_ns, still_s)
            said += [(UNSEEN, one)] * is_new_loss + [(STILL_DOWN, one)] * is_still
            downs.append(replace(one, loss_said=one.loss_said or is_new_loss, still_said=one.still_said or is_still))
        events = [
            self._event("updated", now_ns, replace(state, region=one.place.box), reason=reason) for reason, one in said
        ]
        state = replace(state, floor=replace(state.floor, downs=tuple(downs)))
        lasted_s = (now_ns - state.told_ns) / NS_PER_S
        if lasted_s >= self._due_s(state.updates):
            events.append(self._event("updated", now_ns, state))
            updates = state.updates + 1
            while 0 < self._due_s(updates) <= lasted_s:
                updates += 1
            state = replace(state, updates=updates)
        return tuple(events), replace(state, reported_ns=now_ns) if events else state

    def _due_s(self, updates: int) -> float:
        """How long after `started` one more `updated` is due, of those that came."""
        last = len(RARER) - 1
        times = RARER[updates] if updates <= last else RARER[last] * (updates - last + 1)
        return times * self._in_force.update_interval_s

    def _ended(self, now_ns: int, end_ns: int, reason: str | None, state: FallState) -> tuple[Event, FallState]:
        state = replace(state, phase=Phase.REFRACTORY, reported_ns=now_ns)
        return self._event("ended", now_ns, state, end_ns=end_ns, reason=reason), state

    def _event(
        self,
        transition: Transition,
        now_ns: int,
        state: FallState,
        *,
        end_ns: int | None = None,
        reason: str | None = None,
    ) -> Event:
        event = event_of(self.label, self._subject, state, transition, now_ns, end_ns=end_ns, reason=reason)
        return replace(event, region=state.region, people=state.floor.people)


def _scored(change: Change, before: FallState, state: FallState) -> FallState:
    """The state with what the events say: scores, the place, and why it began."""
    downs = (*state.floor.downs, *((change.over,) if change.over is not None else ()))
    score = max((one.score for one in downs), default=state.scene.score)
    peak_score = max([score, *(one.peak for one in downs)])
    if state.phase is Phase.ACTIVE:
        peak_score = max(peak_score, state.peak_score)
    elif change.new and not before.floor.downs:
        state = replace(state, reason=FOUND_DOWN if change.new[0].is_found else None)
    region = downs[0].place.box if downs else None
    return replace(state, score=score, peak_score=peak_score, region=region)
