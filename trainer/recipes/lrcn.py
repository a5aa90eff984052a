"""`lrcn`: long-term recurrent convolutional network over small pictures, paper 001 ("Analysis on deep learning ...").

Twenty frames of 64 x 64, divided by 255; four time-distributed blocks of a convolution (3 x 3; 32, 64, 128 and 128
filters), batch normalisation, max-pooling and dropout; an LSTM of 64 units, dropout and a dense softmax. With ten
classes 783,818 parameters, 783,114 of them trainable (table 2), 540,928 in the LSTM; with four 783,428 (section 4.5).

Training as `convlstm`. Expected: 96.67 % of ten classes of UCF50 (97.01 % in the text).

Deviations:
- Rows of table 2 that contradict its sums are not followed: its parameters of single blocks (19,296; 57,344; ...) are
  none that 3 x 3 convolutions of these filters have, "28" steps and "2848" features are misprints, and its
  "bidirectional LSTM" has the parameters of one direction. The text's blocks give the printed totals exactly.
- Not said, and chosen here: ReLU, padding that keeps the size, dropout 0.2 everywhere; and what `convlstm` lists.
- `--set sampling=rate` for the box, of kind `window`, as `convlstm`.
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
FILTERS = (32, 64, 128, 128)


def build(wanted: Wanted, spec: InputSpec, n_features: int, n_labels: int) -> keras.Model:
    """Pictures as rows of numbers, steps (n, 20, h * w * 3) -> probabilities (n, n_labels)."""
    layers: Any = keras.layers
    dropout = float(wanted["dropout"])
    steps = steps_input(N_STEPS, n_features)
    x = layers.Reshape((N_STEPS, spec.height_px, spec.width_px, 3))(steps)
    x = layers.Rescaling(1 / 255)(x)
    for filters in FILTERS:
        for layer in (
            layers.Conv2D(filters, 3, padding="same", activation="relu"),
            layers.BatchNormalization(),
            layers.MaxPooling2D(2),
            layers.Dropout(dropout),
        ):
            x = layers.TimeDistributed(layer)(x)
    x = layers.TimeDistributed(layers.Flatten())(x)
    x = layers.LSTM(int(wanted["n_units"]), name="lstm")(x)
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
    name="lrcn",
    summary="convolutions, then an LSTM, over 20 small pictures (paper 001)",
    input=InputSpec(height_px=64, width_px=64, stream="rgb", rate_hz=4),
    epochs=400,
    fit=partial(fit_whole, SYSTEM),
    hyperparameters={
        "batch_size": 16,
        "dropout": 0.2,
        "learning_rate": 1e-3,
        "n_units": 64,
        "patience": 15,
        "plateau": 5,
        "plateau_factor": 0.2,
        "sampling": PAPER,
    },
    network="",
    whole=SYSTEM,
)
