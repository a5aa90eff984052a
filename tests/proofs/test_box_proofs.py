"""Figures of the proofs about latency, writes, the fleet and Home Assistant, from evidence that is easy to check."""

import json
import time

import pytest

from edge.clock import rfc3339
from proofs import discovery, fleet, latency, writes


def test_latency_is_over_one_inference() -> None:
    received = [(30_000_000, {"id": "a", "type": "started"}), (90_000_000, {"id": "a", "type": "started"})]
    assert latency.latencies_ms(received, {"a": {"captured_ns": 10_000_000}}) == [20.0]
    found = latency.figures({"latencies_ms": [20.0] * 99 + [60.0], "inferences_ms": [8.0, 10.0, 50.0]})
    assert (found["p50_ms"], found["inference_ms"], found["events"]) == (20.0, 10.0, 100)
    assert found["p99_over_inference_ms"] == pytest.approx(10.4)
    assert latency.PROOF.missed({"p99_over_inference_ms": 25.1})


def test_a_quiet_day_has_one_start() -> None:
    evidence = {"start_bytes": 500_000, "quiet_bytes": 1000, "quiet_s": 86.4, "busy_bytes": 600_000, "events": 10}
    found = writes.figures(evidence)
    assert found["quiet_mb_per_day"] == pytest.approx(1.5)
    assert found["kb_per_event"] == pytest.approx(10)


def test_the_fleet_s_latency_is_from_publication_to_first_receipt() -> None:
    from datetime import UTC, datetime

    now, now_ns = datetime.now(UTC), time.monotonic_ns()
    event = {"id": "a", "type": "started", "published_at": rfc3339(now)}
    (milliseconds,) = fleet.latencies_ms([(now_ns + 40_000_000, event), (now_ns + 900_000_000, event)])
    assert 35 < milliseconds < 60
    evidence = {"boxes": 2, "alarms": 3, "arrived": 11, "latencies_ms": [1.0], "connecting_s": 1.0, "seconds": 6.0}
    assert fleet.figures(evidence)["lost"] == 1


def test_planted_faults_and_misreadings_count() -> None:
    answer = {
        "version": "1",
        "faults": {"small": [], "bad": ["x"], "blind": []},
        "rendered": ["ok", '{"b":2,"a":1}', "?"],
    }
    evidence = {
        "components": {"small": 9},
        "planted": ["bad", "blind"],
        "wanted": ["ok", json.dumps({"a": 1, "b": 2}), "4"],
        "answer": answer,
    }
    found = discovery.figures(evidence)
    assert found == {"version": "1", "components": 9, "faults": 0, "misread": 1, "planted_faults_found": 1}


def test_discovery_asks_of_templates_that_are_there() -> None:
    assert len(discovery.readings()) == 7
    assert set(discovery.messages()) == {"small", "large", "shrunk"}
