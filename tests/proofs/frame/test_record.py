"""Records: digests and what they say of the machine."""

import hashlib
from pathlib import Path

from proofs.frame import record


def test_digest_of_files_sees_content_and_names(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "2").write_bytes(b"two")
    (tmp_path / "1").write_bytes(b"one")
    lines = "".join(
        f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in (("1", b"one"), ("b/2", b"two"))
    )
    assert record.digest_of_files(tmp_path) == hashlib.sha256(lines.encode()).hexdigest()


def test_machine_says_what_figures_depend_on_and_no_names() -> None:
    machine = record.machine()
    assert set(machine) == {"processor", "cores", "memory_gib", "system", "python"}
    assert Path("/proc/sys/kernel/hostname").read_text().strip() not in map(str, machine.values())
    memory_kib = int(Path("/proc/meminfo").read_text().split()[1])
    assert abs(float(machine["memory_gib"]) - memory_kib / 2**20) < 0.1
