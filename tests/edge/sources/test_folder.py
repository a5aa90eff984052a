from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.errors import SourceError
from edge.sources import decoded_frames
from edge.sources.folder import FolderSource


def write(path: Path, *shape: int, bgr: int | tuple[int, ...] = 0) -> None:
    pixels = np.empty(shape, np.uint8)
    pixels[:] = bgr
    assert cv2.imwrite(str(path), pixels)


def test_order_of_names_with_numbers_as_numbers(tmp_path):
    for number in (10, 9, 1, 2):
        write(tmp_path / f"img{number}.png", 8, 8, 3, bgr=number)
    write(tmp_path / "ä.PNG", 8, 8, 3, bgr=200)
    (tmp_path / "notes.txt").write_text("no picture")
    frames = list(decoded_frames(FolderSource(tmp_path, 4.0)))
    assert [int(frame.pixels[0, 0, 0]) for frame in frames] == [1, 2, 9, 10, 200]
    assert [frame.capture_ns for frame in frames] == [0, 250_000_000, 500_000_000, 750_000_000, 1_000_000_000]


def test_any_picture_becomes_rgb(tmp_path):
    write(tmp_path / "1.png", 5, 7, 3, bgr=(0, 0, 255))
    write(tmp_path / "2.png", 5, 7, bgr=99)
    write(tmp_path / "3.png", 5, 7, 4, bgr=(255, 0, 0, 20))
    write(tmp_path / "4.jpg", 50, 71, 3, bgr=50)
    frames = list(decoded_frames(FolderSource(tmp_path, 1.0)))
    assert [frame.pixels.shape for frame in frames] == [(5, 7, 3)] * 3 + [(50, 71, 3)]
    assert [frame.pixels[0, 0].tolist() for frame in frames[:3]] == [[255, 0, 0], [99, 99, 99], [0, 0, 255]]
    assert not frames[0].pixels.flags.writeable


def test_damaged_pictures_are_skipped_and_their_time_stays_empty(tmp_path, capfd):
    for number in range(4):
        write(tmp_path / f"{number}.jpg", 16, 16, 3, bgr=number)
    (tmp_path / "1.jpg").write_bytes(b"")
    (tmp_path / "2.jpg").write_bytes(b"no picture")
    source = FolderSource(tmp_path, 1.0)
    assert [frame.sequence for frame in decoded_frames(source)] == [0, 3]
    assert source.skipped_frames == 2
    assert capfd.readouterr() == ("", "")


def test_pictures_that_nobody_asks_for_are_not_read(tmp_path):
    for number in range(4):
        write(tmp_path / f"{number}.png", 8, 8, 3)
    (tmp_path / "1.png").write_bytes(b"no picture")
    source = FolderSource(tmp_path, 1.0)
    frames = [frame for frame in source.frames() if frame.sequence % 2 == 0]
    assert source.skipped_frames == 0
    assert all(frame.pixels() is not None for frame in frames)


def test_what_holds_no_picture_is_refused(tmp_path):
    with pytest.raises(SourceError, match=r"holds no picture \(\.bmp"):
        list(decoded_frames(FolderSource(tmp_path, 1.0)))
    with pytest.raises(SourceError, match="No such file"):
        list(decoded_frames(FolderSource(tmp_path / "absent", 1.0)))
    (tmp_path / "1.png").write_bytes(b"no picture")
    with pytest.raises(SourceError, match="none of its 1 pictures"):
        list(decoded_frames(FolderSource(tmp_path, 1.0)))


def test_closing_ends_it(tmp_path):
    for number in range(4):
        write(tmp_path / f"{number}.png", 8, 8, 3)
    source = FolderSource(tmp_path, 1.0)
    frames = decoded_frames(source)
    next(frames)
    source.close()
    assert list(frames) == []
