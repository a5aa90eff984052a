"""QEMU's log of writes: read, and replayed up to a cut."""

import random
import shutil
import subprocess
from pathlib import Path

import pytest

from edge.errors import EdgewatchError
from proofs.images.writelog import DISCARD, ENTRY, FLUSH, FUA, MAGIC, SUPER, read_entries, replay, surviving

SECTOR_B = 512


def make_log(path: Path, *entries: tuple[int, int, bytes]) -> None:
    """Write a log: of each entry its first sector, flags and data."""
    content = SUPER.pack(MAGIC, 1, len(entries), SECTOR_B).ljust(SECTOR_B, b"\0")
    for first, flags, data in entries:
        content += ENTRY.pack(first, len(data) // SECTOR_B, flags, 0).ljust(SECTOR_B, b"\0")
        content += b"" if flags & DISCARD else data
    path.write_bytes(content)


def sectors(letters: bytes) -> bytes:
    return b"".join(bytes([letter]) * SECTOR_B for letter in letters)


def cut_disk(log: Path, disk: Path, cut: int, seed: int) -> bytes:
    """What a cut leaves of a disk of eight sectors of `.`: one letter a sector."""
    disk.write_bytes(sectors(b"........"))
    replay(log, disk, surviving(read_entries(log), cut, random.Random(seed)))
    return disk.read_bytes()[::SECTOR_B]


def test_what_was_flushed_is_there_and_what_was_not_may_be(tmp_path: Path) -> None:
    log, disk = tmp_path / "log", tmp_path / "disk"
    make_log(
        log, (0, 0, sectors(b"aa")), (0, FLUSH, b""), (2, 0, sectors(b"b")), (3, FUA, sectors(b"c")),
        (4, 0, sectors(b"dd")), (0, FLUSH, b""), (7, DISCARD, sectors(b"x")),
    )  # fmt: skip
    left = [{cut_disk(log, disk, cut, seed) for seed in range(60)} for cut in range(8)]
    assert left[0] == {b"........"}
    assert left[1] == {b"........", b"a.......", b"aa......"}
    assert left[2] == {b"aa......"}
    assert left[3] == {b"aa......", b"aab....."}
    assert left[4] == {b"aa.c....", b"aabc...."}
    assert left[5] == {b"aa" + b + b"c" + d + b".." for b in (b".", b"b") for d in (b"..", b"d.", b"dd")}
    assert left[6] == {b"aabcdd.."}
    assert left[7] == {b"aabcdd.."}


def test_a_log_that_was_cut_off_itself_ends_with_its_last_whole_entry(tmp_path: Path) -> None:
    log = tmp_path / "log"
    make_log(log, (0, 0, sectors(b"aa")), (2, 0, sectors(b"bb")))
    log.write_bytes(log.read_bytes()[:-1])
    (entry,) = read_entries(log)
    assert (entry.begin_b, entry.length_b) == (0, 2 * SECTOR_B)
    log.write_bytes(b"")
    with pytest.raises(EdgewatchError, match="no log of blklogwrites"):
        read_entries(log)


def test_qemu_writes_such_logs(tmp_path: Path) -> None:
    if shutil.which("qemu-io") is None:
        pytest.skip("qemu-io (Debian package qemu-utils) is not here")
    log, disk = tmp_path / "log", tmp_path / "disk"
    log.touch()
    disk.write_bytes(bytes(8 * SECTOR_B))
    driver = f"driver=blklogwrites,file.driver=file,file.filename={disk},log.driver=file,log.filename={log}"
    commands = ["write -P 97 0 1k", "flush", "write -P 98 1k 512", "write -f -P 99 2k 512"]
    words = [word for command in commands for word in ("-c", command)]
    subprocess.run(["qemu-io", "--image-opts", driver, *words], check=True, capture_output=True)
    entries = read_entries(log)
    written = [(entry.begin_b, entry.length_b) for entry in entries if entry.length_b]
    assert written == [(0, 1024), (1024, 512), (2048, 512)]
    assert cut_disk(log, disk, len(entries), 0)[:2] == b"aa"
    flush = next(number for number, entry in enumerate(entries) if entry.flags & FLUSH)
    assert entries[flush - 1].begin_b == 0
    assert {cut_disk(log, disk, flush + 2, seed)[2] for seed in range(20)} == {ord("."), ord("b")}
