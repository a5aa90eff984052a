"""The dashboard as a program, a browser that looks at it, and one who speaks for all boxes: for proofs."""

import http.client
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import psutil
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion
from playwright.sync_api import Browser, Page

from edge.errors import EdgewatchError
from edge.events.clock import rfc3339
from edge.events.ulid import new_ulid

LABELS = ("fall", "violence")
EVENT_INTERVAL_S = 0.1
PATIENCE_MS = 60_000
HTTP_TIMEOUT_S = 60.0
B_PER_MB, B_PER_KB = 1_000_000, 1000

WATCH_EVENTS = """() => {
  globalThis.painted = {};
  new MutationObserver(() => requestAnimationFrame(() => {
    for (const row of document.querySelectorAll("#events [data-id]"))
      painted[row.dataset.id] ??= performance.timeOrigin + performance.now();
  })).observe(document.querySelector("#events"), { childList: true });
}"""
WHOLE = """([tiles, rows]) => document.querySelectorAll(".tile").length >= tiles
  && document.querySelectorAll("#events [data-id]").length >= rows && performance.now()"""
FILTER = """([field, value]) => new Promise((done) => {
  const began = performance.now();
  const list = document.querySelector("#found");
  new MutationObserver((_, observer) => requestAnimationFrame(() => {
    observer.disconnect();
    done(performance.now() - began);
  })).observe(list, { childList: true, characterData: true, subtree: true });
  const input = document.querySelector(`#filters [name=${field}]`);
  if (input.type === "checkbox") input.checked = value; else input.value = value;
  input.dispatchEvent(new Event("input", { bubbles: true }));
})"""


class Voice:
    """Speaks for all boxes."""

    def __init__(self, port: int) -> None:
        self.said = 0
        """Messages."""
        self._client = Client(CallbackAPIVersion.VERSION2)
        self._client.max_inflight_messages_set(0)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def say(self, topic: str, payload: object, *, retain: bool = False, qos: int = 1) -> None:
        self.said += 1
        content = payload if isinstance(payload, str) else json.dumps(payload)
        self._client.publish(f"edgewatch/{topic}", content, qos, retain)

    def appear(self, box: str, cameras: int) -> None:
        self.say(f"{box}/availability", "online", retain=True)
        for camera in (f"camera-{number}" for number in range(cameras)):
            status = {"state": "ok", "since": rfc3339(datetime.now(UTC)), "fps": 5.0, "reason": None}
            self.say(f"{box}/{camera}/status", status, retain=True)
            self.say(f"{box}/{camera}/enabled", "ON", retain=True)
            for label in LABELS:
                self.say(f"{box}/{camera}/{label}/state", "OFF", retain=True)
                self.say(f"{box}/{camera}/{label}/threshold", "0.8", retain=True)

    def stats(self, box: str) -> None:
        """About as long as a real box's."""
        fields = {"uptime_s": time.monotonic(), "temperature_c": 50.0, "memory_mb": 130.0}
        self.say(f"{box}/stats", fields | {"cameras": {f"c-{n}": {"rate_hz": 5.0} for n in range(40)}}, qos=0)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@contextmanager
def every_second(act: Callable[[], object]) -> Generator[None]:
    """Do something every second, beside."""
    stop = threading.Event()

    def run() -> None:
        while not stop.wait(1.0):
            act()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@contextmanager
def dashboard(broker_port: int, state_dir: Path) -> Generator[tuple[str, int]]:
    """Run `edge dashboard`; give its address and process id."""
    command = [sys.executable, "-m", "edge", "dashboard", "--broker", f"mqtt://127.0.0.1:{broker_port}"]
    command += ["--listen", "127.0.0.1:0", "--state-dir", str(state_dir)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr is not None
        try:
            url = ""
            for line in server.stderr:
                url = line.removeprefix("dashboard: ").strip() if line.startswith("dashboard: ") else url
                if line.startswith("connected to"):
                    break
            if not url:
                raise EdgewatchError("the dashboard does not start")
            yield url, server.pid
        finally:
            server.terminate()


def received(url: str) -> int:
    """Return how many messages the dashboard has counted."""
    with closing(http.client.HTTPConnection(urlsplit(url).netloc, timeout=HTTP_TIMEOUT_S)) as line:
        line.request("GET", "/api/state")
        return json.load(line.getresponse())["received"]


def latencies_ms(browser: Browser, url: str, voice: Voice, boxes: int, events: int) -> list[float]:
    """Publish events and return when each was painted."""
    page = browser.new_page()
    page.goto(url)
    page.wait_for_function(WHOLE, arg=[boxes, 0], timeout=PATIENCE_MS)
    page.evaluate(WATCH_EVENTS)
    sent: dict[str, float] = {}
    for number in range(events):
        now = datetime.now(UTC)
        fields = {"schema": 1, "id": new_ulid(now), "type": "ended", "label": "fall", "camera": "camera-0"}
        fields |= {"score": 0.9, "peak_score": 0.9, "started_at": rfc3339(now), "ended_at": rfc3339(now)}
        sent[str(fields["id"])] = time.time() * 1000
        voice.say(f"box-{number % boxes}/events", fields)
        page.wait_for_timeout(EVENT_INTERVAL_S * 1000)
    page.wait_for_function("(last) => painted[last]", arg=list(sent)[-1], timeout=PATIENCE_MS)
    painted: dict[str, float] = page.evaluate("painted")
    page.close()
    return [painted[event] - at_ms for event, at_ms in sent.items()]


def open_page(browser: Browser, url: str, cameras: int) -> tuple[Page, dict[str, float]]:
    """Open the page anew; return it, and seconds until it was whole, kB that it took, and requests to others."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    network = context.new_cdp_session(page)
    network.send("Network.enable")
    lengths: list[float] = []
    network.on("Network.loadingFinished", lambda finished: lengths.append(finished["encodedDataLength"]))
    foreign: list[str] = []
    ours = urlsplit(url).netloc
    page.on("request", lambda asked: foreign.append(asked.url) if urlsplit(asked.url).netloc != ours else None)
    page.goto(url, wait_until="commit")
    whole_ms = page.wait_for_function(WHOLE, arg=[cameras, 50], timeout=PATIENCE_MS).json_value()
    return page, {"whole_s": whole_ms / 1000, "weight_kb": sum(lengths) / B_PER_KB, "foreign": len(foreign)}


def renderer_mb() -> float:
    """Proportional memory of the largest of our browser's page processes."""
    sizes = [
        process.memory_full_info().pss
        for process in psutil.Process().children(recursive=True)
        if "--type=renderer" in " ".join(process.cmdline())
    ]
    return max(sizes) / B_PER_MB
