"""KTH's list of sequences (Schuldt et al., 2004): in which frames of each video somebody acts.

A line is `person01_boxing_d1 frames 1-95, 96-185, 186-245, 246-360`; videos have 25 frames a second. Between the
sequences of walking, jogging and running nobody is in the picture.
"""

import re
from collections.abc import Callable
from pathlib import Path

from trainer.clips.datasets.folders import list_of

RATE_HZ = 25.0
LISTS = ("00sequences.txt", "sequences.txt")
_LINE = re.compile(r"(person\d+_[a-z]+_d\d)\s+frames\s+([\d\s,-]+)")
_RANGE = re.compile(r"(\d+)-(\d+)")

Intervals = tuple[tuple[float, float], ...]


def kth_intervals(root: Path) -> Callable[[Path], Intervals]:
    """Seconds of a video's sequences; nothing where there is no list in the folder or beside it."""
    path = list_of(root, *LISTS)
    lines = _LINE.findall(path.read_text(encoding="utf-8", errors="replace")) if path else []
    found = {name: tuple(_seconds(*pair) for pair in _RANGE.findall(ranges)) for name, ranges in lines}
    return lambda video: found.get(video.stem.removesuffix("_uncomp"), ())


def _seconds(first: str, last: str) -> tuple[float, float]:
    return (int(first) - 1) / RATE_HZ, int(last) / RATE_HZ
