"""Copies of clips: one draw for all frames, the same again from the same seed, times as the speed makes them."""

import resource
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge.bundle import InputSpec
from edge.errors import ConfigurationError
from edge.sources import decoded_frames
from edge.sources.file import FileSource
from trainer.clips.manifest import Clip, Segment
from trainer.features.backbone import Weights
from trainer.features.cache import Cache
from trainer.fitting.augmentation import KINDS, Draw, augmented, changed, draw, wanted_kinds
from trainer.fitting.recipe import Workshop
from trainer.fitting.run import Settings

ALL = frozenset(KINDS)
RANDOM = np.random.default_rng(0)
PICTURE = RANDOM.integers(0, 256, (40, 60, 3), dtype=np.uint8)
CONTENT = "ab" * 32


def settings(augment: str, copies: int = 1, seed: int = 0) -> Settings:
    wanted: dict[str, float | int | str | bool] = {"augment": augment, "augment_copies": copies}
    return Settings(recipe="r", seed=seed, epochs=1, labels=("a", "b"), input=InputSpec(), hyperparameters=wanted)


def clip_of(path: Path) -> Clip:
    segments = (Segment("normal", 0, 0.5), Segment("fall", 0.5))
    return Clip(path, "g", frozenset({"fall"}), segments, path.name, "set", timed=True)


def frames(path: Path) -> list[np.ndarray]:
    return [np.array(frame.pixels) for frame in decoded_frames(FileSource(path))]


def test_a_draw_depends_on_seed_clip_and_copy():
    assert draw(ALL, 0, CONTENT, 0) == draw(ALL, 0, CONTENT, 0)
    others = {draw(ALL, 1, CONTENT, 0), draw(ALL, 0, "cd" * 32, 0), draw(ALL, 0, CONTENT, 1)}
    assert len(others | {draw(ALL, 0, CONTENT, 0)}) == 4
    assert draw(frozenset({"light"}), 0, CONTENT, 0).gain == draw(ALL, 0, CONTENT, 0).gain
    assert draw(frozenset(), 0, CONTENT, 0) == Draw(draw(ALL, 0, CONTENT, 0).seed)


def test_draws_reach_both_sides_of_every_kind():
    drawn = [draw(ALL, 0, f"{number:016x}", 0) for number in range(200)]
    assert {one.flip for one in drawn} == {True, False}
    for key, low, high in (("gain", 0.77, 1.3), ("offset", -25, 25), ("noise", 0, 8), ("speed", 0.8, 1.25)):
        values = [getattr(one, key) for one in drawn]
        assert low <= min(values) < low + 0.1 * (high - low)
        assert high - 0.1 * (high - low) < max(values) <= high


def test_each_change_by_hand():
    nothing = Draw(0)
    assert np.array_equal(changed(PICTURE, nothing, RANDOM), PICTURE)
    assert np.array_equal(changed(PICTURE, replace(nothing, flip=True), RANDOM), PICTURE[:, ::-1])
    light = changed(PICTURE, replace(nothing, gain=1.2, offset=-10), RANDOM)
    assert np.array_equal(light, np.clip(np.rint(PICTURE * np.float32(1.2) - 10), 0, 255))
    noisy = changed(np.full((200, 200, 3), 128, np.uint8), replace(nothing, noise=5.0), RANDOM).astype(float)
    assert noisy.std() == pytest.approx(5, rel=0.05)
    flat = np.zeros((40, 60, 3), np.uint8)
    flat[:8] = 200  # a crop of four fifths at the lower end leaves it out
    assert changed(flat, replace(nothing, kept=0.8, place=(1.0, 0.5)), RANDOM).max() == 0
    assert changed(flat, replace(nothing, kept=0.8, place=(0.0, 0.5)), RANDOM).max() == 200


def test_all_frames_of_a_copy_share_its_draw(write_clip, tmp_path):
    """Flipped, brightened copies against the originals, frame by frame: Motion JPEG loses a little."""
    path = write_clip(tmp_path / "clips" / "a.avi", lively=True)
    workshop = Workshop(Cache(tmp_path / "cache"), Weights("", ""), 1)
    originals = frames(path)
    for seed in range(3):
        clip, copy = augmented([clip_of(path)], settings("flip,light", seed=seed), workshop)
        drawn = draw(frozenset({"flip", "light"}), seed, file_digest(path), 0)
        assert clip.path == path
        shown = frames(copy.path)
        assert len(shown) == len(originals)
        for original, seen in zip(originals, shown, strict=True):
            expected = changed(original, drawn, RANDOM).astype(float)
            assert np.abs(seen - expected).mean() < 4


def file_digest(path: Path) -> str:
    import hashlib

    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_speed_moves_times_and_copies_are_written_once(write_clip, tmp_path):
    path = write_clip(tmp_path / "clips" / "a.avi", frames=20, rate_hz=10)
    workshop = Workshop(Cache(tmp_path / "cache"), Weights("", ""), 1)
    wanted = settings("speed", copies=2)
    _, first, second = augmented([clip_of(path)], wanted, workshop)
    speeds = [draw(frozenset({"speed"}), 0, file_digest(path), number).speed for number in range(2)]
    for copy, speed in zip((first, second), speeds, strict=True):
        assert copy.start_s("fall") == pytest.approx(0.5 / speed)
        last_ns = [frame.capture_ns for frame in decoded_frames(FileSource(copy.path))][-1]
        assert last_ns / 1e9 == pytest.approx(1.9 / speed, abs=0.02)
        assert (copy.group, copy.dataset, copy.timed) == ("g", "set", True)
    assert speeds[0] != speeds[1]
    written = {copy.path: copy.path.stat().st_mtime_ns for copy in (first, second)}
    again = augmented([clip_of(path)], wanted, workshop)
    assert {copy.path: copy.path.stat().st_mtime_ns for copy in again[1:]} == written


def test_the_same_seed_writes_the_same_bytes(write_clip, tmp_path):
    """In one process."""
    path = write_clip(tmp_path / "clips" / "a.avi", lively=True)
    copies = [
        augmented([clip_of(path)], settings(",".join(KINDS)), Workshop(Cache(tmp_path / name), Weights("", ""), 1))[1]
        for name in ("one", "two")
    ]
    assert copies[0].path.read_bytes() == copies[1].path.read_bytes()
    assert copies[0].path.name == copies[1].path.name


COPY = """
import sys
from pathlib import Path
from edge.errors import EdgewatchError
from trainer.fitting.augmentation import Draw, _write_copy
try:
    _write_copy((Path(sys.argv[1]), Path(sys.argv[2]), Draw(0)))
except EdgewatchError as error:
    print(error)
"""


@pytest.mark.parametrize("share", [0.3, 0.9])
def test_a_copy_that_a_full_disk_cuts_off_is_not_kept(write_clip, tmp_path, share):
    """A limit of the process in place of a disk's; OpenCV itself reports nothing."""
    path = write_clip(tmp_path / "clips" / "a.avi", frames=60, lively=True)
    whole, cut = tmp_path / "whole" / "copy.avi", tmp_path / "cut" / "copy.avi"
    assert run_copy(path, whole, resource.RLIM_INFINITY) == ""
    said = run_copy(path, cut, int(share * whole.stat().st_size))
    assert f"{cut.parent}: cannot hold a whole copy of {path}; make room" in said
    assert list(cut.parent.iterdir()) == []


def run_copy(path: Path, copy: Path, limit: int) -> str:
    return subprocess.run(
        [sys.executable, "-c", COPY, str(path), str(copy)],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY)),
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def test_kinds_that_do_not_exist_are_refused():
    with pytest.raises(
        ConfigurationError, match="augment=flip,spin: 'spin' is none of crop, flip, light, noise, speed"
    ):
        wanted_kinds({"augment": "flip,spin"})
    with pytest.raises(ConfigurationError, match="augment_copies: give 1 or more"):
        wanted_kinds({"augment": "flip", "augment_copies": 0})
    assert wanted_kinds({}) == wanted_kinds({"augment": "none"}) == frozenset()
