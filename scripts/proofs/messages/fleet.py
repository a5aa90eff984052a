"""Many boxes on one broker: no event lost, and how soon each arrives.

Evidence: as many real publishers as boxes, each with its connection, will, outbox in memory, availability, states and
stats, in a few processes; one mosquitto; one listener, subscribed to the whole fleet's events.

For 100,000 boxes, on paper (the load here, an alarm every 20 s from each box, is far above real life):

- connections: 100,000 x about 10 kB in mosquitto, which works on one core, are 1 GB and fit one machine; keepalives
  of 30 s are 3,300 packets a second, stats every 60 s 1,700 of about 1.5 kB (2.5 MB/s), events at ten alarms a day and
  box 23 a second. All that is within one mosquitto's reach (tens of thousands of small messages a second a core).
- what is not: the return after an outage. 100,000 TLS handshakes at about 1 ms of a core each take 100 s of one core,
  and pauses of 0.5 to 60 s with jitter bring a burst of some 3,000 a second: a cluster of three EMQX nodes with four
  cores each takes 10,000 a second, and one node less is borne by the other two with 50,000 connections each, about
  0.5 GB. Without a cluster: ten mosquittos with 10,000 boxes each, by device_id, bridged outward (`topic edgewatch/#
  out 1`) to one for the listeners, which gets 1,700 stats and 23 events a second: no bridge carries more than 200
  messages a second. What waits meanwhile is on the boxes' own disks.
"""

import multiprocessing
import resource
import shutil
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from datetime import UTC, datetime
from multiprocessing.synchronize import Barrier
from multiprocessing.synchronize import Event as Signal
from typing import Any

import numpy as np

from edge.bundle import BUILTIN, Bundle
from edge.config import BrokerConfig
from edge.events.clock import parse_rfc3339, rfc3339
from edge.events.ulid import new_ulid
from edge.mqtt.outbox import SCHEMA, Outbox
from edge.mqtt.publisher import Publisher
from edge.mqtt.store import Store
from edge.types import NS_PER_S, Event
from proofs.frame.proof import Evidence, Figure, Figures, Limit, Proof, Setting, say
from proofs.rig.mosquitto import Listener, Mosquitto, wait_until

BOXES, SHORT_BOXES = 1000, 200
PROCESSES = 4
ALARMS, SHORT_ALARMS = 10, 2
"""Of each box."""
ALARM_INTERVAL_S = 20.0
FILES = 16_384
MS_PER_S = 1000

TABLE = (
    Figure("boxes", "boxes on one mosquitto"),
    Figure("events", "events sent, start and end"),
    Figure("lost", "events lost", limit=Limit("<=", 0)),
    Figure("p50_ms", "from the box's sending to the listener's receipt, median", "ms", digits=1),
    Figure("p99_ms", "99th percentile", "ms", Limit("<=", 1000), 1),
    Figure("connecting_s", "until all boxes are connected", "s", digits=1),
    Figure("messages_per_s", "events and states a second", digits=0),
)
"""Wall clock of one machine on both sides: the payload's `published_at` has milliseconds."""


class SimulatedBox:
    """A box's voice, with nothing behind it."""

    def __init__(self, number: int, port: int) -> None:
        self.device_id = f"box-{number}"
        self._store = Store(None, SCHEMA)
        broker = BrokerConfig(url=f"mqtt://127.0.0.1:{port}")
        self.publisher = Publisher(
            broker,
            None,
            device_id=self.device_id,
            outbox=Outbox(self._store, 1000, 1_000_000),
            report=lambda _: None,
            stats=self._stats,
        )
        self.publisher.declare("hall", "fall")
        self.publisher.camera_status("hall", {"state": "ok", "fps": 5.0, "reason": None})

    def alarm(self) -> None:
        """Start and end at once."""
        now = datetime.now(UTC)
        event = Event(new_ulid(now), "hall", "fall", "started", 0.9, 0.9, rfc3339(now), None, 0, None, "m", "0", None)
        self.publisher.publish(event)
        self.publisher.publish(replace(event, type="ended", ended_at=rfc3339(now)))

    def close(self) -> None:
        self.publisher.close()
        self._store.close()

    def _stats(self) -> dict[str, Any]:
        """About as long as a real box's."""
        return {"uptime_s": time.monotonic(), "cameras": {f"camera-{n}": {"rate_hz": 5.0} for n in range(20)}}


def simulate(numbers: Sequence[int], port: int, alarms: int, connected: Barrier, done: Signal) -> None:
    """Be some of the boxes, in a process of their own. Each has its own moments for its alarms."""
    boxes = [SimulatedBox(number, port) for number in numbers]
    for box in boxes:
        box.publisher.start()
    for box in boxes:
        wait_until(box.publisher.is_connected, "a connection")
    connected.wait()
    began_s = time.monotonic()
    for number in range(alarms * len(boxes)):
        due_s = began_s + number * ALARM_INTERVAL_S / len(boxes)
        time.sleep(max(0.0, due_s - time.monotonic()))
        boxes[number % len(boxes)].alarm()
    done.wait()
    threads = [threading.Thread(target=box.close) for box in boxes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def measure(setting: Setting) -> Evidence:
    """Connect all boxes, then let each give its alarms."""
    boxes, alarms = (SHORT_BOXES, SHORT_ALARMS) if setting.short else (BOXES, ALARMS)
    folder = setting.work / "run"
    shutil.rmtree(folder, ignore_errors=True)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(FILES, most), most))
    context = multiprocessing.get_context("spawn")
    with ExitStack() as opened:
        broker = Mosquitto(folder / "broker")
        broker.start()
        opened.callback(broker.stop)
        listener = opened.enter_context(closing(Listener(broker.port)))
        connected, done = context.Barrier(PROCESSES + 1), context.Event()
        began_s = time.monotonic()
        fleet = [
            context.Process(
                target=simulate, args=(range(first, boxes, PROCESSES), broker.port, alarms, connected, done)
            )
            for first in range(PROCESSES)
        ]
        for process in fleet:
            process.start()
        connected.wait()
        connecting_s = time.monotonic() - began_s
        say(f"{boxes} boxes are connected")
        began_s = time.monotonic()
        wanted = 2 * boxes * alarms
        wait_until(lambda: len(listener.events) >= wanted, "the last event", 60 + 3 * alarms * ALARM_INTERVAL_S)
        seconds = time.monotonic() - began_s
        done.set()
        for process in fleet:
            process.join()
    return {
        "bundle_sha256": Bundle.load(BUILTIN).digest,
        "boxes": boxes,
        "alarms": alarms,
        "arrived": len({(event["id"], event["type"]) for _, event in listener.events}),
        "latencies_ms": latencies_ms(listener.events),
        "connecting_s": connecting_s,
        "seconds": seconds,
    }


def latencies_ms(received: Sequence[tuple[int, dict[str, Any]]]) -> list[float]:
    """From `published_at` to the first receipt of each event.

    Args:
        received: monotonic nanoseconds and payload of each event.
    """
    # Both clocks are this machine's: what lies between them is the same for all events.
    offset_s = time.time() - time.monotonic()
    first = {(event["id"], event["type"]): (at_ns, event) for at_ns, event in reversed(received)}
    return [
        round((at_ns / NS_PER_S + offset_s - parse_rfc3339(event["published_at"]).timestamp()) * MS_PER_S, 1)
        for at_ns, event in first.values()
    ]


def figures(evidence: Evidence) -> Figures:
    sent = 2 * evidence["boxes"] * evidence["alarms"]
    p50_ms, p99_ms = np.percentile(evidence["latencies_ms"], (50, 99)).tolist()
    return {
        "boxes": evidence["boxes"],
        "events": sent,
        "lost": sent - evidence["arrived"],
        "p50_ms": p50_ms,
        "p99_ms": p99_ms,
        "connecting_s": evidence["connecting_s"],
        "messages_per_s": 2 * sent / evidence["seconds"],
    }


PROOF = Proof(
    name="fleet",
    summary="a thousand boxes on one broker",
    table=TABLE,
    measure=measure,
    figures=figures,
)
