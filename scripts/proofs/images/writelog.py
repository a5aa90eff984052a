"""The log that QEMU's `blklogwrites` keeps of every write and flush of a disk, and what a power cut leaves of them.

The format is that of the kernel's dm-log-writes: a sector that says how many entries there are, then of each entry a
sector that says where and how long, and what was written.
"""

import random
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from edge.errors import EdgewatchError

MAGIC: Final = 0x6A736677736872
SUPER: Final = struct.Struct("<QQQI")
"""Magic, version, entries, bytes of a sector."""
ENTRY: Final = struct.Struct("<QQQQ")
"""First sector, sectors, flags, bytes of data that follow beside the sectors."""
FLUSH, FUA, DISCARD = 1, 2, 4


@dataclass(frozen=True, slots=True)
class Entry:
    """One write, discard or flush."""

    begin_b: int
    """On the disk."""
    length_b: int
    flags: int
    data_b: int
    """Where its data begins in the log."""

    @property
    def end_b(self) -> int:
        """Where the entry ends in the log."""
        return self.data_b + (0 if self.flags & DISCARD else self.length_b)


def read_entries(log: Path) -> list[Entry]:
    """Read all entries that are whole, also those that came after the log's first sector was written last.

    Raises:
        EdgewatchError: it is no log.
    """
    size_b = log.stat().st_size
    with log.open("rb") as file:
        magic, _, _, sector_b = SUPER.unpack(file.read(SUPER.size).ljust(SUPER.size, b"\0"))
        if magic != MAGIC:
            raise EdgewatchError(f"{log}: is no log of blklogwrites")
        entries: list[Entry] = []
        place_b = sector_b
        while place_b + sector_b <= size_b:
            file.seek(place_b)
            first, sectors, flags, _ = ENTRY.unpack(file.read(ENTRY.size))
            entry = Entry(first * sector_b, sectors * sector_b, flags, place_b + sector_b)
            if entry.end_b > size_b:
                break
            entries.append(entry)
            place_b = entry.end_b
    return entries


def surviving(entries: Sequence[Entry], cut: int, chance: random.Random) -> Iterator[tuple[Entry, int]]:
    """Yield what a power cut after `cut` entries leaves on the disk, each with the bytes of it.

    All that came before the last flush is there. Of what came after it, each write may be there or not, and the last
    one in part, by sectors of 512 bytes; a write with FUA was on the disk when it was said to be.
    """
    flushed = max((number for number in range(cut) if entries[number].flags & FLUSH), default=-1)
    for number, entry in enumerate(entries[:cut]):
        if number <= flushed or entry.flags & FUA:
            yield entry, entry.length_b
        elif chance.random() < 0.5:
            is_last = number == cut - 1
            yield entry, 512 * chance.randint(0, entry.length_b // 512) if is_last else entry.length_b


def replay(log: Path, disk: Path, kept: Iterator[tuple[Entry, int]]) -> None:
    """Write onto a disk as it was before the log what survived."""
    with log.open("rb") as source, disk.open("r+b") as target:
        for entry, length_b in kept:
            if entry.flags & DISCARD or not length_b:
                continue
            source.seek(entry.data_b)
            target.seek(entry.begin_b)
            target.write(source.read(length_b))
