"""`convlstm`: convolutional LSTM over small pictures, paper 001 ("Analysis on deep learning approaches ...").

Twenty frames of 64 x 64, divided by 255; four blocks of ConvLSTM2D (3 x 3, tanh, recurrent dropout 0.2; 8, 16, 32 and
64 filters), max-pooling and dropout 0.2; then dense 128 and a dense softmax. 369,098 parameters with ten classes
(section 4.3), of which table 1 prints those of four: 516 in the last layer, 368,324 together. Section 4.3's other
number, 696,004, fits no version of the table.

Training: up to 400 epochs, early stopping on the validation loss with its best weights, the learning rate times 0.2 on
a plateau of that loss; a fifth of the training clips validates.

Expected: 87.78 % of ten classes of UCF50 (93.28 % in its discussion).

Deviations:
- Not said, and chosen here: how the 20 frames are spaced (evenly, the ends included), Adam with 1e-3, batches of 16,
  patience 15 epochs, plateau 5, dropout 0.2 after the dense layer, whose activation is ReLU.
- A clip's end is unknown on a box: `--set sampling=rate` learns from and runs on windows of 20 samples at a fixed rate
  (5 s), of kind `window`.
- Validation clips share no group with training clips. The log for TensorBoard is left out; `history.json` has its
  figures.
"""

from functools import partial
from typing import Any

import keras

from edge.bundle import InputSpec
from trainer.backbones import PICTURES
from trainer.loop import LOSS
from trainer.recipe import Recipe, Wanted
from trainer.run import PAPER
from trainer.whole import WholeSystem, fit_whole, steps_input

N_STEPS = 20
FILTERS = (8, 16, 32, 64)


def build(wanted: Wanted, spec: InputSpec, n_features: int, n_labels: int) -> keras.Model:
    """Pictures as rows of numbers, steps (n, 20, h * w * 3) -> probabilities (n, n_labels)."""
    layers: Any = keras.layers
    dropout = float(wanted["dropout"])
    steps = steps_input(N_STEPS, n_features)
    x = layers.Reshape((N_STEPS, spec.height_px, spec.width_px, 3))(steps)
    x = layers.Rescaling(1 / 255)(x)
    for number, filters in enumerate(FILTERS):
        is_last = number == len(FILTERS) - 1
        x = layers.ConvLSTM2D(
            filters,
            3,
            activation="tanh",
            recurrent_dropout=float(wanted["recurrent_dropout"]),
            return_sequences=not is_last,
        )(x)
        pooling, dropping = layers.MaxPooling2D(2, padding="same"), layers.Dropout(dropout)
        x = pooling(x) if is_last else layers.TimeDistributed(pooling)(x)
        x = dropping(x) if is_last else layers.TimeDistributed(dropping)(x)
    x = layers.Flatten()(x)
    x = layers.Dense(int(wanted["n_hidden"]), activation="relu")(x)
    x = layers.Dropout(dropout)(x)
    return keras.Model(steps, layers.Dense(n_labels, activation="softmax")(x))


SYSTEM = WholeSystem(
    backbones={"pictures": PICTURES},
    choice="evenly-20",
    n_steps=N_STEPS,
    build=build,
    optimizer=lambda wanted: keras.optimizers.Adam(float(wanted["learning_rate"])),
    monitor=LOSS,
)
RECIPE = Recipe(
    name="convlstm",
    summary="convolutional LSTM over 20 small pictures (paper 001)",
    input=InputSpec(height_px=64, width_px=64, stream="rgb", rate_hz=4),
    epochs=400,
    fit=partial(fit_whole, SYSTEM),
    hyperparameters={
        "batch_size": 16,
        "dropout": 0.2,
        "learning_rate": 1e-3,
        "n_hidden": 128,
        "patience": 15,
        "plateau": 5,
        "plateau_factor": 0.2,
        "recurrent_dropout": 0.2,
        "sampling": PAPER,
    },
    network="",
    whole=SYSTEM,
)
