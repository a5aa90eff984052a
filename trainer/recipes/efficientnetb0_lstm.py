"""`efficientnetb0-lstm`: the hybrid approach of paper 000 with an LSTM, its best.

As `efficientnetb0-gru`, in both forms and with its deviations; the cell is an LSTM of 64 units (the size is in a figure
of which the text says nothing). On the box its two states go in and come out side by side.

Expected: the paper reports 90 % of its five classes of Kinetics-700.
"""

import keras

from trainer.recipes.shared.hybrid import hybrid_recipe

RECIPE = hybrid_recipe(
    "efficientnetb0-lstm",
    "features of frames into an LSTM (paper 000, hybrid)",
    lambda wanted: keras.layers.LSTMCell(int(wanted["n_units"])),
)
