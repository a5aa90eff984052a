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
- The study of how many frames a clip needs: `trainer sweep --over n_steps=10,20,30`.
- A clip's end is unknown on a box: `--set sampling=rate` learns from and runs on windows of 20 samples at a fixed rate
  (5 s), of kind `window`.
- Validation clips share no group with training clips. The log for TensorBoard is written with `--tensorboard DIR`.
"""

from typing import Any

import keras

from trainer.fitting.recipe import Wanted
from trainer.recipes.shared.small_pictures import small_pictures_recipe

FILTERS = (8, 16, 32, 64)


def layers(wanted: Wanted, x: Any) -> Any:
    """Pictures (n, 20, h, w, 3) of 0..1 -> (n, n_hidden)."""
    layer: Any = keras.layers
    dropout = float(wanted["dropout"])
    for number, filters in enumerate(FILTERS):
        is_last = number == len(FILTERS) - 1
        x = layer.ConvLSTM2D(
            filters,
            3,
            activation="tanh",
            recurrent_dropout=float(wanted["recurrent_dropout"]),
            return_sequences=not is_last,
        )(x)
        pooling, dropping = layer.MaxPooling2D(2, padding="same"), layer.Dropout(dropout)
        x = pooling(x) if is_last else layer.TimeDistributed(pooling)(x)
        x = dropping(x) if is_last else layer.TimeDistributed(dropping)(x)
    x = layer.Flatten()(x)
    x = layer.Dense(int(wanted["n_hidden"]), activation="relu")(x)
    return layer.Dropout(dropout)(x)


RECIPE = small_pictures_recipe(
    "convlstm",
    "convolutional LSTM over 20 small pictures (paper 001)",
    layers,
    {"n_hidden": 128, "recurrent_dropout": 0.2},
)
