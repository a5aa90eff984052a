"""Readers of data sets. `read_dataset` recognises what a folder is by what lies in it."""

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from edge.errors import DatasetError
from trainer.clips.datasets.folders import read_class_folders
from trainer.clips.datasets.gmdcsa24 import is_gmdcsa24, read_gmdcsa24
from trainer.clips.datasets.kinetics import is_danger_kinetics, is_kinetics, read_kinetics
from trainer.clips.datasets.le2i import is_le2i, read_le2i
from trainer.clips.datasets.named import read_named, recognise
from trainer.clips.manifest import Clip, read_manifest

MANIFEST_NAME = "manifest.csv"
FOLDERS = "one folder per class"
SHOWN = 10
"""Names in one remark."""


def read_dataset(path: Path, positive: Mapping[str, str] | None = None, groups: Path | None = None) -> list[Clip]:
    """Read a manifest CSV, a folder with `manifest.csv`, a published set, or one folder per class.

    Args:
        path: the folder, or a manifest.
        positive: classes and their labels, where the table of `trainer.clips.labels` does not know them.
        groups: CSV with the columns path,group for a folder of videos; its own `groups.csv` where None.

    Raises:
        DatasetError: it is none of these, or something in it cannot be used.
    """
    return identify(path, groups).read(positive)


Reader = Callable[[Mapping[str, str] | None], list[Clip]]


class Identified(NamedTuple):
    """What lies at a path."""

    title: str
    read: Reader
    named_after: str = ""
    """The published set that most videos are named after; nothing where there is none."""
    strays: tuple[str, ...] = ()
    """Videos that are not named so."""
    remark: str = ""
    """What there is to say about the strays; nothing where there are none."""


def identify(path: Path, groups: Path | None = None) -> Identified:
    """What lies at a path, and how it is read.

    Raises:
        DatasetError: there is nothing.
    """
    if path.is_file() and path.suffix.lower() == ".csv":
        if not is_kinetics(path):
            return Identified("a manifest", lambda positive: read_manifest(path, positive))
        title = "Danger Kinetics (paper 000)" if is_danger_kinetics(path) else "Kinetics"
        return Identified(title, lambda positive: read_kinetics(path, positive))
    if not path.is_dir():
        raise DatasetError(f"{path}: no such folder or manifest; give a folder per class or a manifest CSV")
    if (path / MANIFEST_NAME).is_file():
        return Identified("a manifest", lambda positive: read_manifest(path / MANIFEST_NAME, positive))
    for name, is_it, read_it in (("GMDCSA24", is_gmdcsa24, read_gmdcsa24), ("Le2i", is_le2i, read_le2i)):
        if is_it(path):
            return Identified(name, lambda _, read_it=read_it: read_it(path))
    return _by_names(path, groups)


def _by_names(path: Path, groups: Path | None) -> Identified:
    """A published set where nearly all videos are named so, else a folder per class."""
    found = recognise(path)
    if found is None:
        return Identified(FOLDERS, lambda positive: read_class_folders(path, positive, groups))
    title, strays = found.named.title, found.strays
    if found.nearly_all:
        remark = f"left out, not named as {title}: {_some(strays)}" if strays else ""
        return Identified(
            title, lambda positive: read_named(path, found.named, positive, groups), title, strays, remark
        )
    remark = (
        f"most videos are named as {title}, too few to be read as it, with its groups and splits; "
        f"if it is, move away or rename {_some(strays)}"
    )
    return Identified(FOLDERS, lambda positive: _read_folders(path, positive, groups, remark), title, strays, remark)


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more (data check --json names all)" if len(names) > SHOWN else ""
    return f"{', '.join(names[:SHOWN])}{more}"


def _read_folders(path: Path, positive: Mapping[str, str] | None, groups: Path | None, remark: str) -> list[Clip]:
    """A folder per class; where it is none, the remark may say why."""
    try:
        return read_class_folders(path, positive, groups)
    except DatasetError as error:
        raise DatasetError(f"{error}; {remark}") from error


def read_datasets(
    paths: Iterable[Path], positive: Mapping[str, str] | None = None, groups: Path | None = None
) -> list[Clip]:
    """Read several data sets one after the other; a clip may not stand in two.

    Videos that are not named as the rest of a published set are named on standard error.
    """
    clips: list[Clip] = []
    for path in paths:
        found = identify(path, groups)
        clips += found.read(positive)
        if found.remark:
            print(f"trainer: {path}: {found.remark}", file=sys.stderr)
    seen: set[Path] = set()
    for clip in clips:
        real = clip.path.resolve()
        if real in seen:
            raise DatasetError(f"{clip.path}: stands in the data twice; name each data set once")
        seen.add(real)
    return clips
