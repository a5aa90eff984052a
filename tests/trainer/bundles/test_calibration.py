"""The pictures that calibrate a conversion: which samples they are, and that no clip is decoded twice for them."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from edge.bundle import InputSpec
from trainer.bundles.calibration import pictures, sets_in_turn
from trainer.clips.datasets import read_dataset
from trainer.clips.decoding import samples
from trainer.clips.manifest import Clip
from trainer.features.cache import Cache, read_entry, write_entry

SPEC = InputSpec(height_px=32, width_px=32, rate_hz=5, stream="motion+trail")
WriteClip = Callable[..., Path]


def test_they_are_spread_evenly_over_each_clip(tmp_path: Path, write_clip: WriteClip) -> None:
    write_clip(tmp_path / "set/fight/0.avi", frames=30, lively=True)
    clips = read_dataset(tmp_path / "set")
    seen = np.concatenate([sample.streams for sample in samples(clips[0].path, SPEC)])
    drawn = pictures(clips, SPEC, 3, seed=0, cache=Cache(tmp_path / "cache"), workers=1)
    np.testing.assert_array_equal(drawn, seen[[0, round((len(seen) - 1) / 2), len(seen) - 1]])


def test_a_clip_is_decoded_once(tmp_path: Path, fights: Path) -> None:
    cache, clips = Cache(tmp_path), read_dataset(fights)
    first = pictures(clips, SPEC, 8, seed=0, cache=cache, workers=1)
    assert len(first) == 8
    for entry in tmp_path.rglob("*.npz"):
        arrays = read_entry(entry)
        assert arrays is not None
        write_entry(entry, {"pictures": np.zeros_like(arrays["pictures"])})
    assert not pictures(clips, SPEC, 8, seed=0, cache=cache, workers=1).any()


def test_data_sets_take_turns(tmp_path: Path) -> None:
    clips = [
        Clip(tmp_path / f"{dataset}{number}.avi", "group", frozenset(), (), f"{dataset}{number}", dataset)
        for dataset, n_clips in (("large", 5), ("small", 2))
        for number in range(n_clips)
    ]
    assert [clip.name for clip in sets_in_turn(clips)] == [
        "large0", "small0", "large1", "small1", "large2", "large3", "large4",
    ]  # fmt: skip
    assert sets_in_turn(clips[:5]) == clips[:5]


def test_pictures_come_from_all_sets_alike(tmp_path: Path, write_clip: WriteClip) -> None:
    """Of eight clips that stand still and one, of a set of its own, that does not."""
    for number in range(8):
        write_clip(tmp_path / f"large/fight/{number}.avi", frames=12, lively=False)
    write_clip(tmp_path / "small/fight/8.avi", frames=12, lively=True)
    clips = [clip for name in ("large", "small") for clip in read_dataset(tmp_path / name)]
    drawn = pictures(clips, SPEC, 8, seed=0, cache=Cache(tmp_path / "cache"), workers=1)
    moving = [picture.std() > 0 for picture in drawn]
    assert (len(moving), sum(moving)) == (8, 4)
