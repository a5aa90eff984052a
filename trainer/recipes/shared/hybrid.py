"""What the three hybrid systems of paper 000 ("two approaches, called simple and hybrid") share: all but their cell."""

from collections.abc import Callable
from functools import partial
from typing import Any

import keras

from edge.bundle import InputSpec
from trainer.features.backbones import MAPS, POOLED
from trainer.fitting import finetuning
from trainer.fitting.recipe import DESCENT, Hyperparameter, Recipe, Wanted, WholeSystem
from trainer.fitting.run import RATE
from trainer.fitting.sequences import MAX_CLIP_S, PAPER_RATE_HZ, TRIM_S
from trainer.recipes.shared.recurrent import Recurrence, RecurrentSystem, fit, whole_model

EPOCHS = 100
CHOICE = "every-third"
MAX_STEPS = 73
"""Of a clip: 220 frames, of which every third, and one for where the rate's samples fall."""
PATIENCE = 30
DEFAULTS: dict[str, Hyperparameter] = {
    "batch_size": 16,
    "dropout": 0.4,
    "features": "pooled",
    "learning_rate": 1e-3,
    "max_clip_s": MAX_CLIP_S,
    "n_units": 64,
    "patience": PATIENCE,
    "sampling": RATE,
    "trim_s": TRIM_S,
}


def top(wanted: Wanted, n_labels: int) -> list[keras.Layer]:
    """Dropout and a dense softmax."""
    return [
        keras.layers.Dropout(float(wanted["dropout"]), name="dropout"),
        keras.layers.Dense(n_labels, activation="softmax", name="classifier"),
    ]


def hybrid_recipe(name: str, summary: str, cell: Callable[[Wanted], Any], *, both_ways: bool = False) -> Recipe:
    """The recipe of one cell."""
    recurrence = Recurrence(cell, top, both_ways)

    def build(wanted: Wanted, _: InputSpec, n_features: int, n_labels: int) -> keras.Model:
        return whole_model(recurrence, wanted, MAX_STEPS, n_features, n_labels)

    system = WholeSystem(
        backbones={"pooled": POOLED, "maps": MAPS},
        choice=CHOICE,
        n_steps=MAX_STEPS,
        build=build,
        optimizer=lambda wanted: keras.optimizers.Adam(float(wanted["learning_rate"])),
        masked=True,
    )
    return Recipe(
        name=name,
        summary=summary,
        input=InputSpec(stream="rgb", rate_hz=PAPER_RATE_HZ / 3),
        epochs=EPOCHS,
        fit=partial(fit, RecurrentSystem(system, recurrence)),
        hyperparameters=DEFAULTS,
        optional={**DESCENT, finetuning.KEY: 0},
        whole=system,
    )
