"""Times are in seconds here; a score comes every 0.2 s where nothing else is said."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.bundle import AlertSpec
from edge.events.alerts import AlertMachine, Phase, Subject
from edge.events.clock import recording_clock
from edge.types import NS_PER_S, Event

BEGAN_AT = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
SUBJECT = Subject("hall", "tiny", "ab" * 32, recording_clock(BEGAN_AT), live=False)
SPEC = AlertSpec(
    onset_threshold=0.7,
    offset_threshold=0.4,
    min_active_s=0.4,
    min_quiet_s=1.0,
    refractory_s=3.0,
    update_interval_s=2.0,
)
GAP_S = 1.0


def ns(seconds: float) -> int:
    return round(seconds * NS_PER_S)


def run(series, spec: AlertSpec = SPEC, subject: Subject = SUBJECT, close_s: float | None = None) -> list[Event]:
    """Feed (time, score) pairs; return the events, the closing one included where `close_s` is given."""
    machine = AlertMachine("fall", spec, subject, GAP_S)
    state = machine.initial_state()
    events = []
    for time_s, score in series:
        event, state = machine.step(score, ns(time_s), state)
        events.append(event)
    if close_s is not None:
        event, state = machine.close("end of file", ns(close_s), state)
        events.append(event)
    return [event for event in events if event is not None]


def steady(*stretches: tuple[float, float], period_s: float = 0.2):
    """(score, duration in seconds) after each other, as (time, score) pairs."""
    time_s, series = 0.0, []
    for score, duration_s in stretches:
        for _ in range(round(duration_s / period_s)):
            series.append((round(time_s, 6), score))
            time_s += period_s
    return series


def told(events) -> list[tuple[str, float | None]]:
    return [(event.type, event.position_s) for event in events]


def test_starts_after_the_score_has_stayed_and_ends_after_it_has_stayed_away():
    events = run(steady((0.1, 1.0), (0.9, 1.0), (0.1, 2.0)))
    # Over the threshold from 1.0 s, quiet from 2.0 s.
    assert told(events) == [("started", pytest.approx(1.4)), ("ended", pytest.approx(3.0))]
    started, ended = events
    assert started.started_at == ended.started_at == "2026-03-01T12:00:01.000Z"
    assert (started.ended_at, ended.ended_at) == (None, "2026-03-01T12:00:02.000Z")
    assert (started.duration_s, ended.duration_s) == (pytest.approx(0.4), pytest.approx(1.0))
    assert started.id == ended.id
    assert (ended.score, ended.peak_score, ended.reason) == (0.1, 0.9, None)
    assert (ended.camera, ended.label, ended.model_name, ended.model_sha256) == ("hall", "fall", "tiny", "ab" * 32)


def test_a_score_at_the_threshold_counts():
    assert told(run(steady((0.7, 1.0)))) == [("started", pytest.approx(0.4))]
    assert run(steady((0.6999, 5.0))) == []


def test_a_short_peak_is_no_event():
    assert run(steady((0.9, 0.4), (0.5, 0.2), (0.9, 0.4), (0.1, 3.0))) == []


def test_between_the_thresholds_an_event_goes_on():
    events = run(steady((0.9, 0.6), (0.5, 1.4), (0.4, 1.0)))
    assert [event.type for event in events] == ["started", "updated"]


def test_a_short_pause_does_not_end_an_event():
    series = steady((0.9, 0.6), (0.1, 0.8), (0.9, 0.4), (0.1, 0.8), (0.5, 0.4))
    assert [event.type for event in run(series)] == ["started", "updated"]


def test_updates_come_no_more_often_than_configured():
    events = run(steady((0.8, 1.0), (0.95, 0.2), (0.8, 9.0)))
    assert told(events) == [
        ("started", pytest.approx(0.4)),
        *[("updated", pytest.approx(t)) for t in (2.4, 4.4, 6.4, 8.4)],
    ]
    assert {event.peak_score for event in events[1:]} == {0.95}
    assert events[0].peak_score == 0.8


def test_nothing_starts_in_the_refractory_time():
    events = run(steady((0.9, 1.0), (0.1, 1.4), (0.9, 6.0)))
    # Ended at 2.0 s; quiet until 5.0 s, then the score has to stay for 0.4 s again.
    assert told(events)[:3] == [
        ("started", pytest.approx(0.4)),
        ("ended", pytest.approx(2.0)),
        ("started", pytest.approx(5.4)),
    ]
    assert events[2].started_at == "2026-03-01T12:00:05.000Z"
    assert events[2].peak_score == 0.9
    assert events[2].id > events[1].id


def test_zero_durations_act_at_once():
    spec = AlertSpec(min_active_s=0, min_quiet_s=0, refractory_s=0)
    events = run(steady((0.9, 0.2), (0.1, 0.2), (0.9, 0.2)), spec)
    assert [event.type for event in events] == ["started", "ended", "started"]
    assert events[1].duration_s == pytest.approx(0.2)


def test_a_gap_is_no_proof_of_activity():
    assert run([(0.0, 0.9), (5.0, 0.9)]) == []
    events = run([(0.0, 0.9), (5.0, 0.9), (5.2, 0.9), (5.4, 0.9)])
    assert told(events) == [("started", pytest.approx(5.4))]
    assert events[0].started_at == "2026-03-01T12:00:05.000Z"


def test_a_gap_is_no_proof_of_quiet():
    series = [*steady((0.9, 0.6)), (0.6, 0.1), (9.0, 0.1), (9.6, 0.1), (10.0, 0.1)]
    events = [event for event in run(series) if event.type == "ended"]
    assert told(events) == [("ended", pytest.approx(10.0))]


def test_closing_ends_what_is_active_with_a_reason():
    events = run(steady((0.9, 1.0)), close_s=0.8)
    assert told(events) == [("started", pytest.approx(0.4)), ("ended", pytest.approx(0.8))]
    assert (events[1].reason, events[1].ended_at) == ("end of file", "2026-03-01T12:00:00.800Z")


@pytest.mark.parametrize("series", [steady((0.1, 1.0)), steady((0.9, 0.4)), steady((0.9, 1.0), (0.1, 2.0))])
def test_closing_says_nothing_of_what_is_not_active(series):
    assert len(run(series, close_s=9.0)) == len(run(series))


def test_what_was_pending_when_the_watching_ended_begins_anew():
    machine = AlertMachine("fall", SPEC, SUBJECT, GAP_S)
    _, state = machine.step(0.9, 0, machine.initial_state())
    _, state = machine.close("lost", ns(0.2), state)
    assert state.phase is Phase.IDLE


def test_an_onset_that_was_lowered_and_raised_again_leaves_the_configured_offset():
    machine = AlertMachine("fall", SPEC, SUBJECT, GAP_S)
    for onset in (0.2, 0.7):
        machine = machine.with_onset(onset)
    state, events = machine.initial_state(), []
    for time_s, score in steady((0.9, 1.0), (0.3, 1.6)):  # 0.3 is under the configured offset, over the lowered one
        event, state = machine.step(score, ns(time_s), state)
        events.append(event)
    assert [event.type for event in events if event is not None] == ["started", "ended"]


def test_an_active_alert_goes_on_while_its_onset_is_moved_and_ends_under_the_configured_offset():
    machine = AlertMachine("fall", SPEC, SUBJECT, GAP_S)
    state, events = machine.initial_state(), []
    moves = {1.0: 0.2, 1.6: 0.7}  # 0.3 holds under the lowered onset only
    for time_s, score in steady((0.9, 1.0), (0.3, 2.6)):
        machine = machine.with_onset(moves[time_s]) if time_s in moves else machine
        event, state = machine.step(score, ns(time_s), state)
        events.append(event)
    started, *_, ended = [event for event in events if event is not None]
    assert (started.type, ended.type, ended.id) == ("started", "ended", started.id)
    assert ended.ended_at == "2026-03-01T12:00:01.600Z"


def test_live_events_have_no_position():
    live = Subject("hall", "tiny", "ab" * 32, recording_clock(BEGAN_AT), live=True)
    assert run(steady((0.9, 1.0)), subject=live)[0].position_s is None


def test_all_events_of_one_id_say_the_same_start_though_the_wall_clock_is_set():
    offsets = iter(range(1000))
    subject = Subject("hall", "tiny", "ab" * 32, lambda _: BEGAN_AT + timedelta(hours=next(offsets)), live=True)
    events = run(steady((0.9, 3.0), (0.1, 2.0)), subject=subject)
    assert len(events) > 2
    assert len({event.started_at for event in events}) == 1


SERIES = st.lists(
    st.tuples(st.floats(0.01, 4.0), st.sampled_from([0.0, 0.1, 0.39, 0.4, 0.5, 0.69, 0.7, 0.9, 1.0])), max_size=120
)
SPECS = st.builds(
    AlertSpec,
    onset_threshold=st.sampled_from([0.5, 0.7, 0.9]),
    offset_threshold=st.sampled_from([0.1, 0.4, 0.5]),
    min_active_s=st.sampled_from([0.0, 0.4, 2.0]),
    min_quiet_s=st.sampled_from([0.0, 1.0, 3.0]),
    refractory_s=st.sampled_from([0.0, 2.0, 10.0]),
    update_interval_s=st.sampled_from([0.0, 1.0, 5.0]),
)


@given(SERIES, SPECS)
def test_every_history_keeps_the_contract(steps, spec):
    time_s, series = 0.0, []
    for step_s, score in steps:
        time_s += step_s
        series.append((time_s, score))
    events = run(series, spec, close_s=time_s)
    active: Event | None = None
    last_ended_s = None
    last_s = None
    ids = []
    for event in events:
        position_s = event.position_s
        assert position_s is not None
        assert last_s is None or position_s >= last_s
        if event.type == "started":
            assert active is None
            assert event.score >= spec.onset_threshold
            assert event.duration_s >= spec.min_active_s - 1e-6
            assert last_ended_s is None or position_s - event.duration_s >= last_ended_s + spec.refractory_s - 1e-6
            ids.append(event.id)
            active = event
        else:
            assert active is not None
            assert (event.id, event.started_at) == (active.id, active.started_at)
            assert event.peak_score >= active.peak_score
            assert event.duration_s >= 0
        if event.type == "updated":
            assert last_s is not None
            assert position_s - last_s >= spec.update_interval_s - 1e-6
        if event.type == "ended":
            assert event.ended_at is not None
            assert event.reason or event.score < spec.offset_threshold
            last_ended_s, active = position_s, None
        assert 0 <= event.score <= event.peak_score <= 1
        last_s = position_s
    assert active is None
    assert len(set(ids)) == len(ids)
    assert [one[:10] for one in ids] == sorted(one[:10] for one in ids)


@given(SERIES)
def test_a_machine_that_is_taken_up_from_its_state_goes_on_as_it_would_have(steps):
    whole = AlertMachine("fall", SPEC, SUBJECT, GAP_S)
    state, other = whole.initial_state(), whole.initial_state()
    time_s = 0.0
    for step_s, score in steps:
        time_s += step_s
        one, state = whole.step(score, ns(time_s), state)
        again = AlertMachine("fall", SPEC, SUBJECT, GAP_S)
        two, other = again.step(score, ns(time_s), other)
        assert (one and (one.type, one.duration_s)) == (two and (two.type, two.duration_s))
