"""`vgg16-lstm`: VGG16's maps into an LSTM, paper 002 (human action recognition with a CNN and an LSTM).

The first 40 frames of a clip, the last one repeated where there are fewer, 224 x 224; VGG16's last max-pooling,
7 x 7 x 512, flattened to 25,088 numbers; LSTM(n_units) and a dense sigmoid unit a class. Training (algorithm 2):
RMSProp on the cross-entropy, 50 epochs, batches of 25, no early stopping.

The paper's study is of the number of units: 360 was best on KTH (93.86 %), 320 on UCF-11 (91.94 %), 400 on HMDB-51
(47.36 %; the table says 320). `trainer sweep` repeats it.

Cost: about 0.2 s a frame on one core, once; then 36.6 million parameters at 360 units.

Deviations:
- The gate equations are misprinted (input and forget gate); Keras's LSTM is what its algorithm 2 calls.
- The learning rate is RMSProp's usual 1e-3: not said. The best of the epochs on validation clips is kept.
- Probabilities are sigmoids and need not add up to 1; the loss divides them by their sum, as Keras does.
- Without internet VGG16's ImageNet weights come from `--weights FILE`; figures of other weights carry their name.
- `--set sampling=rate` learns from a fixed rate, an answer at every step; the box then runs it a step at a time.
"""

from functools import partial

import keras

from edge.bundle import InputSpec
from trainer.features.backbones import VGG16
from trainer.fitting.recipe import Recipe, Wanted, WholeSystem
from trainer.fitting.run import PAPER
from trainer.recipes.shared.recurrent import Recurrence, RecurrentSystem, fit, whole_model

N_STEPS = 40


def top(_: Wanted, n_labels: int) -> list[keras.Layer]:
    """A dense sigmoid unit a class."""
    return [keras.layers.Dense(n_labels, activation="sigmoid", name="classifier")]


RECURRENCE = Recurrence(lambda wanted: keras.layers.LSTMCell(int(wanted["n_units"])), top)


def build(wanted: Wanted, _: InputSpec, n_features: int, n_labels: int) -> keras.Model:
    """Steps (n, 40, 25088) -> probabilities (n, n_labels)."""
    return whole_model(RECURRENCE, wanted, N_STEPS, n_features, n_labels)


SYSTEM = WholeSystem(
    backbones={"maps": VGG16},
    choice="first-40",
    n_steps=N_STEPS,
    build=build,
    optimizer=lambda wanted: keras.optimizers.RMSprop(float(wanted["learning_rate"])),
    top_k=3,
)
RECIPE = Recipe(
    name="vgg16-lstm",
    summary="VGG16's maps into an LSTM (paper 002)",
    input=InputSpec(height_px=224, width_px=224, stream="rgb", rate_hz=5),
    epochs=50,
    fit=partial(fit, RecurrentSystem(SYSTEM, RECURRENCE)),
    hyperparameters={"batch_size": 25, "learning_rate": 1e-3, "n_units": 360, "patience": 0, "sampling": PAPER},
    network="VGG16",
    whole=SYSTEM,
)
