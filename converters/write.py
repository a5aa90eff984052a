"""Writes a bundle whole or not at all."""

import hashlib
import shutil
import tempfile
import zipfile
from pathlib import Path

from edge.bundle import MANIFEST, Bundle, BundleSpec
from edge.errors import ConfigurationError


def refuse_existing(out: Path, *, force: bool) -> None:
    """Stop before the work when the bundle could not be written after it.

    Raises:
        ConfigurationError: `out` exists and may not be replaced, or is something else than a bundle.
    """
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
    """
    refuse_existing(out, force=force)
    out.parent.mkdir(parents=True, exist_ok=True)
    contents = {MANIFEST: (spec.model_dump_json(indent=2) + "\n").encode(), **files}
    with tempfile.TemporaryDirectory(prefix=f".{out.name}.", dir=out.parent) as folder:
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
