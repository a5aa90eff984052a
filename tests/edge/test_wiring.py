"""The daemon with everything around it: systemd, commands, test alarms, Home Assistant, Prometheus, a failing disk."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import paho.mqtt.publish as paho_publish
import pytest

TIMEOUT_S = 120


def edge(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "edge", *map(str, arguments)]


class Daemon:
    """A daemon in a process of its own."""

    def __init__(self, configuration: Path, **environment: str) -> None:
        self.configuration = configuration
        self.process = subprocess.Popen(
            edge("run", "--config", configuration),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONWARNINGS": "error", **environment},
        )

    def stop(self) -> str:
        """End it properly; return its log."""
        self.process.send_signal(signal.SIGTERM)
        _, errors = self.process.communicate(timeout=TIMEOUT_S)
        assert self.process.returncode == 0, errors
        return errors


@pytest.fixture
def start_daemon(tmp_path: Path, colour_bundle: Path, mosquitto) -> Iterator[Callable[..., Daemon]]:
    """`start_daemon(tables="", environment={}, hall=clip)`: more lines of its configuration, and its cameras."""
    running: list[Daemon] = []

    def start(tables: str = "", environment: dict[str, str] | None = None, **cameras: Path) -> Daemon:
        sources = "".join(f"[cameras.{name}]\nsource = '{source}'\n" for name, source in cameras.items())
        configuration = tmp_path / "edgewatch.toml"
        configuration.write_text(
            f"device_id = 'box'\nstate_dir = 'state'\nbundle = '{colour_bundle}'\n"
            f"[broker]\nurl = '{mosquitto.url}'\ncommands = true\n{tables}{sources}",
            encoding="utf-8",
        )
        running.append(Daemon(configuration, **environment or {}))
        return running[-1]

    yield start
    for daemon in running:
        daemon.process.kill()
        daemon.process.communicate()


@pytest.fixture
def send(mosquitto) -> Callable[[str, str], None]:
    def send(topic: str, payload: str) -> None:
        paho_publish.single(topic, payload, qos=1, hostname="127.0.0.1", port=mosquitto.port)

    return send


@contextlib.contextmanager
def listening(path: Path) -> Iterator[Callable[[], list[str]]]:
    """Hear what is told to systemd."""
    heard: list[str] = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(path))
        listener.setblocking(False)

        def hear() -> list[str]:
            with contextlib.suppress(BlockingIOError):
                while True:
                    heard.append(listener.recv(1000).decode())
            return heard

        yield hear


def latest(subscriber, ending: str) -> Any:
    payloads = subscriber.payloads(ending)
    return json.loads(payloads[-1]) if payloads else {}


def test_systemd_hears_when_the_box_is_ready_works_and_ends(start_daemon, make_clip, until, tmp_path: Path) -> None:
    hall = make_clip("hall.mp4", ("grey", 60.0))
    with listening(tmp_path / "notify") as heard:
        environment = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "400000"}
        daemon = start_daemon(environment=environment, hall=hall, attic=tmp_path / "absent.mp4")
        until(lambda: "READY=1" in heard(), "readiness")
        until(lambda: heard().count("WATCHDOG=1") >= 3, "the watchdog's food")
        assert "STOPPING=1" not in heard()
        daemon.stop()
        until(lambda: "STOPPING=1" in heard(), "the end")
        assert any(message.startswith("STATUS=2 cameras: ") for message in heard())


def test_commands_are_carried_out_and_survive_a_restart(mosquitto, start_daemon, make_clip, until, send) -> None:
    subscriber = mosquitto.subscribe()
    green = make_clip("green.mp4", ("grey", 1.0), ("green", 60.0))
    red = make_clip("red.mp4", ("grey", 1.0), ("red", 60.0))
    daemon = start_daemon(hall=green, attic=red)
    until(lambda: len(subscriber.events()) == 2, "the events")
    send("edgewatch/box/attic/enabled/set", "OFF")
    until(lambda: latest(subscriber, "attic/status").get("state") == "disabled", "the camera to be switched off")

    def ended() -> list[tuple[str, str]]:
        return [(event["camera"], event["reason"]) for event in subscriber.events() if event["type"] == "ended"]

    until(ended, "the end")  # what is retained may overtake what waits in the outbox
    assert ended() == [("attic", "disabled")]
    send("edgewatch/box/hall/fall/threshold/set", "1")
    until(lambda: subscriber.payloads("hall/fall/threshold")[-1] == "1", "the echo")
    fall = next(event["id"] for event in subscriber.events() if event["camera"] == "hall")
    send(f"edgewatch/box/events/{fall}/ack", "")
    until(lambda: any(event["acknowledged_at"] for event in subscriber.events()), "the acknowledgement")
    daemon.stop()
    subscriber.messages.clear()
    daemon = start_daemon(hall=green, attic=red)
    until(lambda: latest(subscriber, "hall/status").get("state") == "ok", "the second start")
    until(lambda: latest(subscriber, "attic/status").get("state") == "disabled", "the camera that is off")
    assert subscriber.payloads("hall/fall/threshold") == ["1"]
    send("edgewatch/box/attic/enabled/set", "ON")
    until(lambda: subscriber.payloads("attic/violence/state")[-1:] == ["ON"] and subscriber.events(), "the fight")
    assert {event["camera"] for event in subscriber.events()} == {"attic"}  # no score reaches 1
    daemon.stop()


def test_a_test_alarm_passes_everything(mosquitto, start_daemon, make_clip, until) -> None:
    subscriber = mosquitto.subscribe()
    daemon = start_daemon(hall=make_clip("hall.mp4", ("grey", 60.0)))
    until(lambda: latest(subscriber, "hall/status").get("state") == "ok", "the start")
    arguments = ("test-alarm", "hall", "fall", "--config", daemon.configuration)
    tried = subprocess.run(edge(*arguments), capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    assert (tried.returncode, tried.stderr) == (0, "")
    assert tried.stdout == "hall fall: the broker has acknowledged the test; what we send arrives\n"
    until(lambda: len(subscriber.events()) == 2, "both events")
    assert [(event["type"], event["test"]) for event in subscriber.events()] == [("started", True), ("ended", True)]
    until(lambda: subscriber.payloads("hall/fall/state")[-1:] == ["OFF"], "the end of the state")
    assert subscriber.payloads("hall/fall/state")[-2:] == ["ON", "OFF"]
    daemon.stop()
    tried = subprocess.run(edge(*arguments), capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    assert tried.returncode == 2
    assert "no edge runs" in tried.stderr


def test_what_an_access_list_denies_is_no_alarm_that_arrived(mosquitto, start_daemon, make_clip, until) -> None:
    """MQTT 3.1.1 acknowledges it all the same."""
    acl = mosquitto.folder / "acl"
    acl.write_text("topic read #\ntopic write edgewatch/box/availability\ntopic write edgewatch/box/hall/#\n")
    mosquitto.end()
    with (mosquitto.folder / "mosquitto.conf").open("a") as configuration:
        configuration.write(f"acl_file {acl}\n")
    mosquitto.start()
    subscriber = mosquitto.subscribe()
    daemon = start_daemon("version = '3.1.1'\n", hall=make_clip("hall.mp4", ("grey", 60.0)))
    until(lambda: latest(subscriber, "hall/status").get("state") == "ok", "the start")
    for command in (("test-alarm", "hall", "fall"), ("check",)):
        arguments = edge(*command, "--config", daemon.configuration)
        tried = subprocess.run(arguments, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
        assert tried.returncode == 5, tried.stdout
        assert "does not come back" in tried.stdout + tried.stderr
    assert subscriber.events() == []


def test_removed_cameras_disappear(mosquitto, start_daemon, make_clip, until) -> None:
    filters = ("edgewatch/#", "homeassistant/#")
    subscriber = mosquitto.subscribe(None, None, filters)
    grey = make_clip("grey.mp4", ("grey", 60.0))
    first = start_daemon(hall=grey, attic=grey)
    until(lambda: latest(subscriber, "box/config"), "the announcement")
    assert len(latest(subscriber, "box/config")["components"]["attic__fall__state"]) > 1
    until(lambda: subscriber.payloads("attic/status"), "the status")
    until(lambda: latest(subscriber, "attic/status").get("state") == "ok", "the start")
    assert latest(subscriber, "attic/status")["found_down"] is False, "nobody said where people rest"
    first.stop()
    start_daemon(hall=grey)
    until(lambda: len(subscriber.payloads("box/config")) == 2, "the second announcement")
    assert latest(subscriber, "box/config")["components"]["attic__fall__state"] == {"platform": "binary_sensor"}
    until(lambda: subscriber.payloads("attic/status")[-1] == "", "the end of the status")
    late = mosquitto.subscribe(None, None, filters)
    until(lambda: late.payloads("hall/status"), "what is retained")
    assert not [topic for topic, _, _ in late.messages if "/attic/" in topic]


def test_prometheus_reads_file_and_port(start_daemon, make_clip, until, tmp_path: Path, unused_port: int) -> None:
    file = tmp_path / "edgewatch.prom"
    tables = f"[health]\nprometheus_file = '{file}'\nprometheus_port = {unused_port}\n"
    daemon = start_daemon(tables, hall=make_clip("hall.mp4", ("grey", 60.0)))
    until(file.exists, "the file")
    assert "# TYPE edgewatch_uptime_seconds gauge" in file.read_text()

    def metrics() -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{unused_port}/metrics", timeout=10) as answer:
            return answer.read().decode()

    until(lambda: 'edgewatch_camera_state_info{camera="hall",state="ok"} 1' in metrics(), "the camera")
    assert "edgewatch_outbox_waiting 0" in metrics()
    daemon.stop()
