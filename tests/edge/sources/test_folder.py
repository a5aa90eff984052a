from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.errors import SourceError
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
    frames = list(FolderSource(tmp_path, 4.0).frames())
    assert [int(frame.pixels[0, 0, 0]) for frame in frames] == [1, 2, 9, 10, 200]
    assert [frame.capture_ns for frame in frames] == [0, 250_000_000, 500_000_000, 750_000_000, 1_000_000_000]


def test_any_picture_becomes_rgb(tmp_path):
    write(tmp_path / "1.png", 5, 7, 3, bgr=(0, 0, 255))
    write(tmp_path / "2.png", 5, 7, bgr=99)
    write(tmp_path / "3.png", 5, 7, 4, bgr=(255, 0, 0, 20))
    write(tmp_path / "4.jpg", 50, 71, 3, bgr=50)
    frames = list(FolderSource(tmp_path, 1.0).frames())
    assert [frame.pixels.shape for frame in frames] == [(5, 7, 3)] * 3 + [(50, 71, 3)]
    assert [frame.pixels[0, 0].tolist() for frame in frames[:3]] == [[255, 0, 0], [99, 99, 99], [0, 0, 255]]
    assert not frames[0].pixels.flags.writeable


def test_damaged_pictures_are_skipped_and_their_time_stays_empty(tmp_path, capfd):
    for number in range(4):
        write(tmp_path / f"{number}.jpg", 16, 16, 3, bgr=number)
    (tmp_path / "1.jpg").write_bytes(b"")
    (tmp_path / "2.jpg").write_bytes(b"no picture")
    source = FolderSource(tmp_path, 1.0)
    assert [frame.sequence for frame in source.frames()] == [0, 3]
    assert source.skipped_frames == 2
    assert capfd.readouterr() == ("", "")


def test_unwanted_pictures_are_not_read(tmp_path):
    for number in range(4):
        write(tmp_path / f"{number}.png", 8, 8, 3)
    (tmp_path / "1.png").write_bytes(b"no picture")
    source = FolderSource(tmp_path, 1.0)
    assert [frame.sequence for frame in source.frames(lambda time_ns: time_ns % 2_000_000_000 == 0)] == [0, 2]
    assert source.skipped_frames == 0


def test_what_holds_no_picture_is_refused(tmp_path):
    with pytest.raises(SourceError, match=r"holds no picture \(\.bmp"):
        list(FolderSource(tmp_path, 1.0).frames())
    with pytest.raises(SourceError, match="No such file"):
        list(FolderSource(tmp_path / "absent", 1.0).frames())
    (tmp_path / "1.png").write_bytes(b"no picture")
    with pytest.raises(SourceError, match="none of its 1 pictures"):
        list(FolderSource(tmp_path, 1.0).frames())


def test_closing_ends_it(tmp_path):
    for number in range(4):
        write(tmp_path / f"{number}.png", 8, 8, 3)
    source = FolderSource(tmp_path, 1.0)
    frames = source.frames()
    next(frames)
    source.close()
    assert list(frames) == []
