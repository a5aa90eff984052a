"""One folder per class, the layout of most sets, with groups where something tells them.

`groups.csv` (path,group) gives the groups, of published sets too. `name_map.csv` gives the original names of
`hockey-fights`, which tell their groups. Otherwise each clip is a group of its own.
"""

from collections.abc import Mapping
from pathlib import Path

from edge.errors import DatasetError
from trainer.clips.datasets.hockey import hockey_group, hockey_sides
from trainer.clips.labels import EVENT_LABELS, NORMAL, is_known_class, label_of_class
from trainer.clips.manifest import Clip, Segment, column_by_clip, name_of_file, read_lines, read_rows

VIDEO_SUFFIXES = frozenset(
    {".3gp", ".avi", ".flv", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".ts", ".webm", ".wmv"}
)
GROUPS_NAME = "groups.csv"
NAME_MAP_NAME = "name_map.csv"


def read_class_folders(path: Path, positive: Mapping[str, str] | None = None, groups: Path | None = None) -> list[Clip]:
    """Read one folder per class; a folder of videos alone is a class itself, such as `normal`.

    A class may have folders of its own, where it holds videos beside them or is one that is known. Hidden folders and
    files are no data: trash, thumbnails, what macOS leaves.

    Raises:
        DatasetError: there is no video, or the groups' CSV and the folders do not fit.
    """
    folders = (folder for folder in sorted(path.iterdir()) if folder.is_dir() and not folder.name.startswith("."))
    classes = {folder.name: _videos_of_class(folder, positive) for folder in folders}
    classes = {name: videos for name, videos in classes.items() if videos}
    own = [file for file in sorted(path.iterdir()) if _is_video(file)]
    if own and not classes and (positive or is_known_class(path.resolve().name)):
        classes = {path.resolve().name: own}
    if not classes:
        found = "videos but no class" if own else "no video"
        raise DatasetError(f"{path}: holds {found}; it needs one folder per class, such as fight/ and normal/")
    labels = {name: _label(name, path, positive) for name in classes}
    annotates = frozenset(labels.values()) - {NORMAL} or frozenset(EVENT_LABELS)
    group_of = given_groups(path, groups)
    original = _originals(path)
    clips: list[Clip] = []
    for class_name, videos in classes.items():
        for video in videos:
            name = video.relative_to(path).as_posix()
            group = _group(group_of, original, name, path)
            official = hockey_sides(original.get(name, name)) if original else ()
            segments = (Segment(labels[class_name]),)
            clips.append(
                Clip(
                    video, group, annotates, segments, name, path.resolve().name, official=official if original else ()
                )
            )
    return clips


def videos_below(path: Path) -> list[Path]:
    """Every video in a folder and its folders, in order; hidden ones left out."""
    found = (file for file in path.rglob("*") if _is_video(file))
    return sorted(file for file in found if not any(part.startswith(".") for part in file.relative_to(path).parts))


def _is_video(file: Path) -> bool:
    return file.suffix.lower() in VIDEO_SUFFIXES and not file.name.startswith(".") and file.is_file()


def _videos_of_class(folder: Path, positive: Mapping[str, str] | None) -> list[Path]:
    """The videos of a class; none where folders below it may well be the classes."""
    videos = videos_below(folder)
    is_class = any(video.parent == folder for video in videos) or is_known_class(folder.name)
    return videos if is_class or folder.name in (positive or {}) else []


def _label(name: str, path: Path, positive: Mapping[str, str] | None) -> str:
    label = label_of_class(name, positive)
    if not label:
        raise DatasetError(f"{path / name}: the class has no letter or digit in its name; rename the folder")
    return label


def given_groups(path: Path, groups: Path | None) -> dict[str, str] | None:
    """Groups by the clips' names, from this CSV or else the folder's `groups.csv`; None where neither is there.

    Raises:
        DatasetError: the CSV cannot be read, names a file that is not there, or gives one clip two groups.
    """
    table = groups or path / GROUPS_NAME
    if groups is None and not table.is_file():
        return None
    rows: list[tuple[int, str, str]] = []
    for line, row in read_lines(table, required=("path", "group")):
        name = name_of_file(path, row["path"])
        if name is None:
            raise DatasetError(f"{table}, line {line}: {row['path']}: no such file below {path}; correct the path")
        rows.append((line, name, row["group"]))
    return column_by_clip(table, "group", rows)


def _originals(path: Path) -> dict[str, str]:
    """The original names of `hockey-fights` by the clips' names, where they are known; nothing elsewhere."""
    if not (path / NAME_MAP_NAME).is_file():
        return {}
    rows = read_rows(path / NAME_MAP_NAME, required=("label", "file", "original"))
    return {f"{row['label']}/{row['file']}": row["original"] for row in rows if row["original"]}


def _group(group_of: Mapping[str, str] | None, original: Mapping[str, str], name: str, path: Path) -> str:
    if group_of is None:
        return hockey_group(original[name]) if name in original else name
    return given_group(group_of, name, path)


def given_group(group_of: Mapping[str, str], name: str, path: Path) -> str:
    """The group of a clip.

    Raises:
        DatasetError: the CSV gives none.
    """
    if name not in group_of:
        raise DatasetError(f"{path}: {name}: has no group in the groups' CSV; add its row")
    return group_of[name]


def list_of(root: Path, *names: str) -> Path | None:
    """The first file of these names in a set's folder, or else beside it; None where there is none."""
    return next((place / name for place in (root, root.parent) for name in names if (place / name).is_file()), None)
