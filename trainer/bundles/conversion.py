"""From a run directory to a bundle for the box."""

import shutil
import sys
from pathlib import Path
from typing import Any, Literal

from converters import ClipJudge, Target, convert
from converters.targets import precision_for
from edge.bundle import Bundle
from edge.errors import ConfigurationError
from trainer.bundles.calibration import read_calibration
from trainer.bundles.people import people_network
from trainer.clips.labels import slug
from trainer.clips.manifest import RENDERED_PREFIX
from trainer.fitting.run import RATE, SAMPLING, Run

Precision = Literal["float32", "float16", "mixed", "int8"]


def convert_run(
    run: Run,
    precision: Precision | None,
    out: Path,
    *,
    target: Target = "cpu",
    name: str | None = None,
    force: bool = False,
    accept_loss: bool = False,
    judge: ClipJudge | None = None,
) -> Bundle:
    """Convert a finished run and write the verified bundle.

    Args:
        run: finished.
        precision: of the frame model; None: the target's own.
        out: directory or `.zip` to write.
        target: what is to run the frame model.
        name: of the model in `bundle.json` and events; by default recipe and run.
        force: replace what is at `out`.
        accept_loss: write a bundle with a warning where more is lost than the precision's limit.
        judge: tells what the conversion changes about clips, see `trainer.bundles.changes`.

    Raises:
        ConfigurationError: the run is not finished or judges whole clips, or `out` exists and `force` is not given.
        QualityError: the converted model does not agree with the trained one, or loses more than the limit.
    """
    settings = run.settings
    if settings.judges_whole_clips:
        raise ConfigurationError(
            f"{run.path}: judges frames chosen over a whole clip, whose end a camera never sees; for the box, train "
            f"with --set {SAMPLING}={RATE}"
        )
    calibration = read_calibration(run)
    if calibration is None:
        raise ConfigurationError(f"{run.path}: calibration pictures are missing; go on with trainer train --resume")
    representative, held_out = calibration
    model = run.load_model()
    precision = precision_for(target, precision)
    people = None
    if model.person is not None:
        people = people_network(run, precision, target, accept_loss=accept_loss, report=_report)
    return convert(
        model,
        name=name or slug("-".join(filter(None, (settings.recipe, settings.network, run.path.resolve().name)))),
        precision=precision,
        target=target,
        representative=representative,
        held_out=held_out,
        out=out,
        provenance=provenance(run),
        people=people,
        force=force,
        accept_loss=accept_loss,
        judge=judge,
        report=_report,
    )


def _report(line: str) -> None:
    print(line, file=sys.stderr)


def provenance(run: Run) -> dict[str, Any]:
    """Where a model comes from, for `bundle.json`; clips by their digests alone."""
    settings = run.settings
    return {
        "recipe": settings.recipe,
        **({"network": settings.network} if settings.network else {}),
        "seed": settings.seed,
        "epochs": settings.epochs,
        "hyperparameters": settings.hyperparameters,
        "datasets": list(settings.data),
        "rendered_clips": any(name.startswith(RENDERED_PREFIX) for name in settings.data),
        "weights": settings.weights,
        "versions": settings.versions,
        "clips": settings.learned,
    }


def bundle_of(run: Run, precision: Precision) -> Path:
    """The run's own bundle of a precision, made where it is not there or was left unfinished. It is there to be judged,
    so no loss is refused."""
    path = run.path / "bundles" / precision
    if (path / "bundle.json").is_file():
        return path
    shutil.rmtree(path, ignore_errors=True)
    convert_run(run, precision, path, accept_loss=True)
    return path
