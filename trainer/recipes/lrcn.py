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

from typing import Any

import keras

from trainer.fitting.recipe import Wanted
from trainer.recipes.shared.small_pictures import small_pictures_recipe

FILTERS = (32, 64, 128, 128)


def layers(wanted: Wanted, x: Any) -> Any:
    """Pictures (n, 20, h, w, 3) of 0..1 -> (n, n_units)."""
    layer: Any = keras.layers
    dropout = float(wanted["dropout"])
    for filters in FILTERS:
        for part in (
            layer.Conv2D(filters, 3, padding="same", activation="relu"),
            layer.BatchNormalization(),
            layer.MaxPooling2D(2),
            layer.Dropout(dropout),
        ):
            x = layer.TimeDistributed(part)(x)
    x = layer.TimeDistributed(layer.Flatten())(x)
    x = layer.LSTM(int(wanted["n_units"]), name="lstm")(x)
    return layer.Dropout(dropout)(x)


RECIPE = small_pictures_recipe(
    "lrcn", "convolutions, then an LSTM, over 20 small pictures (paper 001)", layers, {"n_units": 64}
)
