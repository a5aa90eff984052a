"""Lists of official splits, as they are published beside the clips."""

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from edge.errors import DatasetError

RANDOM = "random"
"""The split that is drawn here where a paper says that it drew one and not which."""
UCF_LISTS = "ucfTrainTestlist"
HMDB_LISTS = "testTrainMulti_7030_splits"
HMDB_SIDES = {"0": "unused", "1": "train", "2": "test"}


class Side(NamedTuple):
    """On which side of one official split a clip stands."""

    split: str
    """`1`, `2`, `3`, or `official` where there is one alone; `random` for folds at random."""
    side: str
    """`train`, `test` or `unused`; where every clip is judged once, the number of its fold."""


Sides = tuple[Side, ...]


def drawn(name: str) -> int:
    """A number drawn for a name: always the same."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest())


def ucf101_splits(root: Path) -> Mapping[str, Sides]:
    """`trainlist01.txt` (`Class/v_Class_g08_c01.avi 1`) and `testlist01.txt` (without the number), by file name.

    Raises:
        DatasetError: a list cannot be read.
    """
    sides: dict[str, list[Side]] = defaultdict(list)
    for path in _lists(root, UCF_LISTS, r"(train|test)list0\d\.txt"):
        split = path.stem[-1]
        side = "train" if path.stem.startswith("train") else "test"
        for line in _lines(path):
            sides[line.split()[0].rpartition("/")[2]].append(Side(split, side))
    return {name: tuple(sorted(found)) for name, found in sides.items()}


def hmdb51_splits(root: Path) -> Mapping[str, Sides]:
    """`<class>_test_split1.txt`: a file name and 1 (train), 2 (test) or 0 (unused) in each line.

    Raises:
        DatasetError: a list cannot be read, or says something else.
    """
    sides: dict[str, list[Side]] = defaultdict(list)
    for path in _lists(root, HMDB_LISTS, r".+_test_split\d\.txt"):
        for number, line in enumerate(_lines(path), start=1):
            name, _, said = line.strip().rpartition(" ")
            if said not in HMDB_SIDES:
                raise DatasetError(f"{path}, line {number}: ends in {said!r}, not in 0, 1 or 2; get the list again")
            sides[name.strip()].append(Side(path.stem[-1], HMDB_SIDES[said]))
    return {name: tuple(sorted(found)) for name, found in sides.items()}


def _lists(root: Path, folder: str, pattern: str) -> Iterator[Path]:
    """Files of this name below the folder, or in a folder of the published name beside it."""
    for place in (root, root.parent / folder):
        if place.is_dir():
            yield from sorted(path for path in place.rglob("*.txt") if re.fullmatch(pattern, path.name))


def _lines(path: Path) -> list[str]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path}: cannot be read ({error}); get the list again") from error
    return [line for line in text.splitlines() if line.strip()]
