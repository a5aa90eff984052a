"""Keras to float32 TFLite.

Through `model.export` and a SavedModel: `from_concrete_functions` on Keras 3 models gave NaN, a uint8 signature leaves
CAST and QUANTIZE operations behind, and a dynamic batch keeps accelerators from taking the graph.
"""

from collections.abc import Mapping
from typing import Any

from converters.fold import fold_preprocessing
from converters.graph import layer_name, rename_input
from converters.write import temporary_folder
from edge.bundle import InputSpec
from edge.errors import ConfigurationError, ModelError

FRAME_INPUT = "pixels"
FRAME_OUTPUTS = ("features", "probabilities")
HEAD_INPUTS = ("features", "state")
HEAD_OUTPUTS = ("probabilities", "next_state")


def check_models(frame: Any, head: Any) -> None:
    """Stop before the work when the Keras models are not as agreed.

    Raises:
        ModelError: inputs or outputs have other names.
    """
    _check_outputs("frame model", frame, FRAME_OUTPUTS)
    if head is not None:
        check_head("head", head)


def check_head(what: str, head: Any) -> None:
    """Stop before the work when a recurrent head is not as agreed.

    Raises:
        ModelError: inputs or outputs have other names.
    """
    _check_outputs(what, head, HEAD_OUTPUTS)
    if set(input_widths(head)) != set(HEAD_INPUTS):
        raise ModelError(f"{what}: its inputs are named {sorted(input_widths(head))}; name them {sorted(HEAD_INPUTS)}")


def input_widths(model: Any) -> dict[str, int]:
    """Numbers in each input of a head, by name."""
    return {tensor.name: int(tensor.shape[-1]) for tensor in model.inputs}


def export_frame(model: Any, spec: InputSpec) -> bytes:
    """Export the frame model (a keras.Model): float32 (1, height, width, 3) of 0..255 to features and probabilities."""
    import keras  # noqa: PLC0415  (seconds to import)

    shape = (1, spec.height_px, spec.width_px, 3)
    exported = export(model, [keras.InputSpec(shape=shape, dtype="float32")])
    return fold_preprocessing(rename_input(exported, FRAME_INPUT))


def export_head(model: Any, n_batch: int = 1) -> bytes:
    """Export one step of a recurrent head (a keras.Model): features and state to probabilities and next_state, of as
    many sequences at once."""
    import keras  # noqa: PLC0415

    widths = input_widths(model)
    inputs = {name: keras.Input(batch_shape=(n_batch, widths[name]), name=name) for name in HEAD_INPUTS}
    outputs = model(inputs if isinstance(model.input, Mapping) else [inputs[t.name] for t in model.inputs])
    step = keras.Model(inputs, outputs)
    shapes = {name: (n_batch, widths[name]) for name in HEAD_INPUTS}
    signature = {name: keras.InputSpec(shape=shape, dtype="float32", name=name) for name, shape in shapes.items()}
    return export(step, [signature])


def export(model: Any, signature: list[Any]) -> bytes:
    """A Keras model as float32 TFLite, its inputs of the static shapes of the signature.

    Raises:
        ConfigurationError: the disk takes no temporary files.
        ModelError: an operation that TFLite does not have; the message names it and its layer.
    """
    import tensorflow as tf  # noqa: PLC0415
    from tensorflow.lite.python.convert import ConverterError  # noqa: PLC0415

    with temporary_folder() as folder:
        try:
            model.export(folder, input_signature=signature, verbose=False)
        except tf.errors.OpError as error:  # how TensorFlow says what the disk says
            reason = error.message.rpartition("; ")[2]
            raise ConfigurationError(f"{folder}: cannot be written ({reason}); make room or set TMPDIR") from error
        try:
            return bytes(tf.lite.TFLiteConverter.from_saved_model(str(folder)).convert())
        except ConverterError as error:
            raise ModelError(f"{_refused(error)}; replace the layer, or train another network") from error


def _refused(error: Any) -> str:
    """What TensorFlow's converter cannot translate, of a ConverterError."""
    for refused in error.errors:
        operation, places = refused.operator.name.removeprefix("tf."), refused.location.call
        if operation and places:
            path = places[0].name.partition("@")[0]
            return f"{operation} of layer {layer_name(path)}: TFLite has no such operation ({path})"
    return f"TensorFlow's converter refuses the model ({str(error).splitlines()[0]})"


def _check_outputs(what: str, model: Any, names: tuple[str, ...]) -> None:
    found = sorted(model.output) if isinstance(model.output, Mapping) else [type(model.output).__name__]
    if found != sorted(names):
        raise ModelError(f"{what}: its outputs are {found}; give a dict of {sorted(names)}")
