"""Which clips a quantized frame model answers otherwise than the float32 model of the same training.

For each backbone and set of fights, the frame model is converted once to each precision, on pictures of the other sets,
and looks at every clip through the edge pipeline. The backbone is frozen, so what it sees is the same in every fold.
What learns, the head of the recipe `edgewatch`, is trained anew for each fold of each seed, which draws its own grouped
folds, and reads what each precision saw, by the box's own aggregator.

Resumed where it was stopped: a run, a converted model, the features of a clip and the scores of a fold are each kept.
"""

import functools
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from converters import Precision, convert
from converters.export import export_head, input_widths
from edge.bundle import MANIFEST, Bundle
from edge.inference.aggregation import Aggregator, RecurrentAggregator
from edge.inference.model import Model, open_model
from edge.inference.tflite import open_interpreter
from edge.pipeline import Watcher
from edge.sources.file import FileSource
from edge.types import Inference
from proofs.frame import record
from proofs.frame.proof import Evidence, Setting, say
from proofs.models.folds import TRAINED_ON
from proofs.models.protocols import GAMES, N_FOLDS, SCENES
from trainer.bundles.calibration import N_HELD_OUT, N_REPRESENTATIVE, pictures
from trainer.clips.datasets import read_dataset
from trainer.clips.labels import VIOLENCE
from trainer.clips.manifest import Clip
from trainer.clips.pool import map_clips
from trainer.features.backbone import B0, LITE0, find_weights
from trainer.features.cache import Cache, read_entry, write_entry
from trainer.fitting.recipe import Workshop
from trainer.fitting.run import Run, TrainedModel
from trainer.judging.scoring import video_score
from trainer.studies.crossvalidation import plan_fold
from trainer.studies.training import Wishes, train

NETWORKS = (B0, LITE0)
SETS = {protocol.dataset: protocol for protocol in (SCENES, GAMES)}
"""Each with the protocol that its folds come from."""
PRECISIONS: tuple[Precision, ...] = ("float32", "mixed", "int8")
SEEDS = (0, 1, 2)
RECIPE = "edgewatch"
DIGITS = 6
"""Of scores in the evidence."""
NO_PROBABILITIES: NDArray[np.float32] = np.zeros(0, np.float32)
"""Of a frame alone, of which a recurrent head makes no use."""


@dataclass(frozen=True, slots=True)
class Task:
    """Train on everything but one fold of one seed's folds, and score the fold in every precision."""

    network: str
    dataset: str
    seed: int
    fold: int

    @property
    def name(self) -> str:
        return f"{self.network}-{self.dataset}-{self.seed}-{self.fold}".lower()


def measure_flips(setting: Setting, networks: Sequence[str] = NETWORKS) -> list[Evidence]:
    """Score every fold that is not scored yet; hours on two cores."""
    return [
        evidence for network in networks for dataset in SETS for evidence in _measure_set(network, dataset, setting)
    ]


def _measure_set(network: str, dataset: str, setting: Setting) -> list[Evidence]:
    data = {name: record.digest_of_files(setting.data / name) for name in sorted({dataset, *TRAINED_ON})}
    tasks = [Task(network, dataset, seed, fold) for seed in SEEDS for fold in range(N_FOLDS)]
    return [
        setting.once(task.name, [asdict(task), data], lambda task=task: _score_task(task, setting)) for task in tasks
    ]


def _score_task(task: Task, setting: Setting) -> Evidence:
    """Train the fold's head, and let it read what each precision saw of the fold's clips."""
    model = train_task(task, setting).load_model()
    clips, folds = SETS[task.dataset].read(setting, task.seed)
    judged = [clip for clip, fold in zip(clips, folds, strict=True) if fold == task.fold]
    cache, aggregator = Cache(setting.work / "looked"), aggregator_of(model)
    scores = {
        precision: scores_of(model, aggregator, look(bundle, judged, cache))
        for precision, bundle in _bundles(task, clips, setting).items()
    }
    return asdict(task) | {
        "threshold": model.thresholds[VIOLENCE],
        "paths": [clip.name for clip in judged],
        "truth": [clip.label == VIOLENCE for clip in judged],
        "scores": scores,
    }


def train_task(task: Task, setting: Setting) -> Run:
    """The fold's run, trained where it is not."""
    from trainer.recipes.catalogue import RECIPES  # noqa: PLC0415  (brings Keras, which listing proofs need not wait for)

    clips, folds = SETS[task.dataset].read(setting, task.seed)
    others = [clip for name in TRAINED_ON if name != task.dataset for clip in read_dataset(setting.data / name)]
    planned = plan_fold(RECIPES[RECIPE], Wishes(seed=task.seed), clips, folds, others, fold=task.fold)
    weights = find_weights(str(setting.weights) if setting.weights.is_dir() else None, task.network)
    workshop = Workshop(Cache(), weights, _workers())
    return train(planned.recipe, planned.wishes, planned.inner, setting.work / task.name, workshop)


def _bundles(task: Task, clips: Sequence[Clip], setting: Setting) -> dict[Precision, Path]:
    """The frame model of a backbone for one set, in every precision. Its ranges come from pictures of the other sets,
    so no clip that is judged has been seen; only the figures of its verification are of the set."""
    places: dict[Precision, Path] = {
        precision: setting.work / f"{task.network}-{task.dataset}-{precision}".lower() for precision in PRECISIONS
    }
    missing: list[Precision] = [precision for precision in PRECISIONS if not (places[precision] / MANIFEST).is_file()]
    if not missing:
        return places
    model = train_task(Task(task.network, task.dataset, SEEDS[0], 0), setting).load_model()
    others = sorted({*TRAINED_ON, *SETS} - {task.dataset})
    seen = [clip for name in others for clip in read_dataset(setting.data / name)]
    draw = functools.partial(pictures, spec=model.input, seed=SEEDS[0], cache=Cache(), workers=_workers())
    representative, held_out = draw(seen, n_pictures=N_REPRESENTATIVE), draw(clips, n_pictures=N_HELD_OUT)
    for precision in missing:
        convert(
            model,
            name=places[precision].name,
            precision=precision,
            representative=representative,
            held_out=held_out,
            out=places[precision],
            provenance={},
            accept_loss=True,
            report=say,
        )
    return places


def aggregator_of(model: TrainedModel) -> RecurrentAggregator:
    """The box's aggregator with a trained head."""
    head: Any = model.head
    return RecurrentAggregator(
        open_interpreter(export_head(head), threads=1), input_widths(head)["state"], model.window_s
    )


def scores_of(model: TrainedModel, aggregator: Aggregator[Any], entries: Sequence[Path]) -> list[float]:
    """What a trained head says of violence in each clip, by what was seen of it."""
    index = model.labels.index(VIOLENCE)
    rows = [video_score(replay(aggregator, entry), model.labels, model.video_rules) for entry in entries]
    return [round(float(row[index]), DIGITS) for row in rows]


def replay(aggregator: Aggregator[Any], entry: Path) -> NDArray[np.float64]:
    """Scores (n_steps, n_labels) of a clip's kept inferences."""
    arrays = read_entry(entry)
    assert arrays is not None, entry
    state, rows = aggregator.initial_state(), list[NDArray[np.float32]]()
    for capture_ns, features in zip(arrays["capture_ns"].tolist(), arrays["features"].astype(np.float32), strict=True):
        scores, state = aggregator.step(Inference(features, NO_PROBABILITIES, capture_ns, 0), state)
        rows.append(scores.probabilities)
    return np.asarray(rows, np.float64)


def look(bundle: Path, clips: Sequence[Clip], cache: Cache) -> list[Path]:
    """What the edge pipeline's frame model sees of each clip, kept in the cache: a path each."""
    settings = f"inferences {Bundle.load(bundle).digest}"
    entries = [cache.path(clip, settings) for clip in clips]
    todo = [(clip.path, entry) for clip, entry in zip(clips, entries, strict=True) if not entry.is_file()]
    for _ in map_clips(_look, todo, _workers(), bundle.name, initializer=_open, initargs=(bundle,)):
        pass
    return entries


_model: list[Model] = []
"""What a worker process keeps between clips."""


def _open(bundle: Path) -> None:
    _model[:] = [open_model(Bundle.load(bundle), threads=1)]


def _look(job: tuple[Path, Path]) -> None:
    path, entry = job
    steps = Watcher(FileSource(path), _model[0]).steps()
    seen = [step.inference for step in steps if step.inference is not None]
    write_entry(
        entry,
        {
            "capture_ns": np.asarray([inference.capture_ns for inference in seen], np.int64),
            "features": np.stack([inference.features for inference in seen]),
        },
    )


def _workers() -> int:
    return os.cpu_count() or 1
