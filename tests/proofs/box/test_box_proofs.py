"""Figures of the proofs about latency, writes, the fleet and Home Assistant, from evidence that is easy to check."""

import json
import time

import pytest

from demonstration import Alert, judge
from edge.events.clock import rfc3339
from proofs.box import cameras, demo, hour, latency, scale, soak, writes
from proofs.messages import dashboard, discovery, fleet, home_assistant, notify
from proofs.rig.daemon import by_camera
from trainer.clips.manifest import Segment


def test_latency_is_over_one_inference() -> None:
    received = [(30_000_000, {"id": "a", "type": "started"}), (90_000_000, {"id": "a", "type": "started"})]
    assert latency.latencies_ms(received, {"a": {"captured_ns": 10_000_000}}) == [20.0]
    found = latency.figures({"latencies_ms": [20.0] * 99 + [60.0], "inferences_ms": [8.0, 10.0, 50.0]})
    assert (found["p50_ms"], found["inference_ms"], found["events"]) == (20.0, 10.0, 100)
    assert found["p99_over_inference_ms"] == pytest.approx(10.4)
    assert latency.PROOF.missed({"p99_over_inference_ms": 25.1})


def test_a_scene_passes_without_any_fault() -> None:
    right = [Alert("fall", 11.0), Alert("violence", 31.0)]
    truth = [Segment("fall", 10.0, 13.0), Segment("violence", 30.0, 37.0)]
    judged = [judge(alerts, truth) for alerts in (right, right[:1], [*right, Alert("fall", 20.0)], [])]
    found = demo.figures({"faults": {str(seed): faults for seed, faults in enumerate(judged, 1)}})
    assert found == {
        "passed": 1,
        "scenes": 4,
        "missed_falls": 1,
        "missed_violence": 2,
        "wrong_falls": 1,
        "wrong_violence": 0,
        "failed": "2, 3, 4",
    }
    assert demo.PROOF.missed({"passed": 35})
    assert not demo.PROOF.missed({"passed": 36})


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


def test_what_home_assistant_makes_of_a_box_is_counted() -> None:
    entities = home_assistant.named(discovery.messages()["small"])
    assert {"binary_sensor.edgewatch_corridor_2_hall_fall", "event.edgewatch_corridor_2_events"} < set(entities)
    shrunk = discovery.messages()["shrunk"]
    assert home_assistant.named(shrunk) == sorted({*entities, "image.edgewatch_corridor_2_hall_snapshot"} | commands())
    sent = [["1", "ended"], ["1", "started"]]
    good = {"round": "at first", "sent": sent, "seen": sent, "on": {"hall": 1}, "off": {"hall": 1}, "lamp": 1}
    good |= {"told": [f"{home_assistant.ALARM}hall"]}
    back = {"of": "box", "available": [], "told": [f"{home_assistant.GONE}{name}" for name in "ab"], "not_back": []}
    evidence = {"version": "1", "named": entities, "appeared": entities, "rounds": [good], "restarts": [back]}
    evidence |= {"obeyed": ["a", "b", "c"], "silent": []}
    assert home_assistant.PROOF.missed(home_assistant.figures(evidence)) == []
    bad = {**good, "seen": sent[:1], "off": {"hall": 2}, "lamp": 2, "told": []}
    lost = {"of": "broker", "available": ["a"], "told": [], "not_back": ["a"]}
    evidence |= {"appeared": ["event.x"], "rounds": [good, bad], "restarts": [lost], "obeyed": [], "silent": ["a"]}
    found = home_assistant.figures(evidence)
    counted = {name for row in home_assistant.TABLE if row.limit is not None and (name := row.name)}
    assert {line.split()[0] for line in home_assistant.PROOF.missed(found)} == counted
    assert (found["unseen"], found["unswitched"], found["unlit"], found["untold"]) == (1, 1, 1, 1)


def commands() -> set[str]:
    """What a box with commands has besides."""
    return {"number.edgewatch_corridor_2_hall_fall_threshold", "switch.edgewatch_corridor_2_hall_watched"}


def test_discovery_asks_of_templates_that_are_there() -> None:
    assert len(discovery.readings()) == 10
    assert set(discovery.messages()) == {"small", "large", "shrunk"}


def test_slow_returns_late_notices_and_growth_are_missed() -> None:
    good = {
        "returns_s": [1.0, 2.0, 4.9],
        "silent_s": [5.2],
        "frozen_s": [5.5],
        "mute_server_s": 5.1,
        "beside": [],
        "memory_mb": [100.0, 101.0, 150.0, 104.0, 104.5, 104.0],
    }
    found = cameras.figures(good)
    assert cameras.PROOF.missed(found) == []
    assert (found["kills"], found["return_median_s"]) == (3, 2.0)
    assert found["growth_mb"] == pytest.approx(3.75)
    planted = {"returns_s": [1.0, 5.1], "silent_s": [6.1], "beside": ["lost"], "memory_mb": [100.0, 100.0, 106.0]}
    missed = {line.split()[0] for line in cameras.PROOF.missed(cameras.figures(good | planted))}
    assert missed == {"return_s", "silent_s", "noticed_beside", "growth_mb"}


def test_the_largest_number_of_cameras_that_keeps_its_rate_counts() -> None:
    run = {"daemon_cores": 1.0, "server_cores": 0.2, "load": 1.0}
    runs = [
        {"cameras": 1, "rates_hz": [5.0], "memory_mb": 120.0, **run},
        {"cameras": 8, "rates_hz": [5.0] * 7 + [4.76], "memory_mb": 260.0, **run},
        {"cameras": 10, "rates_hz": [5.0] * 9 + [4.7], "memory_mb": 300.0, **run},
    ]
    benched = {
        "cores": 2,
        "rate_hz": 10.0,  # of looks for bodies; cameras are judged by the scene's
        "steps_per_s": 250.0,
        "decoding_cores_per_camera": 0.05,
        "model_cores_per_camera": 0.04,
    }
    found = scale.figures({"runs": runs, "scene_hz": 5.0, "bench": benched})
    assert (found["cameras"], found["slowest_hz"], found["predicted"]) == (8, 4.76, 12)  # 1.1 usable cores
    assert found["mb_per_camera"] == pytest.approx(20)
    assert scale.figures({"runs": runs[2:], "scene_hz": 5.0, "bench": benched})["cameras"] == 0


def test_growth_an_hour_is_the_slope_and_what_is_open_for_a_moment_no_leak() -> None:
    readings = [(36.0 * number, 150 + 0.02 * number, 20 + (number == 7), 9 + (number > 60)) for number in range(100)]
    found = soak.figures({"readings": readings, "video_s": 86400.0, "wall_s": 3600.0, "events": 3})
    assert found["slope_mb_per_hour"] == pytest.approx(2.0)
    assert (found["descriptors"], found["threads"], found["video_hours"]) == (0, 1, 24)
    assert {line.split()[0] for line in soak.PROOF.missed(found)} == {"slope_mb_per_hour", "threads"}


def test_metrics_are_read_by_camera() -> None:
    lines = ["# TYPE a gauge", 'a{camera="hall"} 4.98', 'a{camera="attic"} 5', 'a_b{camera="hall"} 7', 'a{x="hall"} 1']
    assert by_camera(lines, "a") == {"hall": 4.98, "attic": 5.0}


def test_an_hour_is_compared_event_by_event() -> None:
    started, updated = ["hall", "1", "started", "fall", None], ["hall", "1", "updated", "fall", None]
    ended = ["hall", "1", "ended", "fall", None]
    beside = ["stairs", "2", "started", "violence", None]
    evidence = {"minutes": 60.0, "films": 20, "stream_kills": 19, "broker_kills": 20}
    same = hour.figures(
        {**evidence, "quiet": [started, beside, updated, ended], "other": [started, started, ended, beside]}
    )
    assert (same["different"], same["repeats"], same["events_quiet"], same["clips"]) == (0, 1, 3, 80)
    lost = hour.figures({**evidence, "quiet": [started, ended, beside], "other": [started, beside]})
    assert lost["different"] == 1
    cut = hour.figures({**evidence, "quiet": [started, ended], "other": [started, [*ended[:4], "lost"]]})
    assert cut["different"] == 1
    assert hour.PROOF.missed(cut)


def test_the_dashboard_is_judged_by_its_slowest() -> None:
    openings = [{"whole_s": 0.5, "weight_kb": 90.0, "foreign": 0}, {"whole_s": 1.7, "weight_kb": 80.0, "foreign": 1}]
    large = {"cameras": 8, "history": 9, "openings": openings, "filters_ms": [10.0, 210.0]}
    flood = {"sent": 610_000, "seconds": 60.5, "uncounted": 1, "latencies_ms": [50.0] * 99 + [1100.0]}
    evidence = {"boxes": 2, "latencies_ms": [50.0] * 19 + [400.0], "large": large | {"page_mb": 90, "server_mb": 160}}
    found = dashboard.figures(evidence | {"flood": flood})
    missed = {line.split()[0] for line in dashboard.PROOF.missed(found)}
    assert missed == {"first_picture_s", "filter_ms", "server_mb", "foreign", "flood_uncounted", "flood_worst_ms"}
    assert found["flood_hz"] == pytest.approx(10_083, abs=1)
    assert found["flood_p95_ms"] == 50.0
    assert found["p95_ms"] == pytest.approx(67.5)


def test_messages_that_come_never_or_twice_count() -> None:
    attack = {"fault": "deaf", "falls": 6, "twice": 0}
    attack |= {"late_s": {"people": 1.0, "page": None}, "missing": {"people": 0, "page": 2}}
    evidence = {"rounds": 2, "told": [1, 0, 2, 1], "told_when_killed": [1, 3], "outcomes": [attack | {"said": True}]}
    found = notify.figures(evidence)
    assert (found["attacked_lost"], found["attacked_late_s"]) == (2, None)
    assert (found["alarms"], found["lost"], found["twice"], found["killed_twice"]) == (4, 1, 1, 1)
