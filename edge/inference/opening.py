"""Opens a bundle's files, each where it may run, and checks that they are what `bundle.json` says."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

import numpy as np

from edge.bundle import STATES, Bundle, BundleSpec, NetworkSpec, PeopleNetworkSpec, PersonHeadSpec, SceneHeadSpec
from edge.errors import ModelError
from edge.inference.choice import CPU, Opener
from edge.inference.edgetpu import open_edgetpu
from edge.inference.gpu import open_gpu
from edge.inference.probe import probe
from edge.inference.streams import Runnable
from edge.inference.tflite import Interpreter, Tensor, open_interpreter
from edge.inference.window import PixelModel
from edge.people.decoding import MAPS, MOST_PEOPLE
from edge.people.features import FEATURES_VERSION, N_TRACK_FEATURES

MAX_DIFFERENCE: Final[Mapping[str, float]] = {"float32": 1e-3, "float16": 1e-3, "mixed": 0.1, "int8": 0.1}
"""How far an accelerator's answers may lie from the processor's, by precision, as a fraction of the largest. Integers
are rounded differently on every device."""
SCALE_TOLERANCE: Final = 1e-3
MAP_STRIDE: Final = 4
"""Pixels of the people network's picture to a cell of its maps."""

Check = Callable[[str, Runnable], None]
"""Refuses what is not what `bundle.json` says; takes the file's name too."""
Openers = dict[str, Opener]


def open_scene(bundle: Bundle, threads: int = 1) -> Interpreter:
    """Open and check the scene network's file on the processor.

    Raises:
        ModelError: it cannot run here or does not fit.
    """
    scene = bundle.spec.networks.scene
    if not scene.files:
        raise ModelError(f"{bundle.spec.name}: has no scene network of its own to open; give another bundle")
    return _on_cpu(bundle, scene, partial(_check_scene, bundle.spec), threads)


def scene_openers(bundle: Bundle, threads: int, edgetpu: Mapping[str, str]) -> Openers:
    """Return how each backend opens and checks the scene network.

    Args:
        bundle: that holds its files.
        threads: of the processor.
        edgetpu: its library and device, as `open_edgetpu` takes them.
    """
    scene = bundle.spec.networks.scene
    openers = _openers(bundle, scene, partial(_check_scene, bundle.spec), threads, edgetpu)
    return openers if scene.files else openers | {CPU: lambda: _pixels(bundle.spec)}


def people_openers(bundle: Bundle, people: PeopleNetworkSpec, threads: int, edgetpu: Mapping[str, str]) -> Openers:
    """Return how each backend opens and checks the people network; see `scene_openers`."""
    return _openers(bundle, people, partial(_check_people, people), threads, edgetpu)


def _openers(bundle: Bundle, network: NetworkSpec, check: Check, threads: int, edgetpu: Mapping[str, str]) -> Openers:
    return {
        "gpu": partial(_on_gpu, bundle, network, check),
        "edgetpu": partial(_on_edgetpu, bundle, network, check, edgetpu),
        CPU: partial(_on_cpu, bundle, network, check, threads),
    }


def _on_cpu(bundle: Bundle, network: NetworkSpec, check: Check, threads: int) -> Interpreter:
    file = network.files["cpu"]
    interpreter = open_interpreter(bundle.files[file], threads, file)
    check(file, interpreter)
    return interpreter


def _pixels(spec: BundleSpec) -> PixelModel:
    """For a window model that looks at the pictures themselves."""
    scene = spec.networks.scene
    size = scene.input.height_px * scene.input.width_px * 3
    if scene.n_features != size:
        raise ModelError(f"{spec.name}: n_features: {scene.n_features}, a picture has {size} numbers; convert it again")
    return PixelModel(scene.input.height_px, scene.input.width_px, len(spec.labels))


def _on_gpu(bundle: Bundle, network: NetworkSpec, check: Check) -> Runnable:
    content = bundle.content(network)
    if content is None:
        raise ModelError(f"{bundle.spec.name} has no scene network of its own; its head runs on the processor alone")
    _check_difference(network, probe("gpu", content, content, {}))
    model = open_gpu(content)
    check(network.files["cpu"], model)
    return model


def _on_edgetpu(bundle: Bundle, network: NetworkSpec, check: Check, options: Mapping[str, str]) -> Runnable:
    content, compiled = bundle.content(network), bundle.content(network, "edgetpu")
    if content is None or compiled is None:
        raise ModelError(f"{bundle.spec.name} has no file for the Edge TPU; convert it with --target edgetpu")
    _check_difference(network, probe("edgetpu", content, compiled, options))
    model = open_edgetpu(compiled, network.files["edgetpu"], **options)
    check(network.files["edgetpu"], model)
    return model


def _check_difference(network: NetworkSpec, difference: float) -> None:
    limit = MAX_DIFFERENCE[network.precision]
    if not difference <= limit:  # also when it is NaN
        raise ModelError(f"its answers differ from the processor's by {difference:.2g}, over {limit:g}")


def _check_scene(spec: BundleSpec, file: str, model: Runnable) -> None:
    scene = spec.networks.scene
    _check_picture(file, model, scene, "networks.scene.input")
    _check_outputs(file, model, {"features": scene.n_features, "probabilities": len(spec.labels)}, SCENE_FIELDS)


def _check_people(people: PeopleNetworkSpec, file: str, model: Runnable) -> None:
    _check_picture(file, model, people, "networks.people.input")
    cells = (people.input.height_px // MAP_STRIDE, people.input.width_px // MAP_STRIDE)
    for name, channels in MAPS.items():
        if name not in model.outputs:
            raise ModelError(f"{file}: outputs: has {sorted(model.outputs)}, lacks {name!r}; convert it again")
        _check_shape(file, name, model.outputs[name], (1, *cells, channels), "networks.people.input")


def _check_picture(file: str, model: Runnable, network: NetworkSpec, field: str) -> None:
    if len(model.inputs) != 1:
        raise ModelError(f"{file}: inputs: has {sorted(model.inputs)}, needs exactly one; convert it again")
    picture = next(iter(model.inputs.values()))
    _check_shape(file, "input", picture, (1, network.input.height_px, network.input.width_px, 3), field)
    _check_picture_type(file, picture)


def open_head(bundle: Bundle, head: SceneHeadSpec) -> Interpreter:
    """Open and check a recurrent scene head. One thread: its step is too short to share.

    Raises:
        ModelError: it cannot run here or does not fit.
    """
    assert head.file is not None
    scene, n_labels = bundle.spec.networks.scene, len(bundle.spec.labels)
    n_features = len(scene.input.streams) * scene.n_features
    return _open_step(bundle, head.file, (1, n_features, head.n_state, n_labels), SCENE_FIELDS)


def open_person_head(bundle: Bundle, head: PersonHeadSpec) -> Interpreter:
    """Open and check the person head: a step of all tracks at once.

    Raises:
        ModelError: it cannot run here or does not fit.
    """
    if head.features_version != FEATURES_VERSION:
        raise ModelError(
            f"{bundle.spec.name}: heads.person.features_version: is {head.features_version}, this box makes version "
            f"{FEATURES_VERSION}; train and convert it again"
        )
    return _open_step(bundle, head.file, (MOST_PEOPLE, N_TRACK_FEATURES, head.n_state, len(STATES)), PERSON_FIELDS)


def _open_step(bundle: Bundle, file: str, sizes: tuple[int, int, int, int], fields: Mapping[str, str]) -> Interpreter:
    """Open a recurrent step; `sizes`: of the batch, features, state, probabilities."""
    n_batch, n_features, n_state, n_said = sizes
    interpreter = open_interpreter(bundle.files[file], 1, file)
    wanted = {"features": n_features, "state": n_state}
    if set(interpreter.inputs) != set(wanted):
        raise ModelError(f"{file}: inputs: has {sorted(interpreter.inputs)}, needs {sorted(wanted)}")
    for name, size in wanted.items():
        _check_shape(file, name, interpreter.inputs[name], (n_batch, size), fields[name])
    _check_outputs(file, interpreter, {"probabilities": n_said, "next_state": n_state}, fields, n_batch)
    return interpreter


def _check_outputs(
    file: str, model: Runnable, sizes: Mapping[str, int], fields: Mapping[str, str], n_batch: int = 1
) -> None:
    for name, size in sizes.items():
        if name not in model.outputs:
            raise ModelError(f"{file}: outputs: has {sorted(model.outputs)}, lacks {name!r}; convert it again")
        _check_shape(file, name, model.outputs[name], (n_batch, size), fields[name])


SCENE_FIELDS: Final = {
    "features": "networks.scene.n_features",
    "probabilities": "labels",
    "state": "heads.scene.n_state",
    "next_state": "heads.scene.n_state",
}
"""Where `bundle.json` says the size of a tensor."""
PERSON_FIELDS: Final = {
    "features": "heads.person.features_version",
    "probabilities": "format_version",
    "state": "heads.person.n_state",
    "next_state": "heads.person.n_state",
}


def _check_shape(file: str, name: str, tensor: Tensor, expected: tuple[int, ...], field: str) -> None:
    if tensor.shape != expected:
        raise ModelError(
            f"{file}: {name}: shape is {tensor.shape}, {field} of bundle.json says {expected}; "
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
