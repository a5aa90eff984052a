"""URFD's tables of frames (Kwolek and Kepski, 2014): when somebody falls.

`urfall-cam0-falls.csv` and `urfall-cam0-adls.csv` have no header. A row is the sequence (`fall-01`), the number of the
frame, counted from 1, and the posture there: -1 not lying, 0 going down, 1 lying; then figures of the depth picture,
which are not read. Frames without a person are left out.

A fall begins with the first frame that is not -1 and is labelled from there on, lying included, as in the other sets.
In the daily activities people lie down too; they stay normal. The tables speak of camera 0 alone: camera 1 runs by a
clock of its own, so its falls stay without times.
"""

import csv
import math
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from edge.errors import DatasetError
from trainer.clips.datasets.folders import list_of
from trainer.clips.datasets.kth import Intervals
from trainer.clips.manifest import frame_rate_hz

TABLES = ("urfall-cam0-falls.csv", "urfall-cam0-adls.csv")
UPRIGHT, POSTURES = "-1", {"-1", "0", "1"}
USUAL_RATE_HZ = 30.0
"""Of videos that do not say theirs: what the cameras recorded."""
_CAMERA_0 = re.compile(r"((?:fall|adl)-\d+)-cam0.*")


def urfd_intervals(root: Path) -> Callable[[Path], Intervals]:
    """Seconds of what a video's name says of it: of a fall from its beginning on, of a daily activity throughout.

    Nothing for videos of camera 1, and where the tables do not lie in the folder or beside it.

    Raises:
        DatasetError: a table cannot be read, or says something else.
    """
    falls: dict[str, int | None] = {}
    for name in TABLES:
        path = list_of(root, name)
        falls |= _first_frames(path) if path else {}

    def of_video(video: Path) -> Intervals:
        match = _CAMERA_0.fullmatch(video.stem)
        if match is None or match[1] not in falls:
            return ()
        if match[1].startswith("adl"):
            return ((0.0, math.inf),)
        first = falls[match[1]]
        return () if first is None else (((first - 1) / (frame_rate_hz(video) or USUAL_RATE_HZ), math.inf),)

    return of_video


def _first_frames(path: Path) -> Mapping[str, int | None]:
    """Of each sequence the first frame in which the person is not upright; None where there is none."""
    found: dict[str, int | None] = {}
    for sequence, frame, posture in _rows(path):
        first = found.setdefault(sequence, None)
        if posture != UPRIGHT and (first is None or frame < first):
            found[sequence] = frame
    return found


def _rows(path: Path) -> Iterator[tuple[str, int, str]]:
    """Sequence, number of the frame, posture."""
    try:
        rows = list(csv.reader(path.read_text(encoding="utf-8-sig").splitlines()))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(f"{path}: cannot be read as CSV ({error}); get the table again") from error
    for line, row in enumerate(rows, start=1):
        if not row:
            continue
        cells = [cell.strip() for cell in row[:3]]
        if len(cells) < 3 or not cells[1].isdigit() or cells[2] not in POSTURES:
            raise DatasetError(
                f"{path}, line {line}: is not sequence, number of the frame and -1, 0 or 1; get the table again"
            )
        yield cells[0], int(cells[1]), cells[2]
