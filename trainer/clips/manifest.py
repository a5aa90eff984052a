"""What a data set says: clips with their labels, groups and times; and the manifest CSV that can hold any of it.

A manifest CSV has the columns `path,label` and, where known, `group,start_s,end_s,annotates`. Paths are relative to
the file. Rows of the same path add up to one clip; `annotates` lists, separated by `;`, the labels whose presence or
absence the set speaks of. CSV files are read as spreadsheets write them: with `;` or tabs between the columns, in
UTF-8, UTF-16 or Windows-1252, whatever the case of their headers.
"""

import csv
import io
import math
import os
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.errors import DatasetError
from edge.sources.file import read_header
from edge.system.text import read_csv
from trainer.clips.labels import NORMAL, label_of_class
from trainer.files import write_text

COLUMNS = ("path", "label", "group", "start_s", "end_s", "annotates")
RENDERED_PREFIX = "rendered"
"""Data sets whose folder is named so are synthetic."""
END_TOLERANCE_S = 0.5
"""Hand-written ends are rounded; an interval may end this much after its clip does."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of a clip with one label. The end is `inf` where it is the clip's own."""

    label: str
    start_s: float = 0.0
    end_s: float = math.inf


@dataclass(frozen=True, slots=True)
class Clip:
    """One video file with what is known about it."""

    path: Path
    group: str
    """Clips of one group show the same scene, subject or source, and stay on one side of every split."""
    annotates: frozenset[str]
    """Labels, `normal` left out, whose presence or absence the set annotates; of others nothing is known."""
    segments: tuple[Segment, ...]
    name: str = ""
    """Path relative to the data set's folder, as fold files and reports give it."""
    dataset: str = ""
    """Name of the data set's folder."""
    timed: bool = False
    """Whether the segments' times were annotated, or are just the clip's beginning and end."""
    official: tuple[tuple[str, str], ...] = ()
    """The sides (`train`, `test`, ...) of the set's official splits, as pairs of split and side."""

    @property
    def label(self) -> str:
        """The first label that is not `normal`, else `normal`."""
        return next((segment.label for segment in self.segments if segment.label != NORMAL), NORMAL)

    @property
    def is_rendered(self) -> bool:
        """Whether it is drawn, not filmed, by the name of its data set."""
        return self.dataset.startswith(RENDERED_PREFIX)

    def start_s(self, label: str) -> float | None:
        """Where the label first begins; None where the clip does not hold it."""
        return min((segment.start_s for segment in self.segments if segment.label == label), default=None)

    def labels_at(self, time_s: float) -> frozenset[str]:
        """The labels that hold at a time; `normal` alone where no other does."""
        found = {segment.label for segment in self.segments if segment.start_s <= time_s < segment.end_s}
        return frozenset(found - {NORMAL}) or frozenset({NORMAL})


def targets(clip: Clip, times_s: Iterable[float], labels: Sequence[str]) -> NDArray[np.float32]:
    """1 where a label holds, float32 (n_times, n_labels)."""
    rows = [[float(label in clip.labels_at(time_s)) for label in labels] for time_s in times_s]
    return np.asarray(rows, np.float32).reshape(-1, len(labels))


def annotated(clip: Clip, labels: Sequence[str]) -> NDArray[np.float32]:
    """1 for the labels that the clip's set annotates, float32 (n_labels,).

    `normal` counts as annotated where every other label of the model is.
    """
    everything = set(labels) - {NORMAL} <= clip.annotates
    return np.asarray(
        [float(label in clip.annotates or (label == NORMAL and everything)) for label in labels], np.float32
    )


def read_manifest(path: Path, positive: Mapping[str, str] | None = None) -> list[Clip]:
    """Read a manifest CSV.

    Raises:
        DatasetError: a column, file or label is missing, or an interval is not one; the message names file and line.
    """
    rows = read_lines(path, required=("path", "label"))
    if not rows:
        raise DatasetError(f"{path}: holds no clip; give it a row for each")
    segments: dict[str, list[Segment]] = {}
    first: dict[str, dict[str, str]] = {}
    groups: list[tuple[int, str, str]] = []
    said: dict[tuple[str, float, float], tuple[int, str]] = {}
    for line, row in rows:
        segment = _segment(row, f"{path}, line {line}", positive)
        name = name_of_file(path.parent, row["path"])
        if name is None:
            raise DatasetError(
                f"{path}, line {line}: {row['path']}: no such file; correct the path, which is relative to the manifest"
            )
        before, label = said.setdefault((name, segment.start_s, segment.end_s), (line, segment.label))
        if label != segment.label and NORMAL in (label, segment.label):
            raise DatasetError(
                f"{path}, line {line}: {name}: is {segment.label} here and {label} in line {before}; "
                "remove one of them, or say with start_s and end_s when it is which"
            )
        segments.setdefault(name, []).append(segment)
        first.setdefault(name, row)
        groups += [(line, name, group)] if (group := row.get("group")) else []
    for name, group in column_by_clip(path, "group", groups).items():
        first[name]["group"] = group
    labels = {segment.label for found in segments.values() for segment in found} - {NORMAL}
    clips = [_clip(path, name, first[name], tuple(found), labels) for name, found in segments.items()]
    for clip in clips:
        check_intervals(clip, str(path))
    return clips


def _segment(row: dict[str, str], where: str, positive: Mapping[str, str] | None) -> Segment:
    if not row["label"].strip():
        raise DatasetError(f"{where}: no label; give each row one, such as {NORMAL}")
    try:
        start_s = float(row.get("start_s") or 0)
        end_s = float(row.get("end_s") or math.inf)
    except ValueError as error:
        raise DatasetError(f"{where}: start_s and end_s are seconds ({error})") from error
    if not 0 <= start_s < end_s:
        raise DatasetError(f"{where}: the interval {start_s:g} to {end_s:g} s does not run forwards from 0 or later")
    return Segment(label_of_class(row["label"], positive), start_s, end_s)


def _clip(manifest: Path, name: str, row: dict[str, str], segments: tuple[Segment, ...], labels: Iterable[str]) -> Clip:
    said = {label.strip() for label in (row.get("annotates") or "").split(";")} - {""}
    timed = any(segment != Segment(segment.label) for segment in segments)
    annotates = frozenset(said or labels) - {NORMAL}
    path = manifest.parent / name
    return Clip(path, row.get("group") or name, annotates, segments, name, manifest.parent.resolve().name, timed)


def check_intervals(clip: Clip, where: str) -> None:
    """Refuse an interval that begins or ends after the clip does; a clip that cannot be opened is left for later.

    Raises:
        DatasetError: as said.
    """
    latest_s = max((t for s in clip.segments for t in (s.start_s, s.end_s) if math.isfinite(t)), default=0.0)
    length_s = duration_s(clip.path) if latest_s > 0 else None
    if length_s is not None and latest_s > length_s + END_TOLERANCE_S:
        raise DatasetError(
            f"{where}: {clip.name}: an interval reaches {latest_s:g} s, the clip ends at {length_s:.1f} s; "
            "correct start_s or end_s"
        )


def duration_s(path: Path) -> float | None:
    """Length of a video by its container's header; None for a file that cannot be opened or states no length."""
    header = read_header(path)
    return header.n_frames / header.rate_hz if header.rate_hz > 0 and header.n_frames > 0 else None


def frame_rate_hz(path: Path) -> float | None:
    """Frames a second by the container's header; None for a file that cannot be opened or states none."""
    return read_header(path).rate_hz or None


def write_manifest(path: Path, clips: Iterable[Clip]) -> None:
    """Write clips as a manifest CSV beside their files, whole or not at all."""
    write_rows(path, COLUMNS, (_row(path, clip, segment) for clip in clips for segment in clip.segments))


def _row(manifest: Path, clip: Clip, segment: Segment) -> tuple[str, ...]:
    name = clip.path.relative_to(manifest.parent).as_posix()
    end = f"{segment.end_s:.3f}" if math.isfinite(segment.end_s) else ""
    return name, segment.label, clip.group, f"{segment.start_s:.3f}", end, ";".join(sorted(clip.annotates))


def column_by_clip(path: Path, column: str, rows: Iterable[tuple[int, str, str]]) -> dict[str, str]:
    """What a column of a CSV says of each clip.

    Args:
        path: of the file.
        column: its header.
        rows: line, the clip's name, and what the column says.

    Raises:
        DatasetError: two lines say different things of one clip.
    """
    said: dict[str, tuple[int, str]] = {}
    for line, name, value in rows:
        before, earlier = said.setdefault(name, (line, value))
        if value != earlier:
            raise DatasetError(
                f"{path}, line {line}: {name}: has {column} {value!r} here and {earlier!r} in line {before}; "
                "remove one of them"
            )
    return {name: value for name, (_, value) in said.items()}


def write_rows(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a CSV file with a header, whole or not at all."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    write_text(path, text.getvalue())


def name_of_file(folder: Path, name: str) -> str | None:
    """A file's name as its folder spells it, letters with marks composed or decomposed; None where there is none.

    Spreadsheets and macOS do not spell them alike.
    """
    spellings = (name, *(unicodedata.normalize(form, name) for form in ("NFC", "NFD")))
    # Path.is_file raises where a name is too long.
    return next((spelling for spelling in spellings if os.path.isfile(folder / spelling)), None)  # noqa: PTH113


def read_rows(path: Path, required: Sequence[str]) -> list[dict[str, str]]:
    """Read a CSV file with a header.

    Raises:
        DatasetError: it cannot be read, or lacks a required column.
    """
    return [row for _, row in read_lines(path, required)]


def read_lines(path: Path, required: Sequence[str]) -> list[tuple[int, dict[str, str]]]:
    """Read a CSV file with a header; each row with the number of its line in the file, which may have blank ones.

    Raises:
        DatasetError: it cannot be read, or lacks a required column.
    """
    try:
        columns, rows = read_csv(path.read_bytes())
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(f"{path}: cannot be read as CSV ({error})") from error
    if missing := [column for column in required if column not in columns]:
        raise DatasetError(f"{path}: the header has no column {missing[0]!r}; it needs {','.join(required)}")
    return [(line, dict(zip_longest(columns, cells[: len(columns)], fillvalue=""))) for line, cells in rows]
