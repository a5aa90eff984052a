"""Schema 1, word for word."""

import json
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from edge.events.clock import parse_rfc3339, rfc3339
from edge.events.schema import event_fields, event_line, to_json, with_delivery
from edge.types import Event

KEYS = [
    "schema", "id", "type", "label", "camera", "score", "peak_score", "started_at", "ended_at", "duration_s", "reason",
    "region", "people", "acknowledged_at", "test", "published_at", "delayed", "model",
]  # fmt: skip
names = st.from_regex(r"[a-z0-9_-]{1,20}", fullmatch=True)
probabilities = st.floats(0, 1, width=32)
moments = st.datetimes(timezones=st.just(UTC))
times = moments.map(rfc3339)
events = st.builds(
    Event,
    id=st.from_regex(r"[0-9A-HJKMNP-TV-Z]{26}", fullmatch=True),
    camera=names,
    label=names,
    type=st.sampled_from(["started", "updated", "ended"]),
    score=probabilities,
    peak_score=probabilities,
    started_at=times,
    ended_at=st.none() | times,
    duration_s=st.floats(0, 1e6),
    reason=st.none() | st.sampled_from(["restart", "lost", "end of file", "got_up", "still_down"]),
    model_name=names,
    model_sha256=st.from_regex(r"[0-9a-f]{64}", fullmatch=True),
    position_s=st.none() | st.floats(0, 1e6),
    region=st.none() | st.tuples(*[st.floats(0, 1, width=32)] * 4),
    people=st.none() | st.integers(0, 6),
)


@given(events, moments, st.booleans())
def test_an_event_as_the_contract_has_it(event: Event, published_at: datetime, delayed: bool) -> None:
    line = to_json(with_delivery(event_fields(event), published_at, delayed=delayed))
    assert "\n" not in line
    read = json.loads(line)
    assert sorted(read) == sorted(KEYS)
    assert read["schema"] == 1
    for key in ("id", "type", "label", "camera", "started_at", "ended_at", "reason"):
        assert read[key] == getattr(event, key)
    assert abs(read["score"] - event.score) <= 0.00005
    assert abs(read["peak_score"] - event.peak_score) <= 0.00005
    assert abs(read["duration_s"] - event.duration_s) <= 0.0005
    assert (read["region"] is None) == (event.region is None)
    for said, side in zip(read["region"] or (), event.region or (), strict=True):
        assert abs(said - side) <= 0.0005
    assert read["people"] == event.people
    assert read["model"] == {"name": event.model_name, "sha256": event.model_sha256}
    assert read["acknowledged_at"] is None
    assert read["test"] is False
    assert read["delayed"] is delayed
    assert abs(parse_rfc3339(read["published_at"]) - published_at) < timedelta(milliseconds=1)
    assert read["published_at"].endswith("Z")


@given(events)
def test_a_line_of_the_file_has_the_position_and_no_delivery(event: Event) -> None:
    read = json.loads(to_json(event_line(event)))
    assert sorted(read) == sorted({*KEYS, "position_s"} - {"published_at", "delayed"})
    assert read["position_s"] == event.position_s or abs(read["position_s"] - event.position_s) < 0.001
