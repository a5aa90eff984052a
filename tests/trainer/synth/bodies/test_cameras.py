import cv2
import numpy as np
import pytest

from trainer.synth.bodies.cameras import DISTANCES_M, HEIGHTS_M, Camera, looking, random_camera
from trainer.synth.bodies.motion import N_POINTS, Block


@pytest.fixture
def camera() -> Camera:
    return looking(np.array([3.0, -2.0, 2.4]), np.array([0.2, 0.4, 0.7]), 0.1, 0.9, aspect=16 / 9)


def test_projection_is_that_of_opencv(camera: Camera, rng: np.random.Generator) -> None:
    points = rng.uniform(-1, 1, (50, 3)) + np.array([0, 0, 1])
    height_px = 720
    matrix = np.array([[0.9 * height_px, 0, 640], [0, 0.9 * height_px, 360], [0, 0, 1]])
    rotation, _ = cv2.Rodrigues(camera.axes)
    expected, _ = cv2.projectPoints(points, rotation, -camera.axes @ camera.place, matrix, np.zeros(5))
    places, depth = camera.project(points)
    assert np.allclose(places[:, ::-1] * height_px, expected[:, 0], atol=1e-6)
    assert np.allclose(depth, [(point - camera.place) @ camera.axes[2] for point in points])


def test_what_it_looks_at_is_in_the_middle_and_up_is_up(camera: Camera) -> None:
    aim = np.array([[0.2, 0.4, 0.7], [0.2, 0.4, 1.7]])
    (middle, above), _ = camera.project(aim)
    assert np.allclose(middle, [0.5, 8 / 9])
    assert above[0] < middle[0]


@pytest.mark.parametrize("angle", [0.1, 0.5, 0.9])
def test_fisheye_makes_angles_to_distances(angle: float) -> None:
    camera = looking(np.zeros(3), np.array([1.0, 0, 0]), 0.0, 1.0, aspect=1.0, fisheye=1.0)
    (place,), _ = camera.project(np.array([[np.cos(angle), -np.sin(angle), 0.0]]))
    assert np.allclose(place, [0.5, 0.5 + angle])


def test_hidden_is_what_a_walk_along_the_ray_meets(camera: Camera, rng: np.random.Generator) -> None:
    block = Block((1.2, -0.6, 0.5), (0.4, 0.3, 0.5), 0.7)
    points = rng.uniform(-1, 1, (300, 3)) + np.array([0, 0, 1])
    steps = np.linspace(0, 0.96, 2000)[:, np.newaxis]
    c, s = np.cos(0.7), np.sin(0.7)
    expected = []
    for point in points:
        way = camera.place + steps * (point - camera.place) - np.array(block.centre)
        along, across = c * way[:, 0] + s * way[:, 1], c * way[:, 1] - s * way[:, 0]
        expected.append(((abs(along) < 0.4) & (abs(across) < 0.3) & (abs(way[:, 2]) < 0.5)).any())
    found = camera.hidden(points, [block])
    assert 20 < sum(expected) < 280
    assert (found != expected).sum() <= 2  # what grazes an edge


def test_cameras_hang_where_they_do_in_rooms(rng: np.random.Generator) -> None:
    points = rng.normal(0, 0.3, (60, N_POINTS, 3)) + np.array([2.0, 1.0, 0.9])
    cameras = [random_camera(rng, points, 1.7) for _ in range(300)]
    heights = np.array([camera.place[2] for camera in cameras])
    apart = np.array([np.linalg.norm(camera.place[:2] - [2, 1]) for camera in cameras])
    assert heights.min() >= HEIGHTS_M[0]
    assert heights.max() <= HEIGHTS_M[1]
    assert apart.max() < DISTANCES_M[1] + 0.5
    assert (apart < 1.0).mean() > 0.05  # ceilings
    assert {round(camera.aspect, 2) for camera in cameras} == {1.33, 1.78, 0.56, 0.75, 1.0}
