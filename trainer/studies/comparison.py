"""Finished evaluations side by side: one HTML page that needs nothing else, each plot as PNG, the numbers as JSON."""

import functools
import hashlib
import json
import operator
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import count, groupby
from pathlib import Path
from typing import Any

from edge.bundle import InputSpec
from edge.errors import ConfigurationError
from trainer.features.backbone import RANDOM, find_weights
from trainer.features.backbones import origin
from trainer.files import write_json, write_text
from trainer.fitting.rules import learns_from_validation
from trainer.fitting.run import FRAME_NAME, HEAD_NAME, METRICS_NAME, WINDOW_NAME, Run, Settings
from trainer.recipes.catalogue import RECIPES, network_of
from trainer.studies.comparison_page import KIND, draw, page
from trainer.studies.crossvalidation import FOLDS_NAME
from trainer.studies.latency import latency_here
from trainer.studies.machine import processor

PAGE_NAME, JSON_NAME = "comparison.html", "comparison.json"
FIRST_CHOICE = "float32"
"""Of the precisions of a cross-validation, where there are several."""
LEARNED = "clips it learned from"


@dataclass(frozen=True, slots=True)
class Row:
    """One run, or the folds of one cross-validation."""

    name: str
    recipe: str
    backbone: str
    """Where its weights come from."""
    judged: str
    """On which clips: how many, of which data sets, and a digest of which."""
    protocol: str
    """Judged by validation clips, by clips it learned from, or by folds: how many, and groups on both sides of them."""
    sampling: str
    accuracy: float | None
    label: str
    auc: float | None
    f1: float | None
    calibration_error: float | None
    found: float | None
    """Share of the clips with the label in which it alerts; None, like the two below, where nothing can alert."""
    false_an_hour: float | None
    """Alerts an hour of footage without the label."""
    delay_s: float | None
    """Median, from an annotated start to the alert."""
    parameters: int
    latency_ms: float | None
    """One answer on this machine, see `trainer.studies.latency`; None where it cannot be measured."""
    accuracy_95: list[float] | None = None
    auc_95: list[float] | None = None
    rank: int | None = None
    """Among rows of the same `KIND`."""
    unranked: str = ""
    """Why it has no rank; empty where it has one."""
    swept: tuple[str, float] | None = None
    """Of a run of a sweep over numbers: what was varied, and its value."""


def read_row(path: Path) -> tuple[Row, dict[str, Any]]:
    """The row and figures of a run, or of a folder of folds.

    Raises:
        ConfigurationError: it is neither, or was not judged.
    """
    if (path / FOLDS_NAME).is_file():
        pooled = json.loads((path / FOLDS_NAME).read_text(encoding="utf-8"))
        figures = pooled["figures"].get(FIRST_CHOICE) or next(iter(pooled["figures"].values()))
        return _row(path.resolve().name, Run.load(path / pooled["folds"][0]), figures, _protocol(pooled, figures))
    run = Run.load(path)
    if not run.finished or not (path / METRICS_NAME).is_file():
        raise ConfigurationError(f"{path}: training is not finished; go on with trainer train --resume {path}")
    figures = json.loads((path / METRICS_NAME).read_text(encoding="utf-8"))
    learned = learns_from_validation(RECIPES[run.settings.recipe], run.settings.hyperparameters)
    row, figures = _row(path.resolve().name, run, figures, LEARNED if learned else "validation clips")
    return (replace(row, unranked=f"figures on {LEARNED} prove nothing") if learned else row), figures


def _protocol(pooled: Mapping[str, Any], figures: Mapping[str, Any]) -> str:
    """How many folds, and how many groups the splits have on both sides."""
    torn = sum(split["n_groups"] for split in figures.get("torn_splits", ()))
    return f"{len(pooled['folds'])} folds" + (f", {torn} groups on both sides" if torn else "")


def _row(name: str, run: Run, figures: dict[str, Any], protocol: str) -> tuple[Row, dict[str, Any]]:
    settings = run.settings
    label, found = next(iter(figures["labels"].items()), ("", None))
    events = found and found["events"]
    row = Row(
        name=name,
        recipe=settings.recipe,
        backbone=origin(settings.weights),
        judged=f"{figures['n_clips']} of {', '.join(figures['datasets'])} ({clips_digest(figures)})",
        protocol=protocol,
        sampling="whole clips" if settings.judges_whole_clips else f"{settings.input.rate_hz:g}/s",
        accuracy=figures["videos"]["accuracy"],
        label=label,
        auc=found["videos"]["auc"] if found else None,
        f1=found["videos"]["f1"] if found else None,
        calibration_error=found["calibration"]["expected_error"] if found else None,
        found=events["recall"] if events else None,
        false_an_hour=events["false_alarms"]["per_hour"] if events else None,
        delay_s=events["delays"]["median_delay_s"] if events else None,
        parameters=n_parameters(run),
        latency_ms=latency_here(run),
        accuracy_95=figures["videos"].get("accuracy_95"),
        auc_95=found.get("videos_95", {}).get("auc") if found else None,
    )
    return row, figures


def clips_digest(figures: Mapping[str, Any]) -> str:
    """Tells sets of clips apart: equal figures' clips have equal digests, in whatever order."""
    names = sorted(clip["sha256"] for clip in figures["clips"])
    return hashlib.sha256("".join(names).encode()).hexdigest()[:8]


def n_parameters(run: Run) -> int:
    """Parameters of a run's system, its backbone's too; a head's count once, though the frame model answers by it."""
    import keras  # noqa: PLC0415

    files = [run.path / name for name in (FRAME_NAME, WINDOW_NAME) if (run.path / name).is_file()]
    files = files or [run.path / HEAD_NAME]
    models: list[Any] = [keras.models.load_model(file, compile=False) for file in files]
    own = sum(int(model.count_params()) for model in models)
    return own + (_of_backbone(run.settings) if run.settings.judges_whole_clips else 0)


def _of_backbone(settings: Settings) -> int:
    """Parameters of what makes the features of a system of whole clips, which its run does not hold."""
    system = RECIPES[settings.recipe].whole
    assert system is not None, settings.recipe
    name = str(settings.hyperparameters.get("features", next(iter(system.backbones))))
    return _count(settings.recipe, name, network_of(settings), settings.input.height_px, settings.input.width_px)


@functools.lru_cache
def _count(recipe: str, backbone: str, network: str, height_px: int, width_px: int) -> int:
    system = RECIPES[recipe].whole
    build = system.backbones[backbone].build if system else None
    spec = InputSpec(height_px=height_px, width_px=width_px)
    model: Any = build(spec, find_weights(RANDOM, network)) if build else None
    return int(model.count_params()) if model else 0


def ranked(rows: Sequence[Row]) -> list[Row]:
    """Best accuracy first; a rank counts among rows of the same kind, and clips that were learned from give none."""
    kind = operator.attrgetter(*KIND.values())
    ordered = sorted(rows, key=lambda row: (kind(row), -(row.accuracy or 0), row.name))
    return [
        row if row.unranked else replace(row, rank=rank)
        for _, alike in groupby(ordered, kind)
        for rank, row in enumerate(alike, start=1)
    ]


def by_name(paths: Sequence[Path]) -> dict[str, Path]:
    """Each folder once, by its name, with as many of those above it as tell it from others of that name."""
    folders = list(dict.fromkeys(path.resolve() for path in paths))
    ends = Counter(folder.parts[-length:] for folder in folders for length in range(1, len(folder.parts) + 1))
    lengths = [next(length for length in count(1) if ends[folder.parts[-length:]] == 1) for folder in folders]
    return {str(Path(*folder.parts[-length:])): folder for folder, length in zip(folders, lengths, strict=True)}


def compare(paths: Sequence[Path], out: Path, swept: tuple[str, Sequence[float]] | None = None) -> Path:
    """Write the page of these runs and cross-validations into a folder; return the page's path.

    Args:
        paths: their folders.
        out: the page's folder.
        swept: what a sweep varied, and its value in each of the runs.

    Raises:
        ConfigurationError: a path is neither, or not finished.
    """
    read = {name: read_row(path) for name, path in by_name(paths).items()}
    named = [replace(row, name=name) for name, (row, _) in read.items()]
    if swept is not None:
        key, values = swept
        named = [replace(row, swept=(key, value)) for row, value in zip(named, values, strict=True)]
    rows = [asdict(row) for row in ranked(named)]
    out.mkdir(parents=True, exist_ok=True)
    machine = processor()
    pictures = draw(out, rows, {name: figures for name, (_, figures) in read.items()}, machine)
    write_json(out / JSON_NAME, {"processor": machine, "rows": rows})
    write_text(out / PAGE_NAME, page(rows, pictures, machine))
    return out / PAGE_NAME
