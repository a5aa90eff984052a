"""Fine-tuning EfficientNetB0's last blocks: `--set finetune_blocks=1` or more.

What comes before the trained blocks stays frozen, so its activations are worked out once a clip, kept in the feature
cache in float16, and an epoch costs the last blocks alone. Batch normalisation stays in inference mode (the weights'
own statistics; the file of ImageNet weights has them folded into the convolutions).

`efficientnetb0-mean` learns from single frames. The recurrent recipes learn through every frame of a batch of clips at
once: of one block and 73 steps about 0.15 GB a clip, so the recipes' 16 clips want 2.5 GB, `batch_size=4` a quarter of
it. Their learning rate of 1e-3 is meant for a network that begins at random; `learning_rate=1e-4` spares the blocks.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any, Self

import keras
import numpy as np

from edge.bundle import InputSpec
from edge.errors import ConfigurationError
from edge.inference.window import STEPS_INPUT
from trainer.features.backbone import N_FEATURES, Weights, build_backbone
from trainer.features.backbones import Backbone
from trainer.fitting.loop import seed_everything
from trainer.fitting.recipe import Wanted
from trainer.fitting.run import FEATURES, PAPER, SAMPLING, Run

KEY = "finetune_blocks"
BLOCK_ENDS = ("block6d_add", "block5c_add", "block4c_add", "block3b_add")
"""The last layer before the one, two, ... blocks that are trained; the last convolution counts to block 7."""
TAIL = "tail"


def refuse_untrainable(wanted: Wanted) -> None:
    """Refuse blocks that cannot be trained with a run's other hyper-parameters.

    Raises:
        ConfigurationError: as said, with the reason.
    """
    n_blocks = int(wanted.get(KEY, 0))
    if not n_blocks:
        return
    end_of(n_blocks)
    if wanted.get(SAMPLING) == PAPER:
        raise ConfigurationError(
            f"--set {KEY}={n_blocks}: whole clips are judged by the frozen network's features, so its blocks are "
            f"trained at a fixed rate alone; leave out {SAMPLING}={PAPER}"
        )
    if wanted.get(FEATURES, "pooled") != "pooled":
        raise ConfigurationError(
            f"--set {KEY}={n_blocks}: trained blocks end in pooled features; leave out {FEATURES}={wanted[FEATURES]}"
        )


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
    """The last blocks: activations (n, h, w, c) -> what the backbone gives. Its layers are the backbone's own."""
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


@dataclass(frozen=True, slots=True)
class Body:
    """What makes features of pictures for a network behind it: a frozen backbone, or one whose last blocks learn."""

    backbone: Backbone
    n_blocks: int
    """That learn; with none, everything below leaves the network as it is."""
    n_steps: int
    spec: InputSpec
    weights: Weights
    seed: int

    @classmethod
    def of(cls, backbone: Backbone, run: Run, weights: Weights, n_steps: int) -> Self:
        """The one that a run asks for."""
        settings = run.settings
        n_blocks = int(settings.hyperparameters.get(KEY, 0))
        return cls(backbone, n_blocks, n_steps, settings.input, weights, settings.seed)

    @property
    def source(self) -> Backbone:
        """What the extraction runs: all that does not learn."""
        return frozen_part(self.n_blocks) if self.n_blocks else self.backbone

    def n_features(self, n_extracted: int) -> int:
        """What the network takes at each step, by what the extraction gives."""
        return len(self.spec.streams) * N_FEATURES if self.n_blocks else n_extracted

    def before(self, network: Any) -> Any:
        """The network with the learning blocks before it.

        Args:
            network: of features (n, n_steps, n_streams * f), its one input or the first of several.

        Returns:
            The same of flat activations (n, n_steps, n_streams * h * w * c).
        """
        if not self.n_blocks:
            return network
        tail: Any = trained_part(self._frozen(), self.n_blocks)
        shape = tuple(tail.input.shape[1:])
        several = isinstance(network.input, dict)
        named = network.input if several else {STEPS_INPUT: network.input}
        key, n_streams = next(iter(named)), len(self.spec.streams)
        inputs = {name: keras.Input(given.shape[1:], dtype=given.dtype, name=name) for name, given in named.items()}
        inputs[key] = keras.Input((self.n_steps, n_streams * int(np.prod(shape))), name=key)
        ops: Any = keras.ops
        features = tail(ops.reshape(inputs[key], (-1, *shape)))  # (n * n_steps * n_streams, f)
        given = inputs | {key: ops.reshape(features, (-1, self.n_steps, n_streams * features.shape[-1]))}
        return keras.Model(inputs, network(given)) if several else keras.Model(inputs[key], network(given[key]))

    def network_of(self, trained: Any) -> Any:
        """The network in what `before` made of it."""
        if not self.n_blocks:
            return trained
        (network,) = (part for part in trained.layers if isinstance(part, keras.Model) and part.name != TAIL)
        return network

    def backbone_of(self, trained: Any) -> keras.Model | None:
        """The whole backbone with what its blocks have learned; None where pictures are the features."""
        if self.backbone.build is None:
            return None
        backbone = self._frozen()
        if self.n_blocks:
            trained_part(backbone, self.n_blocks).set_weights(trained.get_layer(TAIL).get_weights())
            backbone.trainable = False
        return backbone

    def _frozen(self) -> Any:
        assert self.backbone.build is not None, self.backbone.name
        seed_everything(self.seed)  # random weights, where the backbone has no others, as in the extraction
        return self.backbone.build(self.spec, self.weights)
