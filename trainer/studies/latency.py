"""What one answer of a run costs on a machine: one sample through the frame model, and once what comes after it.

All in float32 TFLite on one thread. A system that judges whole clips is measured alike: its features can be worked out
while the clip lasts, so that its last frame and one pass of the network are what is waited for.
"""

import json
import sys
from typing import Any

import numpy as np

from converters.runtime import latencies
from converters.window import export_window
from edge.bundle import Bundle
from trainer.features.backbone import RANDOM, find_weights
from trainer.features.cache import Cache
from trainer.files import write_json
from trainer.fitting.recipe import Workshop
from trainer.fitting.run import Run
from trainer.studies.machine import processor

FILE_NAME = "latency.json"
BUNDLE = "bundles/float32"


def keep_latency(run: Run, workshop: Workshop) -> None:
    """Measure a finished run and keep the figure with it, once; not where it was judged in other precisions alone."""
    path = run.path / FILE_NAME
    if not path.is_file() and _measurable(run):
        write_json(path, _measured(run, workshop))


def latency_here(run: Run) -> float | None:
    """Milliseconds of one answer on this machine: as kept with the run, or measured now where it was kept elsewhere, or
    not at all; None where the run has nothing to measure."""
    path = run.path / FILE_NAME
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    if found.get("processor") != processor():
        if not _measurable(run):
            return None
        print(f"{run.path}: timing its answers on this machine", file=sys.stderr)
        found = _measured(run, _timing_workshop(run))
    return round(found["frame_ms"] + found["after_ms"], 3)


def _measurable(run: Run) -> bool:
    return run.settings.judges_whole_clips or (run.path / BUNDLE / "bundle.json").is_file()


def _measured(run: Run, workshop: Workshop) -> dict[str, Any]:
    """Content of `latency.json`."""
    frame, after = _files(run, workshop)
    times_ms = np.median(latencies([file for file in (frame, after) if file is not None]), axis=0).tolist()
    frame_ms = times_ms.pop(0) * len(run.settings.input.streams) if frame is not None else 0.0
    return {"processor": processor(), "frame_ms": round(frame_ms, 3), "after_ms": round(sum(times_ms), 3)}


def _timing_workshop(run: Run) -> Workshop:
    """With random weights, which take as long as the run's own; those may not be here."""
    from trainer.recipes.catalogue import network_of  # noqa: PLC0415  (see `_files`)

    return Workshop(Cache(), find_weights(RANDOM, network_of(run.settings)), 1)


def _files(run: Run, workshop: Workshop) -> tuple[bytes | None, bytes | None]:
    """The frame model and what comes after it, each None where there is none."""
    if not run.settings.judges_whole_clips:
        bundle = Bundle.load(run.path / BUNDLE)
        head = bundle.spec.heads.scene.file
        return bundle.content(bundle.spec.networks.scene), None if head is None else bundle.files[head]
    from trainer.recipes.catalogue import RECIPES  # noqa: PLC0415  (the recipes import much that bundles need not)

    system = RECIPES[run.settings.recipe].whole
    assert system is not None, run.settings.recipe
    settings = run.settings
    exported = system.backbone(settings.hyperparameters).export(
        settings.input, workshop.weights, settings.seed, workshop.cache.folder
    )
    return None if exported is None else exported.read_bytes(), export_window(run.load_model().window)
