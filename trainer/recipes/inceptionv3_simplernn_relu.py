"""`inceptionv3-simplernn-relu`: InceptionV3's features into a simple recurrent layer with ReLU, paper 004.

As `inceptionv3-lstm` with its deviations, the LSTM replaced. The size of the layer is not said: 2048, as the LSTM's.
Expected: worse than the LSTM, without a figure; the paper blames vanishing gradients.
"""

import keras

from trainer.recipes.shared.inception import paper_004

RECIPE = paper_004(
    "inceptionv3-simplernn-relu",
    "InceptionV3's features into a simple recurrent layer, ReLU (paper 004)",
    lambda wanted: keras.layers.SimpleRNNCell(int(wanted["n_units"]), activation="relu"),
)
