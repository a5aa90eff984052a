"""Pictures of a daemon that runs: masked, sent, and kept only where that is wanted."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import cv2
import numpy as np
import pytest
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

TIMEOUT_S = 120


class Pictures:
    """Takes what is published as pictures."""

    def __init__(self, port: int) -> None:
        self.by_topic: dict[str, bytes] = {}
        self._ready = threading.Event()
        self.client = Client(CallbackAPIVersion.VERSION2)
        self.client.on_connect = self._subscribe
        self.client.on_subscribe = lambda *_: self._ready.set()
        self.client.on_message = self._take
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        assert self._ready.wait(60)

    def _subscribe(self, client: Client, *_: object) -> None:
        client.subscribe("edgewatch/box/#", qos=0)

    def _take(self, _client: Client, _userdata: object, message: MQTTMessage) -> None:
        self.by_topic[message.topic] = bytes(message.payload)


@pytest.mark.parametrize("style", ["full", "off"])
def test_a_fall_is_pictured_without_what_is_masked(  # noqa: PLR0917 - fixtures
    mosquitto, make_clip, colour_bundle, tmp_path, until, style
):
    clip = make_clip("hall.mp4", ("grey", 1.0), ("green", 30.0))
    pictures = 'snapshots = "full"\nclips = true\nbefore_s = 1\nafter_s = 1' if style == "full" else ""
    configuration = tmp_path / "edgewatch.toml"
    configuration.write_text(
        f"device_id = 'box'\nstate_dir = 'state'\nbundle = '{colour_bundle}'\n[broker]\nurl = '{mosquitto.url}'\n"
        f"[pictures]\n{pictures}\n[cameras.hall]\nsource = '{clip}'\n"
        "masks = [[[0.0, 0.0], [0.3, 0.0], [0.3, 1.0], [0.0, 1.0]]]\n",
        encoding="utf-8",
    )
    subscriber = Pictures(mosquitto.port)
    command = [sys.executable, "-m", "edge", "run", "--config", str(configuration)]
    environment = {**os.environ, "PYTHONWARNINGS": "error"}
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=environment
    ) as box:
        try:
            until(lambda: subscriber.by_topic.get("edgewatch/box/hall/fall/state") == b"ON", "the fall")
            if style == "full":
                until(lambda: any(topic.endswith("/clip") for topic in subscriber.by_topic), "the clip")
        finally:
            box.send_signal(signal.SIGTERM)
            _, errors = box.communicate(timeout=TIMEOUT_S)
    subscriber.client.disconnect()
    subscriber.client.loop_stop()
    assert box.returncode == 0, errors
    assert "OpenCV" not in errors
    kept = sorted(path.suffix for path in (tmp_path / "state").rglob("*") if path.suffix in {".jpg", ".webm"})
    sent = {topic.rpartition("/")[2] for topic in subscriber.by_topic} & {"snapshot", "clip"}
    if style == "off":
        assert kept == []
        assert sent == set()
        return
    assert kept == [".jpg", ".webm"]
    assert sent == {"snapshot", "clip"}
    snapshot = cv2.imdecode(np.frombuffer(subscriber.by_topic["edgewatch/box/hall/snapshot"], np.uint8), 1)
    assert snapshot is not None
    assert snapshot[:, :20].max() < 16
    assert snapshot[:, 40:, 1].min() > 150
    (webm,) = Path(tmp_path / "state").rglob("*.webm")
    capture = cv2.VideoCapture(str(webm))
    _, first = capture.read()
    capture.release()
    assert first[:, :20].max() < 30
