"""Writes a bundle whole or not at all, and says in one line why a disk does not take it."""

import errno
import hashlib
import os
import shutil
import tempfile
import zipfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from edge.bundle import MANIFEST, Bundle, BundleSpec
from edge.errors import ConfigurationError

REFUSED = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES}
"""What a disk says when it takes no more, or nothing from us."""


@contextmanager
def telling_refusals(path: Path) -> Generator[None]:
    """Say in one line that a disk takes no more, or nothing from us.

    Raises:
        ConfigurationError: as said.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in REFUSED:
            raise
        reason = os.strerror(error.errno)
        raise ConfigurationError(
            f"{path}: cannot be written ({reason}); make room or name another folder, what is finished is kept"
        ) from error


@contextmanager
def temporary_folder() -> Generator[Path]:
    """A folder for files on the way, which is removed at the end.

    Raises:
        ConfigurationError: there is none, or the disk takes no more.
    """
    try:
        place = Path(tempfile.gettempdir())
    except FileNotFoundError as error:  # what it says too where each is full
        raise ConfigurationError(f"{error.strerror}; make room or name another folder in TMPDIR") from error
    with telling_refusals(place), tempfile.TemporaryDirectory(dir=place) as folder:
        yield Path(folder)


def refuse_unwritable(out: Path) -> None:
    """Stop before the work when nothing could be written at a path after it.

    Raises:
        ConfigurationError: the folder that it would be made in is none, or takes nothing from us.
    """
    try:
        nearest = next(parent for parent in out.absolute().parents if parent.exists())
        with tempfile.TemporaryDirectory(prefix=f".{out.name}.", dir=nearest):
            pass
    except OSError as error:
        raise ConfigurationError(f"{out}: cannot be written ({error.strerror}); name another folder") from error


def refuse_existing(out: Path, *, force: bool) -> None:
    """Stop before the work when the bundle could not be written after it.

    Raises:
        ConfigurationError: `out` exists and may not be replaced, is something else than a bundle, or cannot be written.
    """
    refuse_unwritable(out)
    if not out.exists():
        return
    if not force:
        raise ConfigurationError(f"{out}: exists; give another path, or --force to replace it")
    if out.is_dir() and any(out.iterdir()) and not (out / MANIFEST).is_file():
        raise ConfigurationError(f"{out}: a directory without {MANIFEST}, not a bundle; give another path")


def sha256(content: bytes) -> str:
    """Hexadecimal SHA-256."""
    return hashlib.sha256(content).hexdigest()


def write_bundle(spec: BundleSpec, files: dict[str, bytes], out: Path, *, force: bool = False) -> Bundle:
    """Write a bundle to a directory, or to one file where `out` ends in `.zip`, and load it again as the box does.

    It is made beside its place and renamed, so an interruption leaves what was there before.

    Raises:
        ConfigurationError: `out` exists and may not be replaced, or cannot be written.
        ModelError: the box would refuse the bundle.
    """
    refuse_existing(out, force=force)
    contents = {MANIFEST: (spec.model_dump_json(indent=2) + "\n").encode(), **files}
    with telling_refusals(out):
        out.parent.mkdir(parents=True, exist_ok=True)
    with telling_refusals(out), tempfile.TemporaryDirectory(prefix=f".{out.name}.", dir=out.parent) as folder:
        made = Path(folder) / out.name
        if out.suffix == ".zip":
            with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
                for name, content in contents.items():
                    archive.writestr(name, content)
        else:
            made.mkdir()
            for name, content in contents.items():
                (made / name).write_bytes(content)
        Bundle.load(made)
        _replace(made, out, Path(folder) / "old")
    return Bundle.load(out)


def _replace(made: Path, out: Path, aside: Path) -> None:
    """Put `made` in the place of `out`; a directory cannot be renamed over a full one, so that one steps aside."""
    if out.is_dir():
        out.rename(aside)
        try:
            made.rename(out)
        except OSError:
            aside.rename(out)
            raise
        shutil.rmtree(aside)
    else:
        made.replace(out)
