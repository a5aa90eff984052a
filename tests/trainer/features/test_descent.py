"""When something goes down: a square that drops, in films whose moment is known."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.errors import DatasetError
from trainer.clips.manifest import Clip, Segment
from trainer.features.cache import Cache
from trainer.features.descent import LEAD_S, descent, fall_start_s, fall_starts_s

RATE_HZ = 20


def film(path: Path, tops_px: list[int]) -> Path:
    """A grey square on a textured wall, its upper edge where `tops_px` says, 320 x 240."""
    wall = np.random.default_rng(0).integers(90, 110, (240, 320, 3), dtype=np.uint8)
    wall = cv2.resize(cv2.resize(wall, (40, 30)), (320, 240))
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), RATE_HZ, (320, 240))
    texture = np.random.default_rng(1).integers(150, 255, (60, 60, 3), dtype=np.uint8)
    for top_px in tops_px:
        picture = wall.copy()
        picture[top_px : top_px + 60, 130:190] = cv2.GaussianBlur(texture, (9, 9), 0)
        writer.write(picture)
    writer.release()
    return path


@pytest.fixture
def drop(tmp_path: Path) -> Path:
    """Up quickly from 0.5 s on, then down as quickly from 2 s to 2.5 s."""
    up = list(np.linspace(120, 20, 10, dtype=int))
    return film(tmp_path / "drop.avi", [120] * 10 + up + [20] * 20 + up[::-1] + [120] * 20)


def test_going_down_is_positive_and_going_up_negative(drop: Path) -> None:
    times_s, speeds = descent(drop)
    assert len(times_s) == len(speeds)
    assert 2.0 <= times_s[speeds.argmax()] <= 2.6
    assert 0.5 <= times_s[speeds.argmin()] <= 1.1
    assert speeds[(times_s > 1.3) & (times_s < 1.9)].max() == 0


def test_the_fall_begins_before_its_fastest_moment(drop: Path, tmp_path: Path) -> None:
    clip = Clip(drop, "group", frozenset({"fall"}), (Segment("fall"),))
    (start_s,) = fall_starts_s([clip], Cache(tmp_path / "cache"), workers=1)
    assert start_s == pytest.approx(2.25 - LEAD_S, abs=0.2)
    drop.touch()
    assert fall_starts_s([clip], Cache(tmp_path / "cache"), workers=1) == [start_s]


def test_a_fall_at_the_beginning_does_not_begin_before_the_clip() -> None:
    assert fall_start_s(np.array([0.0, 0.1, 0.2]), np.array([0.0, 5.0, 1.0])) == 0.0


def test_a_file_that_is_no_video_is_named(tmp_path: Path) -> None:
    broken = tmp_path / "broken.avi"
    broken.write_bytes(b"no video")
    with pytest.raises(DatasetError, match=r"broken\.avi"):
        descent(broken)
