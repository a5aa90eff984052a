"""How soon an alarm is there: from the capture of the frame that caused it to the subscriber's receipt of `started`.

Evidence: the whole daemon with a scripted live camera, the built-in frame model at work for every step, an outbox that
syncs to the disk, mosquitto on loopback. The inference of the same frame is timed where it happens.
"""

import shutil
import statistics
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from typing import Any

import numpy as np

from edge.bundle import BUILTIN, Bundle
from proofs.frame.proof import Evidence, Figure, Figures, Limit, Proof, Setting
from proofs.rig.mosquitto import Listener, Mosquitto, wait_until
from proofs.rig.scripted import ScriptedBox

FALLS, SHORT_FALLS = 1000, 50
FALL_S = 7 / 5
"""Seven steps of the script at the bundle's rate."""
CAMERA_RATE_HZ = 15.0
NS_PER_MS = 1_000_000
ALLOWED_MS = 25

TABLE = (
    Figure("p50_ms", "capture to receipt of `started`, median", "ms", digits=1),
    Figure("p95_ms", "95th percentile", "ms", digits=1),
    Figure("p99_ms", "99th percentile", "ms", digits=1),
    Figure("inference_ms", "one inference (median)", "ms", digits=1),
    Figure("p99_over_inference_ms", "99th percentile less one inference", "ms", Limit("<=", ALLOWED_MS), 1),
    Figure("events", "events"),
)


def measure(setting: Setting) -> Evidence:
    """Wait for the falls of the script, at the camera's own speed: 1.4 s each."""
    folder, falls = setting.work / "run", SHORT_FALLS if setting.short else FALLS
    shutil.rmtree(folder, ignore_errors=True)
    with ExitStack() as opened:
        broker = Mosquitto(folder / "broker")
        broker.start()
        opened.callback(broker.stop)
        listener = opened.enter_context(closing(Listener(broker.port)))
        box = ScriptedBox(folder / "box", broker.port, ("hall",), falls, live=True, rate_hz=CAMERA_RATE_HZ, costs=True)
        opened.callback(box.stop)
        box.start()
        wait_until(lambda: len(listener.events) >= 2 * falls, "the last event", 60 + 3 * FALL_S * falls)
        box.stop()
        started = {line["id"]: line for line in box.written() if line["type"] == "started"}
    return {
        "bundle_sha256": Bundle.load(BUILTIN).digest,
        "latencies_ms": latencies_ms(listener.events, started),
        "inferences_ms": [round(line["inference_ns"] / NS_PER_MS, 3) for line in started.values()],
    }


def latencies_ms(received: Sequence[tuple[int, dict[str, Any]]], started: Mapping[str, dict[str, Any]]) -> list[float]:
    """From capture to the first receipt of each `started`.

    Args:
        received: monotonic nanoseconds and payload of each event.
        started: journal lines by id.
    """
    first = {event["id"]: at_ns for at_ns, event in reversed(received) if event["type"] == "started"}
    return [round((first[id_] - line["captured_ns"]) / NS_PER_MS, 3) for id_, line in started.items()]


def figures(evidence: Evidence) -> Figures:
    p50_ms, p95_ms, p99_ms = np.percentile(evidence["latencies_ms"], (50, 95, 99)).tolist()
    inference_ms = statistics.median(evidence["inferences_ms"])
    return {
        "p50_ms": p50_ms,
        "p95_ms": p95_ms,
        "p99_ms": p99_ms,
        "inference_ms": inference_ms,
        "p99_over_inference_ms": p99_ms - inference_ms,
        "events": len(evidence["latencies_ms"]),
    }


PROOF = Proof(
    name="latency",
    summary="from the capture of a frame to the subscriber's receipt of the alarm that it caused, on an idle machine",
    table=TABLE,
    measure=measure,
    figures=figures,
    short_keeps_limits=False,
    of_bundle=True,
)
