"""Pictures on disk."""

import os
from pathlib import Path

from edge.pictures.album import Album


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def aged(path: Path | None, age_s: float) -> None:
    assert path is not None
    written_s = path.stat().st_mtime - age_s
    os.utime(path, (written_s, written_s))


def test_what_is_kept_is_there_whole(tmp_path):
    album = Album(tmp_path / "pictures", max_bytes=1000)
    path = album.keep("hall/a.jpg", b"x" * 10)
    assert path is not None
    assert path == tmp_path / "pictures" / "hall" / "a.jpg"
    assert path.read_bytes() == b"x" * 10
    assert path.parent.stat().st_mode & 0o077 == 0, "pictures are nobody else's"
    assert album.fields() == {"kept": 1, "bytes": 10, "dropped": 0, "stopped": None}
    assert album.find("a.jpg") == path
    assert album.find("b.jpg") is None


def test_the_oldest_goes_for_the_newest(tmp_path):
    album = Album(tmp_path, max_bytes=100)
    for number in range(5):
        aged(album.keep(f"{number}.jpg", b"x" * 30), 100 - number)
    assert names(tmp_path) == ["2.jpg", "3.jpg", "4.jpg"]


def test_what_is_too_old_goes(tmp_path):
    album = Album(tmp_path, max_bytes=1000, max_age_s=50)
    aged(album.keep("old.jpg", b"x"), 60)
    aged(album.keep("new.jpg", b"x"), 40)
    album.prune()
    assert names(tmp_path) == ["new.jpg"]


def test_what_a_crash_left_unfinished_goes(tmp_path):
    (tmp_path / "a.jpg.unfinished").write_bytes(b"x")
    Album(tmp_path, max_bytes=1000).prune()
    assert names(tmp_path) == []


def test_a_disk_that_is_nearly_full_is_left_to_the_events(tmp_path):
    album = Album(tmp_path, max_bytes=1000, reserve_bytes=10**18)
    assert album.keep("a.jpg", b"x") is None
    assert album.fields() == {"kept": 0, "bytes": 0, "dropped": 1, "stopped": "the disk is nearly full"}


def test_a_folder_that_cannot_be_written_is_said_and_tried_again(tmp_path):
    (tmp_path / "pictures").write_text("a file")
    album = Album(tmp_path / "pictures", max_bytes=1000)
    assert album.keep("hall/a.jpg", b"x") is None
    assert album.stopped in ("File exists", "Not a directory")
    (tmp_path / "pictures").unlink()
    assert album.keep("hall/a.jpg", b"x") is not None
    assert album.stopped is None
