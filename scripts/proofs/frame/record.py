"""What was measured, when, at which commit and on what machine, in `tests/proofs/NAME.json`."""

import hashlib
import json
import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from proofs.frame.proof import ROOT, Evidence, Figures
from trainer.studies.machine import CPUINFO, field_of

RECORDS = ROOT / "tests" / "proofs"
KIB_PER_GIB = 1024 * 1024
CHUNK_BYTES = 1 << 20


def path_of(name: str) -> Path:
    return RECORDS / f"{name}.json"


def read(name: str) -> dict[str, Any] | None:
    """The record of a proof, or None when none was made yet."""
    path = path_of(name)
    return json.loads(path.read_text()) if path.exists() else None


def write(name: str, figures: Figures, evidence: Evidence) -> Path:
    record = {
        "proof": name,
        "date": datetime.now(tz=UTC).date().isoformat(),
        "commit": commit(),
        "machine": machine(),
        "figures": figures,
        "evidence": evidence,
    }
    path = path_of(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(record, indent=1, allow_nan=False) + "\n")
    return path


def commit() -> str:
    """The commit that is checked out, with `+changes` when the code differs from it; `unknown` without git."""

    def git(*words: str) -> str:
        return subprocess.run(["git", *words], cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()

    try:
        changed = git(
            "status", "--porcelain", "--untracked-files=no", "--", ".", ":!README.md", ":!tests/proofs/*.json"
        )
        return git("rev-parse", "HEAD") + ("+changes" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def machine() -> dict[str, str | int | float]:
    """What figures depend on; nothing that names one machine among its like."""
    return {
        "processor": field_of(CPUINFO, "model name") or platform.machine(),
        "cores": os.cpu_count() or 1,
        "memory_gib": round(int((field_of("/proc/meminfo", "MemTotal") or "0").split()[0]) / KIB_PER_GIB, 1),
        "system": platform.freedesktop_os_release()["PRETTY_NAME"],
        "python": platform.python_version(),
    }


def digest_of_files(folder: Path) -> str:
    """SHA-256 over the sorted relative paths and the SHA-256 of each file under a folder."""
    lines = [f"{_digest(path)}  {path.relative_to(folder)}\n" for path in folder.rglob("*") if path.is_file()]
    return hashlib.sha256("".join(sorted(lines, key=lambda line: line.partition("  ")[2])).encode()).hexdigest()


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
