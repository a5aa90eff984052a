from typing import Any

import numpy as np
import pytest

from edge.bundle import InputSpec
from edge.errors import DatasetError
from trainer.backbone import RANDOM, Weights, build_backbone, find_weights, pooled
from trainer.datasets import read_dataset
from trainer.decoding import samples
from trainer.features import Cache, extract, read_entry, read_features, write_entry
from trainer.manifest import Clip

SPEC = InputSpec(height_px=32, width_px=32, stream="rgb+motion", rate_hz=10)
NO_WEIGHTS = Weights(RANDOM, RANDOM)


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return Cache(tmp_path_factory.mktemp("cache"))


def entries_of(clips, cache, workers=1):
    return extract(clips, SPEC, NO_WEIGHTS, cache, workers=workers, seed=5)


def test_features_are_those_of_keras(cache, fights):
    import keras

    clip = read_dataset(fights)[0]
    (entry,) = entries_of([clip], cache)
    features = read_features(entry)
    seen = list(samples(clip.path, SPEC))
    keras.utils.set_random_seed(5)
    model = pooled(build_backbone(SPEC, NO_WEIGHTS))
    expected = [model(sample.streams.astype(np.float32)).numpy() for sample in seen]  # (n_streams, 1280) each
    assert features.values.shape == (len(seen), 2, 1280)
    assert np.abs(features.values - expected).max() <= 1e-4 * np.abs(expected).max()
    assert features.times_s.tolist() == [sample.capture_ns / 1e9 for sample in seen]


def test_what_was_extracted_before_a_stop_is_not_extracted_again(cache, fights, tmp_path, write_clip):
    clips = read_dataset(fights)[:3]
    broken = tmp_path / "broken.avi"
    broken.write_bytes(b"no video")
    torn = [*clips[:2], Clip(broken, "g", frozenset(), clips[2].segments, "broken.avi", "d")]
    with pytest.raises(DatasetError, match=r"broken\.avi"):
        entries_of(torn, cache)
    before = [entry.stat().st_mtime_ns for entry in entries_of(clips[:2], cache)]
    write_clip(broken, seed=77)
    entries = entries_of(torn, cache)
    assert [entry.stat().st_mtime_ns for entry in entries[:2]] == before
    assert read_features(entries[2]).values.shape[1:] == (2, 1280)


def test_processes_share_the_work(tmp_path, fights):
    clips = read_dataset(fights)[:3]
    alone = [read_features(entry).values for entry in entries_of(clips, Cache(tmp_path / "a"))]
    together = [read_features(entry).values for entry in entries_of(clips, Cache(tmp_path / "b"), workers=2)]
    assert all(np.array_equal(one, two) for one, two in zip(alone, together, strict=True))


def test_an_error_in_a_process_keeps_its_line(tmp_path, fights):
    clips = read_dataset(fights)[:2]
    broken = [Clip(tmp_path / "gone.avi", "g", frozenset(), clip.segments) for clip in clips[:1]]
    (tmp_path / "gone.avi").write_bytes(b"no video")
    with pytest.raises(DatasetError, match=r"gone\.avi"):
        entries_of([*broken, *clips], Cache(tmp_path / "c"), workers=2)


def test_an_entry_depends_on_content_and_settings(tmp_path, fights):
    cache = Cache(tmp_path)
    first, second = read_dataset(fights)[:2]
    assert cache.path(first, "a") != cache.path(second, "a")
    assert cache.path(first, "a") != cache.path(first, "b")
    copy = tmp_path / "copy.avi"
    copy.write_bytes(first.path.read_bytes())
    same = Clip(copy, "other", first.annotates, first.segments)
    assert cache.path(same, "a") == cache.path(first, "a")


def test_a_recipe_keeps_its_own_arrays(tmp_path, fights):
    cache = Cache(tmp_path)
    clip = read_dataset(fights)[0]
    assert cache.arrays(clip, "sums", lambda: {"sum": np.arange(3)})["sum"].tolist() == [0, 1, 2]
    assert cache.arrays(clip, "sums", lambda: pytest.fail("computed twice"))["sum"].tolist() == [0, 1, 2]


def test_a_stopped_write_leaves_no_entry_and_a_damaged_one_is_none(tmp_path):
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
    path.write_bytes(path.read_bytes()[:-600])
    assert read_entry(path) is None


def test_weights_that_are_not_there_are_refused(monkeypatch, tmp_path):
    from edge.errors import ConfigurationError

    monkeypatch.setenv("EDGEWATCH_WEIGHTS", str(tmp_path / "gone.h5"))
    with pytest.raises(ConfigurationError, match=r"gone\.h5: no such file \(EDGEWATCH_WEIGHTS\)"):
        find_weights()
    with pytest.raises(ConfigurationError, match="--weights"):
        find_weights(str(tmp_path / "other.h5"))
    assert find_weights("none").source == "none"
    (tmp_path / "bad.h5").write_bytes(b"no weights")
    with pytest.raises(ConfigurationError, match=r"bad\.h5: EfficientNetB0's weights cannot be loaded"):
        build_backbone(SPEC, find_weights(str(tmp_path / "bad.h5")))
