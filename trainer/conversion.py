"""From a run directory to a bundle for the box."""

import shutil
import sys
from pathlib import Path
from typing import Any, Literal

from converters import convert
from edge.bundle import Bundle
from edge.errors import ConfigurationError
from trainer.calibration import read_calibration
from trainer.labels import slug
from trainer.run import Run

Precision = Literal["float32", "float16", "mixed", "int8"]


def convert_run(run: Run, precision: Precision, out: Path, *, name: str | None = None, force: bool = False) -> Bundle:
    """Convert a finished run and write the verified bundle.

    Raises:
        ConfigurationError: the run is not finished, or `out` exists and `force` is not given.
        QualityError: the converted model does not agree with the trained one.
    """
    calibration = read_calibration(run)
    if calibration is None:
        raise ConfigurationError(f"{run.path}: calibration pictures are missing; go on with trainer train --resume")
    representative, held_out = calibration
    return convert(
        run.load_model(),
        name=name or slug(f"{run.settings.recipe}-{run.path.resolve().name}"),
        precision=precision,
        representative=representative,
        held_out=held_out,
        out=out,
        provenance=provenance(run),
        force=force,
        report=lambda line: print(line, file=sys.stderr),
    )


def provenance(run: Run) -> dict[str, Any]:
    """Where a model comes from, for `bundle.json`; clips by their digests alone."""
    settings = run.settings
    return {
        "recipe": settings.recipe,
        "seed": settings.seed,
        "epochs": settings.epochs,
        "hyperparameters": settings.hyperparameters,
        "datasets": list(settings.data),
        "weights": settings.weights,
        "versions": settings.versions,
        "thresholds": run.load_model().thresholds,
        "clips": sorted({*settings.train_clips.values(), *settings.validation_clips.values()}),
    }


def bundle_of(run: Run, precision: Precision) -> Path:
    """The run's own bundle of a precision, made where it is not there or was left unfinished."""
    path = run.path / "bundles" / precision
    if (path / "bundle.json").is_file():
        return path
    shutil.rmtree(path, ignore_errors=True)
    convert_run(run, precision, path)
    return path
