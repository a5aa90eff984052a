"""Whether Prometheus reads a box's metrics, and the example's rules say what they should.

Evidence: the alerts that Debian's Prometheus raises, with `scripts/examples/prometheus.yml` and its rules, over the
stats of a box with a covered camera and waiting events, and of a box that is well; and what a box that is gone raises.
"""

import json
import shutil
import subprocess
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from edge.bundle import BUILTIN, Bundle
from edge.errors import ConfigurationError, EdgewatchError
from edge.system.prometheus import served
from edge.system.stats import Stats
from proofs.frame.proof import ROOT, Evidence, Figure, Figures, Limit, Proof, Setting
from proofs.rig.mosquitto import free_port, wait_until

EXAMPLES = ROOT / "scripts" / "examples"
TARGETS = 'targets: ["127.0.0.1:9469"]\n        labels: { box: corridor-2 }'
TARGET = 'targets: ["127.0.0.1:%d"]\n        labels: { box: %s }'
WANTED = [
    ["EdgewatchBoxGone", "gone"],
    ["EdgewatchCameraTrouble", "troubled"],
    ["EdgewatchEventsWait", "troubled"],
]

TABLE = (
    Figure("series", "series of two boxes, 8 each", limit=Limit(">=", 16)),
    Figure("right", "alerts that have to come and come, of 3", limit=Limit(">=", len(WANTED))),
    Figure("wrong", "alerts that should not have come", limit=Limit("<=", 0)),
)


def stats(state: str, waiting: int) -> Stats:
    """What a box says of itself."""
    box = Stats({"name": "built-in", "sha256": "ab" * 32}, lambda: "cpu")
    box.camera("hall").note(state=state)
    box.add("outbox", lambda: {"waiting": waiting, "dropped": 0, "fault": None})
    return box


def write_configuration(folder: Path, targets: dict[str, int]) -> Path:
    """Copy the example, with these boxes and ports, and seconds for minutes."""
    text = (EXAMPLES / "prometheus.yml").read_text()
    if TARGETS not in text:
        raise EdgewatchError("scripts/examples/prometheus.yml: has other targets than this proof expects")
    lines = "\n      - ".join(TARGET % (port, box) for box, port in targets.items())
    folder.mkdir(parents=True)
    shutil.copy(EXAMPLES / "prometheus-rules.yml", folder)
    path = folder / "prometheus.yml"
    path.write_text(text.replace(TARGETS, lines).replace("interval: 60s", "interval: 1s"))
    return path


def ask(port: int, path: str) -> Any:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/{path}") as answer:
        return json.load(answer)["data"]


def raised(port: int) -> list[list[str]]:
    """Name and box of each alert, pending or firing."""
    try:
        alerts = ask(port, "alerts")["alerts"]
    except OSError:
        return []
    return sorted([alert["labels"]["alertname"], alert["labels"]["box"]] for alert in alerts)


def measure(setting: Setting) -> Evidence:
    """Run it over two boxes that answer and one that does not."""
    if shutil.which("prometheus") is None:
        raise ConfigurationError("prometheus is not installed; install Debian's prometheus")
    folder = setting.work / "run"
    shutil.rmtree(folder, ignore_errors=True)
    gone, port = free_port(), free_port()
    with (
        ExitStack() as opened,
        served(free_port(), stats("ok", 0).payload) as well,
        served(free_port(), stats("blind", 3).payload) as troubled,
    ):
        config = write_configuration(folder, {"well": well, "troubled": troubled, "gone": gone})
        command = ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={folder / 'data'}"]
        command += [f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"]
        prometheus = subprocess.Popen(command)
        opened.callback(lambda: (prometheus.terminate(), prometheus.wait()))
        wait_until(lambda: len(raised(port)) >= len(WANTED), "the alerts")
        series = ask(port, "series?match[]=%7B__name__=~%22edgewatch_.*%22%7D")
        return {
            "bundle_sha256": Bundle.load(BUILTIN).digest,
            "series": sum(found["__name__"].startswith("edgewatch_") for found in series),
            "raised": raised(port),
        }


def figures(evidence: Evidence) -> Figures:
    found = evidence["raised"]
    right = sum(alert in found for alert in WANTED)
    return {"series": evidence["series"], "right": right, "wrong": len(found) - right}


PROOF = Proof(
    name="prometheus",
    summary="the example for Prometheus, over two boxes and one that is gone",
    table=TABLE,
    measure=measure,
    figures=figures,
)
