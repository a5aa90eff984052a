"""Opens a bundle's files, each where it may run, and checks that they are what `bundle.json` says."""

from collections.abc import Mapping
from functools import partial
from typing import Final

import numpy as np

from edge.bundle import Bundle, BundleSpec, NetworkSpec, SceneHeadSpec
from edge.errors import ModelError
from edge.inference.choice import CPU, Opener
from edge.inference.edgetpu import open_edgetpu
from edge.inference.gpu import open_gpu
from edge.inference.probe import probe
from edge.inference.streams import Runnable
from edge.inference.tflite import Interpreter, Tensor, open_interpreter
from edge.inference.window import PixelModel

MAX_DIFFERENCE: Final[Mapping[str, float]] = {"float32": 1e-3, "float16": 1e-3, "mixed": 0.1, "int8": 0.1}
"""How far an accelerator's answers may lie from the processor's, by precision, as a fraction of the largest. Integers
are rounded differently on every device."""
SCALE_TOLERANCE: Final = 1e-3


def open_frame_model(bundle: Bundle, threads: int = 1) -> Interpreter:
    """Open and check the scene network's file.

    Raises:
        ModelError: it cannot run here or does not fit.
    """
    scene = bundle.spec.networks.scene
    content = bundle.content(scene)
    if content is None:
        raise ModelError(f"{bundle.spec.name}: has no scene network of its own to open; give another bundle")
    file = scene.files["cpu"]
    interpreter = open_interpreter(content, threads, file)
    _check_frame_model(bundle, file, interpreter)
    return interpreter


def frame_openers(bundle: Bundle, threads: int, edgetpu: Mapping[str, str]) -> dict[str, Opener]:
    """Return how each backend opens and checks the frame model.

    Args:
        bundle: that holds its files.
        threads: of the processor.
        edgetpu: its library and device, as `open_edgetpu` takes them.
    """
    return {
        "gpu": partial(_on_gpu, bundle),
        "edgetpu": partial(_on_edgetpu, bundle, edgetpu),
        CPU: partial(_on_cpu, bundle, threads),
    }


def _on_cpu(bundle: Bundle, threads: int) -> Runnable:
    return open_frame_model(bundle, threads) if bundle.spec.networks.scene.files else _pixels(bundle.spec)


def _pixels(spec: BundleSpec) -> PixelModel:
    """For a window model that looks at the pictures themselves."""
    scene = spec.networks.scene
    size = scene.input.height_px * scene.input.width_px * 3
    if scene.n_features != size:
        raise ModelError(f"{spec.name}: n_features: {scene.n_features}, a picture has {size} numbers; convert it again")
    return PixelModel(scene.input.height_px, scene.input.width_px, len(spec.labels))


def _on_gpu(bundle: Bundle) -> Runnable:
    scene = bundle.spec.networks.scene
    frame = bundle.content(scene)
    if frame is None:
        raise ModelError(f"{bundle.spec.name} has no scene network of its own; its head runs on the processor alone")
    _check_difference(scene, probe("gpu", frame, frame, {}))
    model = open_gpu(frame)
    _check_frame_model(bundle, scene.files["cpu"], model)
    return model


def _on_edgetpu(bundle: Bundle, options: Mapping[str, str]) -> Runnable:
    scene = bundle.spec.networks.scene
    frame, compiled = bundle.content(scene), bundle.content(scene, "edgetpu")
    if frame is None or compiled is None:
        raise ModelError(f"{bundle.spec.name} has no file for the Edge TPU; convert it with --target edgetpu")
    _check_difference(scene, probe("edgetpu", frame, compiled, options))
    model = open_edgetpu(compiled, scene.files["edgetpu"], **options)
    _check_frame_model(bundle, scene.files["edgetpu"], model)
    return model


def _check_difference(network: NetworkSpec, difference: float) -> None:
    limit = MAX_DIFFERENCE[network.precision]
    if not difference <= limit:  # also when it is NaN
        raise ModelError(f"its answers differ from the processor's by {difference:.2g}, over {limit:g}")


def _check_frame_model(bundle: Bundle, file: str, model: Runnable) -> None:
    scene = bundle.spec.networks.scene
    if len(model.inputs) != 1:
        raise ModelError(f"{file}: inputs: has {sorted(model.inputs)}, needs exactly one; convert it again")
    picture = next(iter(model.inputs.values()))
    _check_shape(file, "input", picture, (1, scene.input.height_px, scene.input.width_px, 3))
    _check_picture_type(file, picture)
    _check_outputs(file, model, {"features": scene.n_features, "probabilities": len(bundle.spec.labels)})


def open_head(bundle: Bundle, head: SceneHeadSpec) -> Interpreter:
    """Open and check a recurrent scene head. One thread: its step is too short to share.

    Raises:
        ModelError: it cannot run here or does not fit.
    """
    assert head.file is not None
    scene = bundle.spec.networks.scene
    interpreter = open_interpreter(bundle.files[head.file], 1, head.file)
    sizes = {"features": len(scene.input.streams) * scene.n_features, "state": head.n_state}
    if set(interpreter.inputs) != set(sizes):
        raise ModelError(f"{head.file}: inputs: has {sorted(interpreter.inputs)}, needs {sorted(sizes)}")
    for name, size in sizes.items():
        _check_shape(head.file, name, interpreter.inputs[name], (1, size))
    _check_outputs(head.file, interpreter, {"probabilities": len(bundle.spec.labels), "next_state": head.n_state})
    return interpreter


def _check_outputs(file: str, model: Runnable, sizes: dict[str, int]) -> None:
    for name, size in sizes.items():
        if name not in model.outputs:
            raise ModelError(f"{file}: outputs: has {sorted(model.outputs)}, lacks {name!r}; convert it again")
        _check_shape(file, name, model.outputs[name], (1, size))


FIELD_OF_TENSOR: Final = {
    "input": "networks.scene.input",
    "features": "networks.scene.n_features",
    "probabilities": "labels",
    "state": "heads.scene.n_state",
    "next_state": "heads.scene.n_state",
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
