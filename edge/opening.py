"""Opens a bundle's files and checks that they are what `bundle.json` says."""

from collections.abc import Mapping
from typing import Final

import numpy as np

from edge.backends.edgetpu import open_edgetpu
from edge.backends.gpu import GpuModel, open_gpu
from edge.backends.streams import Runnable
from edge.backends.tflite import Interpreter, Tensor, open_interpreter
from edge.bundle import EDGETPU_FILE, FRAME_FILE, HEAD_FILE, Bundle
from edge.errors import ModelError

SCALE_TOLERANCE: Final = 1e-3


def open_frame_model(bundle: Bundle, threads: int = 1) -> Interpreter:
    """Open and check `frame.tflite`.

    Raises:
        ModelError: it cannot run here or does not fit.
    """
    if FRAME_FILE not in bundle.files:
        kind = f"{bundle.spec.name}: kind {bundle.spec.kind!r}"
        raise ModelError(f"{kind}: has no frame model of its own to open; give another bundle")
    interpreter = open_interpreter(bundle.files[FRAME_FILE], threads, FRAME_FILE)
    _check_frame_model(bundle, FRAME_FILE, interpreter)
    return interpreter


def open_frame_model_on_gpu(bundle: Bundle) -> GpuModel:
    """Open and check `frame.tflite` on the GPU.

    Raises:
        ModelError: there is none, it does not take the model, or the file does not fit.
    """
    model = open_gpu(bundle.files[FRAME_FILE])
    _check_frame_model(bundle, FRAME_FILE, model)
    return model


def open_frame_model_on_edgetpu(bundle: Bundle, options: Mapping[str, str]) -> Interpreter:
    """Open and check `frame_edgetpu.tflite` on the Edge TPU.

    Args:
        bundle: that holds the file.
        options: library and device, as `open_edgetpu` takes them.

    Raises:
        ModelError: there is none, it does not take the model, or the file does not fit.
    """
    interpreter = open_edgetpu(bundle.files[EDGETPU_FILE], EDGETPU_FILE, **options)
    _check_frame_model(bundle, EDGETPU_FILE, interpreter)
    return interpreter


def _check_frame_model(bundle: Bundle, file: str, model: Runnable) -> None:
    spec = bundle.spec
    if len(model.inputs) != 1:
        raise ModelError(f"{file}: inputs: has {sorted(model.inputs)}, needs exactly one; convert it again")
    picture = next(iter(model.inputs.values()))
    _check_shape(file, "input", picture, (1, spec.input.height_px, spec.input.width_px, 3))
    _check_picture_type(file, picture)
    _check_outputs(file, model, {"features": spec.n_features, "probabilities": len(spec.labels)})


def open_head(bundle: Bundle) -> Interpreter:
    """Open and check `head.tflite`. One thread: its step is too short to share.

    Raises:
        ModelError: it cannot run here or does not fit.
    """
    spec = bundle.spec
    interpreter = open_interpreter(bundle.files[HEAD_FILE], 1, HEAD_FILE)
    sizes = {"features": len(spec.input.streams) * spec.n_features, "state": spec.n_state}
    if set(interpreter.inputs) != set(sizes):
        raise ModelError(f"{HEAD_FILE}: inputs: has {sorted(interpreter.inputs)}, needs {sorted(sizes)}")
    for name, size in sizes.items():
        _check_shape(HEAD_FILE, name, interpreter.inputs[name], (1, size))
    _check_outputs(HEAD_FILE, interpreter, {"probabilities": len(spec.labels), "next_state": spec.n_state})
    return interpreter


def _check_outputs(file: str, model: Runnable, sizes: dict[str, int]) -> None:
    for name, size in sizes.items():
        if name not in model.outputs:
            raise ModelError(f"{file}: outputs: has {sorted(model.outputs)}, lacks {name!r}; convert it again")
        _check_shape(file, name, model.outputs[name], (1, size))


FIELD_OF_TENSOR: Final = {
    "input": "input.height_px, input.width_px",
    "features": "n_features",
    "probabilities": "labels",
    "state": "n_state",
    "next_state": "n_state",
}


def _check_shape(file: str, name: str, tensor: Tensor, expected: tuple[int, ...]) -> None:
    if tensor.shape != expected:
        raise ModelError(
            f"{file}: {name}: shape is {tensor.shape}, {FIELD_OF_TENSOR[name]} of bundle.json says {expected}; "
            "the files are of different models, convert it again"
        )


def _check_picture_type(file: str, picture: Tensor) -> None:
    """Pictures go in as they are: uint8 with scale 1 and zero point 0 (or none), or float32 from 0 to 255."""
    if picture.dtype == np.float32:
        return
    if picture.dtype != np.uint8:
        raise ModelError(f"{file}: input: type is {picture.dtype}, needs uint8; convert it again")
    scale, zero_point = picture.quantization.scale, picture.quantization.zero_point
    if scale and (abs(scale - 1) > SCALE_TOLERANCE or zero_point != 0):
        raise ModelError(
            f"{file}: input: scale {scale:g} and zero point {zero_point} are not 1 and 0; convert it again with "
            "pictures that reach 0 and 255 among the representative ones"
        )
