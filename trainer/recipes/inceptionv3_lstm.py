"""`inceptionv3-lstm`: InceptionV3's features into an LSTM, paper 004, its best system.

A clip is cut into 40 equal segments and one frame taken of each, 299 x 299; InceptionV3 without its classifier,
globally averaged, gives 2,048 numbers a frame; LSTM 2048, dropout 0.5, dense layers, softmax. Training: categorical
cross-entropy, Adam with 1e-6 and decay, top-k accuracy; of every five clips four train and one tests, which
`trainer folds --of-five` writes.

Expected: 75 % top-1 and 87 % top-2 of 25 classes of UCF101 (24 are listed). Features of some 3,000 clips took the
authors 12 hours on a K80.

Deviations:
- Which frame of a segment is taken is not said: the middle one. Nor are the dense layers' number and sizes (one of 512,
  ReLU), batch (32), epochs (200) and decay (1e-6 a step). A rate of 1e-6 learns slowly: `--set learning_rate=1e-4`
  is where to look first.
- "Of every five, four" is by order of names in the paper and puts clips of one group on both sides on UCF101;
  validation here keeps groups whole.
- Without internet the ImageNet weights come from `--weights FILE`; figures of other weights carry their name.
- `--set sampling=rate` learns from a fixed rate, an answer at every step; the box then runs it a step at a time.
"""

import keras

from trainer.recipes.shared.inception import paper_004

RECIPE = paper_004(
    "inceptionv3-lstm",
    "InceptionV3's features into an LSTM (paper 004)",
    lambda wanted: keras.layers.LSTMCell(int(wanted["n_units"])),
)
