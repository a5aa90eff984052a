"""What a quiet day writes to the disk: cards wear.

Evidence: the kernel's count of the daemon's bytes (`/proc/PID/io`), with two live cameras in which nothing happens, and
a broker; after the start, over minutes. The start's own bytes count once a day. One event is measured beside it.
"""

import shutil
import time
from contextlib import ExitStack, closing
from pathlib import Path

from edge.bundle import BUILTIN, Bundle
from proofs.frame.proof import Evidence, Figure, Figures, Limit, Proof, Setting, say
from proofs.rig.mosquitto import Listener, Mosquitto, wait_until
from proofs.rig.scripted import ScriptedBox

CAMERAS = ("hall", "attic")
QUIET_S, SHORT_QUIET_S = 3600, 75
"""The short form sees one round of stats."""
SETTLING_S = 10.0
EVENTFUL_FALLS = 50
S_PER_DAY = 86_400
B_PER_MB = 1_000_000

TABLE = (
    Figure("quiet_mb_per_day", "written in a quiet day", "MB", Limit("<=", 5)),
    Figure("start_mb", "of these by the start", "MB"),
    Figure("kb_per_event", "written for one event, from start to end", "kB", digits=1),
    Figure("minutes", "quiet minutes watched", digits=1),
)


def measure(setting: Setting) -> Evidence:
    """Watch nothing happen, then some falls."""
    folder = setting.work / "run"
    shutil.rmtree(folder, ignore_errors=True)
    quiet_s = SHORT_QUIET_S if setting.short else QUIET_S
    with ExitStack() as opened:
        broker = Mosquitto(folder / "broker")
        broker.start()
        opened.callback(broker.stop)
        listener = opened.enter_context(closing(Listener(broker.port)))
        box = ScriptedBox(folder / "quiet", broker.port, CAMERAS, 0, live=True)
        opened.callback(box.stop)
        box.start()
        time.sleep(SETTLING_S)
        box.check()
        at_start = written_bytes(box)
        say(f"watching nothing happen for {quiet_s / 60:.0f} minutes")
        time.sleep(quiet_s)
        box.check()
        quiet = written_bytes(box) - at_start
        box.stop()
        busy = ScriptedBox(folder / "busy", broker.port, CAMERAS, EVENTFUL_FALLS)
        opened.callback(busy.stop)
        busy.start()
        n_events = len(CAMERAS) * EVENTFUL_FALLS
        wait_until(lambda: len(listener.events) >= 2 * n_events, "the last event")
        busy_bytes = written_bytes(busy)
    return {
        "bundle_sha256": Bundle.load(BUILTIN).digest,
        "start_bytes": at_start,
        "quiet_bytes": quiet,
        "quiet_s": quiet_s,
        "busy_bytes": busy_bytes,
        "events": n_events,
    }


def written_bytes(box: ScriptedBox) -> int:
    """Bytes that a daemon caused to be written to a disk; journal and log of this proof are among them."""
    assert box.process is not None
    lines = Path(f"/proc/{box.process.pid}/io").read_text(encoding="ascii").splitlines()
    return int(next(line for line in lines if line.startswith("write_bytes:")).split()[1])


def figures(evidence: Evidence) -> Figures:
    quiet_bytes_per_day = evidence["quiet_bytes"] * S_PER_DAY / evidence["quiet_s"]
    return {
        "quiet_mb_per_day": (evidence["start_bytes"] + quiet_bytes_per_day) / B_PER_MB,
        "start_mb": evidence["start_bytes"] / B_PER_MB,
        "kb_per_event": max(0, evidence["busy_bytes"] - evidence["start_bytes"]) / evidence["events"] / 1000,
        "minutes": evidence["quiet_s"] / 60,
    }


PROOF = Proof(
    name="writes",
    summary="what a quiet day writes to the disk",
    table=TABLE,
    measure=measure,
    figures=figures,
)
