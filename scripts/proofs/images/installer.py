"""From an empty Debian to a running box with one command, offline, and back.

Evidence: systemd in a new Debian root, the installer from a copy of this checkout and a folder of wheels, a clip that
plays as camera, and this machine's mosquitto: twice installed, looked at while it infers, killed, upgraded, broken,
uninstalled.
"""

import shutil
import subprocess
import threading
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from edge.bundle import BUILTIN, Bundle
from edge.errors import EdgewatchError
from proofs.frame.proof import ROOT, Evidence, Figure, Figures, Limit, Proof, Setting, say
from proofs.images import container
from proofs.rig.clips import long_clip
from proofs.rig.mosquitto import Mosquitto

YES = Limit(">=", 1)
NO = Limit("<=", 0)
SUITE = "bookworm"
SOURCES = (
    "edge",
    "trainer",
    "converters",
    "scripts",
    "systemd",
    "pyproject.toml",
    "README.md",
    "LICENSE",
)
INSIDE = Path(__file__).with_name("inside_root.sh")
KB_PER_MB = 1000

TABLE = (
    Figure("suite", "Debian"),
    Figure("install_exit_code", "`scripts/install --wheels DIR --config FILE` exits with", limit=NO),
    Figure("running_after_install", "the service runs then", limit=YES),
    Figure("event_arrived", "the event of the clip arrives at the broker", limit=YES),
    Figure("second_run_changes", "files that a second run changes", limit=NO),
    Figure("second_run_restarts", "restarts of the service by it", limit=NO),
    Figure("exposure", "`systemd-analyze security`, running and inferring", limit=Limit("<=", 1.4), digits=1),
    Figure("capabilities", "capabilities that it could get", limit=NO),
    Figure("seccomp", "mode of its system call filter (2: on)", limit=Limit(">=", 2)),
    Figure("listening", "its listening sockets", limit=NO),
    Figure("memory_mb", "its memory, at most", "MB", digits=0),
    Figure("back_after_crash", "it runs again after `kill -9`", limit=YES),
    Figure("upgraded", "an upgrade runs, and the old environment is gone", limit=YES),
    Figure("kept", "it keeps configuration and outbox", limit=YES),
    Figure("failure_told", "a mistake in the configuration: `offline` and the reason at the broker", limit=YES),
    Figure("left_after_uninstall", "files left by `--uninstall`, but for configuration and state", limit=NO),
    Figure("left_after_purge", "files left by `--purge`", limit=NO),
)


class Recorder:
    """Writes what the broker sends into a file that the root can read."""

    def __init__(self, port: int, path: Path) -> None:
        self._out = path.open("w", buffering=1)
        self._subscribed = threading.Event()
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="recorder")
        self._client.on_connect = self._subscribe
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_message = self._take
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        if not self._subscribed.wait(container.TIMEOUT_S):
            raise EdgewatchError("the recorder cannot subscribe")

    def _subscribe(self, client: mqtt.Client, *_: object) -> None:
        client.subscribe("edgewatch/#", qos=1)

    def _take(self, _client: mqtt.Client, _userdata: Any, message: mqtt.MQTTMessage) -> None:
        if not self._out.closed:
            self._out.write(f"{message.topic} {message.payload.decode(errors='replace')}\n")

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()
        self._out.close()


def measure(setting: Setting) -> Evidence:
    """Make root and wheels where they are not there yet, and let the script inside do its work."""
    root = container.debian_root(setting.work.parent / "roots", SUITE)
    share = setting.work / "share"
    shutil.rmtree(share, ignore_errors=True)
    share.mkdir(parents=True)
    say("gathering wheels")
    if subprocess.call([ROOT / "scripts" / "wheels", share / "wheels", "x86_64", "3.11"]):
        raise EdgewatchError("scripts/wheels failed; see above")
    copy_sources(share / "source")
    clip = long_clip(setting, share / "clip.mp4")
    shutil.copy(INSIDE, share / "run.sh")
    with ExitStack() as opened:
        broker = Mosquitto(setting.work / "broker")
        broker.start()
        opened.callback(broker.stop)
        opened.enter_context(closing(Recorder(broker.port, share / "received")))
        (share / "edgewatch.toml").write_text(
            f'device_id = "proof"\n[broker]\nurl = "mqtt://127.0.0.1:{broker.port}"\n'
            f'[cameras.hall]\nsource = "/share/{clip.name}"\n'
        )
        say("booting the root")
        log = container.boot(root, share)
    found = dict(line.split()[1:] for line in log.splitlines() if line.startswith("= "))
    say(f"the log is {share / 'log'}")
    return {"bundle_sha256": Bundle.load(BUILTIN).digest, "suite": SUITE, "found": found}


def copy_sources(out: Path) -> None:
    """What git knows of, and what is new beside it."""
    command = ["git", "ls-files", "-co", "--exclude-standard", *SOURCES]
    for name in subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines():
        target = out / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, target)


def figures(evidence: Evidence) -> Figures:
    found = {name: float(value) if "." in value else int(value) for name, value in evidence["found"].items()}
    known: Figures = {row.name: found[row.name] for row in TABLE if row.name in found}
    memory = {"memory_mb": found["memory_kb"] / KB_PER_MB} if "memory_kb" in found else {}
    return {"suite": evidence["suite"]} | known | memory


PROOF = Proof(
    name="installer",
    summary="the installer in an empty Debian root with systemd, and the service's hardening while it infers",
    table=TABLE,
    measure=measure,
    figures=figures,
)
