"""What the InceptionV3 systems of papers 003 and 004 share: 40 frames, one of each segment, 2,048 features a frame."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import keras

from edge.bundle import InputSpec
from trainer.features.backbones import INCEPTIONV3
from trainer.fitting.recipe import DESCENT, Hyperparameter, Recipe, Wanted, WholeSystem
from trainer.recipes.shared.recurrent import Recurrence, RecurrentSystem, fit, whole_model

N_STEPS = 40
SIZE_PX = 299
FALLS = ("plateau", "schedule")
"""Of a learning rate, which decays already in paper 004."""


def inception_recipe(
    name: str,
    summary: str,
    recurrence: Recurrence,
    optimizer: Callable[[Wanted], keras.optimizers.Optimizer],
    *,
    epochs: int,
    hyperparameters: Mapping[str, Hyperparameter],
    optional: Mapping[str, Hyperparameter] = DESCENT,
    n_labels: int | None = None,
    top_k: int | None = None,
) -> Recipe:
    """The recipe of one recurrent network behind InceptionV3."""

    def build(wanted: Wanted, _: InputSpec, n_features: int, n_labels: int) -> keras.Model:
        return whole_model(recurrence, wanted, N_STEPS, n_features, n_labels)

    system = WholeSystem(
        backbones={"pooled": INCEPTIONV3},
        choice="segments-40",
        n_steps=N_STEPS,
        build=build,
        optimizer=optimizer,
        top_k=top_k,
        n_labels=n_labels,
    )
    return Recipe(
        name=name,
        summary=summary,
        input=InputSpec(height_px=SIZE_PX, width_px=SIZE_PX, stream="rgb", rate_hz=5),
        epochs=epochs,
        fit=partial(fit, RecurrentSystem(system, recurrence)),
        hyperparameters=hyperparameters,
        optional=optional,
        network="InceptionV3",
        whole=system,
    )


def paper_004(name: str, summary: str, cell: Callable[[Wanted], keras.Layer]) -> Recipe:
    """One of the three networks of paper 004, which differ in their cell."""
    return inception_recipe(
        name,
        summary,
        Recurrence(cell, top_004),
        decaying_adam,
        epochs=200,
        hyperparameters={
            "batch_size": 32,
            "decay": 1e-6,
            "dropout": 0.5,
            "learning_rate": 1e-6,
            "n_hidden": 512,
            "n_units": 2048,
            "patience": 0,
            "sampling": "paper",
        },
        optional={key: value for key, value in DESCENT.items() if not key.startswith(FALLS)},
        top_k=2,
    )


def top_004(wanted: Wanted, n_labels: int) -> list[keras.Layer]:
    """Dropout, a dense layer and a dense softmax."""
    return [
        keras.layers.Dropout(float(wanted["dropout"]), name="dropout"),
        keras.layers.Dense(int(wanted["n_hidden"]), activation="relu", name="hidden"),
        keras.layers.Dense(n_labels, activation="softmax", name="classifier"),
    ]


def decaying_adam(wanted: Wanted) -> keras.optimizers.Optimizer:
    """Adam whose rate is divided by 1 + decay * steps, as Keras's old argument `decay` did."""
    rate, decay = float(wanted["learning_rate"]), float(wanted["decay"])
    schedule: Any = keras.optimizers.schedules.InverseTimeDecay(rate, 1, decay)
    return keras.optimizers.Adam(schedule)
