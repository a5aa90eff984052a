"""The part of the proof of the papers' recipes that takes hours: one cross-validation a recipe and seed.

Settings are reduced where two cores demand it, and said in the record. What is finished is kept: a recipe and seed by
its evidence, a fold by its run directory, an epoch by its checkpoint.
"""

import dataclasses
import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import trainer
from edge.errors import ConfigurationError
from proofs.proof import Evidence, Setting, say
from trainer.backbone import RANDOM, WEIGHTS_NAMES, Weights, find_weights
from trainer.cache import Cache
from trainer.datasets import read_dataset
from trainer.manifest import Clip
from trainer.recipe import Recipe, Workshop
from trainer.splits import assign_folds, read_folds
from trainer.synth import render_dataset
from trainer.training import Wishes

DATASET = "surveillance-fight"
FOLDS = Path(trainer.__file__).parent / "folds" / f"{DATASET}.csv"
LABEL = "violence"
RECIPES_VARIABLE, SEEDS_VARIABLE = "EDGEWATCH_RECIPES", "EDGEWATCH_SEEDS"
SHORT = "lrcn"
N_SHORT_GROUPS, N_SHORT_OF_GROUP, N_SHORT_FOLDS = 9, 2, 3
N_RENDERED, RENDERED_SEED = 12, 3


@dataclass(frozen=True, slots=True)
class Reduced:
    """What is changed of a recipe so that two cores can train it within minutes a fold."""

    epochs: int | None = None
    size_px: int | None = None
    changes: Mapping[str, str] = field(default_factory=dict)

    @property
    def described(self) -> str:
        """For the table."""
        parts = [f"{key} {value}" for key, value in self.changes.items()]
        parts += [f"at most {self.epochs} epochs"] if self.epochs else []
        parts += [f"{self.size_px} x {self.size_px} px"] if self.size_px else []
        return ", ".join(parts) or "as published"

    def recipe(self, name: str) -> Recipe:
        """The recipe with its reduced pictures."""
        from trainer.recipes import RECIPES  # noqa: PLC0415 brings Keras, which listing proofs need not wait for

        recipe = RECIPES[name]
        if self.size_px is None:
            return recipe
        size = {"height_px": self.size_px, "width_px": self.size_px}
        return dataclasses.replace(recipe, input=recipe.input.model_copy(update=size))

    def wishes(self, seed: int) -> Wishes:
        """Of one training."""
        return Wishes(seed=seed, epochs=self.epochs, hyperparameters=self.changes)


SMALLER_004 = Reduced(40, None, {"n_units": "512", "learning_rate": "1e-4"})
REDUCED: dict[str, Reduced] = {
    "efficientnetb0-mean": Reduced(),
    "efficientnetb0-gru": Reduced(40),
    "efficientnetb0-lstm": Reduced(40),
    "efficientnetb0-bilstm": Reduced(30),
    "lrcn": Reduced(10),
    "inceptionv3-simplernn-tanh": SMALLER_004,
    "inceptionv3-simplernn-relu": SMALLER_004,
    "inceptionv3-lstm": SMALLER_004,
    "inceptionv3-lstm-binary": Reduced(40, None, {"n_units": "512"}),
    "convlstm": Reduced(15),
    "vgg16-lstm": Reduced(20, 112),
}
"""Every system of the five papers, the quick ones first."""
SHORT_SETTINGS = Reduced(2, 32, {"n_units": "4", "batch_size": "4"})


@dataclass(frozen=True, slots=True)
class Job:
    """One recipe with one seed."""

    name: str
    seed: int
    reduced: Reduced

    def describe(self) -> dict[str, Any]:
        """What the outcome depends on, beside code and data."""
        return dataclasses.asdict(self)


def jobs(setting: Setting) -> list[Job]:
    """What is to be trained: everything, or what `EDGEWATCH_RECIPES=a,b` and `EDGEWATCH_SEEDS=0,1,2` name.

    Raises:
        ConfigurationError: a recipe or seed is none.
    """
    if setting.short:
        return [Job(SHORT, 0, SHORT_SETTINGS)]
    named = [name for name in os.environ.get(RECIPES_VARIABLE, "").split(",") if name] or list(REDUCED)
    if unknown := sorted(set(named) - set(REDUCED)):
        raise ConfigurationError(f"{RECIPES_VARIABLE}: no recipe {unknown[0]}; choose among {', '.join(REDUCED)}")
    seeds = os.environ.get(SEEDS_VARIABLE) or "0"
    if not all(seed.isdigit() for seed in seeds.split(",")):
        raise ConfigurationError(f"{SEEDS_VARIABLE}={seeds}: give whole numbers, such as 0,1,2")
    return [Job(name, int(seed), REDUCED[name]) for seed in seeds.split(",") for name in named]


def clips_and_folds(setting: Setting) -> tuple[list[Clip], list[int]]:
    """The clips with the fold of each: the published five, or in short a few clips in three.

    Without the footage the short form renders clips.
    """
    folder = setting.data / DATASET
    if not setting.short:
        clips = read_dataset(folder)
        return clips, read_folds(FOLDS, clips)
    clips = _few(read_dataset(folder)) if folder.is_dir() else _rendered(setting)
    return clips, assign_folds(clips, N_SHORT_FOLDS, seed=0)


def _few(clips: Sequence[Clip]) -> list[Clip]:
    """Some clips of the first groups that hold fights, and of the first that hold none."""
    found: list[Clip] = []
    for fights in (True, False):
        of_label = [clip for clip in clips if (clip.label == LABEL) == fights]
        for group in sorted({clip.group for clip in of_label})[:N_SHORT_GROUPS]:
            found += [clip for clip in of_label if clip.group == group][:N_SHORT_OF_GROUP]
    return found


def _rendered(setting: Setting) -> list[Clip]:
    folder = setting.work / "rendered"
    if not (folder / "manifest.csv").is_file():
        say(f"rendering {N_RENDERED} clips, since there is no footage")
        render_dataset(folder, N_RENDERED, RENDERED_SEED, lambda _: None)
    return read_dataset(folder)


def folder_of(job: Job, made_from: object, setting: Setting) -> Path:
    """Where the runs of a job lie: runs of other settings or data are left alone."""
    key = hashlib.sha256(json.dumps(made_from, sort_keys=True).encode()).hexdigest()[:8]
    return setting.work / "runs" / key / f"{job.name}-seed{job.seed}"


def weights_of(setting: Setting, network: str) -> Weights:
    """ImageNet's or what stands in for them where there is a file; random ones else, as the table then says."""
    if not network:
        return Weights("", "")
    path = setting.weights / WEIGHTS_NAMES[network]
    return find_weights(str(path), network) if path.is_file() else Weights(RANDOM, RANDOM)


def cross_validated(job: Job, folder: Path, setting: Setting) -> Evidence:
    """Train and judge every fold; the scores of each clip, and what the system is."""
    from trainer.comparison import read_row  # noqa: PLC0415 they bring Keras
    from trainer.crossvalidation import cross_validate, plan  # noqa: PLC0415

    recipe = job.reduced.recipe(job.name)
    clips, folds = clips_and_folds(setting)
    tasks = plan(recipe, job.reduced.wishes(job.seed), clips, folds)
    workshop = Workshop(Cache(setting.work / "cache"), weights_of(setting, recipe.network), os.cpu_count() or 1)
    cross_validate(tasks[:1] if setting.short else tasks, folder, workshop, ["float32"])
    row, figures = read_row(folder)
    return {
        "recipe": job.name,
        "seed": job.seed,
        "settings": job.reduced.described,
        "backbone": row.backbone,
        "sampling": row.sampling,
        "parameters": row.parameters,
        "latency_ms": row.latency_ms,
        "clips": [
            {
                "path": clip["path"],
                "group": clip["group"],
                "label": clip["label"],
                "answer": clip["answer"],
                "score": clip["scores"].get(LABEL, 0.0),
            }
            for clip in sorted(figures["clips"], key=lambda clip: clip["path"])
        ],
    }
