"""EfficientNetB0 without its classifier: where its weights come from, and its export for quick feature extraction."""

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge.bundle import InputSpec
from edge.errors import ConfigurationError
from trainer.files import file_sha256, write_atomically

if TYPE_CHECKING:
    import keras

WEIGHTS_VARIABLE = "EDGEWATCH_WEIGHTS"
WEIGHTS_NAMES = {
    "EfficientNetB0": "efficientnetb0_notop.weights.h5",
    "VGG16": "vgg16_notop.weights.h5",
    "InceptionV3": "inceptionv3_notop.weights.h5",
}
BESIDE_CHECKOUT = Path(__file__).resolve().parents[2] / "shared" / "weights"
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

    @property
    def described(self) -> str:
        """Name and digest, as a run's settings keep them; empty without a backbone."""
        return f"{Path(self.source).name} {self.digest}".strip()


def find_weights(argument: str | None = None, network: str = "EfficientNetB0") -> Weights:
    """Choose weights: the argument, the environment, the folder beside the checkout, else Keras's own download.

    Args:
        argument: file, folder of files, `imagenet` or `none`.
        network: whose they are; empty for a system that has no backbone.

    Raises:
        ConfigurationError: a file that was named is not there.
    """
    if not network:
        return Weights("", "")
    named = argument or os.environ.get(WEIGHTS_VARIABLE)
    if named in {IMAGENET, RANDOM}:
        return Weights(named, named)
    if named:
        path = Path(named) / WEIGHTS_NAMES[network] if Path(named).is_dir() else Path(named)
        if not path.is_file():
            origin = "--weights" if argument else WEIGHTS_VARIABLE
            raise ConfigurationError(f"{path}: no such file ({origin}); give {network} weights without classifier")
    else:
        path = BESIDE_CHECKOUT / WEIGHTS_NAMES[network]
        if not path.is_file():
            return Weights(IMAGENET, IMAGENET)
    return Weights(str(path), file_sha256(path)[:16])


def build_backbone(spec: InputSpec, weights: Weights) -> "keras.Model":
    """EfficientNetB0 without classifier, frozen, in inference mode: float32 (n, h, w, 3), 0..255 -> (n, 7, 7, 1280).

    Raises:
        ConfigurationError: the weights cannot be loaded.
    """
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
    model.trainable = False
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
