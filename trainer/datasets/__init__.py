"""Readers of data sets. `read_dataset` recognises what a folder is by what lies in it."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from edge.errors import DatasetError
from trainer.datasets.folders import GROUPS_NAME, read_class_folders
from trainer.datasets.gmdcsa24 import is_gmdcsa24, read_gmdcsa24
from trainer.datasets.kinetics import is_danger_kinetics, is_kinetics, read_kinetics
from trainer.datasets.le2i import is_le2i, read_le2i
from trainer.datasets.named import read_named, recognise
from trainer.manifest import Clip, read_manifest

MANIFEST_NAME = "manifest.csv"


def read_dataset(path: Path, positive: Mapping[str, str] | None = None, groups: Path | None = None) -> list[Clip]:
    """Read a manifest CSV, a folder with `manifest.csv`, a published set, or one folder per class.

    Args:
        path: the folder, or a manifest.
        positive: classes and their labels, where the table of `trainer.labels` does not know them.
        groups: CSV with the columns path,group for a folder per class; its own `groups.csv` where None.

    Raises:
        DatasetError: it is none of these, or something in it cannot be used.
    """
    return identify(path, groups)[1](positive)


Reader = Callable[[Mapping[str, str] | None], list[Clip]]


def identify(path: Path, groups: Path | None = None) -> tuple[str, Reader]:
    """What lies at a path, and how it is read.

    Raises:
        DatasetError: there is nothing.
    """
    if path.is_file() and path.suffix.lower() == ".csv":
        if not is_kinetics(path):
            return "a manifest", lambda positive: read_manifest(path, positive)
        title = "Danger Kinetics (paper 000)" if is_danger_kinetics(path) else "Kinetics"
        return title, lambda positive: read_kinetics(path, positive)
    if not path.is_dir():
        raise DatasetError(f"{path}: no such folder or manifest; give a folder per class or a manifest CSV")
    if (path / MANIFEST_NAME).is_file():
        return "a manifest", lambda positive: read_manifest(path / MANIFEST_NAME, positive)
    for name, is_it, read_it in (("GMDCSA24", is_gmdcsa24, read_gmdcsa24), ("Le2i", is_le2i, read_le2i)):
        if is_it(path):
            return name, lambda _, read_it=read_it: read_it(path)
    own = groups is not None or (path / GROUPS_NAME).is_file()
    if not own and (named := recognise(path)) is not None:
        return named.title, lambda positive: read_named(path, named, positive)
    return "one folder per class", lambda positive: read_class_folders(path, positive, groups)


def read_datasets(
    paths: Iterable[Path], positive: Mapping[str, str] | None = None, groups: Path | None = None
) -> list[Clip]:
    """Read several data sets one after the other; a clip may not stand in two."""
    clips = [clip for path in paths for clip in read_dataset(path, positive, groups)]
    seen: set[Path] = set()
    for clip in clips:
        real = clip.path.resolve()
        if real in seen:
            raise DatasetError(f"{clip.path}: stands in the data twice; name each data set once")
        seen.add(real)
    return clips
