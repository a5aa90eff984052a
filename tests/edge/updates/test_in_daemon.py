"""Updates of a daemon that watches, from the file or the broker to what is in force, and every way back."""

import hashlib
import http.server
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

TIMEOUT_S = 120


def edge(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "edge", *map(str, arguments)]


class Daemon:
    """A daemon in a process of its own."""

    def __init__(self, configuration: Path) -> None:
        self.configuration = configuration
        self.log = configuration.with_suffix(".log").open("a+")
        environment = {**os.environ, "PYTHONWARNINGS": "error"}
        command = edge("run", "--config", configuration)
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=self.log, env=environment)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def errors(self) -> str:
        return Path(self.log.name).read_text()


@pytest.fixture
def start_daemon(
    tmp_path: Path, colour_bundle: Path, mosquitto, public_key: str, make_clip
) -> Iterator[Callable[..., Daemon]]:
    """`start_daemon("lines of [updates]")`: it watches a grey clip of five minutes."""
    running: list[Daemon] = []
    clip = make_clip("hall.mp4", ("grey", 300.0), size=(64, 48))

    def start(lines: str = "mqtt = true") -> Daemon:
        configuration = tmp_path / "edgewatch.toml"
        configuration.write_text(
            f"device_id = 'box'\nstate_dir = 'state'\nbundle = '{colour_bundle}'\n"
            f"[broker]\nurl = '{mosquitto.url}'\n[cameras.hall]\nsource = '{clip}'\n"
            f"[updates]\npublic_key = '{public_key}'\nshadow_s = 2\ntrial_s = 4\n{lines}\n"
        )
        running.append(Daemon(configuration))
        return running[-1]

    yield start
    for daemon in running:
        daemon.kill()
        daemon.log.close()


def update(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    command, variables = edge("update", *arguments), {**os.environ, **environment}
    return subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False, env=variables)


def latest(subscriber, ending: str) -> dict[str, Any]:
    payloads = [payload for payload in subscriber.payloads(ending) if payload]
    return json.loads(payloads[-1]) if payloads else {}


def model_in_force(subscriber) -> str | None:
    return latest(subscriber, "/stats").get("model", {}).get("name")


@pytest.fixture
def watching(mosquitto, start_daemon, until) -> tuple[Any, Daemon]:
    """A subscriber, and a daemon whose camera gives pictures."""
    subscriber = mosquitto.subscribe()
    daemon = start_daemon()
    until(lambda: latest(subscriber, "hall/status").get("state") == "ok", "the start")
    return subscriber, daemon


def test_a_good_update_by_file_proves_itself_and_stays(watching, make_signed, start_daemon, until) -> None:
    subscriber, daemon = watching
    tried = update(make_signed("newer"), "--config", daemon.configuration)
    assert (tried.returncode, tried.stderr) == (0, ""), daemon.errors()
    assert tried.stdout.splitlines()[-1] == "proven"
    assert daemon.process.poll() is None  # the same process, as systemd sees it
    until(lambda: model_in_force(subscriber) == "newer", "the stats")
    states = [json.loads(text)["state"] for text in subscriber.payloads("box/update") if text]
    assert [state for state in states if state != "checked"] == ["shadow", "trial", "trial", "proven"]
    assert latest(subscriber, "box/update")["bundle"]["name"] == "newer"
    older = update(make_signed("older", created_at="2026-01-15T00:00:00Z"), "--config", daemon.configuration)
    assert older.returncode == 4
    assert older.stderr.startswith("edge: refused: older: created_at 2026-01-15")
    daemon.process.send_signal(signal.SIGTERM)
    assert daemon.process.wait(TIMEOUT_S) == 0
    assert "Traceback" not in daemon.errors()
    subscriber.messages.clear()
    start_daemon()
    until(lambda: model_in_force(subscriber) == "newer", "the second start")


def test_by_mqtt_and_refused_by_what_it_does(watching, make_signed, mosquitto, nan_model: bytes, until) -> None:
    subscriber, daemon = watching
    by_mqtt = ("--broker", mosquitto.url, "--device", "box")
    bad = update(make_signed("nan", nan_model), *by_mqtt)
    assert bad.returncode == 4, daemon.errors()
    assert bad.stderr == "edge: refused: nan: gives scores that are no numbers; convert the model again\n"
    assert daemon.process.poll() is None
    good = update(make_signed("newer"), *by_mqtt)
    assert (good.returncode, good.stderr) == (0, ""), daemon.errors()
    assert good.stdout.splitlines()[0] == "receiving"
    until(lambda: model_in_force(subscriber) == "newer", "the stats")


def test_a_rate_that_drops_rolls_back(watching, make_signed, until) -> None:
    subscriber, daemon = watching
    spec = {"height_px": 32, "width_px": 32, "stream": "rgb", "rate_hz": 40.0}  # the clip has ten pictures a second
    tried = update(make_signed("hasty", input=spec), "--config", daemon.configuration)
    assert tried.returncode == 4, daemon.errors()
    assert "rolled back: the rate of hall dropped: 10" in tried.stderr
    until(lambda: model_in_force(subscriber) == "colours", "the former model")
    assert daemon.process.poll() is None
    assert latest(subscriber, "box/update")["state"] == "rolled back"


def test_kill_in_the_trial_brings_the_former_model_back(watching, make_signed, start_daemon, until) -> None:
    subscriber, daemon = watching
    asking = subprocess.Popen(edge("update", make_signed("newer"), "--config", daemon.configuration))
    until(lambda: model_in_force(subscriber) == "newer", "the trial")
    daemon.kill()
    subscriber.messages.clear()
    start_daemon()
    assert asking.wait(TIMEOUT_S) == 4
    until(lambda: model_in_force(subscriber) == "colours", "the former model")
    until(lambda: latest(subscriber, "box/update"), "the status")
    assert "stopped before it had proven itself" in latest(subscriber, "box/update")["reason"]


def test_kill_in_the_shadow_run_leaves_what_was(watching, make_signed, start_daemon, until) -> None:
    subscriber, daemon = watching
    asking = subprocess.Popen(edge("update", make_signed("newer"), "--config", daemon.configuration))
    until(lambda: latest(subscriber, "box/update").get("state") == "shadow", "the shadow run")
    daemon.kill()
    asking.kill()
    asking.wait()
    subscriber.messages.clear()
    start_daemon()
    until(lambda: model_in_force(subscriber) == "colours", "the second start")


def test_a_model_is_fetched_once(
    mosquitto, start_daemon, make_signed, until, serve_files: tuple[str, Path, list[str]]
) -> None:
    url, certificate, asked = serve_files
    make_signed("newer")
    subscriber = mosquitto.subscribe()
    daemon = start_daemon(f"url = '{url}/newer.zip'")
    until(lambda: latest(subscriber, "hall/status").get("state") == "ok", "the start")
    fetch = ("--fetch", "--config", daemon.configuration)
    untrusted = update(*fetch)
    assert (untrusted.returncode, untrusted.stderr.count("\n")) == (2, 1)
    assert "CERTIFICATE_VERIFY_FAILED" in untrusted.stderr
    trusted = {"SSL_CERT_FILE": str(certificate)}
    first = update(*fetch, **trusted)
    assert (first.returncode, first.stdout.splitlines()[-1:]) == (0, ["proven"]), first.stderr + daemon.errors()
    assert update(*fetch, **trusted).stdout == "nothing new\n"
    assert asked == ["200", "304"]
    (daemon.configuration.parent / "state/models/fetched.json").unlink()
    assert update(*fetch, **trusted).stdout == "was tried already: proven\n"
    daemon.kill()
    gone = update(*fetch, **trusted | {"SSL_CERT_FILE": "/dev/null"})
    assert gone.returncode == 2


@pytest.fixture
def serve_files(tmp_path: Path, serve_tls) -> tuple[str, Path, list[str]]:
    """A server over TLS of the test's folder, that names versions: its address, its certificate, what it answered."""
    answered: list[str] = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def do_GET(self) -> None:
            content = (tmp_path / self.path.lstrip("/")).read_bytes()
            tag = hashlib.sha256(content).hexdigest()
            known = self.headers.get("If-None-Match") == tag
            answered.append("304" if known else "200")
            self.send_response(304 if known else 200)
            self.send_header("ETag", tag)
            self.end_headers()
            if not known:
                self.wfile.write(content)

        def log_message(self, format: str, *_: object) -> None:  # noqa: A002 - the base's name
            pass

    url, certificate = serve_tls(Handler)
    return url, certificate, answered


def test_updates_are_off_until_the_configuration_says_so(
    mosquitto, start_daemon, make_signed, until, tmp_path: Path
) -> None:
    subscriber = mosquitto.subscribe()
    daemon = start_daemon("")  # a key, but not by MQTT
    until(lambda: latest(subscriber, "hall/status").get("state") == "ok", "the start")
    path = make_signed("newer")
    nothing = update("--fetch", "--config", daemon.configuration)
    assert (nothing.returncode, nothing.stdout) == (0, "updates.url is not set; nothing to fetch\n")
    silent = update(path, "--broker", mosquitto.url, "--device", "box")
    assert silent.returncode == 5
    assert "takes none by MQTT" in silent.stderr
    daemon.kill()
    refused = update(path, "--config", daemon.configuration)
    assert refused.returncode == 2
    assert "no edge runs there that takes updates" in refused.stderr
    assert update(path).returncode == 2
    absent = update(tmp_path / "absent.zip", "--config", daemon.configuration)
    assert "absent.zip: No such file or directory" in absent.stderr
