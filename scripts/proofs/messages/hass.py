"""Home Assistant itself, in its Debian root: set up as a person does it, looked at through its own interfaces."""

import contextlib
import http
import http.client
import json
import os
import shutil
import subprocess
import threading
import urllib.parse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge.errors import EdgewatchError
from proofs.frame.proof import ROOT, say
from proofs.rig.mosquitto import free_port, wait_until

PROGRAM = ROOT / "scripts" / "home-assistant"
CONFIG = "root/config"
"""In the Debian root."""
START_S = 900.0
"""The first start loads packages from PyPI."""
STOP_S = 300.0
HTTP_TIMEOUT_S = 60.0
SILENCE_S = 90.0
"""The stream of events says `ping` every 50 s."""
UNAVAILABLE, UNKNOWN = "unavailable", "unknown"
MESSAGE_CHARACTERS = 500
FOLLOWED = "state_changed,call_service"
HttpError = (OSError, http.client.HTTPException)


@dataclass(frozen=True, slots=True)
class Change:
    """A new state of an entity."""

    entity: str
    before: str | None
    now: str
    attributes: dict[str, Any]


class HomeAssistant:
    """One that can be stopped and started again; its configuration stays."""

    def __init__(self, folder: Path, log: Path) -> None:
        """Make the Debian root, the first time.

        Args:
            folder: keeps the root.
            log: takes what it prints.

        Raises:
            EdgewatchError: the root cannot be made.
        """
        self.port = free_port()
        self.states: dict[str, str] = {}
        """Of all entities, as they are now."""
        self.changes: list[Change] = []
        self.calls: list[dict[str, Any]] = []
        """Of actions: `domain`, `service`, `service_data`."""
        self._folder = folder
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self._follower: threading.Thread | None = None
        self._is_followed = threading.Event()
        self._refresh_token: str | None = None
        self._token = ""
        say("preparing Home Assistant")
        asked = subprocess.run([PROGRAM, folder, "hass", "--version"], capture_output=True, text=True, check=False)
        if asked.returncode:
            raise EdgewatchError(f"scripts/home-assistant failed: {asked.stderr.strip()[-MESSAGE_CHARACTERS:]}")
        self.version = asked.stdout.strip()

    @property
    def _client(self) -> str:
        """As whom we log in: Home Assistant names its clients by their address."""
        return f"http://127.0.0.1:{self.port}/"

    def configure(self, blueprint: Path, automation: dict[str, Any]) -> None:
        """Begin anew with an empty configuration, but for one blueprint and one automation made of it."""
        config = self._folder / "debian-13" / CONFIG
        shutil.rmtree(config, ignore_errors=True)
        blueprints = config / "blueprints" / "automation" / "edgewatch"
        blueprints.mkdir(parents=True)
        shutil.copy(blueprint, blueprints)
        uses = {"alias": "proof", "use_blueprint": {"path": f"edgewatch/{blueprint.name}", "input": automation}}
        settings = {"http": {"server_host": "127.0.0.1", "server_port": self.port}, "automation": [uses]}
        (config / "configuration.yaml").write_text(json.dumps(settings))  # JSON is YAML, too

    def start(self) -> None:
        """Start it, log in, and follow what happens."""
        with self._log.open("ab") as log:
            command = [PROGRAM, self._folder, "hass", "--config", f"/{CONFIG}"]
            self._process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        wait_until(self._answers, "the start of Home Assistant", START_S)
        if self._refresh_token is None:
            self._become_owner()
        else:
            self._log_in({"grant_type": "refresh_token", "refresh_token": self._refresh_token})
        wait_until(lambda: self.ask("config")["state"] == "RUNNING", "the end of Home Assistant's start", START_S)
        self._is_followed.clear()
        self._follower = threading.Thread(target=self._follow, daemon=True)
        self._follower.start()
        if not self._is_followed.wait(HTTP_TIMEOUT_S):
            raise EdgewatchError("Home Assistant does not say what happens")
        found = {state["entity_id"]: state["state"] for state in self.ask("states")}
        self.states = found | self.states  # what was heard meanwhile is newer

    def stop(self) -> None:
        """End it properly."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None
        if self._follower is not None:
            self._follower.join()
            self._follower = None
        self.states = {}

    def connect(self, broker_port: int) -> None:
        """Add the MQTT integration, as its dialog does."""
        form = self.ask("config/config_entries/flow", {"handler": "mqtt"})
        answers = {"broker": "127.0.0.1", "port": broker_port}
        made = self.ask(f"config/config_entries/flow/{form['flow_id']}", answers)
        if made["type"] != "create_entry":
            raise EdgewatchError(f"Home Assistant does not take the broker: {json.dumps(made)[:MESSAGE_CHARACTERS]}")

    def act(self, action: str, **fields: object) -> None:
        """Have an action done, as `switch.turn_off`."""
        self.ask(f"services/{action.replace('.', '/')}", fields)

    def ask(self, path: str, content: object = None) -> Any:
        """Ask the REST interface; with content it is a POST.

        Raises:
            EdgewatchError: it answers no.
        """
        body = None if content is None else json.dumps(content).encode()
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        return self._send(f"api/{path}", body, headers)

    def _send(self, path: str, body: bytes | None, headers: dict[str, str]) -> Any:
        method = "GET" if body is None else "POST"
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=HTTP_TIMEOUT_S)) as line:
            line.request(method, f"/{path}", body, headers)
            answer = line.getresponse()
            said = answer.read()
        if answer.status >= http.HTTPStatus.BAD_REQUEST:
            text = said.decode(errors="replace")[:MESSAGE_CHARACTERS]
            raise EdgewatchError(f"Home Assistant answers {answer.status} to {path}: {text}")
        return json.loads(said)

    def _answers(self) -> bool:
        assert self._process is not None
        if (code := self._process.poll()) is not None:
            said = self._log.read_text(errors="replace")[-MESSAGE_CHARACTERS:]
            raise EdgewatchError(f"Home Assistant has ended with {code}: {said}")
        try:
            self.ask("onboarding")
        except (EdgewatchError, *HttpError):
            return False
        return True

    def _become_owner(self) -> None:
        """Do the first step of the first visit, and no other: those would look for devices in this network."""
        person = {"name": "Proof", "username": "proof", "password": os.urandom(8).hex(), "language": "en"}
        code = self.ask("onboarding/users", person | {"client_id": self._client})["auth_code"]
        self._log_in({"grant_type": "authorization_code", "code": code})

    def _log_in(self, grant: dict[str, str]) -> None:
        form = urllib.parse.urlencode(grant | {"client_id": self._client}).encode()
        tokens = self._send("auth/token", form, {"Content-Type": "application/x-www-form-urlencoded"})
        self._token = tokens["access_token"]
        self._refresh_token = tokens.get("refresh_token", self._refresh_token)

    def _follow(self) -> None:
        """Take note of what happens, until it stops."""
        path = f"/api/stream?restrict={FOLLOWED}"
        with contextlib.suppress(*HttpError):
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=SILENCE_S)
            connection.request("GET", path, headers={"Authorization": f"Bearer {self._token}"})
            with contextlib.closing(connection), connection.getresponse() as answer:
                for line in answer:
                    self._is_followed.set()
                    if line.startswith(b"data: {"):
                        self._note(json.loads(line.removeprefix(b"data: ")))

    def _note(self, event: dict[str, Any]) -> None:
        fields = event["data"]
        if event["event_type"] == "call_service":
            self.calls.append(fields)
            return
        entity, old, new = fields["entity_id"], fields["old_state"], fields["new_state"]
        if new is None:
            self.states.pop(entity, None)
            return
        self.states[entity] = new["state"]
        self.changes.append(Change(entity, old and old["state"], new["state"], new["attributes"]))
