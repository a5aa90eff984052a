"""Debian's broker on loopback, and one who listens to it, for proofs."""

import json
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from edge.errors import ConfigurationError, EdgewatchError

PATIENCE_S = 60.0
POLL_S = 0.01
LINES = (
    "allow_anonymous true",
    "user root",
    # What the broker has acknowledged goes to the listener's socket at once: nothing waits in a memory that is killed.
    "max_inflight_messages 0",
    "max_queued_messages 0",
)


def wait_until(condition: Callable[[], object], what: str, patience_s: float = PATIENCE_S) -> None:
    """Look until something has happened.

    Raises:
        EdgewatchError: it does not happen.
    """
    deadline_s = time.monotonic() + patience_s
    while not condition():
        if time.monotonic() > deadline_s:
            raise EdgewatchError(f"{what} did not happen in {patience_s:.0f} s")
        time.sleep(POLL_S)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Mosquitto:
    """A broker that takes anyone on this machine."""

    def __init__(self, folder: Path, *, remembers: bool = False, port: int | None = None) -> None:
        """Prepare.

        Args:
            folder: for its files.
            remembers: sessions, and what waits for them, outlive `stop`.
            port: of loopback; by default a free one.
        """
        program = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
        if program is None:
            raise ConfigurationError("mosquitto is not installed; run scripts/setup-env mosquitto")
        self.port = port or free_port()
        folder.mkdir(parents=True, exist_ok=True)
        self._configuration = folder / "mosquitto.conf"
        memory = ["persistence true", f"persistence_location {folder}/"] if remembers else ["persistence false"]
        self._lines = [f"listener {self.port} 127.0.0.1", *LINES, *memory]
        self._command = [program, "-c", str(self._configuration)]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *more: str) -> None:
        """Start it, with more lines of its configuration."""
        self._configuration.write_text("\n".join([*self._lines, *more]) + "\n", encoding="utf-8")
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(self._answers, "the start of mosquitto")

    def kill(self) -> None:
        """As in a power cut."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait()
            self._process = None

    def _answers(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        return True


class Listener:
    """Remembers every event, in the order of arrival, and when it came."""

    def __init__(self, port: int, topic: str = "edgewatch/+/events") -> None:
        self.events: list[tuple[int, dict[str, Any]]] = []
        """Monotonic nanoseconds, payload."""
        self._topic = topic
        self._subscribed = threading.Event()
        self._client = Client(CallbackAPIVersion.VERSION2, clean_session=True)  # a name that two share throws one out
        self._client.max_inflight_messages_set(0)
        self._client.on_connect = self._subscribe
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_message = self._take
        self._client.reconnect_delay_set(1, 1)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        self.await_subscription()

    def forget_subscription(self) -> None:
        """To be called when the broker is gone, before it comes back."""
        self._subscribed.clear()

    def await_subscription(self) -> None:
        """Wait until nothing is missed any more."""
        if not self._subscribed.wait(PATIENCE_S):
            raise EdgewatchError("the listener cannot subscribe")

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _subscribe(self, client: Client, *_: object) -> None:
        client.subscribe(self._topic, qos=1)

    def _take(self, _client: Client, _userdata: object, message: Any) -> None:
        now_ns = time.monotonic_ns()
        self.events.append((now_ns, json.loads(message.payload)))
