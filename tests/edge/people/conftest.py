"""The published network, its decoding alone, frames of real clips, and stick figures on a stage."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edge.people.decoding import MAPS
from edge.types import Person

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
    pytest.importorskip("ai_edge_litert.tools.flatbuffer_utils", reason="tflite-runtime takes no file apart")
    path = weights_dir / NETWORK
    if not path.is_file():
        pytest.skip(f"no {NETWORK} in {weights_dir}")
    return path


@pytest.fixture(scope="session")
def places(published) -> dict[str, int]:
    """Indices of the maps' tensors in the published file."""
    from ai_edge_litert.tools import flatbuffer_utils

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
    from ai_edge_litert.interpreter import Interpreter
    from ai_edge_litert.tools import flatbuffer_utils

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
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

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


UP = np.array([0.0, 1.0, 0.0])


@dataclass(frozen=True)
class Stage:
    """Stick figures of 1.7 m in a hall, seen by a camera: metres, x to its right, y up, z away from it.

    Lengths of limbs are those of Drillis and Contini.
    """

    camera_m: float = 2.2
    tilt_deg: float = 15.0
    aspect: float = 16 / 9
    tall_m: float = 1.7
    focal: float = 0.9
    """In heights of the picture."""

    def figure(self, at, torso=UP, *, thighs=-UP, shanks=-UP, side=(1.0, 0, 0), arms=None) -> np.ndarray:
        """(17, 3) in metres, of hips, and of directions."""
        torso, thighs, shanks, side = (np.asarray(v, float) for v in (torso, thighs, shanks, side))
        arms = -torso if arms is None else np.asarray(arms, float)
        hips = np.asarray(at, float)
        neck = hips + 0.288 * self.tall_m * torso
        face = neck + 0.11 * self.tall_m * torso
        points = [face, *(face + k * self.tall_m * side for k in (0.02, -0.02, 0.04, -0.04))]
        for middle, direction, wide, reach in (
            (neck, arms, 0.11, 0.0),
            (neck, arms, 0.11, 0.186),
            (neck, arms, 0.11, 0.332),
            (hips, thighs, 0.06, 0.0),
            (hips, thighs, 0.06, 0.245),
            (hips + 0.245 * self.tall_m * thighs, shanks, 0.06, 0.246),
        ):
            points += [middle + self.tall_m * (reach * direction + k * wide * side) for k in (1, -1)]
        return np.array(points)

    def standing(self, x, z, heading_deg=0.0, stride=0.0) -> np.ndarray:
        """Upright; `stride` is how far the legs are apart, as an angle in radians."""
        forward, side = _heading(heading_deg)
        legs = [np.cos(stride) * -UP + k * np.sin(stride) * forward for k in (1, -1)]
        both = [self.figure((x, 0.53 * self.tall_m, z), thighs=leg, shanks=leg, side=side) for leg in legs]
        both[0][[12, 14, 16]] = both[1][[12, 14, 16]]
        return both[0]

    def sitting(self, x, z, heading_deg=0.0) -> np.ndarray:
        forward, side = _heading(heading_deg)
        return self.figure((x, 0.285 * self.tall_m, z), thighs=forward, side=side)

    def fallen(self, x, z, heading_deg=0.0, share=1.0) -> np.ndarray:
        """Turned around the feet, forwards, by a share of a right angle; lying on the floor at 1."""
        forward, side = _heading(heading_deg)
        along = np.cos(share * np.pi / 2) * UP + np.sin(share * np.pi / 2) * forward
        feet = np.array([x, 0.05 * self.tall_m, z])
        hips = feet + 0.491 * self.tall_m * along
        return self.figure(hips, along, thighs=-along, shanks=-along, side=side)

    def bent(self, x, z, heading_deg=0.0) -> np.ndarray:
        forward, side = _heading(heading_deg)
        return self.figure((x, 0.53 * self.tall_m, z), torso=0.98 * forward - 0.2 * UP, arms=-UP, side=side)

    def seen(self, figure, score=0.6, trust=0.6, noise=0.0, chance=None) -> Person:
        """Its picture, as the pose network would give it; noise in heights of the picture."""
        tilt = np.deg2rad(self.tilt_deg)
        x, y, z = (figure - [0, self.camera_m, 0]).T
        depth = z * np.cos(tilt) - y * np.sin(tilt)
        down = -(y * np.cos(tilt) + z * np.sin(tilt))
        places = np.stack([0.5 + self.focal * down / depth, 0.5 + self.focal * x / depth / self.aspect], 1)
        if chance is not None:
            places += chance.normal(0, noise, (17, 2)) / [1, self.aspect]
        box = np.concatenate([places.min(0) - 0.02, places.max(0) + 0.02])
        keypoints = np.column_stack([places, np.full(17, trust)])
        return Person(box.astype(np.float32), keypoints.astype(np.float32), score)


def _heading(degrees: float) -> tuple[np.ndarray, np.ndarray]:
    """Forward and to the left of who looks there; 0 is to the right of the picture, 90 away from the camera."""
    angle = np.deg2rad(degrees)
    return np.array([np.cos(angle), 0, np.sin(angle)]), np.array([-np.sin(angle), 0, np.cos(angle)])


@pytest.fixture(scope="session")
def stage() -> type[Stage]:
    return Stage
