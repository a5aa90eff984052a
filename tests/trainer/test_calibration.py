"""The pictures that calibrate a conversion: which samples they are, and that no clip is decoded twice for them."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from edge.bundle import InputSpec
from trainer.cache import Cache, read_entry, write_entry
from trainer.calibration import pictures
from trainer.datasets import read_dataset
from trainer.decoding import samples

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
