"""The published network, its decoding alone, and frames of real clips."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from ai_edge_litert.tools import flatbuffer_utils

from edge.people.decoding import MAPS

NETWORK = "movenet_multipose_lightning.tflite"
BEGINNINGS = {
    "centers": "center_0/conv2d_",
    "heat": "kpt_heatmap_0/conv2d_",
    "offsets": "kpt_offset_0/conv2d_",
    "regressions": "kpt_regress_0/conv2d_",
    "box_offsets": "box_offset_0/conv2d_",
    "box_sizes": "box_scale_0/conv2d_",
}
"""Of the names of the convolutions that make the maps, in the published file."""
Run = Callable[[dict[str, np.ndarray]], np.ndarray]


@pytest.fixture(scope="session")
def published(weights_dir) -> Path:
    path = weights_dir / NETWORK
    if not path.is_file():
        pytest.skip(f"no {NETWORK} in {weights_dir}")
    return path


@pytest.fixture(scope="session")
def places(published) -> dict[str, int]:
    """Indices of the maps' tensors in the published file."""
    model: Any = flatbuffer_utils.read_model(str(published))
    graph = model.subgraphs[0]
    made = [
        int(operator.outputs[0])
        for operator in graph.operators
        if flatbuffer_utils.opcode_to_name(model, operator.opcodeIndex) == "CONV_2D"
    ]
    names = {index: graph.tensors[index].name.decode() for index in made}
    return {key: next(i for i, name in names.items() if name.startswith(start)) for key, start in BEGINNINGS.items()}


@pytest.fixture(scope="session")
def published_decoding(published, places) -> Run:
    """From the six maps to what the published file makes of them, (6, 56): its operations after the maps, alone."""
    model: Any = flatbuffer_utils.read_model(str(published))
    graph = model.subgraphs[0]
    needed, kept = {int(graph.outputs[0])}, []
    for operator in reversed(graph.operators):
        if needed.intersection(map(int, operator.outputs)) and not set(map(int, operator.outputs)) <= {
            *places.values()
        }:
            kept.append(operator)
            needed.update(int(index) for index in operator.inputs if index >= 0)
    graph.operators = kept[::-1]
    graph.inputs = np.array([*places.values()], np.int32)
    for key, index in places.items():
        graph.tensors[index].shape = np.array([1, 64, 64, MAPS[key]], np.int32)
        graph.tensors[index].shapeSignature = None
    model.signatureDefs, model.metadata = [], []
    interpreter = Interpreter(model_content=bytes(flatbuffer_utils.convert_object_to_bytearray(model)))
    interpreter.allocate_tensors()

    def run(maps: dict[str, np.ndarray]) -> np.ndarray:
        for detail in interpreter.get_input_details():
            key = next(key for key, start in BEGINNINGS.items() if detail["name"].startswith(start))
            interpreter.set_tensor(detail["index"], maps[key])
        interpreter.invoke()
        return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])[0]

    return run


@pytest.fixture(scope="session")
def published_maps(published, places) -> Callable[[np.ndarray], tuple[dict[str, np.ndarray], np.ndarray]]:
    """From a picture (256, 256, 3) to the published network's maps and its own people, (6, 56)."""
    interpreter = Interpreter(
        str(published),
        experimental_preserve_all_tensors=True,
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )
    interpreter.resize_tensor_input(0, [1, 256, 256, 3])
    interpreter.allocate_tensors()

    def run(picture: np.ndarray) -> tuple[dict[str, np.ndarray], np.ndarray]:
        entry = interpreter.get_input_details()[0]
        interpreter.set_tensor(entry["index"], picture[np.newaxis].astype(entry["dtype"]))
        interpreter.invoke()
        maps = {key: interpreter.get_tensor(index) for key, index in places.items()}
        return maps, interpreter.get_tensor(interpreter.get_output_details()[0]["index"])[0]

    return run


@pytest.fixture(scope="session")
def real_frames(data_dir) -> list[np.ndarray]:
    """One frame, RGB, of each of some real clips: a room with one person, streets with several."""
    clips = [
        *sorted((data_dir / "gmdcsa24").glob("*/*/*.mp4"))[::2],
        *sorted((data_dir / "surveillance-fight").glob("*/*.mp4"))[::16],
        data_dir / "normal" / "vtest.avi",
    ]
    return [_frame(path) for path in clips]


def _frame(path: Path) -> np.ndarray:
    capture = cv2.VideoCapture(str(path))
    capture.set(cv2.CAP_PROP_POS_FRAMES, int(0.7 * capture.get(cv2.CAP_PROP_FRAME_COUNT)))
    taken, bgr = capture.read()
    capture.release()
    assert taken, path
    return np.ascontiguousarray(bgr[..., ::-1])
