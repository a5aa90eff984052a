"""What a run has said of clips is kept for exactly those clips."""

import shutil
from dataclasses import replace

import pytest

from trainer.studies import verdict
from trainer.studies.verdict import judge

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def test_scores_are_kept_until_a_clip_is_another(trained, tmp_path, write_clip, monkeypatch):
    run, workshop, held_out = trained("lrcn", "paper")
    clips = [replace(clip, path=shutil.copy(clip.path, tmp_path / clip.path.name)) for clip in held_out]
    first = judge(run, clips, "float32", workshop).results
    with monkeypatch.context() as patch:
        patch.setattr(verdict, "score_whole", None)  # may not be asked again
        assert [result.sha256 for result in judge(run, clips, "float32", workshop).results] == [
            result.sha256 for result in first
        ]
    write_clip(clips[0].path, lively=True, seed=77)
    second = judge(run, clips, "float32", workshop).results
    assert second[0].sha256 != first[0].sha256
    assert second[0].scores.tolist() != first[0].scores.tolist()
    assert second[1].sha256 == first[1].sha256
