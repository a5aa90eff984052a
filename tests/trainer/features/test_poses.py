"""Poses of clips: which pictures are looked at, and what comes back from the cache."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.errors import DatasetError
from edge.people.decoding import MAPS
from edge.types import Person
from trainer.clips.manifest import Clip, Segment
from trainer.features.cache import Cache
from trainer.features.poses import Poses, looks_at, read_poses, watch_poses

SIDE_PX, CELLS = 256, 64


def test_a_box_that_is_slower_than_the_camera_takes_the_first_picture_from_each_tick_on() -> None:
    times_s = np.arange(0, 1, 1 / 30)
    assert looks_at(times_s, 10) == [0, 3, 6, 9, 12, 15, 18, 21, 24, 27]
    assert looks_at(times_s, 3) == [0, 10, 20]
    assert looks_at(times_s, 10, 0.5) == [2, 5, 8, 11, 14, 17, 20, 23, 26, 29]  # ticks at 0.05 s, 0.15 s, ...


def test_a_box_that_is_faster_takes_every_picture_once() -> None:
    assert looks_at(np.array([0.0, 0.25, 0.5, 0.75]), 30) == [0, 1, 2, 3]


def test_after_a_gap_the_grid_is_the_same() -> None:
    times_s = np.array([0.0, 0.1, 0.55, 0.6, 0.7])
    assert looks_at(times_s, 10) == [0, 1, 2, 3, 4]
    assert looks_at(times_s, 5) == [0, 2, 3]  # 0.4 s was due at 0.55 s, then comes 0.6 s


def test_times_that_containers_round_to_milliseconds_miss_no_tick() -> None:
    assert looks_at(np.array([0.0, 0.033, 0.067, 0.1, 0.133, 0.166]), 30) == [0, 1, 2, 3, 4, 5]


def test_thinned_poses_keep_who_was_seen() -> None:
    persons = [Person(np.zeros(4, np.float32), np.full((17, 3), k, np.float32), 0.5) for k in range(6)]
    poses = Poses(np.arange(6) / 10, tuple((person,) for person in persons), 1.5)
    thin = poses.thinned(5)
    assert [people[0] is persons[k] for people, k in zip(thin.people, (0, 2, 4), strict=True)] == [True] * 3
    assert thin.aspect == 1.5


@pytest.fixture(scope="session")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A stand-in for the pose network: a person stands where the picture is brightest, its keypoints in its middle."""
    tf = pytest.importorskip("tensorflow")

    class Network(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec((1, SIDE_PX, SIDE_PX, 3), tf.float32, "pixels")])
        def __call__(self, pixels):  # pyright: ignore[reportRedeclaration]
            bright = tf.nn.avg_pool2d(tf.reduce_mean(pixels, -1, keepdims=True), 4, 4, "VALID")
            values = {name: tf.zeros((1, CELLS, CELLS, n)) for name, n in MAPS.items()}
            values["centers"] = bright / 64 - 2
            values["heat"] = tf.repeat(bright / 64 - 2, 17, axis=-1)
            values["box_sizes"] = tf.fill((1, CELLS, CELLS, 2), 8.0)
            return values

    folder = tmp_path_factory.mktemp("network")
    module = Network()
    tf.saved_model.save(module, str(folder / "saved"), signatures=module.__call__)
    path = folder / "pose.tflite"
    path.write_bytes(tf.lite.TFLiteConverter.from_saved_model(str(folder / "saved")).convert())
    return path


def film(path: Path, n: int, lit: list[int]) -> Path:
    """A light on a dark wall of 256 x 128, in the middle of its height; x where `lit` says."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 20, (256, 128))
    for k in range(n):
        picture = np.zeros((128, 256, 3), np.uint8)
        cv2.circle(picture, (lit[k], 64), 24, (255, 255, 255), -1)
        writer.write(cv2.GaussianBlur(picture, (0, 0), 12))
    writer.release()
    return path


def clip_at(path: Path) -> Clip:
    return Clip(path, "group", frozenset({"fall"}), (Segment("normal"),))


@pytest.mark.filterwarnings("ignore")  # TensorFlow's converter
def test_poses_are_worked_out_once_and_are_relative_to_the_whole_picture(network: Path, tmp_path: Path) -> None:
    clip = clip_at(film(tmp_path / "film.avi", 12, [40 + 10 * k for k in range(12)]))
    cache = Cache(tmp_path / "cache")
    (entry,) = watch_poses([clip], network, cache, rate_hz=10, workers=1)
    poses = read_poses(entry)
    assert poses.times_s.tolist() == pytest.approx([0, 0.1, 0.2, 0.3, 0.4, 0.5])
    assert poses.aspect == 2
    for k, people in enumerate(poses.people):
        assert len(people) == 1
        places = people[0].keypoints[:, :2]
        assert places[:, 0] == pytest.approx(0.5, abs=0.15)  # letterbox undone: y 0.5 of the picture
        assert places[:, 1] == pytest.approx((40 + 20 * k) / 256, abs=0.08)
    made = entry.stat().st_mtime_ns
    assert watch_poses([clip], network, cache, rate_hz=10, workers=1) == [entry]
    assert entry.stat().st_mtime_ns == made
    other = tmp_path / "other.tflite"
    other.write_bytes(network.read_bytes() + b"\0" * 16)
    assert watch_poses([clip], other, cache, rate_hz=10, workers=1) != [entry]  # of another network


@pytest.mark.filterwarnings("ignore")
def test_a_film_of_nobody_has_looks_without_people(network: Path, tmp_path: Path) -> None:
    path = tmp_path / "dark.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, (64, 64))
    for _ in range(5):
        writer.write(np.zeros((64, 64, 3), np.uint8))
    writer.release()
    (entry,) = watch_poses([clip_at(path)], network, Cache(tmp_path / "cache"), rate_hz=10, workers=1)
    assert read_poses(entry).people == ((),) * 5


@pytest.mark.filterwarnings("ignore")
def test_a_file_that_is_no_video_is_named(network: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.avi"
    broken.write_bytes(b"no video")
    with pytest.raises(DatasetError, match=r"broken\.avi"):
        watch_poses([clip_at(broken)], network, Cache(tmp_path / "cache"), rate_hz=10, workers=1)
