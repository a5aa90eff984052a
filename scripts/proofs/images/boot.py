"""Whether an image boots and works: in QEMU, with a real fall as its camera, and this machine's mosquitto.

Evidence: a boot partition written as a person would, with a password; what the broker heard and when; what is left on
the boot partition. Then, in the booted box, what it says of itself.
"""

import argparse
import json
import sys
import threading
import time
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from edge.bundle import BUILTIN, Bundle
from edge.errors import EdgewatchError
from proofs.frame.proof import ROOT, Evidence, Figure, Figures, Limit, Proof, Setting, say, setting
from proofs.images.emulator import HOST, IMAGE, Emulator
from proofs.rig.clips import long_clip
from proofs.rig.mosquitto import Mosquitto

LIMIT_S = 600.0
REPEATS = 20
DEVICE = "proof-1"
CLIP = "clip.mp4"
POLL_S = 1.0

TABLE = (
    Figure("online_s", "from power to `availability: online`, under emulation", "s", Limit("<=", LIMIT_S), 0),
    Figure("event_s", "from power to the right event", "s", Limit("<=", LIMIT_S), 0),
    Figure("secrets_left", "passwords left on the boot partition", limit=Limit("<=", 0)),
    Figure("memory_mb", "memory of the daemon", "MB", digits=0),
)


class Ear:
    """Hears the box, with the second of each message's first arrival."""

    def __init__(self, port: int) -> None:
        self.heard: list[tuple[float, str, str]] = []
        self._start_s = time.monotonic()
        self._subscribed = threading.Event()
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="ear")
        self._client.on_connect = self._subscribe
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_message = self._take
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        if not self._subscribed.wait(LIMIT_S):
            raise EdgewatchError("the listener cannot subscribe")

    def first(self, ending: str, holds: str) -> float | None:
        """Seconds until a topic that ends so brought something that holds a text."""
        return next((at_s for at_s, topic, text in self.heard if topic.endswith(ending) and holds in text), None)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _subscribe(self, client: mqtt.Client, *_: object) -> None:
        client.subscribe("edgewatch/#", qos=1)

    def _take(self, _client: mqtt.Client, _userdata: Any, message: mqtt.MQTTMessage) -> None:
        text = message.payload.decode(errors="replace")
        self.heard.append((time.monotonic() - self._start_s, message.topic, text))


def boot_files(port: int) -> dict[str, str]:
    """As a person on Windows writes them."""
    config = (
        f'device_id = "{DEVICE}"\n[broker]\nurl = "mqtt://box@{HOST}:{port}"\n'
        f'[cameras.hall]\nsource = "/data/{CLIP}"\nrealtime = false\n'
    )
    return {
        "edgewatch.toml": "\ufeff" + config.replace("\n", "\r\n"),
        "passwords": "broker = correct horse\r\n",
        "network": f"hostname = {DEVICE}\r\n",
    }


def boot(image: Path, clip: Path, folder: Path, label: str = "fall", limit_s: float = LIMIT_S) -> Evidence:
    """Boot an image until the event has come, or the time is over."""
    with ExitStack() as opened:
        broker = Mosquitto(folder / "broker")
        broker.start()
        opened.callback(broker.stop)
        box = Emulator(image, folder / "box")
        box.write_boot(boot_files(broker.port))
        box.write_data(clip, CLIP)
        ear = opened.enter_context(closing(Ear(broker.port)))
        say(f"booting {image.name}; its console is {box.console}")
        box.start()
        opened.callback(box.stop)
        deadline_s = time.monotonic() + limit_s
        while ear.first("/events", f'"label":"{label}"') is None and time.monotonic() < deadline_s and box.is_running():
            time.sleep(POLL_S)
        box.stop()
        left = sorted(box.read_boot() & {"passwords", "PASSWO~1"})
        return {
            "online_s": ear.first("/availability", "online"),
            "event_s": ear.first("/events", f'"label":"{label}"'),
            "secrets_left": left,
            "heard": [(round(at_s, 1), topic, text[:2000]) for at_s, topic, text in ear.heard],
            "last_words": box.last_words(),
        }


def measure(setting: Setting) -> Evidence:
    """Boot the image that scripts/build-image left."""
    setting.work.mkdir(parents=True, exist_ok=True)
    clip = long_clip(setting, setting.work / CLIP, REPEATS)
    return {"bundle_sha256": Bundle.load(BUILTIN).digest} | boot(IMAGE, clip, setting.work)


def figures(evidence: Evidence) -> Figures:
    stats = [json.loads(text) for _, topic, text in evidence["heard"] if topic.endswith("/stats") and text[-1:] == "}"]
    return {
        "online_s": evidence["online_s"],
        "event_s": evidence["event_s"],
        "secrets_left": len(evidence["secrets_left"]),
        "memory_mb": max((one["memory_mb"] for one in stats), default=None),
    }


def main(arguments: list[str]) -> int:
    """`scripts/boot-image`."""
    options = argparse.ArgumentParser(prog="scripts/boot-image", description=__doc__)
    options.add_argument("image", type=Path, help="made by scripts/build-image")
    options.add_argument("clip", type=Path, nargs="?", help="what the camera shows (default: a fall)")
    options.add_argument("--label", default="fall", help="the event to wait for (default: %(default)s)")
    options.add_argument("--seconds", type=float, default=LIMIT_S, help="give up after this long")
    chosen = options.parse_args(arguments)
    work = ROOT / "runs" / "boot-image"
    work.mkdir(parents=True, exist_ok=True)

    try:
        clip = chosen.clip or long_clip(setting(PROOF, short=False), work / CLIP, REPEATS)
        evidence = boot(chosen.image, clip.resolve(), work, chosen.label, chosen.seconds)
    except EdgewatchError as error:
        say(str(error))
        return error.exit_code
    print(json.dumps(figures(evidence)))
    missed = PROOF.missed(figures(evidence))
    if missed:
        say(f"{'; '.join(missed)}\n{evidence['last_words']}")
    return 1 if missed else 0


PROOF = Proof(
    name="boot",
    summary="the image in QEMU: from power to the right event on the broker",
    table=TABLE,
    measure=measure,
    figures=figures,
    of_bundle=True,
)

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
