"""What the two systems of paper 001 ("Analysis on deep learning approaches ...") share: all but their layers."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import keras

from edge.bundle import InputSpec
from trainer.clips.choosing import EVENLY
from trainer.features.backbones import PICTURES
from trainer.fitting.recipe import DESCENT, LOSS, Hyperparameter, Recipe, Wanted, WholeSystem
from trainer.fitting.run import N_STEPS, PAPER
from trainer.recipes.shared.whole import fit_whole, steps_input

PAPER_STEPS = 20
"""Its best; `--set n_steps=N` takes another number, as its study does."""
SIZE_PX = 64
EPOCHS = 400
DEFAULTS: dict[str, Hyperparameter] = {
    "batch_size": 16,
    "dropout": 0.2,
    "learning_rate": 1e-3,
    "patience": 15,
    "plateau": 5,
    "plateau_factor": 0.2,
    "sampling": PAPER,
}


def small_pictures_recipe(
    name: str, summary: str, layers: Callable[[Wanted, Any], Any], hyperparameters: Mapping[str, Hyperparameter]
) -> Recipe:
    """The recipe of one network.

    Args:
        name: of the recipe.
        summary: one line.
        layers: from pictures (n, n_steps, height, width, 3) of 0..1 to what the dense softmax takes, (n, f).
        hyperparameters: those that the other network has not.
    """

    def build(wanted: Wanted, spec: InputSpec, n_features: int, n_labels: int) -> keras.Model:
        """Pictures as rows of numbers, steps (n, n_steps, h * w * 3) -> probabilities (n, n_labels)."""
        n_steps = system.steps(wanted)
        steps = steps_input(n_steps, n_features)
        pictures = keras.layers.Reshape((n_steps, spec.height_px, spec.width_px, 3))(steps)
        x = layers(wanted, keras.layers.Rescaling(1 / 255)(pictures))
        return keras.Model(steps, keras.layers.Dense(n_labels, activation="softmax")(x))

    system = WholeSystem(
        backbones={"pictures": PICTURES},
        choice=f"{EVENLY}{PAPER_STEPS}",
        n_steps=PAPER_STEPS,
        build=build,
        optimizer=lambda wanted: keras.optimizers.Adam(float(wanted["learning_rate"])),
        monitor=LOSS,
    )
    return Recipe(
        name=name,
        summary=summary,
        input=InputSpec(height_px=SIZE_PX, width_px=SIZE_PX, stream="rgb", rate_hz=4),
        epochs=EPOCHS,
        fit=partial(fit_whole, system),
        hyperparameters=dict(sorted({**DEFAULTS, **hyperparameters}.items())),
        optional={**DESCENT, N_STEPS: PAPER_STEPS},
        network="",
        whole=system,
    )
