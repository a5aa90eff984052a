"""The image's own files: what they name must be there."""

import re
import tomllib
from pathlib import Path

from edge.firstboot.check import read_passwords
from edge.firstboot.network import read_network

ROOT = Path(__file__).resolve().parents[2]
UNITS = ROOT / "systemd/image/root/etc/systemd/system"


def test_the_examples_on_the_boot_partition_are_taken(tmp_path: Path) -> None:
    boot = ROOT / "systemd/image/boot"
    assert tomllib.loads((boot / "edgewatch.toml.example").read_text())["cameras"]
    passwords = tmp_path / "passwords"
    passwords.write_text((boot / "passwords.example").read_text().replace("#camera", "camera"))
    assert set(read_passwords(passwords)) == {"mqtt-password", "camera-hall-password"}
    network = tmp_path / "network"
    network.write_text(re.sub(r"^#(\w+ =)", r"\1", (boot / "network.example").read_text(), flags=re.MULTILINE))
    assert read_network(network).address == "192.168.1.20/24"


def test_the_units_are_enabled_by_the_build() -> None:
    build = (ROOT / "scripts/build-image").read_text()
    for unit in UNITS.glob("*.service"):
        if "[Install]" in unit.read_text():
            assert unit.stem in build


def test_the_programs_of_the_units_are_there() -> None:
    for unit in UNITS.glob("**/*"):
        if unit.is_file():
            for program in re.findall(r"(/usr/local/lib/edgewatch/\w+)", unit.read_text()):
                assert (ROOT / "systemd/image/root" / program.lstrip("/")).is_file()
