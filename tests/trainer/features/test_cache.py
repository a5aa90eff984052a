"""The cache: its keys, which everybody's extracted features lie under, and what it does when a disk is full or lies."""

import os
import re
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edge.bundle import InputSpec
from edge.errors import ConfigurationError, DatasetError
from edge.frames.preprocess import PICTURES_VERSION
from edge.sources.libav import DECODER
from trainer.clips.datasets import read_dataset
from trainer.clips.manifest import Clip, Segment
from trainer.features.cache import (
    Cache,
    content_sha256,
    is_entry,
    pictures,
    read_entry,
    sound_entry,
    write_entry,
)
from trainer.features.features import settings_of

ROOM_KIB = 256


def clip_of(path: Path) -> Clip:
    return Clip(path, "g", frozenset(), (Segment("normal"),))


def test_what_nobody_names_is_where_the_environment_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert Cache().folder == tmp_path / "edgewatch"
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    monkeypatch.setenv("HOME", "/home/x")
    assert Cache().folder == Path("/home/x/.cache/edgewatch")


def test_keys_stay_what_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Worked out with sha256sum. Another key costs every user the extraction of all clips and the training of all
    folds: change the settings' text, or the form of the key, only for something that is worth that."""
    monkeypatch.setattr("trainer.features.cache.pictures", lambda: "pictures-v1 opencv-4.14.0 decoder-1")
    (tmp_path / "a.avi").write_bytes(b"a clip")
    settings = settings_of("backbone-v1-09dd51e432c90480-224x224.tflite", InputSpec(), "segments-40")
    path = Cache(tmp_path / "cache").path(clip_of(tmp_path / "a.avi"), settings)
    assert path.relative_to(tmp_path / "cache").as_posix() == "a9dce1baa9cccb93/e8/e899537b4c9149cd5edb2000ea1e14f1.npz"


def test_keys_hold_the_version_of_pictures_and_the_libraries_that_make_them() -> None:
    assert pictures() == f"pictures-v{PICTURES_VERSION} opencv-{cv2.__version__} {DECODER}"
    assert re.fullmatch(r"avcodec-[\d.]+ avformat-[\d.]+ avutil-[\d.]+ swscale-[\d.]+", DECODER)


@pytest.mark.parametrize("other", ["pictures-v2 opencv-1 decoder-1", "pictures-v1 opencv-1 decoder-2"])
def test_other_pictures_are_another_entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, other: str) -> None:
    (tmp_path / "a.avi").write_bytes(b"a clip")
    paths = set()
    for said in ("pictures-v1 opencv-1 decoder-1", other):
        monkeypatch.setattr("trainer.features.cache.pictures", lambda said=said: said)
        paths.add(Cache(tmp_path).path(clip_of(tmp_path / "a.avi"), "a"))
    assert len(paths) == 2


def test_an_entry_depends_on_content_and_settings(tmp_path: Path, fights: Path) -> None:
    cache = Cache(tmp_path)
    first, second = read_dataset(fights)[:2]
    assert cache.path(first, "a") != cache.path(second, "a")
    assert cache.path(first, "a") != cache.path(first, "b")
    copy = tmp_path / "copy.avi"
    copy.write_bytes(first.path.read_bytes())
    same = Clip(copy, "other", first.annotates, first.segments)
    assert cache.path(same, "a") == cache.path(first, "a")


def test_a_changed_file_is_another_one(tmp_path: Path) -> None:
    path = tmp_path / "a.avi"
    path.write_bytes(b"one")
    before = content_sha256(path)
    path.write_bytes(b"two, longer")
    assert content_sha256(path) != before
    path.unlink()
    with pytest.raises(DatasetError, match=r"a\.avi: No such file"):
        content_sha256(path)


def test_a_recipe_keeps_its_own_arrays(tmp_path: Path, fights: Path) -> None:
    cache = Cache(tmp_path)
    clip = read_dataset(fights)[0]
    assert cache.arrays(clip, "sums", lambda: {"sum": np.arange(3)})["sum"].tolist() == [0, 1, 2]
    assert cache.arrays(clip, "sums", lambda: pytest.fail("computed twice"))["sum"].tolist() == [0, 1, 2]


def test_a_stopped_write_leaves_no_entry_and_a_damaged_one_is_none(tmp_path: Path) -> None:
    class StopError(Exception):
        pass

    class Stopping:
        def __array__(self, dtype=None, copy=None):
            raise StopError

    halfway: Any = {"first": np.zeros(9), "second": Stopping()}

    path = tmp_path / "deep" / "entry.npz"
    with pytest.raises(StopError):
        write_entry(path, halfway)
    assert list(path.parent.iterdir()) == []
    write_entry(path, {"values": np.arange(1000)})
    assert is_entry(path)
    path.write_bytes(path.read_bytes()[:-600])
    assert read_entry(path) is None
    assert not is_entry(path)
    with pytest.raises(DatasetError, match=r"entry\.npz: this entry of the cache is damaged; delete it"):
        sound_entry(path)


FILL = """
import sys
from pathlib import Path
import numpy as np
from edge.errors import ConfigurationError
from trainer.features.cache import write_entry
for number in range(100):
    try:
        write_entry(Path(sys.argv[1]) / f"{number}.npz", {"values": np.full(8000, number, np.float64)})
    except ConfigurationError as error:
        print(error)
        sys.exit(2)
"""


def whole_entries(folder: Path) -> list[float]:
    """What the entries hold; every file of the folder must be one."""
    found = []
    for path in sorted(folder.iterdir()):
        arrays = read_entry(path)
        assert arrays is not None, path
        assert np.unique(arrays["values"]).size == 1
        found.append(float(arrays["values"][0]))
    return sorted(found)


def test_a_full_disk_leaves_whole_entries_and_one_line(tmp_path: Path) -> None:
    """A file system of its own, 256 KiB, in a mount namespace of its own, filled by entries of 63 KiB."""
    disk, copied = tmp_path / "disk", tmp_path / "copied"
    disk.mkdir()
    mount = f"mount -t tmpfs -o size={ROOM_KIB}k tmpfs {disk}"
    inside = ["unshare", "--mount", "--map-root-user"]
    if subprocess.run([*inside, "sh", "-c", mount], capture_output=True, check=False).returncode:
        pytest.skip("this sandbox lets nobody mount a file system")
    script = f'{mount} && {{ "$@"; code=$?; cp -a {disk} {copied}; exit $code; }}'
    command = [*inside, "sh", "-c", script, "sh", sys.executable, "-c", FILL, str(disk)]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    assert answer.returncode == 2, answer.stderr
    assert answer.stdout == (
        f"{disk}/4.npz: cannot be written (No space left on device); make room or name another folder, what is "
        "finished is kept\n"
    )
    assert whole_entries(copied) == [0, 1, 2, 3]


def test_a_file_that_may_not_grow_is_not_kept(tmp_path: Path) -> None:
    """The same by a limit of the process, which every sandbox allows."""
    limit = (ROOM_KIB // 8 << 10, resource.RLIM_INFINITY)
    answer = subprocess.run(
        [sys.executable, "-c", FILL, str(tmp_path / "cache")],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit),
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 2, answer.stderr
    assert "0.npz: cannot be written (File too large)" in answer.stdout
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_folder_that_may_not_be_written(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere")
    tmp_path.chmod(0o500)
    with pytest.raises(ConfigurationError, match="Permission denied"):
        write_entry(tmp_path / "a.npz", {"values": np.zeros(1)})
