"""GMDCSA24 (Alam et al., "GMDCSA24: A dataset for human fall detection in videos", 2024).

Each `Subject N/` holds the folders `Fall/` and `ADL/` and, beside them, `Fall.csv` and `ADL.csv`: one row a file, the
last cell listing activities with intervals in seconds, as in `Falling (SW)[3.4 to 6]; Sitting[0 to 3.4]`. The files
were written by hand. What is met in them and read here: spaces before, in and after the brackets; a bracket or
parenthesis that is never closed; `to` left out; several intervals in one bracket; colons and semicolons after it;
`Fall` for `Falling`; activities without an interval; rows of clips that are not there.

A fall's interval runs to the end of the clip, lying included, and ends are rounded to whole seconds: only its start
is used. A clip with two falls is labelled from the first one on; a fall that has no readable start is labelled
throughout and counts as not timed.
"""

import re
from pathlib import Path

from edge.errors import DatasetError
from trainer.clips.labels import NORMAL
from trainer.clips.manifest import Clip, Segment, check_intervals

FALL = "fall"
CLASSES = {"Fall": FALL, "ADL": NORMAL}
LEADING_CELLS = 5
"""File name, length, time of recording, attire, description; the rest of the row is the activities."""

_NUMBER = r"(\d+(?:\.\d+)?)"
_FALL = re.compile(r"\bfall(?:ing)?\b[^\[\];]*\[([^\]A-Za-z]*(?:to[^\]A-Za-z]*)*)", re.IGNORECASE)
_INTERVAL = re.compile(rf"{_NUMBER}\s*(?:to|-|\s)\s*{_NUMBER}", re.IGNORECASE)


def is_gmdcsa24(path: Path) -> bool:
    """Whether a folder has the set's layout."""
    return any(_tables(path))


def _tables(path: Path) -> list[Path]:
    return sorted(table for table in path.glob("Subject */*.csv") if not table.name.startswith("."))


def read_gmdcsa24(path: Path) -> list[Clip]:
    """Read every annotated clip that is there; the group is the subject.

    Raises:
        DatasetError: no clip is there, or a fall starts after its clip has ended.
    """
    clips = [clip for table in _tables(path) if table.stem in CLASSES for clip in _read_table(table, path)]
    if not clips:
        raise DatasetError(
            f"{path}: none of the clips that the CSV files name is there; copy Fall/ and ADL/ beside them"
        )
    return clips


def _read_table(table: Path, root: Path) -> list[Clip]:
    """Clips of one `Fall.csv` or `ADL.csv` whose files exist."""
    clips: list[Clip] = []
    lines = table.read_text(encoding="utf-8-sig", errors="replace").splitlines()
    for line in lines[1:]:
        cells = line.split(",", LEADING_CELLS)
        video = table.with_suffix("") / cells[0].strip()
        if not cells[0].strip() or not video.is_file():
            continue
        segments, timed = _segments(CLASSES[table.stem], cells[LEADING_CELLS] if len(cells) > LEADING_CELLS else "")
        name = video.relative_to(root).as_posix()
        dataset = root.resolve().name
        clip = Clip(video, table.parent.name, frozenset({FALL}), segments, name, dataset, timed)
        check_intervals(clip, str(table))
        clips.append(clip)
    return clips


def _segments(label: str, activities: str) -> tuple[tuple[Segment, ...], bool]:
    """The segments of a clip, and whether their times are annotated."""
    if label == NORMAL:
        return (Segment(NORMAL),), True
    start_s = fall_start_s(activities)
    if start_s is None:
        return (Segment(label),), False
    before = (Segment(NORMAL, 0.0, start_s),) if start_s > 0 else ()
    return (*before, Segment(label, start_s)), True


def fall_start_s(activities: str) -> float | None:
    """The earliest annotated start of a fall, in seconds; None where no fall carries a readable interval."""
    starts = [
        float(start)
        for intervals in _FALL.findall(activities)
        for start, end in _INTERVAL.findall(intervals)
        if float(start) <= float(end)
    ]
    return min(starts, default=None)
