"""Whether Home Assistant understands what a box says of itself.

Evidence: the discovery messages of a small, a large and a shrunk box, held against the schemas in Home Assistant's own
package; real payloads read by its templates; and a message with a mistake in it, which has to be found.
"""

import copy
import json
import subprocess
from pathlib import Path
from typing import Any

from edge.bundle import BUILTIN, Bundle
from edge.errors import EdgewatchError
from edge.events.schema import to_json
from edge.mqtt.discovery import Device, payload
from edge.mqtt.topics import Topics
from proofs.frame.proof import ROOT, Evidence, Figure, Figures, Limit, Proof, Setting, say

TABLE = (
    Figure("version", "Home Assistant"),
    Figure("components", "components in the messages"),
    Figure("faults", "faults that its schemas find", limit=Limit("<=", 0)),
    Figure("misread", "payloads that its templates misread", limit=Limit("<=", 0)),
    Figure("planted_faults_found", "planted faults that it finds, of 2", limit=Limit(">=", 2)),
)
INSIDE = Path(__file__).with_name("inside_home_assistant.py")
TOPICS = Topics("corridor-2")
DEVICE = Device("corridor-2", "built-in", "0.1.0")
LARGE = {f"camera-{number}": ["fall", "violence"] for number in range(16)}


def messages() -> dict[str, dict[str, Any]]:
    """As boxes send them."""
    small = payload(DEVICE, TOPICS, {"hall": ["fall"]}, {}, counted=["hall"], commands=False, snapshots=False)
    large = payload(DEVICE, TOPICS, LARGE, {}, counted=LARGE, commands=True, snapshots=True)
    shrunk = payload(DEVICE, TOPICS, {"hall": ["fall"]}, LARGE, counted=["hall"], commands=True, snapshots=True)
    return {"small": small, "large": large, "shrunk": shrunk}


def planted() -> dict[str, dict[str, Any]]:
    """Messages that a checker worth its name refuses."""
    wrong_class = copy.deepcopy(messages()["small"])
    wrong_class["components"]["hall__fall__state"]["device_class"] = "falling"
    unknown_key = copy.deepcopy(messages()["small"])
    unknown_key["components"]["events"]["event_type"] = ["started"]
    return {"wrong class": wrong_class, "unknown key": unknown_key}


def readings() -> list[dict[str, str]]:
    """Templates of the message, payloads as the box sends them, and what has to be read."""
    parts = messages()["small"]["components"]
    event = {"schema": 1, "id": "01J", "type": "started", "label": "fall", "camera": "hall", "ended_at": None}
    stats = {
        "memory_mb": 104.2,
        "outbox": {"waiting": 3, "dropped": 0, "fault": None},
        "cameras": {"hall": {"rate_hz": 4.98}},
    }
    full = {"outbox": {"fault": "database or disk is full"}}
    wanted = [
        ("events", event, json.dumps(event | {"event_type": "started"})),
        ("hall____status", {"state": "ok", "since": "x"}, "ok"),
        ("hall____rate", stats, "4.98"),
        ("hall____people", {"people": 2, "lying": 1}, "2"),
        ("hall____lying", {"people": 2, "lying": 1}, "1"),
        ("hall____lying", {"people": None, "lying": None}, "None"),
        ("memory", stats, "104.2"),
        ("events_waiting", stats, "3"),
        ("disk", stats, "OFF"),
        ("disk", full, "ON"),
    ]
    return [
        {"template": parts[name]["value_template"], "payload": to_json(sent), "wanted": read}
        for name, sent, read in wanted
    ]


def measure(setting: Setting) -> Evidence:
    """Ask Home Assistant; the first time its environment is made, which takes some minutes."""
    sent = messages()
    asked = {"messages": sent | planted(), "templates": readings()}
    say("asking Home Assistant")
    command = [ROOT / "scripts" / "home-assistant", setting.work.parent / "home-assistant", INSIDE]
    answered = subprocess.run(command, input=json.dumps(asked), capture_output=True, text=True, check=False)
    if answered.returncode:
        raise EdgewatchError(f"scripts/home-assistant failed: {answered.stderr.strip()[-500:]}")
    return {
        "bundle_sha256": Bundle.load(BUILTIN).digest,
        "components": {name: len(message["components"]) for name, message in sent.items()},
        "planted": sorted(planted()),
        "wanted": [reading["wanted"] for reading in asked["templates"]],
        "answer": json.loads(answered.stdout),
    }


def figures(evidence: Evidence) -> Figures:
    answer, planted_names = evidence["answer"], set(evidence["planted"])
    faults = {name: found for name, found in answer["faults"].items() if name not in planted_names}
    return {
        "version": answer["version"],
        "components": sum(evidence["components"].values()),
        "faults": sum(map(len, faults.values())),
        "misread": sum(
            not same(read, wanted) for read, wanted in zip(answer["rendered"], evidence["wanted"], strict=True)
        ),
        "planted_faults_found": sum(bool(answer["faults"][name]) for name in planted_names),
    }


def same(read: str, wanted: str) -> bool:
    """Whether two texts say the same, as JSON where they are JSON."""
    return read == wanted or (wanted.startswith("{") and json.loads(read) == json.loads(wanted))


PROOF = Proof(
    name="discovery",
    summary="Home Assistant's own schemas and templates over what a box says of itself",
    table=TABLE,
    measure=measure,
    figures=figures,
)
