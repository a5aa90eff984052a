"""The part of the proof of the papers' recipes that takes hours: one cross-validation a recipe and seed.

Settings are reduced where two cores demand it, and said in the record. What is finished is kept: a recipe and seed by
its evidence, a fold by its run directory, an epoch by its checkpoint.
"""

import dataclasses
import hashlib
import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edge.errors import ConfigurationError
from proofs.frame.proof import Evidence, Setting
from proofs.models.folds import N_RENDERED, TRAINED_ON, rendered_folder
from proofs.models.protocols import GAMES, PROTOCOLS, RANDOM_CLIPS, SCENES, SUBJECTS, Protocol
from trainer.clips.datasets import read_dataset
from trainer.clips.splits import torn_splits
from trainer.features.backbone import RANDOM, WEIGHTS_NAMES, Weights, find_weights
from trainer.features.cache import Cache
from trainer.fitting.recipe import Recipe, Workshop
from trainer.studies.training import Wishes

RECIPES_VARIABLE, PROTOCOLS_VARIABLE, SEEDS_VARIABLE = "EDGEWATCH_RECIPES", "EDGEWATCH_PROTOCOLS", "EDGEWATCH_SEEDS"
SHORT = "lrcn"
BUILTIN = "edgewatch"
RENDERED = "rendered"
"""In place of a data set's name: the clips that the built-in bundle learned from too."""


@dataclass(frozen=True, slots=True)
class Reduced:
    """What is changed of a recipe: so that two cores train it within minutes a fold, or so that it fits the clips."""

    epochs: int | None = None
    size_px: int | None = None
    changes: Mapping[str, str] = field(default_factory=dict)
    rate_hz: float | None = None
    stream: str | None = None

    @property
    def described(self) -> str:
        """For the table."""
        parts = [f"{key} {value}" for key, value in self.changes.items()]
        parts += [f"at most {self.epochs} epochs"] if self.epochs else []
        parts += [f"{self.size_px} x {self.size_px} px"] if self.size_px else []
        parts += [f"{self.rate_hz:g}/s"] if self.rate_hz else []
        return ", ".join(parts) or "as published"

    def recipe(self, name: str) -> Recipe:
        """The recipe with its reduced pictures."""
        from trainer.recipes.catalogue import RECIPES  # noqa: PLC0415 brings Keras, which listing proofs need not wait for

        recipe = RECIPES[name]
        if self.size_px is None:
            return recipe
        size = {"height_px": self.size_px, "width_px": self.size_px}
        return dataclasses.replace(recipe, input=recipe.input.model_copy(update=size))

    def wishes(self, seed: int) -> Wishes:
        """Of one training."""
        return Wishes(
            seed=seed, epochs=self.epochs, stream=self.stream, rate_hz=self.rate_hz, hyperparameters=self.changes
        )


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
TUNED = Reduced(
    5,
    changes={
        "augment": "flip",
        "batch_size": "32",
        "finetune_blocks": "1",
        "keep": "last",
        "learning_rate": "1e-2",
        "momentum": "0.9",
        "schedule": "cosine",
        "trim_s": "0",
    },
    rate_hz=5.0,
)
"""Of `efficientnetb0-mean` on 1,000 clips of two seconds: its last block learns too, from all clips outside the fold,
as in the literature. Chosen while looking at the first of the random folds."""
SEEDS = (0, 1, 2)
"""Of what is compared with a stated figure; of the others the first alone."""
TWO_STREAMS = Reduced(stream="motion+trail")
"""What the third one brings stands beside them."""
EVERYTHING: tuple[tuple[Protocol, str, Reduced, tuple[int, ...]], ...] = (
    (SCENES, BUILTIN, Reduced(), SEEDS),
    (SCENES, BUILTIN, TWO_STREAMS, SEEDS[:1]),
    *((SCENES, name, reduced, SEEDS[:1]) for name, reduced in REDUCED.items()),
    *(
        (protocol, name, reduced, SEEDS[:1])
        for protocol in (RANDOM_CLIPS, GAMES)
        for name, reduced in (
            (BUILTIN, Reduced()),
            (BUILTIN, TWO_STREAMS),
            ("efficientnetb0-gru", Reduced(40, changes={"trim_s": "0"})),
            ("efficientnetb0-mean", TUNED),
        )
    ),
    (SUBJECTS, BUILTIN, Reduced(), SEEDS[:1]),
    (SUBJECTS, BUILTIN, TWO_STREAMS, SEEDS[:1]),
    (SUBJECTS, "efficientnetb0-gru", Reduced(40, changes={"trim_s": "0"}), SEEDS[:1]),
)
WITH_RENDERED = ((SUBJECTS, BUILTIN, Reduced(), SEEDS[:1]),)
"""As the built-in bundle is made."""
SHORT_SETTINGS = Reduced(2, 32, {"n_units": "4", "batch_size": "4"})


@dataclass(frozen=True, slots=True)
class Job:
    """One recipe with one seed, judged by one protocol."""

    protocol: Protocol
    name: str
    seed: int
    reduced: Reduced
    rendered: bool = False
    """Whether it learns from rendered clips too."""

    @property
    def title(self) -> str:
        """In the table, and of its figures: the recipe with its streams, where they are not its own."""
        streams = "" if self.reduced.stream is None else f" --stream {self.reduced.stream}"
        return f"{self.name}{streams}{' + rendered' * self.rendered}"

    @property
    def settings(self) -> str:
        """For the table."""
        return self.reduced.described + f", {N_RENDERED} rendered clips beside" * self.rendered

    def describe(self) -> dict[str, Any]:
        """What the outcome depends on, beside code and data, of which rendered clips are a part."""
        return {key: value for key, value in dataclasses.asdict(self).items() if key != "rendered"}


def jobs(setting: Setting) -> list[Job]:
    """What is to be trained: everything, or what `EDGEWATCH_RECIPES=a,b`, `EDGEWATCH_PROTOCOLS=a,b` and
    `EDGEWATCH_SEEDS=0,1,2` name.

    Raises:
        ConfigurationError: a recipe, protocol or seed is none.
    """
    if setting.short:
        return [Job(SCENES, SHORT, 0, SHORT_SETTINGS)]
    names = _named(RECIPES_VARIABLE, "recipe", [name for _, name, _, _ in EVERYTHING])
    protocols = _named(PROTOCOLS_VARIABLE, "protocol", PROTOCOLS)
    given = [seed for seed in os.environ.get(SEEDS_VARIABLE, "").split(",") if seed]
    if not all(seed.isdigit() for seed in given):
        raise ConfigurationError(f"{SEEDS_VARIABLE}={','.join(given)}: give whole numbers, such as 0,1,2")
    return [
        Job(protocol, name, seed, reduced, rendered)
        for rendered, table in ((False, EVERYTHING), (True, WITH_RENDERED))
        for protocol, name, reduced, seeds in table
        if name in names and protocol.name in protocols
        for seed in (map(int, given) if given else seeds)
    ]


def _named(variable: str, what: str, known: Iterable[str]) -> list[str]:
    """Those of the known that a variable names; all where it names none."""
    all_of_them = list(dict.fromkeys(known))
    named = [name for name in os.environ.get(variable, "").split(",") if name]
    if unknown := sorted(set(named) - set(all_of_them)):
        raise ConfigurationError(f"{variable}: no {what} {unknown[0]}; choose among {', '.join(all_of_them)}")
    return named or all_of_them


def sets_beside(job: Job) -> tuple[str, ...]:
    """What every fold of a job learns from too: the built-in recipe knows falls, which no set of fights shows."""
    if job.name != BUILTIN:
        return ()
    return *(name for name in TRAINED_ON if name != job.protocol.dataset), *([RENDERED] if job.rendered else [])


def set_folder(name: str, setting: Setting) -> Path:
    """Where a set lies that a job learns from."""
    return rendered_folder(setting) if name == RENDERED else setting.data / name


def folder_of(job: Job, made_from: object, setting: Setting) -> Path:
    """Where the runs of a job lie: runs of other settings or data are left alone."""
    key = hashlib.sha256(json.dumps(made_from, sort_keys=True).encode()).hexdigest()[:8]
    name = re.sub(r" --stream | \+ |\+", "-", job.title)
    return setting.work / "runs" / key / f"{name}-{job.protocol.name}-seed{job.seed}"


def weights_of(setting: Setting, network: str) -> Weights:
    """ImageNet's or what stands in for them where there is a file; random ones else, as the table then says."""
    if not network:
        return Weights("", "")
    path = setting.weights / WEIGHTS_NAMES[network]
    return find_weights(str(path), network) if path.is_file() else Weights(RANDOM, RANDOM)


def cross_validated(job: Job, folder: Path, setting: Setting) -> Evidence:
    """Train and judge every fold; the scores of each clip, and what the system is."""
    from trainer.studies.comparison import read_row  # noqa: PLC0415 they bring Keras
    from trainer.studies.crossvalidation import cross_validate, plan  # noqa: PLC0415

    recipe = job.reduced.recipe(job.name)
    clips, folds = job.protocol.read(setting)
    also = [clip for name in sets_beside(job) for clip in read_dataset(set_folder(name, setting))]
    torn = torn_splits(clips, folds)
    tasks = plan(recipe, job.reduced.wishes(job.seed), clips, folds, also, torn=torn)
    workshop = Workshop(Cache(setting.work / "cache"), weights_of(setting, recipe.network), os.cpu_count() or 1)
    cross_validate(tasks[:1] if setting.short else tasks, folder, workshop, ["float32"])
    row, figures = read_row(folder)
    return {
        "protocol": job.protocol.name,
        "recipe": job.title,
        "seed": job.seed,
        "settings": job.settings,
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
                "score": clip["scores"].get(job.protocol.label, 0.0),
            }
            for clip in sorted(figures["clips"], key=lambda clip: clip["path"])
        ],
    }
