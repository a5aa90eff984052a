"""Prometheus' text format, word for word, as a file and on a port."""

import http.client
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from edge.errors import ConfigurationError
from edge.system import prometheus

STATS = {
    "uptime_s": 12.5,
    "memory_mb": 104.2,
    "temperature_c": None,
    "model": {"name": "built-in", "sha256": "ab"},
    "throttling": {"now": ["throttled"]},
    "cameras": {
        "hall": {"rate_hz": 4.98, "state": "ok", "inference_ms": {"p50": 10.0, "p99": 20.0}, "below_target": False},
        "attic": {"rate_hz": None, "state": 'so "lost"\\\n', "inference_ms": None},
    },
    "outbox": {"waiting": 3, "dropped_by_type": {"updated": 2}, "fault": None},
}
TEXT = r"""# TYPE edgewatch_uptime_seconds gauge
edgewatch_uptime_seconds 12.5
# TYPE edgewatch_memory_bytes gauge
edgewatch_memory_bytes 104200000
# TYPE edgewatch_model_name_info gauge
edgewatch_model_name_info{name="built-in"} 1
# TYPE edgewatch_model_sha256_info gauge
edgewatch_model_sha256_info{sha256="ab"} 1
# TYPE edgewatch_camera_rate_hz gauge
edgewatch_camera_rate_hz{camera="hall"} 4.98
# TYPE edgewatch_camera_state_info gauge
edgewatch_camera_state_info{camera="hall",state="ok"} 1
edgewatch_camera_state_info{camera="attic",state="so \"lost\"\\\n"} 1
# TYPE edgewatch_camera_inference_seconds gauge
edgewatch_camera_inference_seconds{camera="hall",quantile="0.5"} 0.01
edgewatch_camera_inference_seconds{camera="hall",quantile="0.99"} 0.02
# TYPE edgewatch_camera_below_target gauge
edgewatch_camera_below_target{camera="hall"} 0
# TYPE edgewatch_outbox_waiting gauge
edgewatch_outbox_waiting 3
# TYPE edgewatch_outbox_dropped_type gauge
edgewatch_outbox_dropped_type{dropped_type="updated"} 2
"""


def test_the_format() -> None:
    assert prometheus.text(STATS) == TEXT


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "edgewatch.prom"
    path.write_text("old")
    with path.open() as reader:
        prometheus.write(path, STATS)
        assert reader.read() == "old"
    assert path.read_text() == TEXT
    assert list(tmp_path.iterdir()) == [path]


def test_the_port_is_of_loopback_and_answers() -> None:
    with prometheus.served(0, lambda: STATS) as port:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
            assert answer.read().decode() == TEXT
        with pytest.raises(urllib.error.HTTPError, match="404") as refused:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10)
        refused.value.close()
        listening = [line.split()[1] for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        assert f"0100007F:{port:04X}" in listening
        assert f"00000000:{port:04X}" not in listening
        with pytest.raises(ConfigurationError, match=r"health\.prometheus_port"), prometheus.served(port, dict):
            pass


@pytest.mark.parametrize(
    ("host", "status"),
    [("localhost:{}", 200), ("127.0.0.1", 200), ("evil.example:{}", 421), ("127.0.0.1.evil.example", 421)],
)
def test_other_names_for_this_address_are_refused(host: str, status: int) -> None:
    with prometheus.served(0, lambda: STATS) as port:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("GET", "/metrics", headers={"Host": host.format(port)})
        assert connection.getresponse().status == status
        connection.close()
