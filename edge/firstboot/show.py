"""What the boot partition's files make of the running system: host name, network, what is wrong."""

import contextlib
import re
import shutil
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path

from edge.firstboot.apply import APPLIED, CREDENTIALS, applied_network
from edge.firstboot.files import Mistake
from edge.firstboot.network import render

FAULTS = "edgewatch-boot/faults"
WPA = "wpa_supplicant.conf"
SERIALS = ("sys/firmware/devicetree/base/serial-number", "sys/class/dmi/id/product_uuid")
SERIAL_LETTERS = 8
LEDS = ("ACT", "led0")
BLINK_MS = "100"
GROUP = "edgewatch"


def show(mistakes: Sequence[Mistake], data: Path, run: Path, root: Path, set_hostname: Callable[[str], None]) -> None:
    """Write what is in force where the system reads it.

    Args:
        mistakes: of this boot.
        data: the sets' folder.
        run: /run.
        root: where /sys lies.
        set_hostname: names the machine.
    """
    network = applied_network(data)
    for name, content in render(network).items():
        private = name == WPA
        path = run / ("edgewatch-boot" if private else "systemd/network") / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        path.chmod(0o600 if private else 0o644)
    faults = run / FAULTS
    faults.parent.mkdir(parents=True, exist_ok=True)
    faults.write_text("; ".join(map(str, mistakes)))
    set_hostname(network.hostname or identity(data, root))
    give(data)
    if mistakes:
        blink(root)


def identity(data: Path, root: Path = Path("/")) -> str:
    """Name the box by its board's serial number, or else by one of its own that the data partition keeps."""
    for serial in SERIALS:
        with contextlib.suppress(OSError):
            text = re.sub(r"[^a-z0-9]", "", (root / serial).read_text("ascii", errors="ignore").lower())
            if text.strip("0"):
                return f"edgewatch-{text[-SERIAL_LETTERS:]}"
    own = data / "identity"
    name = uuid.uuid4().hex[-SERIAL_LETTERS:]
    with contextlib.suppress(OSError):  # a disk that refuses: a name for this boot
        if not own.exists():
            own.write_text(name)
        name = own.read_text()
    return f"edgewatch-{name}"


def give(data: Path) -> None:
    """Let the daemon read its configuration, and root alone its passwords."""
    folder = data / APPLIED
    with contextlib.suppress(LookupError, OSError):  # no such group: a test; a disk that refuses keeps what it had
        for path in (folder.resolve(), *folder.glob("*")):
            if path.name != CREDENTIALS and folder.exists():
                shutil.chown(path, group=GROUP)
    with contextlib.suppress(OSError):
        if folder.exists():
            folder.resolve().chmod(0o750)


def blink(root: Path) -> None:
    """Have the light of a Raspberry Pi blink ten times in two seconds: somebody has to look at the files."""
    for name in LEDS:
        led = root / "sys/class/leds" / name
        if led.exists():
            with contextlib.suppress(OSError):
                (led / "trigger").write_text("timer")
                (led / "delay_on").write_text(BLINK_MS)
                (led / "delay_off").write_text(BLINK_MS)
