"""The parts of the accuracy proof that take long: one task a fold, and what happens where nothing does."""

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import trainer
from converters.write import write_bundle
from edge.bundle import BUILTIN, Bundle
from edge.errors import DatasetError
from proofs.frame.proof import Evidence, Setting, say
from trainer.bundles.conversion import Precision, bundle_of
from trainer.clips.datasets import read_dataset
from trainer.clips.labels import NORMAL, VIOLENCE
from trainer.clips.manifest import Clip, Segment
from trainer.features.backbone import find_weights
from trainer.features.cache import Cache, content_sha256
from trainer.fitting.recipe import Workshop
from trainer.judging.evaluation import Judged
from trainer.judging.judging import judge_of
from trainer.judging.scoring import container_shape, preceding, watch_clips
from trainer.studies.crossvalidation import FoldTask, plan_fold, train_fold
from trainer.studies.training import Wishes
from trainer.synth import render_dataset

NORMAL_SET = "normal"
TRAINED_ON = ("surveillance-fight", "gmdcsa24", "t2v-bed-fall")
FOLD_FILES = Path(trainer.__file__).parent / "clips" / "folds"
VIDEO_SUFFIXES = {".avi", ".mp4"}
N_RENDERED, RENDERED_SEED = 240, 1
RECIPE = "edgewatch"
PRECISIONS: dict[str, Precision] = {"float": "float32", "quantized": "int8"}
"""`quantized` is that of the shipped bundle."""
HELD_S = 1.0
"""So long the last picture of a clip stays where its alerts are counted: clips end while they fight."""


@dataclass(frozen=True, slots=True)
class Task:
    """Train on everything but one fold of one set, quantize, watch the fold."""

    dataset: str
    fold: int
    rendered: bool
    """Whether rendered clips are among the training clips."""
    seed: int = 0
    """Of training, and of the folds."""
    recipe: str = RECIPE
    held_s: float = HELD_S

    @property
    def name(self) -> str:
        return f"{self.dataset}-{self.seed}-{self.fold}-{'with' if self.rendered else 'without'}-rendered"

    def describe(self) -> dict[str, Any]:
        """What the outcome depends on, beside code and data."""
        return asdict(self)


def run_task(task: Task, clips: Sequence[Clip], folds: Sequence[int], setting: Setting) -> Evidence:
    """Train, convert and watch one fold; minutes on two cores, and resumed where it was stopped.

    The scene's network and head are the fold's; what sees people is the shipped one, which tells no fight itself but
    knows who is alone.
    """
    weights = find_weights(str(setting.weights) if setting.weights.is_dir() else None)
    workshop = Workshop(Cache(), weights, os.cpu_count() or 1)
    planned = fold_task(task, clips, folds, setting)
    run = train_fold(planned, setting.work / task.name, workshop)
    held_out = planned.split.held_out
    rows = [
        {
            "path": f"{clip.dataset}/{clip.name}",
            "sha256": content_sha256(clip.path),
            "group": clip.group,
            "fights": clip.label == VIOLENCE,
            "shape": container_shape(clip.path),
        }
        for clip in held_out
    ]
    thresholds: dict[str, float] = {}
    for name, precision in PRECISIONS.items():
        bundle = beside_shipped(bundle_of(run, precision), run.path / f"watching-{precision}")
        judge = judge_of(bundle)
        thresholds[name] = judge.threshold(VIOLENCE)
        violence = judge.labels.index(VIOLENCE)
        as_is = watch_clips(bundle, held_out, workshop.workers)
        held = watch_clips(bundle, held_out, workshop.workers, held_s=task.held_s, before=preceding(held_out))
        for row, seen, longer in zip(rows, as_is, held, strict=True):
            row[name] = {
                "score": float(Judged(seen, judge).video_scores()[violence]),
                "alerts_s": [round(alarm.position_s, 2) for alarm in longer.alarms if alarm.label == VIOLENCE],
            }
    return task.describe() | {"thresholds": thresholds, "clips": rows}


def beside_shipped(bundle: Path, out: Path) -> Path:
    """The shipped bundle with the scene's network and head of another one, in `out`."""
    shipped, other = Bundle.load(BUILTIN), Bundle.load(bundle)
    networks = shipped.spec.networks.model_copy(update={"scene": other.spec.networks.scene})
    heads = shipped.spec.heads.model_copy(update={"scene": other.spec.heads.scene})
    combine = {label: shipped.spec.combine[label] for label in other.spec.alerts}
    spec = other.spec.model_copy(update={"networks": networks, "heads": heads, "combine": combine})
    files = {name: (shipped.files | other.files)[name] for name in spec.named_files}
    digests = {name: (shipped.spec.files | other.spec.files)[name] for name in spec.named_files}
    write_bundle(spec.model_copy(update={"files": digests}), files, out, force=True)
    return out


def fold_task(task: Task, clips: Sequence[Clip], folds: Sequence[int], setting: Setting) -> FoldTask:
    """What the fold learns from and is judged on: every set but the one in question lends all its clips."""
    from trainer.recipes.catalogue import RECIPES  # noqa: PLC0415 brings Keras, which listing proofs need not wait for

    others = [clip for name in TRAINED_ON if name != task.dataset for clip in read_dataset(setting.data / name)]
    also = others + (read_dataset(rendered_folder(setting)) if task.rendered else [])
    wishes = Wishes(seed=task.seed, hyperparameters={"person_bodies": "0"})
    return plan_fold(RECIPES[task.recipe], wishes, clips, folds, also, fold=task.fold)


def rendered_folder(setting: Setting) -> Path:
    """Where the rendered training clips lie, of other seeds than tests and demonstrations use; made where they are
    not."""
    folder = setting.work / f"rendered-{RENDERED_SEED}-{N_RENDERED}"
    if not (folder / "manifest.csv").is_file():
        say(f"rendering {N_RENDERED} clips")
        render_dataset(folder, N_RENDERED, RENDERED_SEED, lambda _: None)
    return folder


def eventless(folder: Path) -> list[Clip]:
    """Videos of a folder in which nothing happens that alerts.

    Raises:
        DatasetError: there are none.
    """
    paths = sorted(path for path in folder.glob("*") if path.suffix in VIDEO_SUFFIXES)
    if not paths:
        raise DatasetError(f"{folder}: no videos; set EDGEWATCH_DATA to where the data sets lie")
    return [Clip(path, path.stem, frozenset(), (Segment(NORMAL),), path.name, folder.name) for path in paths]


def alarms_on_normal(setting: Setting) -> list[dict[str, Any]]:
    """What the shipped bundle raises, at its default thresholds, on videos without events."""
    clips = eventless(setting.data / NORMAL_SET)
    say(f"the shipped bundle on {NORMAL_SET}/")
    return [
        {
            "path": result.clip.name,
            "sha256": result.sha256,
            "duration_s": result.shape[3],
            "events": [{"label": alarm.label, "position_s": alarm.position_s} for alarm in result.alarms],
        }
        for result in watch_clips(BUILTIN, clips, workers=1)
    ]
