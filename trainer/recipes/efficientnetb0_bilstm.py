"""`efficientnetb0-bilstm`: the hybrid approach of paper 000 with a bidirectional LSTM.

As `efficientnetb0-gru`, in both forms and with its deviations but one: an LSTM that also reads from the end has no
single step, so on the box the features of the last 7.3 s go into it together at every step, and it learns from windows
of that length instead of from every step. Each direction has 64 units (the size is in a figure of which the text says
nothing).

Expected: the paper reports 86.36 % of its five classes of Kinetics-700; it converged soonest, about epoch 15.
"""

import keras

from trainer.recipes.shared.hybrid import hybrid_recipe

RECIPE = hybrid_recipe(
    "efficientnetb0-bilstm",
    "features of frames into an LSTM that reads both ways (paper 000, hybrid)",
    lambda wanted: keras.layers.LSTMCell(int(wanted["n_units"])),
    both_ways=True,
)
