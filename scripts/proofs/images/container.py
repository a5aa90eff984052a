"""A Debian root of its own, with systemd at work in it, on this machine's kernel."""

import os
import shutil
import subprocess
from pathlib import Path

from edge.errors import ConfigurationError, EdgewatchError
from proofs.frame.proof import say

PACKAGES = ("systemd", "systemd-sysv", "dbus", "udev", "python3", "iproute2")
"""What every Debian has, and no more."""
UNIT = """[Unit]
After=multi-user.target
[Service]
Type=oneshot
StandardOutput=file:/share/log
StandardError=inherit
ExecStart=/bin/sh /share/run.sh
ExecStopPost=/bin/systemctl poweroff --no-block
"""
TIMEOUT_S = 600


def debian_root(folder: Path, suite: str) -> Path:
    """Return an empty root of a Debian release, made by the first call.

    Raises:
        ConfigurationError: this needs root and Debian's mmdebstrap and systemd-container.
        EdgewatchError: it cannot be made.
    """
    for program in ("mmdebstrap", "systemd-nspawn"):
        if shutil.which(program) is None or os.geteuid() != 0:
            raise ConfigurationError(f"needs root and {program}; as root: scripts/setup-env containers")
    root = folder / f"debian-{suite}"
    if (root / "whole").exists():
        return root
    shutil.rmtree(root, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    say(f"making a root of Debian {suite}")
    command = ["mmdebstrap", "--quiet", "--variant=minbase", f"--include={','.join(PACKAGES)}", suite, str(root)]
    if subprocess.call(command):
        raise EdgewatchError(f"{' '.join(command)} failed; see above")
    wants = root / "etc/systemd/system/multi-user.target.wants"
    wants.mkdir(parents=True, exist_ok=True)
    (root / "etc/systemd/system/proof.service").write_text(UNIT)
    (wants / "proof.service").symlink_to("../proof.service")
    (root / "whole").touch()
    return root


def boot(root: Path, share: Path) -> str:
    """Start the root, and in it `run.sh` of the shared folder; its changes go away with it.

    Returns:
        what the script printed.

    Raises:
        EdgewatchError: it does not come to an end.
    """
    log = share / "log"
    log.unlink(missing_ok=True)
    # The network is this machine's, so that the broker on loopback is reached.
    command = ["systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--volatile=overlay", "--boot"]
    command += ["--directory", str(root), f"--bind={share}:/share"]
    console = share / "console"
    with console.open("wb") as out:
        try:
            subprocess.call(
                command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                timeout=TIMEOUT_S,
                env={**os.environ, "UNIFIED_CGROUP_HIERARCHY": "1"},
            )
        except subprocess.TimeoutExpired as error:
            raise EdgewatchError(f"the root did not power off in {TIMEOUT_S} s; see {console} and {log}") from error
    if not log.exists():
        raise EdgewatchError(f"the root did not start; see {console}: {console.read_text(errors='replace')[-300:]}")
    return log.read_text(errors="replace")
