"""From a bundle to what runs: the frame model on a backend, and the aggregator behind it."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from edge.aggregation import Aggregator, MeanAggregator, RecurrentAggregator
from edge.backends import Backend
from edge.backends.cpu import CpuBackend
from edge.backends.tflite import Interpreter, Tensor, open_interpreter
from edge.bundle import FRAME_FILE, HEAD_FILE, WINDOW_FILE, Bundle, BundleSpec
from edge.errors import ModelError
from edge.window import PixelBackend, StepsAggregator, open_window

SCALE_TOLERANCE: Final = 1e-3


@dataclass(frozen=True, slots=True)
class Model:
    """A bundle that is ready to run; shared by all cameras."""

    spec: BundleSpec
    digest: str
    """SHA-256 of `bundle.json`, for events."""
    backend: Backend
    aggregator: Aggregator[Any]


def open_model(bundle: Bundle, threads: int = 1) -> Model:
    """Open a bundle's files on the processor and check that they are what `bundle.json` says.

    Raises:
        ModelError: a file cannot run here, or a shape, type, name, scale or count does not fit; the message names the
            file and the field.
    """
    spec = bundle.spec
    if WINDOW_FILE in bundle.files:
        return Model(spec, bundle.digest, _window_backend(bundle, threads), _window_aggregator(bundle, threads))
    backend = CpuBackend(open_frame_model(bundle, threads))
    if HEAD_FILE not in bundle.files:
        return Model(spec, bundle.digest, backend, MeanAggregator(spec.window_s))
    head = open_head(bundle)
    return Model(spec, bundle.digest, backend, RecurrentAggregator(head, spec.n_state, spec.window_s))


def _window_backend(bundle: Bundle, threads: int) -> Backend:
    """What makes a sample's features for the window: the frame model where there is one, else nothing."""
    spec = bundle.spec
    if FRAME_FILE in bundle.files:
        return CpuBackend(open_frame_model(bundle, threads))
    size = spec.input.height_px * spec.input.width_px * 3
    if spec.n_features != size:
        raise ModelError(f"{spec.name}: n_features: {spec.n_features}, a picture has {size} numbers; convert it again")
    return PixelBackend(len(spec.labels))


def _window_aggregator(bundle: Bundle, threads: int) -> StepsAggregator:
    return StepsAggregator(open_window(bundle, threads), bundle.spec.window_s)


def open_frame_model(bundle: Bundle, threads: int = 1) -> Interpreter:
    """Open and check `frame.tflite`.

    Raises:
        ModelError: it cannot run here or does not fit.
    """
    spec = bundle.spec
    if FRAME_FILE not in bundle.files:
        raise ModelError(f"{spec.name}: kind {spec.kind!r}: has no frame model of its own to open; give another bundle")
    interpreter = open_interpreter(bundle.files[FRAME_FILE], threads, FRAME_FILE)
    if len(interpreter.inputs) != 1:
        raise ModelError(f"{FRAME_FILE}: inputs: has {sorted(interpreter.inputs)}, needs exactly one; convert it again")
    picture = next(iter(interpreter.inputs.values()))
    _check_shape(FRAME_FILE, "input", picture, (1, spec.input.height_px, spec.input.width_px, 3))
    _check_picture_type(picture)
    _check_outputs(FRAME_FILE, interpreter, {"features": spec.n_features, "probabilities": len(spec.labels)})
    return interpreter


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


def _check_outputs(file: str, interpreter: Interpreter, sizes: dict[str, int]) -> None:
    for name, size in sizes.items():
        if name not in interpreter.outputs:
            raise ModelError(f"{file}: outputs: has {sorted(interpreter.outputs)}, lacks {name!r}; convert it again")
        _check_shape(file, name, interpreter.outputs[name], (1, size))


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


def _check_picture_type(picture: Tensor) -> None:
    """Pictures go in as they are: uint8 with scale 1 and zero point 0 (or none), or float32 from 0 to 255."""
    if picture.dtype == np.float32:
        return
    if picture.dtype != np.uint8:
        raise ModelError(f"{FRAME_FILE}: input: type is {picture.dtype}, needs uint8; convert it again")
    scale, zero_point = picture.quantization.scale, picture.quantization.zero_point
    if scale and (abs(scale - 1) > SCALE_TOLERANCE or zero_point != 0):
        raise ModelError(
            f"{FRAME_FILE}: input: scale {scale:g} and zero point {zero_point} are not 1 and 0; convert it again with "
            "pictures that reach 0 and 255 among the representative ones"
        )
