"""`edge notify` as a program: a real broker, real Apprise, and a web service of the test that takes its messages."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt.publish import single

pytest.importorskip("apprise", reason="apprise is not installed (extra notify)")

from edge.errors import ConfigurationError
from edge.notify.courier import services

CONFIG = """
state_dir = "state"
timezone = "UTC"
broker.url = "{url}"
people.nurse = {{}}
people.doctor = {{}}
[[rules]]
name = "falls"
when = ["fall"]
tell = ["nurse"]
escalate = [{{ after_s = {escalate_s}, tell = ["doctor"] }}]
[[rules]]
name = "boxes"
when = ["offline", "blind"]
after_s = 0
tell = ["nurse"]
boxes = ["corridor-*"]
"""
EVENT = {
    "schema": 1,
    "type": "started",
    "label": "fall",
    "camera": "hall",
    "score": 0.93,
    "peak_score": 0.97,
    "started_at": "2026-01-02T03:04:05.678Z",
}


class Inbox:
    """Takes Apprise's `json://` messages; can be out of order."""

    def __init__(self) -> None:
        self.messages: list[tuple[str, str, str]] = []
        """Person, title, body."""
        self.refuses: set[str] = set()
        """Whose messages are not taken."""
        self.refused = 0
        inbox = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                content = json.loads(self.rfile.read(int(self.headers["content-length"])))
                if self.path.partition("?")[0].strip("/") in inbox.refuses:
                    inbox.refused += 1
                    self.send_error(503)
                    return
                inbox.messages.append((self.path.partition("?")[0].strip("/"), content["title"], content["message"]))
                self.send_response(200)
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    def url(self, person: str) -> str:
        return f"json://127.0.0.1:{self._server.server_address[1]}/{person}"

    def titles(self, person: str = "nurse") -> list[str]:
        return [title for told, title, _ in self.messages if told == person]

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    inbox = Inbox()
    yield inbox
    inbox.close()


class Notifier:
    """`edge notify` in a process."""

    def __init__(self, config: Path, inbox: Inbox) -> None:
        self._command = [sys.executable, "-m", "edge", "notify", "--config", str(config)]
        self._environment = os.environ | {
            f"EDGEWATCH_NOTIFY_{name.upper()}": inbox.url(name) for name in ("nurse", "doctor")
        }
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(self._command, env=self._environment, stderr=subprocess.PIPE, text=True)
        assert self._process.stderr is not None
        line = self._process.stderr.readline()
        assert "connected to" in line, line

    def end(self, *, kill: bool = False) -> None:
        if self._process is None:
            return
        self._process.kill() if kill else self._process.terminate()
        code = self._process.wait(30)
        assert kill or code == 0
        assert self._process.stderr is not None
        self._process.stderr.close()
        self._process = None


@pytest.fixture
def start_notifier(inbox, tmp_path) -> Iterator[Callable[..., Notifier]]:
    running: list[Notifier] = []

    def start(url: str, escalate_s: float = 600.0) -> Notifier:
        config = tmp_path / "notify.toml"
        config.write_text(CONFIG.format(url=url, escalate_s=escalate_s), encoding="utf-8")
        running.append(Notifier(config, inbox))
        running[-1].start()
        return running[-1]

    yield start
    for notifier in running:
        notifier.end()


def say(port: int, topic: str, payload: Any, *, retain: bool = False) -> None:
    content = payload if isinstance(payload, str) else json.dumps(payload)
    single(f"edgewatch/{topic}", content, qos=1, retain=retain, port=port, hostname="127.0.0.1")


def test_every_started_is_told_once_through_restarts_of_broker_and_notifier(
    start_mosquitto, start_notifier, inbox, until
) -> None:
    broker = start_mosquitto(remembers=True)
    notifier = start_notifier(broker.url)
    say(broker.port, "corridor-2/events", EVENT | {"id": "E1"})
    until(lambda: len(inbox.messages) == 1, "the first message")
    notifier.end()
    say(broker.port, "corridor-2/events", EVENT | {"id": "E1"})  # the box repeats what it is not sure of
    say(broker.port, "corridor-2/events", EVENT | {"id": "E2"})
    broker.end()
    broker.start()
    notifier.start()
    until(lambda: len(inbox.messages) == 2, "what came while the notifier was away")
    broker.end()
    broker.start()
    say(broker.port, "corridor-2/events", EVENT | {"id": "E3", "camera": "<b>stairs</b>", "test": True})
    until(lambda: len(inbox.messages) == 3, "a message after the broker's restart")
    notifier.end(kill=True)
    say(broker.port, "corridor-2/events", EVENT | {"id": "E3"})
    say(broker.port, "corridor-2/events", EVENT | {"id": "E4", "label": "violence"})  # no rule speaks of it
    say(broker.port, "corridor-2/events", EVENT | {"id": "E5"})
    notifier.start()
    falls, test = "Fall: hall in corridor-2", "Test: Fall: <b>stairs</b> in corridor-2"
    until(lambda: inbox.titles().count(falls) == 3, "what came while the notifier was dead")
    # What was being told when it was killed may be told twice.
    assert inbox.titles() in ([falls, falls, test, falls], [falls, falls, test, test, falls])
    assert inbox.messages[0][2].startswith("03:04:05 on 02 January by the box's clock; it came at ")


def test_the_next_person_is_called_unless_somebody_answers(start_mosquitto, start_notifier, inbox, until) -> None:
    broker = start_mosquitto()
    start_notifier(broker.url, escalate_s=1.0)
    say(broker.port, "corridor-2/events", EVENT | {"id": "E1"})
    say(broker.port, "corridor-2/events/E1/ack", "")
    say(broker.port, "corridor-2/events", EVENT | {"id": "E2", "camera": "stairs"})
    until(lambda: inbox.titles("doctor"), "the call of the next person")
    assert inbox.titles("doctor") == ["Fall: stairs in corridor-2"]
    assert "Nobody has answered" in inbox.messages[-1][2]


def test_a_dead_box_is_told_and_its_return_too(start_mosquitto, start_notifier, inbox, until) -> None:
    broker = start_mosquitto()
    notifier = start_notifier(broker.url)
    say(broker.port, "corridor-2/availability", "offline", retain=True)
    say(broker.port, "garden/availability", "offline", retain=True)
    until(lambda: len(inbox.messages) == 1, "the message")
    notifier.end()
    notifier.start()  # and hears again what is retained
    say(broker.port, "corridor-3/hall/status", {"state": "blind"}, retain=True)
    say(broker.port, "corridor-2/availability", "online", retain=True)
    until(lambda: len(inbox.messages) == 3, "the others")
    assert inbox.titles() == ["Offline: corridor-2", "Blind: hall in corridor-3", "Back: corridor-2"]


def test_a_service_that_refuses_is_tried_again(start_mosquitto, start_notifier, inbox, until) -> None:
    broker = start_mosquitto()
    inbox.refuses = {"nurse"}
    start_notifier(broker.url)
    say(broker.port, "corridor-2/events", EVENT | {"id": "E1"})
    until(lambda: inbox.refused, "a refusal")
    inbox.refuses = set()
    until(inbox.titles, "the second try")
    assert inbox.titles() == ["Fall: hall in corridor-2"]


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated")  # that Apprise itself loads
def test_every_address_of_a_person_is_reached(inbox) -> None:
    for between in (" ", ",", "\n"):
        inbox.messages.clear()
        sms, mail = services({"nurse": inbox.url("sms") + between + inbox.url("mail?to=a,b")})["nurse"]
        inbox.refuses = {"mail"}
        assert sms("Fall", "in the hall")
        assert not mail("Fall", "in the hall")
        inbox.refuses = set()
        assert mail("Fall", "in the hall")
        assert [(path, title) for path, title, _ in inbox.messages] == [("sms", "Fall"), ("mail", "Fall")]
    with pytest.raises(ConfigurationError, match=r"people.nurse: the address is no Apprise URL"):
        services({"nurse": f"{inbox.url('sms')} nonsense"})
