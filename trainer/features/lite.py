"""EfficientNet-Lite0: the EfficientNet that its authors published for accelerators which count in integers.

EfficientNetB0 (Tan and Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", 2019, table 1)
with ReLU6 instead of swish, whose range is known beforehand, and without squeeze and excitation, whose products of two
activations int8 bears badly. 4,652,008 parameters with its 1,000 classes, 75.1 % of ImageNet's pictures right in float,
74.4 % in int8 (as published).

Padding is TensorFlow's "same", more at the right and at the bottom: the weights were trained with it. Pixels go in as
they are, 0 to 255; the network itself takes 127 from them and divides by 128.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edge.bundle import InputSpec
from edge.errors import ConfigurationError
from trainer.features.torchfile import Array, read_tensors

if TYPE_CHECKING:
    import keras

EPSILON, MOMENTUM = 1e-3, 0.99
"""Of batch normalization."""
PIXEL_MEAN, PIXEL_SCALE = 127.0, 128.0
N_STEM, N_TOP = 32, 1280
"""Channels of the first and of the last convolution, the same in every Lite network."""
STAGES = (
    # blocks, kernel, stride of the first, expansion, channels out
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
PUBLISHED_PARTS = {
    "expand_conv": "_expand_conv",
    "expand_bn": "_bn0",
    "dwconv": "_depthwise_conv",
    "bn": "_bn1",
    "project_conv": "_project_conv",
    "project_bn": "_bn2",
}
"""Layers of a block, here and in the published weights."""
BN_PARTS = ("weight", "bias", "running_mean", "running_var")


@dataclass(frozen=True, slots=True)
class Block:
    """One inverted residual: expansion, depthwise convolution, projection."""

    name: str
    """As in Keras's EfficientNetB0: `block2a`."""
    kernel: int
    stride: int
    expansion: int
    n_outputs: int


def blocks() -> Iterator[Block]:
    """All 16, in order."""
    for stage, (n_blocks, kernel, stride, expansion, n_outputs) in enumerate(STAGES, start=1):
        for index in range(n_blocks):
            name = f"block{stage}{'abcd'[index]}"
            yield Block(name, kernel, stride if index == 0 else 1, expansion, n_outputs)


def build(spec: InputSpec) -> "keras.Model":
    """The network without classifier, untrained: float32 (n, h, w, 3), 0..255 -> (n, h / 32, w / 32, 1280)."""
    import keras  # noqa: PLC0415  (seconds to import)

    pixels = keras.Input((spec.height_px, spec.width_px, 3), name="pixels")
    x: Any = keras.layers.Rescaling(1 / PIXEL_SCALE, -PIXEL_MEAN / PIXEL_SCALE, name="rescaling")(pixels)
    x = _normalized(_conv(N_STEM, 3, 2, "stem_conv")(x), "stem_bn", active=True)
    for block in blocks():
        x = _inverted_residual(x, block)
    x = _normalized(_conv(N_TOP, 1, 1, "top_conv")(x), "top_bn", active=True)
    return keras.Model(pixels, x, name="efficientnet_lite0")


def _inverted_residual(x: Any, block: Block) -> Any:
    import keras  # noqa: PLC0415

    n_inputs, entry = int(x.shape[-1]), x
    if block.expansion > 1:
        x = _conv(n_inputs * block.expansion, 1, 1, f"{block.name}_expand_conv")(x)
        x = _normalized(x, f"{block.name}_expand_bn", active=True)
    depthwise = keras.layers.DepthwiseConv2D(
        block.kernel, block.stride, padding="same", use_bias=False, name=f"{block.name}_dwconv"
    )
    x = _normalized(depthwise(x), f"{block.name}_bn", active=True)
    x = _normalized(_conv(block.n_outputs, 1, 1, f"{block.name}_project_conv")(x), f"{block.name}_project_bn")
    if block.stride == 1 and n_inputs == block.n_outputs:
        x = keras.layers.Add(name=f"{block.name}_add")([x, entry])
    return x


def _conv(n_outputs: int, kernel: int, stride: int, name: str) -> Any:
    import keras  # noqa: PLC0415

    return keras.layers.Conv2D(n_outputs, kernel, stride, padding="same", use_bias=False, name=name)


def _normalized(x: Any, name: str, *, active: bool = False) -> Any:
    import keras  # noqa: PLC0415

    x = keras.layers.BatchNormalization(momentum=MOMENTUM, epsilon=EPSILON, name=name)(x)
    return keras.layers.ReLU(6.0, name=name.replace("bn", "activation"))(x) if active else x


def load_published(model: "keras.Model", path: Path) -> None:
    """Give the network the published ImageNet weights, from the PyTorch file that carries them.

    Raises:
        ConfigurationError: the file cannot be read, or is of another network.
    """
    tensors = read_tensors(path)
    names = published_names()
    try:
        for layer in model.layers:
            if layer.name in names:
                layer.set_weights(_weights_of(layer.name, names[layer.name], tensors))
    except (KeyError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise ConfigurationError(
            f"{path}: no weights of EfficientNet-Lite0 ({reason}); give efficientnet-lite0-57934424.pth"
        ) from error


def published_names() -> dict[str, str]:
    """Beginning of the published tensors' names, by layer here."""
    names = {"stem_conv": "_conv_stem", "stem_bn": "_bn0", "top_conv": "_conv_head", "top_bn": "_bn1"}
    for number, block in enumerate(blocks()):
        names |= {f"{block.name}_{ours}": f"_blocks.{number}.{theirs}" for ours, theirs in PUBLISHED_PARTS.items()}
    return names


def _weights_of(layer: str, published: str, tensors: dict[str, Array]) -> list[Array]:
    """A layer's weights in Keras's order and shapes; PyTorch has a kernel as (out, in, height, width)."""
    if layer.endswith("bn"):
        return [tensors[f"{published}.{part}"] for part in BN_PARTS]
    to_end = (2, 3, 0, 1) if layer.endswith("dwconv") else (2, 3, 1, 0)
    return [np.transpose(tensors[f"{published}.weight"], to_end)]
