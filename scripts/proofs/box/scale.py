"""How many real streams one machine carries: RTSP, 1280x720, H.264, 15 a second, judged at the bundle's rate.

Evidence: the whole daemon with the built-in model and more and more cameras, the rates it states of each, its processor
time and its memory as the kernel counts them. The RTSP server runs on the same cores, and its share is told.
"""

import os
import shutil
import statistics
import time
from contextlib import ExitStack
from typing import Any

import psutil

from edge.bundle import BUILTIN, Bundle
from edge.commands.bench import bench
from edge.commands.capacity import RATE_TOLERANCE, SAMPLE, Stream, capacity
from proofs.frame.proof import Evidence, Figure, Figures, Limit, Proof, Setting, say
from proofs.rig.daemon import RealBox
from proofs.rig.mosquitto import Mosquitto
from proofs.rig.rtsp import RtspServer, encode

CAMERAS, SHORT_CAMERAS = (1, 4, 6, 8, 10, 12, 14, 16, 20, 24), (1, 4)
SETTLING_S, SHORT_SETTLING_S = 30.0, 12.0
"""Streams are opened one after the other, and a rate looks ten seconds back."""
WINDOW_S, SHORT_WINDOW_S = 60.0, 12.0
READING_S = 3.0
BENCH_S, SHORT_BENCH_S = 20.0, 4.0

TABLE = (
    Figure("cameras", "cameras that all keep their rate within 5 %", limit=Limit(">=", 8)),
    Figure("slowest_hz", "steps a second of the slowest of these", "", digits=2),
    Figure("daemon_cores", "cores that the daemon uses with these", digits=2),
    Figure("server_cores", "cores that the RTSP server takes beside it", digits=2),
    Figure("decoding_cores", "cores that decoding one stream takes (`edge bench`)", digits=3),
    Figure("model_cores", "cores that judging one stream takes (`edge bench`)", digits=3),
    Figure("predicted", "cameras that `edge bench` predicts for this machine alone"),
    Figure("mb_per_camera", "memory for each further camera", "MB", Limit("<=", 40), 1),
)


def measure(setting: Setting) -> Evidence:
    """Add cameras until they do not keep their rate."""
    folder = setting.work / "run"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    bundle = Bundle.load(BUILTIN)
    scene_hz = bundle.spec.networks.scene.input.rate_hz
    say("edge bench")
    benched = bench(bundle, seconds=SHORT_BENCH_S if setting.short else BENCH_S)
    film = encode(["-i", str(SAMPLE)], folder / "film.h264")
    runs: list[dict[str, Any]] = []
    with ExitStack() as opened:
        broker = Mosquitto(folder / "broker")
        broker.start()
        opened.callback(broker.stop)
        names = [f"c{number:02}" for number in range(max(CAMERAS))]
        server = opened.enter_context(RtspServer(dict.fromkeys(names, film)))
        for n in SHORT_CAMERAS if setting.short else CAMERAS:
            sources = {name: server.url(name) for name in names[:n]}
            runs.append(_watch(setting, RealBox(folder / f"box-{n}", sources, broker.port), server))
            say(f"{n} cameras: {min(runs[-1]['rates_hz']):.2f} to {max(runs[-1]['rates_hz']):.2f} steps a second")
            if n > 1 and not _keeps(runs[-1], scene_hz):
                break
    kept = ("cores", "decoding_cores_per_camera", "model_cores_per_camera", "rate_hz", "steps_per_s")
    return {
        "bundle_sha256": bundle.digest,
        "scene_hz": scene_hz,
        "bench": {name: benched[name] for name in kept},
        "runs": runs,
    }


def _watch(setting: Setting, box: RealBox, server: RtspServer) -> dict[str, Any]:
    """Let a daemon watch; return rates, processor time and memory."""
    settling_s, window_s = (SHORT_SETTLING_S, SHORT_WINDOW_S) if setting.short else (SETTLING_S, WINDOW_S)
    try:
        box.start()
        box.await_metrics()
        time.sleep(settling_s)
        serving = psutil.Process(server.pid)
        begun_s, spent_s = time.monotonic(), (cpu_s(box.statistics), cpu_s(serving))
        readings: list[dict[str, float]] = []
        while time.monotonic() - begun_s < window_s:
            time.sleep(READING_S)
            readings.append(box.metrics("edgewatch_camera_judged_hz"))
        length_s = time.monotonic() - begun_s
        return {
            "cameras": len(box.sources),
            "rates_hz": [round(statistics.mean(one.get(name, 0.0) for one in readings), 3) for name in box.sources],
            "daemon_cores": (cpu_s(box.statistics) - spent_s[0]) / length_s,
            "server_cores": (cpu_s(serving) - spent_s[1]) / length_s,
            "memory_mb": box.memory_mb,
            "load": os.getloadavg()[0],
        }
    finally:
        box.stop()


def cpu_s(process: psutil.Process) -> float:
    """Seconds of processor time, the kernel's for it among them."""
    times = process.cpu_times()
    return times.user + times.system


def _keeps(run: dict[str, Any], rate_hz: float) -> bool:
    return min(run["rates_hz"]) >= RATE_TOLERANCE * rate_hz


def figures(evidence: Evidence) -> Figures:
    runs, benched = evidence["runs"], evidence["bench"]
    best = max((run for run in runs if _keeps(run, evidence["scene_hz"])), key=lambda run: run["cameras"], default=None)
    first, last = runs[0], runs[-1]
    found: Figures = {
        "cameras": 0 if best is None else best["cameras"],
        "decoding_cores": benched["decoding_cores_per_camera"],
        "model_cores": benched["model_cores_per_camera"],
        "predicted": _predicted(benched),
        "mb_per_camera": (last["memory_mb"] - first["memory_mb"]) / max(1, last["cameras"] - first["cameras"]),
    }
    if best is not None:
        found |= {"slowest_hz": min(best["rates_hz"])} | {name: best[name] for name in ("daemon_cores", "server_cores")}
    return found


def _predicted(benched: dict[str, Any]) -> int:
    """What `edge bench` makes of its figures today."""
    stream = Stream("", 0, 0, 0.0, benched["decoding_cores_per_camera"])
    return capacity(stream, 1 / benched["steps_per_s"], benched["rate_hz"], benched["cores"])["cameras"]


PROOF = Proof(
    name="scale",
    summary="how many RTSP streams of 1280x720 at 15 a second one machine watches at full rate",
    table=TABLE,
    measure=measure,
    figures=figures,
    short_keeps_limits=False,
    of_bundle=True,
)
