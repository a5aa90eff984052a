"""`scripts/build-update`: keys, and signatures that RAUC takes or refuses. What a box refuses, `scripts/prove update`
tries on one."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 60


def build_update(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [ROOT / "scripts/build-update", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE_S)


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    ended = build_update("--new-key", tmp_path / "keys")
    assert ended.returncode == 0, ended.stderr
    return tmp_path / "keys"


@pytest.fixture
def content(tmp_path: Path) -> Path:
    """What an update holds, small."""
    folder = tmp_path / "update"
    (folder / "boot").mkdir(parents=True)
    for name in ("root.squashfs", "hook", "boot/vmlinuz"):
        (folder / name).write_bytes(os.urandom(8000))
    (folder / "hook").chmod(0o755)
    return folder


def test_a_key_is_private_and_never_written_over(keys: Path) -> None:
    assert (keys / "key.pem").stat().st_mode & 0o077 == 0
    before = (keys / "key.pem").read_bytes()
    assert build_update("--new-key", keys).returncode == 1
    assert (keys / "key.pem").read_bytes() == before


def test_a_missing_key_is_named(content: Path, tmp_path: Path) -> None:
    ended = build_update(content, "1", tmp_path / "nowhere", tmp_path / "out.raucb")
    assert ended.returncode == 1
    assert f"scripts/build-update --new-key {tmp_path}/nowhere" in ended.stderr


def test_a_signature_holds_for_its_key_and_its_bytes_alone(keys: Path, content: Path, tmp_path: Path) -> None:
    if shutil.which("rauc") is None:
        pytest.skip("rauc is not here (scripts/setup-env updates)")
    out = tmp_path / "out.raucb"
    assert build_update(content, "20260102.030405", keys, out).returncode == 0

    def info(keyring: Path) -> subprocess.CompletedProcess[str]:
        command = ["rauc", "info", f"--keyring={keyring / 'cert.pem'}", out]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE_S)

    said = info(keys)
    assert said.returncode == 0, said.stderr
    assert "edgewatch-arm64" in said.stdout
    assert "20260102.030405" in said.stdout
    other = tmp_path / "other"
    build_update("--new-key", other)
    assert info(other).returncode != 0
    whole = bytearray(out.read_bytes())
    manifest = whole.rindex(b"20260102.030405")
    whole[manifest] ^= 1
    out.write_bytes(whole)
    assert info(keys).returncode != 0
