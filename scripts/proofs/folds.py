"""The parts of the accuracy proof that take hours or run the edge pipeline: one task a fold."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edge.bundle import Bundle
from edge.model import open_model
from edge.pipeline import Watcher
from edge.sources.file import FileSource
from edge.types import NS_PER_S
from proofs.proof import Evidence, Setting, say

NORMAL_SET = "normal"
VIDEO_SUFFIXES = {".avi", ".mp4"}
N_FIGHT_FOLDS, N_FALL_SUBJECTS = 5, 4
RECIPE = "edgewatch"
SEED = 0


@dataclass(frozen=True, slots=True)
class Task:
    """Train on everything but one fold of one set, quantize, score the fold."""

    dataset: str
    fold: int
    rendered: bool
    """Whether rendered clips are among the training clips."""
    recipe: str = RECIPE
    seed: int = SEED

    @property
    def name(self) -> str:
        return f"{self.dataset}-{self.fold}-{'with' if self.rendered else 'without'}-rendered"

    def describe(self) -> dict[str, Any]:
        """What the outcome depends on, beside code and data."""
        return asdict(self)


TASKS = [
    Task(dataset, fold, rendered)
    for rendered in (True, False)
    for dataset, n_folds in (("surveillance-fight", N_FIGHT_FOLDS), ("gmdcsa24", N_FALL_SUBJECTS))
    for fold in range(n_folds)
]


def run_task(task: Task, setting: Setting) -> Evidence:
    """Train, convert and score one fold: seconds to an hour on two cores."""
    from trainer.crossvalidation import run_fold  # noqa: PLC0415 imports TensorFlow, which listing proofs need not

    scored = run_fold(
        dataset=task.dataset,
        fold=task.fold,
        rendered=task.rendered,
        recipe=task.recipe,
        seed=task.seed,
        data=setting.data,
        weights=setting.weights,
        out=setting.work / task.name,
    )
    return task.describe() | scored


def alarms_on(bundle: Bundle, folder: Path) -> list[dict[str, Any]]:
    """Run a bundle at its default thresholds over videos without events."""
    model = open_model(bundle)
    return [
        {"path": path.name, **_alarms(FileSource(path), model)}
        for path in sorted(folder.iterdir())
        if path.suffix in VIDEO_SUFFIXES
    ]


def _alarms(source: FileSource, model: Any) -> dict[str, Any]:
    say(f"watching {source.name}")
    events, last_ns = [], 0
    for step in Watcher(source, model).steps():
        last_ns = max(last_ns, step.scores.end_ns)
        events += [
            {"label": event.label, "position_s": event.position_s, "peak_score": event.peak_score}
            for event in step.events
            if event.type == "started"
        ]
    return {"duration_s": last_ns / NS_PER_S, "events": events}
