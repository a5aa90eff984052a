"""On real frames with the published network; each is skipped where it is absent."""

import numpy as np
import pytest

from converters.convert_pose import POSE_FILE, convert_pose, loss_of_people, verify_pose
from converters.pose import cut_at_maps
from converters.quantize import to_float32
from edge.errors import ConfigurationError, QualityError
from edge.frames.letterbox import fit, letterbox

PX = 256


@pytest.fixture(scope="module")
def published(weights_dir) -> bytes:
    path = weights_dir / "movenet_multipose_lightning.tflite"
    if not path.is_file():
        pytest.skip(f"no {path.name} in {weights_dir}")
    return path.read_bytes()


@pytest.fixture(scope="module")
def street(data_dir) -> np.ndarray:
    """Letterboxed pictures (6, 256, 256, 3) of people who walk."""
    import cv2

    capture, pictures = cv2.VideoCapture(str(data_dir / "normal" / "vtest.avi")), []
    for number in range(6):
        capture.set(cv2.CAP_PROP_POS_FRAMES, 100 * number)
        frame = np.ascontiguousarray(capture.read()[1][..., ::-1], np.uint8)
        pictures.append(letterbox(frame, fit(frame, PX, PX)))
    capture.release()
    return np.stack(pictures)


def test_half_precision_sees_the_same_people(published, street):
    finished = convert_pose(published, "float16", "cpu", street[:2], street[2:])
    assert len(finished.files[POSE_FILE]) < 10e6
    assert finished.loss == ""
    pose = finished.verification["pose"]
    assert pose["upright"]["n"] >= 5
    assert pose["upright"]["similarity"] > 0.99
    assert pose["lying"] == {"n": 0, "lost": 0, "similarity": None}


def test_a_network_that_sees_nobody_is_told(published, street):
    float32 = cut_at_maps(published)
    from converters.constants import layer_of, read, replaced
    from converters.graph import Graph

    graph = Graph(float32)
    layer = layer_of(graph, graph.maker_of(graph.output_name("centers")))
    assert layer is not None
    blind = replaced(graph, {layer.bias: read(graph, layer.bias) - 20})
    figures = verify_pose(to_float32(graph), to_float32(blind), street[:3])
    assert figures["upright"]["lost"] == figures["upright"]["n"] > 0
    assert figures["upright"]["similarity"] == 0


def test_a_loss_over_the_limit_is_said_where_there_are_people_enough():
    def figures(n: int, similarity: float) -> dict:
        return {
            "upright": {"n": 300, "lost": 0, "similarity": 0.95},
            "lying": {"n": n, "lost": 3, "similarity": similarity},
        }

    assert loss_of_people("int8", figures(100, 0.86)) == ""
    assert loss_of_people("int8", figures(10, 0.5)) == ""
    assert loss_of_people("int8", figures(100, 0.84)) == (
        "int8 sees lying people with a similarity of 0.840 to the float network, under the limit of 0.85 "
        "(3 of 100 lost)"
    )


def test_what_the_target_does_not_run_is_refused(published, street):
    with pytest.raises(ConfigurationError, match="--precision float16: --target edgetpu does not run it"):
        convert_pose(published, "float16", "edgetpu", street[:2], street[2:])


def test_integers_from_too_few_pictures_still_see_people_and_fit_the_edge_tpu(published, street):
    lines: list[str] = []
    finished = convert_pose(published, "int8", "edgetpu", street[:2], street[2:], accept_loss=True, report=lines.append)
    assert finished.verification["edgetpu"]["predicted_mac_share"] >= 0.99
    assert finished.verification["pose"]["upright"]["n"] > finished.verification["pose"]["upright"]["lost"]
    assert finished.verification["pose"]["size_bytes"] < 6e6
    assert isinstance(finished.loss, str)


def test_a_loss_is_refused(published, street, monkeypatch):
    monkeypatch.setattr("converters.convert_pose.LEAST_SIMILARITY", {"float16": {"upright": 1.1, "lying": 1.1}})
    monkeypatch.setattr("converters.convert_pose.LEAST_PEOPLE", 1)
    with pytest.raises(QualityError, match=r"float16 sees upright people .* take it all the same with --accept-loss"):
        convert_pose(published, "float16", "cpu", street[:2], street[2:], report=lambda _: None)


@pytest.mark.usefixtures("software_gpu")
def test_a_gpu_takes_all_of_it_and_answers_as_the_processor(published, street):
    lines: list[str] = []
    finished = convert_pose(published, None, "gpu", street[:2], street[2:], report=lines.append)
    assert finished.verification["gpu"]["difference_max"] < 1e-3
    assert finished.loss == ""
    assert lines[-1].startswith("GPU: answers to 4 held-out pictures differ from the processor's by at most ")
