"""Readers of data sets. `read_dataset` recognises what a folder is by what lies in it."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from edge.errors import DatasetError
from trainer.datasets.folders import read_class_folders
from trainer.datasets.gmdcsa24 import is_gmdcsa24, read_gmdcsa24
from trainer.manifest import Clip, read_manifest

MANIFEST_NAME = "manifest.csv"


def read_dataset(path: Path, positive: Mapping[str, str] | None = None, groups: Path | None = None) -> list[Clip]:
    """Read a manifest CSV, a folder with `manifest.csv`, GMDCSA24, or one folder per class.

    Args:
        path: the folder, or a manifest.
        positive: classes and their labels, where the table of `trainer.labels` does not know them.
        groups: CSV with the columns path,group for a folder per class; its own `groups.csv` where None.

    Raises:
        DatasetError: it is none of these, or something in it cannot be used.
    """
    if path.is_file() and path.suffix.lower() == ".csv":
        return read_manifest(path, positive)
    if not path.is_dir():
        raise DatasetError(f"{path}: no such folder or manifest; give a folder per class or a manifest CSV")
    if (path / MANIFEST_NAME).is_file():
        return read_manifest(path / MANIFEST_NAME, positive)
    if is_gmdcsa24(path):
        return read_gmdcsa24(path)
    return read_class_folders(path, positive, groups)


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
