"""Settings of falls that are tried in one watching, against watchings of their own."""

import pytest

from edge.bundle import BUILTIN, Bundle
from trainer.clips.datasets import read_dataset
from trainer.judging.scoring import watch_clips

SPEC = Bundle.load(BUILTIN).spec
FALL, DAILY = "Subject 3/Fall/16.mp4", "Subject 1/ADL/10.mp4"


@pytest.mark.parametrize("name", [FALL, DAILY])
def test_each_setting_does_what_it_would_do_alone(data_dir, name) -> None:
    clips = [clip for clip in read_dataset(data_dir / "gmdcsa24") if clip.path.as_posix().endswith(name)]
    own = SPEC.alerts["fall"]
    tries = [
        own.model_copy(update={"onset_threshold": onset, "offset_threshold": onset / 2, "min_active_s": active_s})
        for onset, active_s in ((0.05, 0.0), (0.6, 0.3), (0.99, 2.0))
    ]
    (together,) = watch_clips(BUILTIN, clips, 1, tries={"fall": tries})
    (untried,) = watch_clips(BUILTIN, clips, 1)
    assert together.alarms == untried.alarms
    assert untried.tried == {}
    for setting, alarms in zip(tries, together.tried["fall"], strict=True):
        (alone,) = watch_clips(BUILTIN, clips, 1, {**SPEC.alerts, "fall": setting})
        assert tuple(alarm for alarm in alone.alarms if alarm.label == "fall") == alarms
    if name == FALL:
        first, *_ = together.tried["fall"]
        assert len(first) > 0
        assert together.tried["fall"][-1] == ()
