"""A real broker on loopback, and a subscriber that remembers what it receives."""

import json
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from tests.manifests import manifest

PATIENCE_S = 60.0
POLL_S = 0.01


def wait_until(condition: Callable[[], object], what: str) -> None:
    """Look until something in another process has happened."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not happen in {PATIENCE_S} s"
        time.sleep(POLL_S)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Subscriber:
    """Keeps every message below `edgewatch/` in the order of arrival."""

    def __init__(
        self,
        port: int,
        username: str | None = None,
        password: str | None = None,
        filters: tuple[str, ...] = ("edgewatch/#",),
    ) -> None:
        self._filters = [(pattern, 1) for pattern in filters]
        self.messages: list[tuple[str, str, bool]] = []
        """Topic, payload, whether it was retained from before."""
        self._ready = threading.Event()
        self._client = Client(CallbackAPIVersion.VERSION2, client_id=f"test-{uuid.uuid4()}", clean_session=False)
        if username:
            self._client.username_pw_set(username, password)
        self._client.on_connect = self._subscribe
        self._client.on_subscribe = lambda *_: self._ready.set()
        self._client.on_message = lambda _client, _userdata, message: self.messages.append(
            (message.topic, message.payload.decode(errors="replace"), message.retain)
        )
        self._client.reconnect_delay_set(1, 1)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        assert self._ready.wait(PATIENCE_S), "no answer to SUBSCRIBE"

    def _subscribe(self, client: Client, *_: object) -> None:
        client.subscribe(self._filters)

    def payloads(self, ending: str) -> list[str]:
        """Payloads of topics that end so, oldest first."""
        return [payload for topic, payload, _ in self.messages if topic.endswith(ending)]

    def events(self) -> list[dict]:
        return [json.loads(payload) for payload in self.payloads("/events")]

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()
        # No circle: the client closes its sockets when it goes, not after them.
        self._client.on_connect = self._client.on_subscribe = self._client.on_message = None


class Mosquitto:
    """Debian's broker, with its configuration and memory in a folder of the test."""

    def __init__(
        self, folder: Path, *, password: str | None = None, remembers: bool = False, lines: tuple[str, ...] = ()
    ) -> None:
        """Prepare.

        Args:
            folder: for its files.
            password: of the user `box`; without one anyone is taken.
            remembers: sessions, with what waits for them, outlive `end` (not `kill`).
            lines: of its configuration, further ones.
        """
        program = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
        if program is None:
            pytest.skip("mosquitto is not installed (Debian package mosquitto)")
        self.port = free_port()
        self.url = f"mqtt://127.0.0.1:{self.port}"
        self.folder = folder
        folder.mkdir(exist_ok=True)
        access = ["allow_anonymous true"]
        if password is not None:
            users = folder / "users"
            subprocess.run(["mosquitto_passwd", "-b", "-c", users, "box", password], check=True, capture_output=True)
            users.chmod(0o644)
            access = ["allow_anonymous false", f"password_file {users}"]
        memory = ("persistence true", f"persistence_location {folder}/") if remembers else ()
        configuration = folder / "mosquitto.conf"
        configuration.write_text(
            "\n".join((f"listener {self.port} 127.0.0.1", *access, "user root", *memory, *lines)) + "\n",
            encoding="utf-8",
        )
        self._command = [program, "-c", str(configuration)]
        self._process: subprocess.Popen[bytes] | None = None
        self._subscribers: list[Subscriber] = []

    def start(self) -> None:
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(self._answers, "the start of mosquitto")

    def kill(self) -> None:
        """As in a power cut."""
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        self._process = None

    def end(self) -> None:
        """As in a proper restart."""
        assert self._process is not None
        self._process.terminate()
        self._process.wait()
        self._process = None

    def subscribe(
        self,
        username: str | None = None,
        password: str | None = None,
        filters: tuple[str, ...] = ("edgewatch/#",),
    ) -> Subscriber:
        subscriber = Subscriber(self.port, username, password, filters)
        self._subscribers.append(subscriber)
        return subscriber

    def stop(self) -> None:
        for subscriber in self._subscribers:
            subscriber.close()
        if self._process is not None:
            self.end()

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, f"mosquitto ended with {self._process.returncode}"
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        return True


@pytest.fixture
def start_mosquitto(tmp_path: Path) -> Iterator[Callable[..., Mosquitto]]:
    """Start brokers; they end with the test."""
    brokers: list[Mosquitto] = []

    def start(*, running: bool = True, **settings: Any) -> Mosquitto:
        broker = Mosquitto(tmp_path / f"broker-{len(brokers)}", **settings)
        brokers.append(broker)
        if running:
            broker.start()
        return broker

    yield start
    for broker in brokers:
        broker.stop()


@pytest.fixture
def mosquitto(start_mosquitto: Callable[..., Mosquitto]) -> Mosquitto:
    """A broker that takes anyone."""
    return start_mosquitto()


@pytest.fixture
def until() -> Callable[[Callable[[], object], str], None]:
    return wait_until


COLOUR_MODEL = Path(__file__).parent / "models" / "colours.tflite"
GREY, GREEN, RED = (90, 90, 90), (20, 220, 20), (220, 20, 20)  # RGB; the model takes green for a fall, red for violence
CLIP_RATE_HZ = 10


@pytest.fixture
def colour_bundle(tmp_path: Path) -> Path:
    """A bundle that works and can be told what to see: `models/make_colours.py` says how."""
    folder = tmp_path / "bundle"
    folder.mkdir()
    model = COLOUR_MODEL.read_bytes()
    (folder / "frame.tflite").write_bytes(model)
    alert = {
        "onset_threshold": 0.5,
        "offset_threshold": 0.3,
        "min_active_s": 0.2,
        "min_quiet_s": 0.5,
        "refractory_s": 0.5,
    }
    alerts = {"fall": alert, "violence": alert}
    fields = manifest({"frame.tflite": model}, name="colours", n_features=3, window_s=0.4, alerts=alerts)
    (folder / "bundle.json").write_text(json.dumps(fields), encoding="utf-8")
    return folder


def write_clip(path: Path, *scenes: tuple[tuple[int, int, int], float], size: tuple[int, int] = (96, 64)) -> Path:
    """Write a video of plain colours.

    Args:
        path: ending in `.mp4` or `.avi`.
        scenes: RGB colour and seconds, one after the other.
        size: (width, height) in pixels.
    """
    codec = cv2.VideoWriter.fourcc(*("mp4v" if path.suffix == ".mp4" else "MJPG"))
    writer = cv2.VideoWriter(str(path), codec, CLIP_RATE_HZ, size)
    assert writer.isOpened()
    for colour, seconds in scenes:
        picture = np.full((size[1], size[0], 3), colour[::-1], np.uint8)
        for _ in range(round(seconds * CLIP_RATE_HZ)):
            writer.write(picture)
    writer.release()
    return path


@pytest.fixture
def make_clip(tmp_path: Path) -> Callable[..., Path]:
    """`make_clip(name, (colour, seconds), ...)`; the colours are `grey`, `green` and `red`."""
    colours = {"grey": GREY, "green": GREEN, "red": RED}

    def make(name: str, *scenes: tuple[str, float], size: tuple[int, int] = (96, 64)) -> Path:
        return write_clip(tmp_path / name, *((colours[colour], seconds) for colour, seconds in scenes), size=size)

    return make


@pytest.fixture
def unused_port() -> int:
    """A port of loopback where nobody listens."""
    return free_port()


@pytest.fixture
def subscribe() -> Iterator[Callable[[int], Subscriber]]:
    """Subscribe at a broker that the test does not own, by its port."""
    subscribers: list[Subscriber] = []

    def begin(port: int) -> Subscriber:
        subscribers.append(Subscriber(port))
        return subscribers[-1]

    yield begin
    for subscriber in subscribers:
        subscriber.close()


MODELS = Path(__file__).parent / "models"


def grid(rows: int, columns: int, seed: int) -> np.ndarray:
    """The weights of the tiny models, as `models/make_tiny.py` says."""
    return np.array([[((7 * i + 5 * j + 3 * seed) % 11 - 5) / 4 for j in range(columns)] for i in range(rows)])


@pytest.fixture
def weights() -> Callable[[int, int, int], np.ndarray]:
    return grid


@pytest.fixture
def make_bundle(tmp_path: Path) -> Callable[..., Path]:
    """`make_bundle(frame="frame_float", head=None, files={}, **changes)`: a bundle of the tiny models.

    `files` replaces a file's content, `changes` fields as `tests.manifests` takes them; digests always fit.
    """

    def make(
        frame: str = "frame_float", head: str | None = None, files: dict[str, bytes] | None = None, **changes: object
    ) -> Path:
        folder = tmp_path / "tiny"
        folder.mkdir(exist_ok=True)
        contents = {"frame.tflite": (MODELS / f"{frame}.tflite").read_bytes()}
        if head is not None:
            contents["head.tflite"] = (MODELS / f"{head}.tflite").read_bytes()
        contents |= files or {}
        for name, content in contents.items():
            (folder / name).write_bytes(content)
        (folder / "bundle.json").write_text(json.dumps(manifest(contents, **changes)), encoding="utf-8")
        return folder

    return make
