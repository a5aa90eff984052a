"""What an image is: its size, and in the booted box its memory at rest, sockets, failed units, and a V4L2 camera.

Evidence: the image booted in QEMU with a key on its boot partition, and what the box answers over SSH. Its camera is
`vivid`, the kernel's virtual V4L2 device.
"""

import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

from edge.bundle import BUILTIN, Bundle
from edge.errors import EdgewatchError
from proofs.frame.proof import Evidence, Figure, Figures, Limit, Proof, Setting, say
from proofs.images.boot import DEVICE, Ear
from proofs.images.emulator import HOST, IMAGE, Emulator, call
from proofs.rig.mosquitto import Mosquitto, free_port

PATIENCE_S = 900.0
POLL_S = 5.0
REST_S = 60.0
BYTES_PER_MB = 1_000_000
KB_PER_MB = 1000
DHCP = (":68 ", ":546 ")
"""The client's own socket, which hears the server that it asked."""
SSH = ":22 "
COMMANDS = {
    "meminfo": "cat /proc/meminfo",
    "listening": "ss -Hlntup",
    "failed": "systemctl --failed --plain --no-legend",
    "exposure": "systemd-analyze security edgewatch.service --no-pager | tail -1",
    "mounts": "findmnt --list -no TARGET,FSTYPE,OPTIONS",
    "watchdog": "systemctl show -P RuntimeWatchdogUSec",
    "data": "df --output=size,target /data",
    "release": "grep ^IMAGE_ /etc/os-release",
}

TABLE = (
    Figure("image_mb", "the image", "MB", Limit("<=", 1200), 0),
    Figure("compressed_mb", "compressed", "MB", Limit("<=", 400), 0),
    Figure("memory_mb", "memory in use at rest: no camera delivers, everything runs", "MB", Limit("<=", 250), 0),
    Figure("listening", "listening sockets, but for SSH with a key and the DHCP client", limit=Limit("<=", 0)),
    Figure("failed", "failed units", limit=Limit("<=", 0)),
    Figure("exposure", "`systemd-analyze security`", limit=Limit("<=", 1.4), digits=1),
    Figure("writable_root", "whether the root can be written", limit=Limit("<=", 0)),
    Figure("camera_ok", "the V4L2 camera delivers", limit=Limit(">=", 1)),
)


class Shell:
    """Root on the box, over SSH on loopback."""

    def __init__(self, key: Path, port: int) -> None:
        options = ("StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "ConnectTimeout=20", "LogLevel=ERROR")
        words = [word for option in options for word in ("-o", option)]
        self._command = ["ssh", "-i", str(key), "-p", str(port), *words, "root@127.0.0.1"]

    def ask(self, command: str) -> str:
        """Return what a command prints; '' where there is no answer."""
        try:
            ended = subprocess.run(
                [*self._command, command], capture_output=True, text=True, timeout=PATIENCE_S, check=False
            )
        except subprocess.TimeoutExpired:
            return ""
        return ended.stdout

    def open(self, command: str) -> subprocess.Popen[str]:
        """Run a command that goes on; what it prints can be read."""
        return subprocess.Popen([*self._command, command], stdout=subprocess.PIPE, text=True)

    def wait(self) -> None:
        """Wait for the box to let us in."""
        deadline_s = time.monotonic() + PATIENCE_S
        while self.ask("echo in").strip() != "in":
            if time.monotonic() > deadline_s:
                raise EdgewatchError(f"no SSH in {PATIENCE_S:.0f} s")
            time.sleep(POLL_S)


def prepare(work: Path, broker_port: int, camera: str, *files: Path) -> tuple[Emulator, Path]:
    """Furnish a copy of the image that scripts/build-image left, as a person would, with SSH by a key.

    Args:
        work: its files lie below.
        broker_port: of this machine's loopback.
        camera: lines of its table in the configuration.
        files: for the data partition.

    Returns:
        the box, switched off; the key.
    """
    work.mkdir(parents=True, exist_ok=True)
    key = work / "key"
    key.unlink(missing_ok=True)
    call("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key)
    box = Emulator(IMAGE, work / "box")
    box.write_boot(
        {
            "edgewatch.toml": f'device_id = "{DEVICE}"\n[broker]\nurl = "mqtt://{HOST}:{broker_port}"\n'
            f"[cameras.hall]\n{camera}\n",
            "authorized_keys": key.with_suffix(".pub").read_text(),
        }
    )
    for file in files:
        box.write_data(file, file.name)
    return box, key


def log_in(box: Emulator, key: Path, **start: Any) -> Shell:
    """Switch a box on, with what `Emulator.start` takes, and wait until it lets us in."""
    port = free_port()
    say(f"booting {IMAGE.name}; its console is {box.console}")
    box.start(port, **start)
    shell = Shell(key, port)
    shell.wait()
    return shell


@contextmanager
def at_rest(setting: Setting, *files: Path) -> Iterator[tuple[Shell, Ear]]:
    """Boot a box with these files on its data partition, and with a camera that is not there."""
    with ExitStack() as opened:
        broker = Mosquitto(setting.work / "broker")
        broker.start()
        opened.callback(broker.stop)
        ear = opened.enter_context(closing(Ear(broker.port)))
        box, key = prepare(setting.work, broker.port, 'source = "/dev/video0"', *files)
        opened.callback(box.stop)
        yield log_in(box, key), ear


def measure(setting: Setting) -> Evidence:
    """Look at the box at rest, then give it a camera."""
    with at_rest(setting) as (shell, ear):
        say("looking at the box at rest")
        time.sleep(REST_S)
        answers = {name: shell.ask(command) for name, command in COMMANDS.items()}
        say("loading the virtual camera")
        answers["vivid"] = shell.ask("modprobe vivid node_types=0x1 2>&1; ls -l /dev/video*")
        deadline_s = time.monotonic() + PATIENCE_S
        while ear.first("/hall/status", '"state":"ok"') is None and time.monotonic() < deadline_s:
            time.sleep(POLL_S)
        answers["journal"] = shell.ask("journalctl -b --no-pager -u 'edgewatch*' | tail -40")
        return {
            "bundle_sha256": Bundle.load(BUILTIN).digest,
            "image_bytes": IMAGE.stat().st_size,
            "compressed_bytes": Path(f"{IMAGE}.xz").stat().st_size,
            "camera_ok": ear.first("/hall/status", '"state":"ok"'),
            "answers": answers,
        }


def figures(evidence: Evidence) -> Figures:
    answers = evidence["answers"]
    memory = {line.split(":")[0]: int(line.split()[1]) for line in answers["meminfo"].splitlines()}
    sockets = [line for line in answers["listening"].splitlines() if not any(known in line for known in (*DHCP, SSH))]
    exposure = answers["exposure"].partition("service: ")[2].split()
    root = next((line for line in answers["mounts"].splitlines() if line.startswith("/ ")), "")
    return {
        "image_mb": evidence["image_bytes"] / BYTES_PER_MB,
        "compressed_mb": evidence["compressed_bytes"] / BYTES_PER_MB,
        "memory_mb": (memory["MemTotal"] - memory["MemAvailable"]) * 1.024 / KB_PER_MB if memory else None,
        "listening": len(sockets) if answers["listening"] else None,
        "failed": len(answers["failed"].splitlines()),
        "exposure": float(exposure[0]) if exposure else None,
        "writable_root": int("squashfs" not in root),
        "camera_ok": int(evidence["camera_ok"] is not None),
    }


PROOF = Proof(
    name="image",
    summary="size of the image, and the booted box: memory, sockets, failed units, a V4L2 camera",
    table=TABLE,
    measure=measure,
    figures=figures,
)
