"""What the box says about itself."""

import threading
import time
from pathlib import Path

import pytest

from edge.system import stats as module
from edge.system.housekeeping import Chore, housekeeping
from edge.system.latency import Latency
from edge.system.stats import Meter, Stats


def test_percentiles() -> None:
    latency = Latency()
    assert latency.fields() is None
    for milliseconds in range(1, 102):
        latency.add(milliseconds * 1_000_000)
    assert latency.fields() == {"p50": 51.0, "p95": 96.0, "p99": 100.0}


def test_a_meter_knows_the_rate_of_the_last_minute() -> None:
    now_s = 0.0
    meter = Meter(lambda: now_s)
    assert meter.rate_hz() is None
    for step in range(1000):  # long fast, then slow
        now_s = step / 10
        meter.count(0, 2_000_000)
    for step in range(40):
        now_s = 100 + 2 * step
        meter.count(0, 2_000_000)
    assert meter.rate_hz() == 0.5
    assert meter.fields()["inference_ms"] == {"p50": 2.0, "p95": 2.0, "p99": 2.0}
    assert meter.fields()["capture_to_inference_ms"] is None


def test_of_a_live_camera_the_age_of_its_pictures_is_known() -> None:
    meter = Meter()
    meter.count(time.monotonic_ns() - 50_000_000, 2_000_000, live=True)
    assert 50 <= meter.fields()["capture_to_inference_ms"]["p50"] < 10_000


def test_others_add_what_they_know() -> None:
    stats = Stats({"name": "m"}, lambda: "cpu")
    stats.camera("hall").note(state="ok", dropped=1)
    stats.camera("hall").note(dropped=2)
    stats.camera("hall").more = lambda: {"gaps": 3}
    stats.add("outbox", lambda: {"waiting": 0})
    payload = stats.payload()
    assert payload["cameras"]["hall"] | {"state": "ok", "dropped": 2, "gaps": 3} == payload["cameras"]["hall"]
    assert payload["outbox"] == {"waiting": 0}
    assert payload["memory_mb"] > 10


@pytest.mark.parametrize(
    ("bits", "expected"),
    [
        ("0\n", {"now": [], "since_boot": []}),
        ("50005\n", {"now": ["undervoltage", "throttled"], "since_boot": ["undervoltage", "throttled"]}),
        ("80000\n", {"now": [], "since_boot": ["soft temperature limit"]}),
        ("?", None),
    ],
)
def test_throttling_of_a_raspberry_pi(tmp_path: Path, monkeypatch, bits: str, expected) -> None:
    (tmp_path / "get_throttled").write_text(bits)
    monkeypatch.setattr(module, "THROTTLED", tmp_path / "get_throttled")
    assert module.throttling() == expected


def test_a_chore_that_fails_does_not_stop_the_others(until) -> None:
    done: list[int] = []
    lines: list[str] = []

    def fail() -> None:
        raise OSError(28, "No space left on device")

    with housekeeping([Chore("file", 60, fail), Chore("count", 0, lambda: done.append(1))], lines.append):
        until(lambda: done, "the chore")
    (line,) = lines
    assert line.startswith("file: OSError: [Errno 28] No space left on device")


def test_a_chore_that_hangs_shows(until) -> None:
    may_end = threading.Event()

    def hang() -> None:
        may_end.wait(60)

    with housekeeping([Chore("heap", 60, hang)], print) as rounds:
        until(lambda: rounds.last_s() > 0.1, "the chore")
        may_end.set()
        until(lambda: rounds.last_s() == 0, "its end")
