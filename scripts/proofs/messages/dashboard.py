"""How quickly and lightly the dashboard shows a fleet, in Debian's chromium.

Evidence: events published while 50 boxes send stats every second, and when each was painted; then a page that is opened
anew with 100 boxes, 400 cameras with scores every second, and 100,000 events of history: when it was whole, how long
filters took, what went over the line, and the memory of server and page; then a quiet box's events, and when each was
painted while another box sends 10,000 messages a second, which have to be counted to the last.
"""

import os
import random
import shutil
import time
from contextlib import ExitStack, closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from playwright.sync_api import Browser, sync_playwright

from edge.bundle import BUILTIN, Bundle
from edge.dashboard.history import History
from edge.errors import ConfigurationError, EdgewatchError
from edge.events.clock import rfc3339
from edge.events.ulid import new_ulid
from edge.mqtt.incoming import EventMessage
from proofs.frame.proof import Evidence, Figure, Figures, Limit, Proof, Setting, say
from proofs.messages.flood import Flood
from proofs.messages.page import (
    B_PER_MB,
    FILTER,
    LABELS,
    Voice,
    dashboard,
    every_second,
    latencies_ms,
    open_page,
    received,
    renderer_mb,
)
from proofs.rig.mosquitto import Mosquitto, wait_until

SPEAKING, SHORT_SPEAKING = 50, 10
EVENTS, SHORT_EVENTS = 200, 20
BOXES, SHORT_BOXES = 100, 10
CAMERAS = 4
HISTORY, SHORT_HISTORY = 100_000, 5000
OPENINGS = 5
SETTLING_S, SHORT_SETTLING_S = 60.0, 10.0
"""A minute of scores, until the plots are full."""
S_PER_DAY = 86_400
# Each changes how many events there are.
FILTERS = (("label", "fall"), ("box", "box-8"), ("camera", "camera-2"), ("box", ""), ("camera", ""), ("open", True))
FLOOD_HZ = 10_000
FLOOD_EVENTS, SHORT_FLOOD_EVENTS = 600, 100
"""Of a quiet box meanwhile, ten a second."""

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
    Figure("flood_hz", "messages a second of a box gone mad", limit=Limit(">=", 0.99 * FLOOD_HZ), digits=0),
    Figure("flood_uncounted", "of these, messages that were not counted", limit=Limit("<=", 0)),
    Figure("flood_p95_ms", "another box's events meanwhile, to their painting, 95th percentile", "ms", digits=0),
    Figure("flood_worst_ms", "the slowest of them", "ms", Limit("<=", 1000), 0),
)


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


def measure_flood(setting: Setting, browser: Browser, folder: Path) -> Evidence:
    """A box gone mad beside a quiet one."""
    events = SHORT_FLOOD_EVENTS if setting.short else FLOOD_EVENTS
    with ExitStack() as opened:
        broker = Mosquitto(folder / "broker")
        broker.start()
        opened.callback(broker.stop)
        voice = opened.enter_context(closing(Voice(broker.port)))
        voice.appear("box-0", 1)
        url, _ = opened.enter_context(dashboard(broker.port, folder / "state"))
        flood = Flood.begin(broker.port, FLOOD_HZ)
        try:
            say(f"{FLOOD_HZ} messages a second")
            latencies = latencies_ms(browser, url, voice, 1, events)
        finally:
            sent, seconds = flood.end()
        all_said = sent + voice.said
        with suppress(EdgewatchError):  # the figures say how many are missing
            wait_until(lambda: received(url) >= all_said, "the end of the flood at the dashboard")
        return {"sent": sent, "seconds": seconds, "uncounted": all_said - received(url), "latencies_ms": latencies}


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
        evidence["flood"] = measure_flood(setting, browser, folder / "flood")
        browser.close()
    return evidence


def figures(evidence: Evidence) -> Figures:
    p50_ms, p95_ms = np.percentile(evidence["latencies_ms"], (50, 95)).tolist()
    large: dict[str, Any] = evidence["large"]
    flood: dict[str, Any] = evidence["flood"]
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
        "flood_hz": flood["sent"] / flood["seconds"],
        "flood_uncounted": flood["uncounted"],
        "flood_p95_ms": float(np.percentile(flood["latencies_ms"], 95)),
        "flood_worst_ms": max(flood["latencies_ms"]),
    }


PROOF = Proof(
    name="dashboard",
    summary="the dashboard with a large fleet, in a browser",
    table=TABLE,
    measure=measure,
    figures=figures,
    short_keeps_limits=False,
)
