"""Le2i (Charfi et al., "Optimized spatio-temporal descriptors for real-time fall detection", 2013).

Each place, such as `Home_01/`, holds `Videos/video (1).avi` and `Annotation_files/video (1).txt`, whose first two lines
are the frames in which a fall begins and ends, 0 and 0 where there is none; some files lack the two lines, which means
none as well. Videos of places without annotations hold falls that nobody has marked: they are left out. Group = place.
"""

from pathlib import Path

from edge.errors import DatasetError
from trainer.clips.labels import FALL, NORMAL
from trainer.clips.manifest import Clip, Segment, check_intervals

RATE_HZ = 25.0
VIDEOS, ANNOTATIONS = "Videos", ("Annotation_files", "Annotations_files")


def is_le2i(path: Path) -> bool:
    """Whether a folder holds places with videos and annotations."""
    return any((place / folder).is_dir() for place in _places(path) for folder in ANNOTATIONS)


def _places(path: Path) -> list[Path]:
    return sorted(folder.parent for folder in path.rglob(VIDEOS) if folder.is_dir())


def read_le2i(path: Path) -> list[Clip]:
    """Read the annotated clips.

    Raises:
        DatasetError: there is none, or an interval ends after its clip.
    """
    clips: list[Clip] = []
    for place in _places(path):
        for folder in ANNOTATIONS:
            for video in sorted((place / VIDEOS).glob("*.avi")):
                notes = place / folder / f"{video.stem}.txt"
                if notes.is_file():
                    clips.append(_clip(path, place, video, notes))
    if not clips:
        raise DatasetError(f"{path}: no clip of Le2i has annotations; unpack its Annotation_files beside Videos")
    return clips


def _clip(root: Path, place: Path, video: Path, notes: Path) -> Clip:
    start, end = _fall_frames(notes)
    segments: tuple[Segment, ...] = (Segment(NORMAL),)
    if end > start:
        start_s = max(0.0, (start - 1) / RATE_HZ)
        before = (Segment(NORMAL, 0.0, start_s),) if start_s > 0 else ()
        segments = (*before, Segment(FALL, start_s))
    name = video.relative_to(root).as_posix()
    clip = Clip(video, place.name, frozenset({FALL}), segments, name, root.resolve().name, timed=True)
    check_intervals(clip, str(notes))
    return clip


def _fall_frames(notes: Path) -> tuple[int, int]:
    """First and last frame of the fall; 0 and 0 where there is none."""
    lines = notes.read_text(encoding="utf-8", errors="replace").split("\n")[:2]
    numbers = [int(line) for line in lines if line.strip().isdigit()]
    return (numbers[0], numbers[1]) if len(numbers) == 2 else (0, 0)
