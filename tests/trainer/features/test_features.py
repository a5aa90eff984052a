import shutil
import subprocess
import sys

import numpy as np
import pytest

from edge.bundle import InputSpec
from edge.errors import DatasetError
from trainer.clips.datasets import read_dataset
from trainer.clips.decoding import samples
from trainer.clips.manifest import Clip
from trainer.features.backbone import RANDOM, Weights, build_backbone, find_weights, pooled
from trainer.features.cache import Cache, read_entry
from trainer.features.features import extract, read_features

SPEC = InputSpec(height_px=32, width_px=32, stream="rgb+motion", rate_hz=10)
NO_WEIGHTS = Weights(RANDOM, RANDOM)


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return Cache(tmp_path_factory.mktemp("cache"))


def own_cache(folder, cache):
    """An empty cache that has the backbone, whose export takes seconds."""
    entries_of([], cache)
    folder.mkdir(exist_ok=True)
    for exported in cache.folder.glob("*.tflite"):
        shutil.copy(exported, folder)
    return Cache(folder)


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


def test_processes_share_the_work(tmp_path, fights, cache):
    """Bit for bit: they are of one machine."""
    clips = read_dataset(fights)[:3]
    apart = own_cache(tmp_path / "b", cache)
    alone = [read_features(entry).values for entry in entries_of(clips, cache)]
    together = [read_features(entry).values for entry in entries_of(clips, apart, workers=2)]
    assert all(np.array_equal(one, two) for one, two in zip(alone, together, strict=True))


def test_an_error_in_a_process_keeps_its_line(tmp_path, fights, cache):
    clips = read_dataset(fights)[:2]
    broken = [Clip(tmp_path / "gone.avi", "g", frozenset(), clip.segments) for clip in clips[:1]]
    (tmp_path / "gone.avi").write_bytes(b"no video")
    with pytest.raises(DatasetError, match=r"gone\.avi"):
        entries_of([*broken, *clips], own_cache(tmp_path / "c", cache), workers=2)


def test_an_entry_that_was_cut_off_is_made_again(tmp_path, fights, cache):
    cache = own_cache(tmp_path / "own", cache)
    clips = read_dataset(fights)[:2]
    entries = entries_of(clips, cache)
    before = [read_features(entry).values for entry in entries]
    kept_ns = entries[1].stat().st_mtime_ns
    entries[0].write_bytes(entries[0].read_bytes()[:-600])
    assert entries_of(clips, cache) == entries
    assert np.array_equal(read_features(entries[0]).values, before[0])
    assert entries[1].stat().st_mtime_ns == kept_ns


EXTRACT = """
import sys
from pathlib import Path
from edge.bundle import InputSpec
from trainer.features.backbone import RANDOM, Weights
from trainer.features.cache import Cache
from trainer.clips.datasets import read_dataset
from trainer.features.features import extract
if __name__ == "__main__":
    spec = InputSpec(height_px=32, width_px=32, stream="rgb+motion", rate_hz=10)
    clips = read_dataset(Path(sys.argv[1]), {"film": "film"})
    extract(clips, spec, Weights(RANDOM, RANDOM), Cache(Path(sys.argv[2])), workers=2, seed=5)
"""


def test_a_kill_loses_at_most_the_clips_in_hand(cache, tmp_path, write_clip):
    films = tmp_path / "film"
    for number in range(6):
        write_clip(films / f"{number}.avi", frames=300, lively=True, seed=number)
    clips = read_dataset(films, {"film": "film"})
    script, own = tmp_path / "extract.py", own_cache(tmp_path / "cache", cache)
    script.write_text(EXTRACT)
    command = [sys.executable, str(script), str(films), str(own.folder)]
    with subprocess.Popen(command) as process:
        while len(list(own.folder.rglob("[!.]*.npz"))) < 2:  # ends when pytest-timeout says so
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(0.02)
        process.kill()
    done = {entry: entry.stat().st_mtime_ns for entry in own.folder.rglob("[!.]*.npz")}
    assert all(read_entry(entry) for entry in done)
    entries = entries_of(clips, own)
    assert all(entry.stat().st_mtime_ns == at_ns for entry, at_ns in done.items())
    expected = [read_features(entry).values for entry in entries_of(clips, cache)]
    assert all(np.array_equal(read_features(one).values, two) for one, two in zip(entries, expected, strict=True))


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
