"""Who listens to boxes besides the broker's own listener: the notifier with a person behind it, and the dashboard."""

import http.client
import json
import re
import threading
from collections import defaultdict
from contextlib import closing
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from proofs.rig.daemon import Daemon
from proofs.rig.mosquitto import free_port, wait_until

TOLD = re.compile(r"Fall: camera-(\d+) in box\S*\. (\S+ on \d+ \w+)")
HTTP_TIMEOUT_S = 10.0
CONNECTED = "connected to"


class Inbox:
    """A person's service: notes which alarms of each camera are told, alone or in a message with others of its box."""

    def __init__(self) -> None:
        self.told: defaultdict[int, list[str]] = defaultdict(list)
        """When each began, to the second, by the number of the camera."""
        inbox = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                content = json.loads(self.rfile.read(int(self.headers["content-length"])))
                # Of several the title names the first, the body all.
                alone = f"{content['title']}. {content['message']}"
                for number, began in TOLD.findall(content["message"]) or TOLD.findall(alone):
                    inbox.told[int(number)].append(began)
                self.send_response(200)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"json://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def missing(self, cameras: int, falls: int) -> int:
        """How many alarms were never told, of so many of each camera."""
        return sum(falls - self._different(number, falls) for number in range(cameras))

    def surplus(self, cameras: int, falls: int) -> int:
        """How many times an alarm was told again, or one that there was not."""
        return sum(len(self.told[number]) - self._different(number, falls) for number in range(cameras))

    def _different(self, number: int, falls: int) -> int:
        return min(falls, len(set(self.told[number])))

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Subscriber(Daemon):
    """A program that says when it listens."""

    __slots__ = ()

    def await_connection(self, begin: int) -> None:
        """Wait until it has said so behind this place of its log."""

        def is_connected() -> bool:
            self.check()
            return CONNECTED in self.log.read_text()[begin:]

        wait_until(is_connected, f"the connection of {self.folder.name}")

    def log_length(self) -> int:
        return len(self.log.read_text()) if self.log.exists() else 0


@dataclass(slots=True)
class Notifier(_Subscriber):
    """`edge notify`, for one person."""

    broker_port: int
    url: str
    """The person's."""
    rules: str

    def start(self) -> None:
        """Write the configuration, start, and wait until it listens."""
        begin = self.log_length()
        self.folder.mkdir(parents=True, exist_ok=True)
        configuration = self.folder / "notify.toml"
        configuration.write_text(
            f"state_dir = 'state'\nbroker.url = 'mqtt://127.0.0.1:{self.broker_port}'\npeople.nurse = {{}}\n"
            + self.rules
        )
        self.launch(["-m", "edge", "notify", "--config", configuration], EDGEWATCH_NOTIFY_NURSE=self.url)
        self.await_connection(begin)


@dataclass(slots=True)
class Dashboard(_Subscriber):
    """`edge dashboard` on loopback."""

    broker_port: int
    port: int = field(default_factory=free_port)

    def start(self) -> None:
        """Start, and wait until it listens."""
        begin = self.log_length()
        command = ["-m", "edge", "dashboard", "--broker", f"mqtt://127.0.0.1:{self.broker_port}"]
        self.launch([*command, "--listen", f"127.0.0.1:{self.port}", "--state-dir", self.state])
        self.await_connection(begin)

    def shows(self, box: str, event_id: str) -> bool:
        """Whether it answers with an event."""
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=HTTP_TIMEOUT_S)) as line:
            line.request("GET", f"/api/events/{box}/{event_id}")
            return line.getresponse().status == http.client.OK
