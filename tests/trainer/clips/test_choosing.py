"""The papers' choices of frames, against lists written by hand from their texts."""

import numpy as np
import pytest

from edge.bundle import InputSpec
from edge.errors import DatasetError
from edge.frames.preprocess import resize
from edge.sources import decoded_frames
from trainer.clips.choosing import CHOICES, choice_of, chosen_samples, evenly, every_third, first_ones, one_a_segment

SPEC = InputSpec(height_px=48, width_px=64, rate_hz=10)


def test_every_third_of_at_most_220_without_ten_at_either_end():
    assert every_third(40).tolist() == [10, 13, 16, 19, 22, 25, 28]
    assert every_third(300).tolist() == list(range(10, 210, 3))
    assert every_third(20).tolist() == [0, 3, 6, 9, 12, 15, 18]
    assert every_third(1).tolist() == [0]


def test_twenty_evenly():
    assert evenly(20).tolist() == list(range(20))
    assert evenly(39).tolist() == list(range(0, 39, 2))
    assert evenly(2).tolist() == [0] * 10 + [1] * 10


def test_the_first_forty_with_the_last_one_repeated():
    assert first_ones(100).tolist() == list(range(40))
    assert first_ones(3).tolist() == [0, 1] + [2] * 38


def test_the_middles_of_forty_segments():
    assert one_a_segment(120).tolist() == [3 * k + 1 for k in range(40)]
    assert one_a_segment(40).tolist() == list(range(40))
    assert one_a_segment(1).tolist() == [0] * 40


def test_any_number_of_steps_may_be_spread_evenly():
    assert choice_of("evenly-3")(101).tolist() == [0, 50, 100]
    assert choice_of("first-40") is first_ones


@pytest.mark.parametrize("name", CHOICES)
@pytest.mark.parametrize("n_frames", [1, 2, 19, 20, 21, 39, 40, 219, 500])
def test_every_choice_stays_inside_and_in_order(name, n_frames):
    indices = CHOICES[name](n_frames)
    assert len(indices) > 0
    assert indices.min() >= 0
    assert indices.max() < n_frames
    assert (np.diff(indices) >= 0).all()


def test_chosen_frames_are_those_of_the_clip(tmp_path, write_clip):
    """A lively clip: its frames differ, so a wrong one shows."""
    path = write_clip(tmp_path / "a.avi", frames=31, lively=True)
    from edge.sources.file import FileSource

    every = [resize(frame.pixels, SPEC) for frame in decoded_frames(FileSource(path))]
    found = list(chosen_samples(path, SPEC, "every-third"))
    assert [sample.streams.shape for sample in found] == [(1, 48, 64, 3)] * 4
    assert all(np.array_equal(found[k].streams[0], every[10 + 3 * k]) for k in range(4))
    repeated = list(chosen_samples(path, SPEC, "first-40"))
    assert np.array_equal(repeated[39].streams[0], every[30])


@pytest.mark.parametrize("choice", CHOICES)
def test_a_container_that_claims_too_much_is_read_again(tmp_path, write_clip, choice):
    """Cut off in the middle: the header's number of frames is not what is there."""
    from edge.sources.file import FileSource

    path = write_clip(tmp_path / "a.avi", frames=60, lively=True)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    source = FileSource(path)
    every = [frame for frame in decoded_frames(source) if frame is not None]
    assert 10 < len(every) < source.claimed_frames
    found = list(chosen_samples(path, SPEC, choice))
    expected = [every[index] for index in CHOICES[choice](len(every))]
    assert [sample.capture_ns for sample in found] == [frame.capture_ns for frame in expected]
    for sample, frame in zip(found, expected, strict=True):
        assert np.array_equal(sample.streams[0], resize(frame.pixels, SPEC))


def test_a_clip_is_decoded_once(tmp_path, write_clip, monkeypatch):
    from edge.sources.file import FileSource

    path = write_clip(tmp_path / "a.avi", frames=31, lively=True)
    readings = []
    frames = FileSource.frames
    monkeypatch.setattr(FileSource, "frames", lambda *said: readings.append(said) or frames(*said))
    assert len(list(chosen_samples(path, SPEC, "segments-40"))) == 40
    assert len(readings) == 1


def test_what_is_no_video_is_refused(tmp_path):
    (tmp_path / "a.avi").write_bytes(b"no video")
    with pytest.raises(DatasetError, match="leave it out"):
        list(chosen_samples(tmp_path / "a.avi", SPEC, "first-40"))
