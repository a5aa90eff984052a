"""A dashboard as a program of its own, a real broker, boxes that speak the contract, and Debian's chromium."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from edge.events.clock import rfc3339
from edge.events.ulid import new_ulid

COMMANDS = ("+/+/enabled/set", "+/+/+/threshold/set", "+/events/+/ack")
READY, CONNECTED = "dashboard: ", "connected to "


class Dashboard:
    """`edge dashboard` in a process."""

    def __init__(self, broker_url: str, state_dir: Path | None, options: tuple[str, ...], environment: dict[str, str]):
        command = [sys.executable, "-m", "edge", "dashboard", "--broker", broker_url, *options]
        if state_dir is not None:
            command += ["--state-dir", str(state_dir)]
        self._command = command
        self._environment = os.environ | environment
        self.said: list[str] = []
        self.url = ""
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        self.said = []
        self._process = subprocess.Popen(self._command, stderr=subprocess.PIPE, text=True, env=self._environment)
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self.said.append(line.rstrip())
            if line.startswith(READY):
                self.url = line.removeprefix(READY).strip()
                self._command[self._command.index("--listen") + 1] = urlsplit(
                    self.url
                ).netloc  # a restart is at the same
            if line.startswith(CONNECTED):
                break
        assert self.url, f"no dashboard: {self.said}"
        # What is said later must not fill the pipe.
        self._drain = threading.Thread(target=self.said.extend, args=(self._process.stderr,), daemon=True)
        self._drain.start()

    def signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def stop(self) -> int:
        if self._process is None:
            return 0
        self._process.send_signal(signal.SIGCONT)
        self._process.terminate()
        return self.wait()

    def wait(self) -> int:
        """Return its exit code when it ends."""
        assert self._process is not None
        code = self._process.wait(30)
        self._drain.join(10)
        assert self._process.stderr is not None
        self._process.stderr.close()
        self._process = None
        return code


@pytest.fixture
def start_dashboard(tmp_path: Path) -> Iterator[Callable[..., Dashboard]]:
    """`start_dashboard(broker_url, *options, remembers=False, **environment)`."""
    running: list[Dashboard] = []

    def start(url: str, *options: str, remembers: bool = False, **environment: str) -> Dashboard:
        if "--listen" not in options:
            options = (*options, "--listen", "127.0.0.1:0")
        dashboard = Dashboard(url, tmp_path / "state" if remembers else None, options, environment)
        running.append(dashboard)
        dashboard.start()
        return dashboard

    yield start
    for dashboard in running:
        dashboard.stop()


class Boxes:
    """Any number of boxes with one voice, and the ear for their commands."""

    def __init__(self, port: int) -> None:
        self.commands: list[tuple[str, str]] = []
        self._ready = threading.Event()
        self._client = Client(CallbackAPIVersion.VERSION2)
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = self._subscribe
        self._client.on_subscribe = lambda *_: self._ready.set()
        self._client.on_message = lambda _client, _data, message: self.commands.append(
            (message.topic, message.payload.decode())
        )
        self._client.max_inflight_messages_set(0)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        assert self._ready.wait(30)

    def _subscribe(self, client: Client, *_: object) -> None:
        client.subscribe([(f"edgewatch/{ending}", 1) for ending in COMMANDS])

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def say(self, topic: str, payload: Any, *, retain: bool = False, wait: bool = True) -> None:
        deadline_s = time.monotonic() + 30
        while not self._client.is_connected():
            assert time.monotonic() < deadline_s, "the boxes do not come back"
            time.sleep(0.02)
        content = payload if isinstance(payload, str | bytes) else json.dumps(payload)
        sent = self._client.publish(f"edgewatch/{topic}", content, qos=1, retain=retain)
        if wait:
            sent.wait_for_publish(30)

    def appear(self, box: str, cameras: tuple[str, ...], labels: tuple[str, ...] = ("fall", "violence")) -> None:
        """All the retained topics of a box that is well."""
        self.say(f"{box}/availability", "online", retain=True)
        stats = {"uptime_s": 86_400.0, "temperature_c": 51.2, "throttling": {"now": [], "since_boot": []}}
        stats |= {"memory_mb": 131.0, "backend": "cpu", "model": {"name": "built-in"}, "version": "0.1.0"}
        stats |= {"outbox": {"waiting": 0, "dropped": 0, "fault": None}, "commands": {"allowed": True}}
        self.say(f"{box}/stats", stats, retain=True)
        for camera in cameras:
            self.status(box, camera, "ok")
            self.say(f"{box}/{camera}/enabled", "ON", retain=True)
            for label in labels:
                self.say(f"{box}/{camera}/{label}/state", "OFF", retain=True)
                self.say(f"{box}/{camera}/{label}/threshold", "0.8", retain=True)

    def status(self, box: str, camera: str, state: str, reason: str | None = None) -> None:
        now = rfc3339(datetime.now(UTC))
        fields = {"state": state, "since": now, "fps": 5.0 if state == "ok" else None, "reason": reason}
        self.say(f"{box}/{camera}/status", fields, retain=True)

    def event(
        self, box: str, camera: str, label: str = "fall", *, ago_s: float = 0.0, wait: bool = True, **changes: Any
    ) -> dict[str, Any]:
        """Send a transition; return its fields, to be sent again with changes."""
        began = datetime.now(UTC) - timedelta(seconds=ago_s)
        fields = {
            "schema": 1,
            "id": new_ulid(began),
            "type": "started",
            "label": label,
            "camera": camera,
            "score": 0.93,
            "peak_score": 0.97,
            "started_at": rfc3339(began),
            "ended_at": None,
            "duration_s": 1.8,
            "reason": None,
            "acknowledged_at": None,
            "test": False,
            "model": {"name": "built-in", "sha256": "ab" * 32},
            "published_at": rfc3339(datetime.now(UTC)),
            "delayed": False,
        } | changes
        if fields["type"] == "ended" and fields["ended_at"] is None:
            fields["ended_at"] = rfc3339(began + timedelta(seconds=fields["duration_s"]))
        self.say(f"{box}/{camera}/{label}/state", "OFF" if fields["type"] == "ended" else "ON", retain=True, wait=wait)
        self.say(f"{box}/events", fields, wait=wait)
        return fields


@pytest.fixture
def boxes_at() -> Iterator[Callable[[int], Boxes]]:
    """`boxes_at(port)` of a broker."""
    speaking: list[Boxes] = []

    def start(port: int) -> Boxes:
        speaking.append(Boxes(port))
        return speaking[-1]

    yield start
    for each in speaking:
        each.close()


@pytest.fixture
def boxes(mosquitto, boxes_at) -> Boxes:
    return boxes_at(mosquitto.port)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """Debian's browser, driven by playwright."""
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("chromium is not installed (scripts/setup-env chromium)")
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (extra dev)")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium) -> Iterator[Callable[..., Any]]:
    """`open_page(url, **context)`: a page whose console stays clean, and that asks nobody but its own server."""
    contexts: list[Any] = []
    complaints: list[str] = []

    def open_(url: str, **settings: Any) -> Any:
        context = chromium.new_context(**{"viewport": {"width": 1280, "height": 900}, "locale": "en-GB"} | settings)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: complaints.append(request.url) if not request.url.startswith(url) else None)
        page.on("console", lambda line: complaints.append(line.text) if "Content Security" in line.text else None)
        page.goto(url)
        return page

    yield open_
    for context in contexts:
        context.close()
    assert not complaints


@pytest.fixture
def patience() -> Callable[[Callable[[], Any], Any], None]:
    """`patience(read, wanted)`: read until it is so."""

    def until(read: Callable[[], Any], wanted: Any) -> None:
        deadline_s = time.monotonic() + 30
        while (found := read()) != wanted:
            assert time.monotonic() < deadline_s, f"{found!r} did not become {wanted!r}"
            time.sleep(0.02)

    return until
