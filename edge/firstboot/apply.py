"""From the boot partition to a box: checked together, kept on the data partition, shown to the rest of the system.

`applied` on the data partition is a link to the set of files in force; a new set is written beside it, and the link
moved when all of it is on disk. So a power cut leaves the old set or the new one.
"""

import contextlib
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from edge.firstboot.check import check_config, check_keys, read_passwords
from edge.firstboot.files import Mistake, MistakesError, find
from edge.firstboot.network import SECRET, Network, read_network
from edge.system.stored import from_fields

CONFIG, PASSWORDS, NETWORK, KEYS = "edgewatch.toml", "passwords", "network", "authorized_keys"
CERTIFICATES = (".pem", ".crt", ".key")
CREDENTIALS = "credentials"
PARSED_NETWORK = "network.json"
MOVED_NOTE = "moved into the box; write a new one here to change it"
APPLIED = "applied"


def apply_boot_files(boot: Path, data: Path) -> list[Mistake]:
    """Take over what the boot partition holds, and move its secrets away.

    Args:
        boot: the partition's folder.
        data: of the sets, on the data partition.

    Returns:
        mistakes; while there is one, what was in force stays in force, and the boot partition as it is.

    Raises:
        OSError: the data partition refuses, or the boot partition cannot be read.
    """
    data.mkdir(parents=True, exist_ok=True)
    staged = data / _next_name(data)
    shutil.rmtree(staged, ignore_errors=True)
    in_force = data / APPLIED
    if in_force.exists():
        shutil.copytree(in_force, staged)
    else:
        staged.mkdir()
    (staged / CREDENTIALS).mkdir(mode=0o700, exist_ok=True)
    mistakes = _stage(boot, staged)
    if mistakes:
        shutil.rmtree(staged)
        return mistakes
    _switch(data, staged)
    _move_secrets(boot)
    return []


def applied_network(data: Path) -> Network:
    """Return the network's settings in force."""
    path = data / APPLIED / PARSED_NETWORK
    try:
        return _read_parsed(path) if path.exists() else Network()
    except (OSError, ValueError, TypeError, AttributeError):  # a damaged one is none, whatever is in it
        return Network()


def _next_name(data: Path) -> str:
    return "set-b" if (data / APPLIED).is_symlink() and (data / APPLIED).readlink().name == "set-a" else "set-a"


def _stage(boot: Path, staged: Path) -> list[Mistake]:
    """Lay the boot partition's files over a copy of what is in force; return what is wrong with them."""
    mistakes: list[Mistake] = []

    def attempt(step: Callable[[Path, Path], None], name: str) -> None:
        try:
            if (path := find(boot, name)) is not None:
                step(path, staged)
        except MistakesError as error:
            mistakes.extend(error.mistakes)

    for certificate in _certificates(boot):
        shutil.copyfile(certificate, staged / certificate.name)
        (staged / certificate.name).chmod(0o640)
    attempt(_stage_passwords, PASSWORDS)
    attempt(_stage_network, NETWORK)
    attempt(_stage_keys, KEYS)
    attempt(_stage_config, CONFIG)
    if not mistakes and not (staged / CONFIG).exists():
        mistakes.append(Mistake(CONFIG, None, "missing; write cameras and broker into it"))
    return mistakes


def _stage_passwords(path: Path, staged: Path) -> None:
    for credential, password in read_passwords(path).items():
        _write(staged / CREDENTIALS / credential, password, 0o600)


def _stage_network(path: Path, staged: Path) -> None:
    parsed = staged / PARSED_NETWORK
    network = read_network(path, applied_network(staged.parent))
    _write(parsed, json.dumps(asdict(network)), 0o600)


def _stage_keys(path: Path, staged: Path) -> None:
    check_keys(path)
    text = path.read_bytes().decode("utf-8-sig").replace("\r\n", "\n")
    _write(staged / KEYS, text if text.endswith("\n") else text + "\n", 0o644)


def _stage_config(path: Path, staged: Path) -> None:
    """The checks read the copy, beside which its certificates lie."""
    shutil.copyfile(path, staged / CONFIG)
    (staged / CONFIG).chmod(0o640)
    check_config(staged / CONFIG)


def _switch(data: Path, staged: Path) -> None:
    """Put a set in force once all of it is on disk."""
    os.sync()
    link = data / f"{APPLIED}.new"
    link.unlink(missing_ok=True)
    link.symlink_to(staged.name)
    link.replace(data / APPLIED)
    os.sync()


def _move_secrets(boot: Path) -> None:
    """Erase passwords and private keys from the boot partition, and from the clusters that held them as far as the
    card's own bookkeeping lets us. A partition that cannot be written keeps them."""
    with contextlib.suppress(OSError):
        if (passwords := find(boot, PASSWORDS)) is not None:
            _erase(passwords)
        if (network := find(boot, NETWORK)) is not None:
            _erase_line(network, SECRET)
        for key in _certificates(boot):
            if b"PRIVATE KEY" in key.read_bytes():
                _erase(key)


def _certificates(boot: Path) -> list[Path]:
    return sorted(path for path in boot.iterdir() if path.suffix.lower() in CERTIFICATES and path.is_file())


def _erase_line(path: Path, key: str) -> None:
    lines = path.read_bytes().decode("utf-8-sig").splitlines()
    kept = [f"# {key}: {MOVED_NOTE}" if line.partition("=")[0].strip() == key else line for line in lines]
    if kept != lines:
        _erase(path)
        _write(path, "\n".join(kept) + "\n", 0o644)


def _erase(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(bytes(path.stat().st_size))
        file.flush()
        os.fsync(file.fileno())
    path.unlink()


def _write(path: Path, content: str, mode: int) -> None:
    path.write_text(content, encoding="utf-8", newline="\n")
    path.chmod(mode)


def _read_parsed(path: Path) -> Network:
    fields = json.loads(path.read_text("utf-8"))
    return from_fields(Network, fields | {"dns": tuple(fields.get("dns", ()))})
