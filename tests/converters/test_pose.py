from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from converters.graph import Graph
from converters.pose import POSE_INPUT, cut_at_maps
from converters.quantize import to_float16, to_float32
from converters.runtime import Runner
from edge.errors import ModelError
from edge.frames.letterbox import fit, letterbox
from edge.inference.tflite import open_interpreter
from edge.people.decoding import LEAST_SCORE, MAPS, decode

NETWORK = "movenet_multipose_lightning.tflite"
PX = 256


@pytest.fixture(scope="module")
def published(weights_dir) -> bytes:
    path: Path = weights_dir / NETWORK
    if not path.is_file():
        pytest.skip(f"no {NETWORK} in {weights_dir}")
    return path.read_bytes()


@pytest.fixture(scope="module")
def network(published) -> bytes:
    return cut_at_maps(published)


@pytest.fixture(scope="module")
def street(data_dir) -> np.ndarray:
    """A frame (576, 768, 3) with people in it."""
    import cv2

    capture = cv2.VideoCapture(str(data_dir / "normal" / "vtest.avi"))
    _, bgr = capture.read()
    capture.release()
    return np.ascontiguousarray(bgr[..., ::-1])


def published_people(published: bytes, picture: np.ndarray) -> np.ndarray:
    """What the file as it is published says, (n, 56), the surest first."""
    interpreter = Interpreter(model_content=published)
    interpreter.resize_tensor_input(0, [1, *picture.shape])
    interpreter.allocate_tensors()
    entry = interpreter.get_input_details()[0]
    interpreter.set_tensor(entry["index"], picture[np.newaxis].astype(entry["dtype"]))
    interpreter.invoke()
    (people,) = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    return np.array(sorted((row for row in people if row[55] >= LEAST_SCORE), key=lambda row: -row[55]))


@pytest.mark.parametrize(("height_px", "width_px"), [(256, 256), (192, 256)])
def test_cut_and_decoded_it_sees_the_people_of_the_published_file(published, street, height_px, width_px):
    picture = letterbox(street, fit(street, height_px, width_px))
    expected = published_people(published, picture)
    maps = Runner(cut_at_maps(published, height_px, width_px)).frames(picture[np.newaxis])
    people = decode(maps, fit(picture, height_px, width_px))
    assert len(people) == len(expected) >= 3
    for person, row in zip(people, expected, strict=True):
        points = row[:51].reshape(17, 3)
        counts = points[:, 2] > 0.127
        off = np.abs(person.keypoints[:, :2] - points[:, :2]) * (height_px, width_px)
        assert off[counts].max() < 1
        assert person.score == pytest.approx(row[55], abs=0.01)


def test_its_file_holds_nothing_but_the_network(network):
    graph = Graph(network)
    kinds = {operation.name for operation in graph.operations}
    assert kinds == {"MUL", "ADD", "CONV_2D", "DEPTHWISE_CONV_2D", "RESIZE_BILINEAR"}
    assert len({operation.output for operation in graph.operations}) == len(graph.operations)
    assert [o.name for o in graph.operations].count("MUL") == 1  # rescaling is two operations in all
    assert all(tensor.shapeSignature is None for tensor in graph.model.subgraphs[0].tensors)


@pytest.mark.parametrize(("make", "dtype"), [(to_float32, np.float32), (to_float16, np.float32)])
def test_the_box_opens_it_with_pixels_as_they_are(network, street, make, dtype):
    picture = letterbox(street, fit(street, PX, PX))[np.newaxis]
    interpreter = open_interpreter(make(Graph(network)))
    assert interpreter.inputs[POSE_INPUT].dtype == np.uint8
    assert {name: tensor.shape for name, tensor in interpreter.outputs.items()} == {
        name: (1, PX // 4, PX // 4, channels) for name, channels in MAPS.items()
    }
    maps = interpreter.run({POSE_INPUT: picture})
    for name, values in Runner(network).frames(picture).items():
        assert values.dtype == dtype
        assert np.abs(maps[name] - values).max() < 0.01 * np.abs(values).max()


def test_a_size_that_it_does_not_have_is_refused(published):
    with pytest.raises(ModelError, match="pose network: 250 x 256 px; give multiples of 32"):
        cut_at_maps(published, 250, 256)


def test_another_network_is_refused(graph):
    with pytest.raises(ModelError, match=r"pose network: no centers, heat, .* in it; give MoveNet MultiPose Lightning"):
        cut_at_maps(graph.content)
