"""Fine-tuning EfficientNetB0's last blocks on single frames: `efficientnetb0-mean --set finetune_blocks=1` or more.

What comes before the trained blocks stays frozen, so its activations are worked out once a clip, kept in the feature
cache in float16, and an epoch costs the last blocks alone. Batch normalisation stays in inference mode (the weights'
own statistics; the file of ImageNet weights has them folded into the convolutions).
"""

from functools import partial
from typing import Any

import keras
import numpy as np

from edge.bundle import InputSpec
from edge.errors import ConfigurationError
from trainer.backbone import Weights, build_backbone
from trainer.backbones import Backbone

KEY = "finetune_blocks"
BLOCK_ENDS = ("block6d_add", "block5c_add", "block4c_add", "block3b_add")
"""The last layer before the one, two, ... blocks that are trained; the last convolution counts to block 7."""
TAIL = "tail"


def end_of(n_blocks: int) -> str:
    """The layer whose activations are kept.

    Raises:
        ConfigurationError: so many blocks cannot be trained.
    """
    if not 1 <= n_blocks <= len(BLOCK_ENDS):
        raise ConfigurationError(f"--set {KEY}={n_blocks}: give 1 to {len(BLOCK_ENDS)}, or 0 to train none")
    return BLOCK_ENDS[n_blocks - 1]


def frozen_part(n_blocks: int) -> Backbone:
    """What comes before the trained blocks, as the extraction takes it: activations, flattened."""
    end = end_of(n_blocks)
    return Backbone(f"efficientnetb0-{end}", "EfficientNetB0", "float16", partial(_build_frozen, end))


def _build_frozen(end: str, spec: InputSpec, weights: Weights) -> keras.Model:
    backbone: Any = build_backbone(spec, weights)
    flat = keras.layers.Flatten(name="features")(backbone.get_layer(end).output)
    return keras.Model(backbone.input, flat)


def trained_part(backbone: Any, n_blocks: int) -> keras.Model:
    """The last blocks: activations (n, h, w, c) -> maps (n, h', w', 1280). Its layers are the backbone's own."""
    start = backbone.get_layer(end_of(n_blocks)).output
    tail = keras.Model(start, backbone.output, name=TAIL)
    for layer in tail.layers:
        layer.trainable = not isinstance(layer, keras.layers.BatchNormalization)
    return tail


def tuned_model(tail: Any, head: Any) -> keras.Model:
    """What is trained: flat activations (n, h * w * c) -> probabilities (n, n_labels)."""
    shape = tuple(tail.input.shape[1:])
    flat = keras.Input((int(np.prod(shape)),), name="activations")
    maps = tail(keras.layers.Reshape(shape)(flat))
    return keras.Model(flat, head(keras.layers.GlobalAveragePooling2D(name="features")(maps)))
