"""The demo: `edge run` watches a rendered scene, and a subscriber prints what arrives over MQTT.

Only this program knows what happens in the scene; the daemon gets a video file and nothing else. At the end what the
subscriber received is held against what was rendered.
"""

import argparse
import contextlib
import json
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, Self
from urllib.parse import urlsplit

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from edge.commands.demo_broker import demo_broker
from edge.errors import EdgewatchError
from edge.events.sinks import position
from tour import tour
from trainer.clips.manifest import Segment
from trainer.synth import render_scene

DEFAULT_SECONDS = 120.0
DEFAULT_SEED = 2026
LATE_S = 2.0
"""An alert may come this long after what it speaks of is over."""
MISSED, WRONG = "no alert for the", "a wrong alert:"
EVENTS_TOPIC = "edgewatch/+/events"
SUBSCRIBE_TIMEOUT_S = 10.0
DELIVERY_TIMEOUT_S = 1.0
"""What the broker acknowledged to the daemon may reach us this long after."""


class DemoError(Exception):
    """The demo cannot go on; one line says why."""


@dataclass(frozen=True, slots=True)
class Alert:
    """A `started` event and where in the video it came."""

    label: str
    position_s: float


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo; return its exit code."""
    options = _parse(arguments)
    began = time.monotonic()
    try:
        with _time_limit(options.seconds), tempfile.TemporaryDirectory(prefix="edgewatch-demo-") as temporary:
            faults = watch_scene(Path(options.out or temporary), options.seed, options.bundle)
    except (DemoError, EdgewatchError) as error:
        faults = [str(error)]
    for fault in faults:
        print(f"demo: {fault}")
    print(f"demo: {'failed' if faults else 'passed'} after {time.monotonic() - began:.0f} s", flush=True)
    if options.dashboard:
        try:
            _show_dashboard(options.seed, options.bundle)
        except EdgewatchError as error:
            print(f"demo: {error}")
            return 1
    return 1 if faults else 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/demo", description="Watch a rendered (synthetic) scene be watched.")
    parser.add_argument(
        "--seconds",
        type=float,
        default=DEFAULT_SECONDS,
        help="give up after this long, rendering included, setting up the environment not (default: %(default)g)",
    )
    parser.add_argument("--seed", type=int, default=DEFAULT_SEED, help="which scene to render (default: %(default)s)")
    parser.add_argument("--bundle", type=Path, metavar="PATH", help="model bundle (default: the built-in one)")
    parser.add_argument(
        "--dashboard",
        action=argparse.BooleanOptionalAction,
        default=sys.stdin.isatty() and sys.stdout.isatty(),
        help="end with a dashboard on two simulated cameras, until Ctrl-C (default: on a terminal)",
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help="keep scene.mp4 and events.jsonl there")
    return parser.parse_args(arguments)


def _show_dashboard(seed: int, bundle: Path | None) -> None:
    with tempfile.TemporaryDirectory(prefix="edgewatch-tour-") as temporary, contextlib.suppress(KeyboardInterrupt):
        scenes = {name: Path(temporary, f"{name}.mp4") for name in ("hall", "day-room")}
        for number, scene in enumerate(scenes.values()):
            render_scene(seed + number, scene)
        with tour(Path(temporary), scenes, bundle, ()) as address:
            print(f"demo: two simulated cameras on {address} - open it; Ctrl-C ends this", flush=True)
            signal.pause()


@contextlib.contextmanager
def _time_limit(seconds: float) -> Generator[None]:
    """Raise DemoError in the main thread when the time is up."""

    def give_up(_signal: int, _frame: FrameType | None) -> None:
        raise DemoError(f"not done within {seconds:g} s; allow more with --seconds")

    signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def watch_scene(folder: Path, seed: int, bundle: Path | None = None) -> list[str]:
    """Render, watch, compare. Returns what is wrong.

    Raises:
        DemoError: the daemon failed, or the subscriber could not connect.
    """
    scene, events = folder / "scene.mp4", folder / "events.jsonl"
    events.unlink(missing_ok=True)
    print(
        f"demo: rendering a synthetic scene, seed {seed}: someone walks, is hugged, lies down, falls; two fight",
        flush=True,
    )
    truth = render_scene(seed, scene)
    received = watch(scene, events, bundle)
    alerts = started(received, _positions(events))
    for segment in truth:
        print(f"demo: rendered {segment.label} from {position(segment.start_s)} to {position(segment.end_s)}")
    for alert in alerts:
        print(f"demo: alerted {alert.label} at {position(alert.position_s)}")
    return judge(alerts, truth)


def judge(alerts: Iterable[Alert], truth: Iterable[Segment]) -> list[str]:
    """Compare alerts with what was rendered: one for each segment, within it or `LATE_S` after, and no other."""
    left = list(alerts)
    faults = []
    for segment in truth:
        right = next((alert for alert in left if _fits(alert, segment)), None)
        if right is None:
            faults.append(f"{MISSED} {segment.label} at {position(segment.start_s)}")
        else:
            left.remove(right)
    return faults + [f"{WRONG} {alert.label} at {position(alert.position_s)}" for alert in left]


def _fits(alert: Alert, segment: Segment) -> bool:
    in_time = segment.start_s <= alert.position_s <= segment.end_s + LATE_S
    return alert.label == segment.label and in_time


def started(received: Iterable[dict[str, Any]], positions: dict[str, float]) -> list[Alert]:
    """Return the alerts among received events.

    Raises:
        DemoError: an event arrived that the daemon has not written down.
    """
    alerts = []
    for event in received:
        if event["type"] != "started":
            continue
        if event["id"] not in positions:
            raise DemoError(f"event {event['id']} arrived, but is not in the daemon's file of events")
        alerts.append(Alert(event["label"], positions[event["id"]]))
    return alerts


def _positions(events: Path) -> dict[str, float]:
    """Where in the video each alert started, by its id: MQTT carries moments, the file positions as well."""
    lines = events.read_text(encoding="utf-8").splitlines() if events.exists() else []
    rows = [json.loads(line) for line in lines]
    return {row["id"]: row["position_s"] for row in rows if row["type"] == "started"}


def watch(video: Path, events: Path, bundle: Path | None = None) -> list[dict[str, Any]]:
    """Run the daemon on a video against the embedded broker; return the events that a subscriber received.

    Raises:
        DemoError: the daemon failed, or the subscriber could not connect.
    """
    with demo_broker() as url, Subscriber(url) as subscriber:  # before the daemon, so that no event is missed
        command = [Path(sys.executable).with_name("edge"), "run", "--source", video, "--broker", url]
        command += ["--events", events]
        command += [] if bundle is None else ["--bundle", bundle]
        print(f"demo: {' '.join(map(str, command))}", flush=True)
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as daemon:
            try:
                daemon.wait()
            finally:
                daemon.kill()
        subscriber.settle()
    if daemon.returncode != 0:
        raise DemoError(f"edge run ended with exit code {daemon.returncode}; its message is above")
    return subscriber.received


class Subscriber:
    """Anyone's MQTT client: prints and keeps the events that arrive."""

    def __init__(self, url: str) -> None:
        """Connect and subscribe; when this returns, nothing that is published is missed."""
        self.received: list[dict[str, Any]] = []
        self._address = urlsplit(url)
        self._subscribed = threading.Event()
        self._news: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="demo-subscriber")
        self._client.on_connect = self._subscribe
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_message = self._take

    def __enter__(self) -> Self:
        self._client.connect(self._address.hostname or "", self._address.port or 1883)
        self._client.loop_start()
        if not self._subscribed.wait(SUBSCRIBE_TIMEOUT_S):
            raise DemoError(f"the broker at {self._address.netloc} takes no subscription")
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def settle(self) -> None:
        """Wait until nothing more arrives."""
        with contextlib.suppress(queue.Empty):
            while True:
                self._news.get(timeout=DELIVERY_TIMEOUT_S)

    def _subscribe(self, client: mqtt.Client, *_: object) -> None:
        client.subscribe(EVENTS_TOPIC, qos=1)

    def _take(self, _client: mqtt.Client, _userdata: object, message: mqtt.MQTTMessage) -> None:
        event = json.loads(message.payload)
        self.received.append(event)
        self._news.put(None)
        after = "" if event["type"] == "started" else f", after {event['duration_s']:.1f} s"
        print(
            f"  {message.topic}: {event['label']} {event['type']}, score {event['score']:.2f}{after}, id {event['id']}"
        )


if __name__ == "__main__":
    sys.exit(main())
