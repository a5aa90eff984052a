"""What a recipe is: one paper's system, from clips to a trained model."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from edge.bundle import InputSpec
from edge.errors import ConfigurationError
from trainer.clips.choosing import EVENLY
from trainer.clips.manifest import Clip
from trainer.features.backbone import B0, LITE0, Weights
from trainer.features.backbones import POOLED, Backbone
from trainer.features.cache import Cache
from trainer.features.features import extract
from trainer.fitting.run import FEATURES, N_STEPS, Run, TrainedModel

if TYPE_CHECKING:
    import keras

ACCURACY = "val_accuracy"
LOSS = "val_loss"
"""What epochs are compared by."""
BACKBONES = {"efficientnetb0": B0, "efficientnet-lite0": LITE0}
"""What `--backbone` chooses from, for recipes that name EfficientNetB0."""

Hyperparameter = float | int | str | bool
Wanted = Mapping[str, Hyperparameter]
"""A run's hyper-parameters."""
NO_WEIGHTS = "none"
NO_AUGMENTATION = "none"
BEST, LAST = "best", "last"
"""Epochs to keep."""
CONSTANT, COSINE = "constant", "cosine"
"""Schedules of the learning rate."""
AUGMENTATION: Mapping[str, Hyperparameter] = {"augment": NO_AUGMENTATION, "augment_copies": 1}
"""Of every recipe, see `trainer.fitting.augmentation`."""
DESCENT: Mapping[str, Hyperparameter] = {
    **AUGMENTATION,
    "class_weights": NO_WEIGHTS,
    "focal_gamma": 0.0,
    "keep": BEST,
    "label_smoothing": 0.0,
    "mixed_precision": False,
    "plateau": 0,
    "plateau_factor": 0.2,
    "schedule": CONSTANT,
}
"""Of every recipe that is trained by gradient descent, see `objective`, `mixed` and `rules` in `trainer.fitting`."""

Build = Callable[[Wanted, InputSpec, int, int], "keras.Model"]
"""`build(wanted, spec, n_features, n_labels)`: `steps` (n, n_steps, n_features) -> probabilities (n, n_labels)."""


@dataclass(frozen=True, slots=True)
class WholeSystem:
    """One paper's system, as far as whole clips go."""

    backbones: Mapping[str, Backbone]
    """What makes features of a frame, by the hyper-parameter `features`; one alone needs none."""
    choice: str
    """The paper's choice of a clip's frames, see `trainer.clips.choosing`."""
    n_steps: int
    """Of the longest sequence, see `steps`."""
    build: Build
    optimizer: Callable[[Wanted], "keras.optimizers.Optimizer"]
    monitor: str = ACCURACY
    masked: bool = False
    """Whether shorter sequences are padded by zeros that the model masks."""
    top_k: int | None = None
    """Also count how often the truth is among so many labels, where there are more."""
    n_labels: int | None = None
    """The only number of labels that it takes."""

    def steps(self, wanted: Wanted) -> int:
        """How many steps the longest sequence of a run has.

        Raises:
            ConfigurationError: it has none.
        """
        n_steps = int(wanted.get(N_STEPS, self.n_steps))
        if n_steps < 1:
            raise ConfigurationError(f"--set {N_STEPS}={n_steps}: give 1 or more")
        return n_steps

    def frames(self, wanted: Wanted) -> str:
        """The choice of a clip's frames that a run asks for."""
        return f"{EVENLY}{self.steps(wanted)}" if self.choice.startswith(EVENLY) else self.choice

    def backbone(self, wanted: Wanted) -> Backbone:
        """The backbone that is wanted.

        Raises:
            ConfigurationError: there is none of that name.
        """
        name = str(wanted.get(FEATURES, next(iter(self.backbones))))
        if name not in self.backbones:
            raise ConfigurationError(f"--set {FEATURES}={name}: choose one of {', '.join(self.backbones)}")
        return self.backbones[name]


@dataclass(frozen=True, slots=True)
class Workshop:
    """What a recipe works with that does not decide its outcome, but for the weights, which the run's settings name."""

    cache: Cache
    weights: Weights
    workers: int
    tensorboard: Path | None = None
    """Where to log each epoch for TensorBoard; None logs nothing."""

    def extract(
        self, clips: Sequence[Clip], spec: InputSpec, seed: int, backbone: Backbone = POOLED, choice: str = ""
    ) -> list[Path]:
        """Cache the clips' features; as `trainer.features.features.extract`, with what this workshop has."""
        return extract(
            clips, spec, self.weights, self.cache, workers=self.workers, seed=seed, backbone=backbone, choice=choice
        )


Fit = Callable[[Sequence[Clip], Sequence[Clip], Run, Workshop], TrainedModel]
"""`fit(train, validation, run, workshop)`: learns from `train`, chooses by `validation`, keeps checkpoints in `run`."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """One system with its published settings."""

    name: str
    summary: str
    input: InputSpec
    epochs: int
    fit: Fit
    hyperparameters: Mapping[str, Hyperparameter] = field(default_factory=dict)
    optional: Mapping[str, Hyperparameter] = field(default_factory=lambda: DESCENT)
    """What `--set` understands beside the published hyper-parameters; a run keeps of it what was asked for."""
    labels: tuple[str, ...] | None = None
    """The labels that it knows, `normal` always one of a model's; None knows any. A model has those that the data
    holds."""
    streams_of_one: Mapping[str, str] = field(default_factory=dict)
    """By label: the stream that does where that is the only event to be told."""
    learns_from_validation: bool = False
    """Whether it also learns from the validation clips, so that figures on them prove nothing."""
    network: str = B0
    """Whose weights it begins with; empty where everything is learned."""
    whole: WholeSystem | None = None
    """How it judges whole clips, with the hyper-parameter sampling=paper; None where it cannot."""


def network_of(recipe: Recipe, backbone: str | None) -> str:
    """The network whose weights a run of the recipe begins with.

    Args:
        recipe: what is to be trained.
        backbone: one of `BACKBONES`; None: the recipe's own.

    Raises:
        ConfigurationError: the recipe has another kind of network.
    """
    if backbone is None:
        return recipe.network
    if recipe.network != B0:
        raise ConfigurationError(f"--backbone {backbone}: {recipe.name} has {recipe.network or 'none'}; leave it out")
    return BACKBONES[backbone]
