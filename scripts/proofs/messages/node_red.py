"""Whether the example flow does in Node-RED what it says.

Evidence: what the flow of `scripts/examples/node-red.json` publishes when a real broker brings it alarms, a test, an
alarm of another kind, and a box that goes. Node-RED comes from npm, into the proof's own folder.
"""

import json
import os
import shutil
import subprocess
import threading
from contextlib import ExitStack, closing
from typing import Any

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from edge.bundle import BUILTIN, Bundle
from edge.errors import ConfigurationError, EdgewatchError
from proofs.frame.proof import ROOT, Evidence, Figure, Figures, Limit, Proof, Setting, say
from proofs.rig.mosquitto import Mosquitto, free_port, wait_until

VERSION = "4.1.15"
FLOW = ROOT / "scripts" / "examples" / "node-red.json"
SETTINGS = """\
module.exports = { uiHost: "127.0.0.1", uiPort: %d, credentialSecret: false, telemetry: { enabled: false } };
"""
PATIENCE_S = 120.0
SENT: tuple[tuple[str, Any], ...] = (
    ("box-1/events", {"type": "started", "label": "violence", "camera": "hall", "test": False}),
    ("box-1/events", {"type": "started", "label": "fall", "camera": "hall", "test": True}),
    ("box-1/events", {"type": "started", "label": "fall", "camera": "hall", "test": False}),
    ("box-1/events", {"type": "ended", "label": "fall", "camera": "hall", "test": False}),
    ("box-1/events", "this is no JSON"),
    ("box-2/availability", "online"),
    ("box-2/availability", "offline"),
)
WANTED = [["lights/hall/set", "ON"], ["messages", "box-2 does not watch any more"]]

TABLE = (
    Figure("version", "Node-RED"),
    Figure("right", "messages that the flow has to send and sent, of 2", limit=Limit(">=", len(WANTED))),
    Figure("wrong", "messages that it should not have sent", limit=Limit("<=", 0)),
)


def measure(setting: Setting) -> Evidence:
    """Install Node-RED the first time (a minute), run the flow, speak as boxes do."""
    npm = shutil.which("npm")
    if npm is None:
        raise ConfigurationError("npm is not installed; install Debian's npm")
    folder = setting.work.parent / f"node-red-{VERSION}"
    program = folder / "node_modules" / "node-red" / "red.js"
    if not program.exists():
        say("installing Node-RED")
        folder.mkdir(parents=True, exist_ok=True)
        command = [npm, "install", "--prefix", str(folder), "--no-audit", "--no-fund", f"node-red@{VERSION}"]
        if subprocess.run(command, stdout=subprocess.DEVNULL, check=False).returncode:
            raise EdgewatchError("npm cannot install Node-RED; its message is above")
    shutil.rmtree(setting.work / "run", ignore_errors=True)
    with ExitStack() as opened:
        broker = Mosquitto(setting.work / "run" / "broker")
        broker.start()
        opened.callback(broker.stop)
        heard: list[list[str]] = []
        voice = opened.enter_context(closing(_Voice(broker.port, heard)))
        settings = setting.work / "run" / "settings.js"
        settings.write_text(SETTINGS % free_port(), encoding="utf-8")
        flow = shutil.copy(FLOW, setting.work / "run" / "flow.json")
        command = ["node", str(program), "--userDir", str(settings.parent), "--settings", str(settings), str(flow)]
        environment = os.environ | {"EDGEWATCH_BROKER_HOST": "127.0.0.1", "EDGEWATCH_BROKER_PORT": str(broker.port)}
        node_red = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
        opened.callback(lambda: (node_red.terminate(), node_red.wait()))
        wait_until(voice.is_answered, "an answer of the flow", PATIENCE_S)
        heard.clear()
        for topic, payload in SENT:
            voice.say(topic, payload)
        wait_until(lambda: len(heard) >= len(WANTED), "what the flow has to send")
        voice.say("last/availability", "offline")
        wait_until(lambda: ["messages", _gone("last")] in heard, "the last message")
    return {"bundle_sha256": Bundle.load(BUILTIN).digest, "version": VERSION, "heard": heard[:-1]}


def _gone(box: str) -> str:
    return f"{box} does not watch any more"


class _Voice:
    """Speaks as boxes, and hears what the flow sends."""

    def __init__(self, port: int, heard: list[list[str]]) -> None:
        self._heard = heard
        self._ready = threading.Event()
        self._client = Client(CallbackAPIVersion.VERSION2)
        self._client.on_subscribe = lambda *_: self._ready.set()
        self._client.on_message = lambda _client, _data, message: heard.append(
            [message.topic, message.payload.decode()]
        )
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        self._client.subscribe([("lights/#", 1), ("messages", 1)])
        self._ready.wait()

    def say(self, topic: str, payload: Any) -> None:
        content = payload if isinstance(payload, str) else json.dumps(payload)
        self._client.publish(f"edgewatch/{topic}", content, 1).wait_for_publish()

    def is_answered(self) -> bool:
        """Whether the flow is at work: it says of a box that it is gone."""
        self.say("first/availability", "offline")
        return ["messages", _gone("first")] in self._heard

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


def figures(evidence: Evidence) -> Figures:
    heard = [message for message in evidence["heard"] if message != ["messages", _gone("first")]]
    return {
        "version": evidence["version"],
        "right": sum(message in heard for message in WANTED),
        "wrong": len(heard) - sum(message in heard for message in WANTED),
    }


PROOF = Proof(
    name="node-red",
    summary="the example flow in Node-RED",
    table=TABLE,
    measure=measure,
    figures=figures,
)
