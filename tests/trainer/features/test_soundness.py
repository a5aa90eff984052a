"""Broken and empty clips: named, counted and left out up to a limit."""

from pathlib import Path

import pytest

from edge.errors import DatasetError
from trainer.cli import main
from trainer.clips.manifest import Clip, Segment
from trainer.features.cache import Cache
from trainer.features.soundness import without_broken


@pytest.fixture
def clips(tmp_path: Path, write_clip) -> list[Clip]:
    """Forty clips of which two are broken: one is no video, one is empty."""
    found = []
    for number in range(40):
        path = tmp_path / "set" / f"{number:02}.avi"
        write_clip(path, frames=2, seed=number)
        found.append(Clip(path, path.name, frozenset({"fall"}), (Segment("normal"),), path.name, "set"))
    found[3].path.write_bytes(b"no video")
    found[7].path.write_bytes(b"")
    return found


def test_broken_clips_are_named_counted_and_left_out(clips, tmp_path, capsys):
    sound = without_broken(clips, None, Cache(tmp_path / "cache"), 2)
    assert sound == [clip for clip in clips if clip.name not in {"03.avi", "07.avi"}]
    said = capsys.readouterr().err.splitlines()
    assert [line.split(": ")[1] for line in said[:2]] == [f"left out {clips[3].path}", f"left out {clips[7].path}"]
    assert "is empty" in said[1]
    assert said[2:] == ["trainer: 2 of 40 clips are broken and left out"]


def test_a_limit_is_kept(clips, tmp_path, capsys):
    cache = Cache(tmp_path / "cache")
    with pytest.raises(DatasetError, match=r"03\.avi: .*; 2 of 40 clips are broken, at most 1 may be"):
        without_broken(clips, 1, cache, 1)
    with pytest.raises(DatasetError, match="2 of 20 clips are broken, at most 1 may be"):
        without_broken(clips[:20], None, cache, 1)
    clips[11].path.unlink()
    with pytest.raises(DatasetError, match="3 of 40 clips are broken, at most 2 may be"):
        without_broken(clips, None, cache, 1)
    assert len(without_broken(clips, 3, cache, 1)) == 37
    assert "11.avi: is not there" in capsys.readouterr().err


def test_a_repaired_clip_comes_back(clips, tmp_path, write_clip):
    cache = Cache(tmp_path / "cache")
    assert len(without_broken(clips, None, cache, 1)) == 38
    write_clip(clips[3].path, seed=99)
    assert len(without_broken(clips, None, cache, 1)) == 39


def test_the_commands_leave_broken_clips_out(tmp_path, capsys, write_clip):
    """Refused without a word about them, left out with it; what follows is refused for another reason."""
    for name in ("fight/a.avi", "calm/b.avi"):
        write_clip(tmp_path / "set" / name)
    (tmp_path / "set" / "calm" / "c.avi").write_bytes(b"no video")
    command = ["evaluate", str(tmp_path / "gone"), "--data", str(tmp_path / "set"), "--cache", str(tmp_path / "cache")]
    assert main(command) == 6
    assert "c.avi: no video can be read from it" in capsys.readouterr().err
    assert main([*command, "--max-broken", "1"]) == 4
    said = capsys.readouterr().err
    assert "1 of 3 clips are broken and left out" in said
    assert "gone" in said.splitlines()[-1]
