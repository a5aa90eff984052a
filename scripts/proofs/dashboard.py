"""How quickly and lightly the dashboard shows a fleet, in Debian's chromium.

Evidence: events published while 50 boxes send stats every second, and when each was painted; then a page that is opened
anew with 100 boxes, 400 cameras with scores every second, and 100,000 events of history: when it was whole, how long
filters took, what went over the line, and the memory of server and page.
"""

import json
import os
import random
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import psutil
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion
from playwright.sync_api import Browser, Page, sync_playwright

from edge.bundle import BUILTIN, Bundle
from edge.clock import rfc3339
from edge.dashboard.history import History
from edge.errors import ConfigurationError, EdgewatchError
from edge.mqtt.incoming import EventMessage
from edge.ulid import new_ulid
from proofs.mosquitto import Mosquitto
from proofs.proof import Evidence, Figure, Figures, Limit, Proof, Setting, say

SPEAKING, SHORT_SPEAKING = 50, 10
EVENTS, SHORT_EVENTS = 200, 20
EVENT_INTERVAL_S = 0.1
BOXES, SHORT_BOXES = 100, 10
CAMERAS = 4
HISTORY, SHORT_HISTORY = 100_000, 5000
OPENINGS = 5
SETTLING_S, SHORT_SETTLING_S = 60.0, 10.0
"""A minute of scores, until the plots are full."""
LABELS = ("fall", "violence")
PATIENCE_MS = 60_000
B_PER_MB, B_PER_KB = 1_000_000, 1000
S_PER_DAY = 86_400

TABLE = (
    Figure("p95_ms", "from an event's publication to its painting, 95th percentile", "ms", Limit("<=", 300), 0),
    Figure("p50_ms", "median", "ms", digits=0),
    Figure("boxes", "boxes that send stats every second meanwhile"),
    Figure("cameras", "cameras of the large fleet"),
    Figure("history", "events in its history"),
    Figure("first_picture_s", "until the page is whole, slowest of five", "s", Limit("<=", 1.5)),
    Figure("filter_ms", "a filter, slowest", "ms", Limit("<=", 200), 0),
    Figure("page_mb", "memory of the page's process", "MB", Limit("<=", 200), 0),
    Figure("server_mb", "memory of the server", "MB", Limit("<=", 150), 0),
    Figure("weight_kb", "over the line for one page, compressed", "kB", Limit("<=", 300), 0),
    Figure("foreign", "requests to others", limit=Limit("<=", 0)),
)

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
# Each changes how many events there are.
FILTERS = (("label", "fall"), ("box", "box-8"), ("camera", "camera-2"), ("box", ""), ("camera", ""), ("open", True))


class Voice:
    """Speaks for all boxes."""

    def __init__(self, port: int) -> None:
        self._client = Client(CallbackAPIVersion.VERSION2)
        self._client.max_inflight_messages_set(0)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def say(self, topic: str, payload: object, *, retain: bool = False, qos: int = 1) -> None:
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


def fill(state_dir: Path, events: int, boxes: int) -> None:
    """Write a month of history."""
    now = datetime.now(UTC)
    with closing(History(state_dir, events, B_PER_MB)) as history:
        for number in range(events):
            began = now - timedelta(seconds=(events - number) * 30 * S_PER_DAY / events)
            fields = {"schema": 1, "id": new_ulid(began), "type": "ended", "label": LABELS[number % 2]}
            fields |= {"camera": f"camera-{number // 7 % CAMERAS}", "score": 0.9, "peak_score": 0.95}
            fields |= {"started_at": rfc3339(began), "ended_at": rfc3339(began), "duration_s": 4.0}
            fields |= {"acknowledged_at": None if number % 10 else rfc3339(began)}
            history.add(f"box-{number % boxes}", EventMessage.model_validate(fields))


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


def measure_speed(setting: Setting, browser: Browser, folder: Path) -> Evidence:
    """Events through a middling fleet."""
    boxes, events = (SHORT_SPEAKING, SHORT_EVENTS) if setting.short else (SPEAKING, EVENTS)
    with ExitStack() as opened:
        broker = Mosquitto(folder / "broker")
        broker.start()
        opened.callback(broker.stop)
        voice = opened.enter_context(closing(Voice(broker.port)))
        names = [f"box-{number}" for number in range(boxes)]
        for name in names:
            voice.appear(name, 1)
        url, _ = opened.enter_context(dashboard(broker.port, folder / "state"))

        def speak() -> None:
            for name in names:
                voice.stats(name)

        opened.enter_context(every_second(speak))
        say(f"{boxes} boxes speak")
        return {"boxes": boxes, "latencies_ms": latencies_ms(browser, url, voice, boxes, events)}


def measure_weight(setting: Setting, browser: Browser, folder: Path) -> Evidence:
    """A large fleet with a long past."""
    boxes, history = (SHORT_BOXES, SHORT_HISTORY) if setting.short else (BOXES, HISTORY)
    fill(folder / "state", history, boxes)
    say(f"{history} events are in the history")
    with ExitStack() as opened:
        broker = Mosquitto(folder / "broker")
        broker.start()
        opened.callback(broker.stop)
        voice = opened.enter_context(closing(Voice(broker.port)))
        names = [f"box-{number}" for number in range(boxes)]
        for name in names:
            voice.appear(name, CAMERAS)
            voice.stats(name)

        def speak() -> None:
            for name in names:
                for camera in range(CAMERAS):
                    scores = {label: round(random.random() / 3, 4) for label in ("normal", *LABELS)}
                    voice.say(f"{name}/camera-{camera}/scores", scores, qos=0)

        url, server = opened.enter_context(dashboard(broker.port, folder / "state"))
        opened.enter_context(every_second(speak))
        time.sleep(SHORT_SETTLING_S if setting.short else SETTLING_S)
        openings = []
        for _ in range(OPENINGS - 1):
            page, opening = open_page(browser, url, boxes * CAMERAS)
            openings.append(opening)
            page.context.close()
        page, opening = open_page(browser, url, boxes * CAMERAS)
        openings.append(opening)
        filters = [page.evaluate(FILTER, list(chosen)) for chosen in FILTERS]
        time.sleep(SHORT_SETTLING_S if setting.short else SETTLING_S)
        memory = psutil.Process(server).memory_info().rss / B_PER_MB
        return {
            "cameras": boxes * CAMERAS,
            "history": history,
            "openings": openings,
            "filters_ms": filters,
            "page_mb": renderer_mb(),
            "server_mb": memory,
        }


def measure(setting: Setting) -> Evidence:
    """Measure both with one browser."""
    program = shutil.which("chromium")
    if program is None:
        raise ConfigurationError("chromium is not installed; run scripts/setup-env chromium")
    folder = setting.work / "run"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        evidence = measure_speed(setting, browser, folder / "speed")
        evidence |= {"bundle_sha256": Bundle.load(BUILTIN).digest, "chromium": browser.version}
        evidence["large"] = measure_weight(setting, browser, folder / "weight")
        browser.close()
    return evidence


def figures(evidence: Evidence) -> Figures:
    p50_ms, p95_ms = np.percentile(evidence["latencies_ms"], (50, 95)).tolist()
    large: dict[str, Any] = evidence["large"]
    openings = large["openings"]
    return {
        "p95_ms": p95_ms,
        "p50_ms": p50_ms,
        "boxes": evidence["boxes"],
        "cameras": large["cameras"],
        "history": large["history"],
        "first_picture_s": max(opening["whole_s"] for opening in openings),
        "filter_ms": max(large["filters_ms"]),
        "page_mb": large["page_mb"],
        "server_mb": large["server_mb"],
        "weight_kb": max(opening["weight_kb"] for opening in openings),
        "foreign": sum(opening["foreign"] for opening in openings),
    }


PROOF = Proof(
    name="dashboard",
    summary="the dashboard with a large fleet, in a browser",
    table=TABLE,
    measure=measure,
    figures=figures,
    short_keeps_limits=False,
)
