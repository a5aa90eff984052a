"""`efficientnetb0-gru`: the hybrid approach of paper 000 with a GRU.

A frozen EfficientNetB0 turns each frame into features; a GRU reads the masked sequence of a clip. The box runs it one
step at a time, its state going in and coming out, so a step costs the same however long the history is.

The paper's own form is `--set features=maps sampling=paper`: the last maps, max-pooled from 7x7x1280 to 6x6x1280 and
flattened to 46,080 numbers a frame; at most 220 frames, first and last ten dropped, every third; shorter clips padded
and masked; one answer a clip. It needs a clip's end, so no box can run it.

Expected: the paper reports 87.9 % of its five classes of Kinetics-700 after 100 epochs (LSTM 90 %, BiLSTM 86.36 %),
below its own simple approach, with up to 50 GB of memory. Cost here: a frame's features once (about 7 ms on one
core), then a few seconds an epoch for 1,000 clips, in less than 3 GB; the maps are read from disk, 6 MB a clip.

Deviations:
- The deployable default averages features over the 7 x 7 positions to 1,280 numbers, and samples in seconds, as
  `efficientnetb0-mean` does. Its loss is taken at every step that is not padding, not at the last alone, since the box
  reads every step's answer. The max-pooling that reduces 7 x 7 to 6 x 6 leaves 73 % of the numbers; the paper says it
  divides them by about 13.
- Size of the GRU, optimizer and batch are in figures of which the text says nothing: 64 units, dropout 0.4, a dense
  softmax, Adam with 1e-3, 16 clips.
- `--set finetune_blocks=N` trains the last N blocks of the backbone too, see `trainer.fitting.finetuning`; the paper
  trains none. Only at a fixed rate: whole clips are judged by the frozen network's features.
- Every epoch is checked on validation clips that share no group with training clips; the best one is kept.
- `probabilities` of the frame model is the GRU's answer to that frame alone, from a state of zeros (with two streams:
  as if both showed it). The box publishes the head's answer instead.
"""

import keras

from trainer.recipes.shared.hybrid import hybrid_recipe

RECIPE = hybrid_recipe(
    "efficientnetb0-gru",
    "features of frames into a GRU (paper 000, hybrid)",
    lambda wanted: keras.layers.GRUCell(int(wanted["n_units"])),
)
