"""Kinetics (Carreira et al., 2019): a CSV `label,youtube_id,time_start,time_end,split` and clips below its folder.

Clips are named `<id>_000010_000020.mp4`, cut already, or `<id>.mp4`: a film longer than the interval is labelled only
within it. Rows without a file are passed over: most users hold a part of the set. Group = the film.

Danger Kinetics (paper 000, section 4.2) is five of its classes: a CSV whose name begins with `danger` is read as those
alone, so the published one under another name will do.
"""

import csv
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from edge.errors import DatasetError
from trainer.clips.datasets.folders import videos_below
from trainer.clips.datasets.official import Side
from trainer.clips.labels import NORMAL, label_of_class, slug
from trainer.clips.manifest import Clip, Segment, duration_s, read_rows

COLUMNS = ("label", "youtube_id", "time_start", "time_end", "split")
DANGER_PREFIX = "danger"
DANGER_CLASSES = (
    "punching bag",
    "punching person (boxing)",
    "slapping",
    "throwing knife",
    "walking through snow",
)
"""As Kinetics-700 spells them; the paper has "Walking through the snow"."""
ID_LENGTH = 11
TOLERANCE_S = 1.0
SIDES = {"train": "train", "validate": "validation", "val": "validation", "test": "test"}


def is_kinetics(path: Path) -> bool:
    """Whether a CSV has the columns of Kinetics."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return set(COLUMNS) <= set(next(csv.reader(file), []))
    except (OSError, UnicodeDecodeError, csv.Error):
        return False


def is_danger_kinetics(path: Path) -> bool:
    """Whether a CSV of Kinetics is to be read as the five classes of paper 000."""
    return path.name.lower().startswith(DANGER_PREFIX)


def read_kinetics(path: Path, positive: Mapping[str, str] | None = None) -> list[Clip]:
    """Read the clips of a CSV that are there.

    Raises:
        DatasetError: none is, or a time is no number.
    """
    films: dict[str, list[Path]] = defaultdict(list)
    for video in videos_below(path.parent):
        films[video.name[:ID_LENGTH]].append(video)
    rows = [row for row in read_rows(path, COLUMNS) if films.get(row["youtube_id"])]
    if is_danger_kinetics(path):
        known = set(map(slug, DANGER_CLASSES))
        rows = [row for row in rows if slug(row["label"]) in known]
    if not rows:
        raise DatasetError(f"{path}: no clip of it lies below {path.parent}; name clips <id>_<start>_<end>.mp4")
    labels = frozenset(label_of_class(row["label"], positive) for row in rows) - {NORMAL}
    clips = [_clip(path, row, video, labels, positive) for row in rows for video in _of_row(row, films)]
    return sorted({clip.path: clip for clip in clips}.values(), key=lambda clip: clip.name)


def _of_row(row: Mapping[str, str], films: Mapping[str, Sequence[Path]]) -> list[Path]:
    """The files of a row: a film may have several clips, of which each row takes its own."""
    cut = f"_{_seconds(row, 'time_start'):06.0f}_{_seconds(row, 'time_end'):06.0f}"
    return [video for video in films[row["youtube_id"]] if video.stem[ID_LENGTH:] in {"", cut}]


def _seconds(row: Mapping[str, str], column: str) -> float:
    try:
        return float(row[column])
    except ValueError as error:
        raise DatasetError(f"{row['youtube_id']}: {column} is {row[column]!r}, not seconds; correct the CSV") from error


def _clip(
    table: Path, row: Mapping[str, str], video: Path, labels: frozenset[str], positive: Mapping[str, str] | None
) -> Clip:
    start_s, end_s = _seconds(row, "time_start"), _seconds(row, "time_end")
    label = label_of_class(row["label"], positive)
    cut = len(video.stem) > ID_LENGTH
    length_s = None if cut else duration_s(video)
    whole = length_s is None or length_s <= end_s - start_s + TOLERANCE_S
    segment = Segment(label) if whole else Segment(label, start_s, end_s)
    side = SIDES.get(row["split"].strip(), row["split"].strip())
    name = video.relative_to(table.parent).as_posix()
    sides = (Side("official", side),) if side else ()
    dataset = table.parent.resolve().name
    return Clip(video, row["youtube_id"], labels, (segment,), name, dataset, timed=not whole, official=sides)
