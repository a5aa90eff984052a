"""Settings by false alarms a day, on scores made by hand, and the command on the built-in bundle."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge.bundle import BUILTIN, AlertSpec, Bundle
from edge.errors import DatasetError, QualityError
from trainer.bundles.tuning import Trial, body_settings, choose, frontier, replay, trials, tries_of, tune
from trainer.cli import main
from trainer.clips.manifest import Clip, Segment
from trainer.judging.scoring import Alarm, ClipScores, watch_clips

STEP_S = 0.2
BUILT_IN = Bundle.load(BUILTIN)
SPEC = BUILT_IN.spec.model_copy(update={"combine": {label: ["scene"] for label in BUILT_IN.spec.alerts}})
"""Of a bundle whose falls are told by scores."""
FALL = SPEC.labels.index("fall")


def watched(name: str, scores: list[float], start_s: float | None) -> ClipScores:
    """A clip with these fall scores; where `start_s` is given a fall begins there."""
    table = np.zeros((len(scores), len(SPEC.labels)))
    table[:, FALL] = scores
    segments = (Segment("normal"),) if start_s is None else (Segment("normal", 0, start_s), Segment("fall", start_s))
    clip = Clip(Path(name), name, frozenset({"fall"}), segments, name, "set", timed=True)
    times_s = np.asarray(np.arange(len(scores)) * STEP_S, np.float64)
    return ClipScores(clip, "0" * 64, times_s, table, table, (), (640, 480, 25, len(scores) * STEP_S), 0)


def quiet(hours: float, peaks: list[tuple[float, int]]) -> ClipScores:
    """Footage without a fall: silence but for peaks of some height and length in steps, a minute apart."""
    scores = np.zeros(round(hours * 3600 / STEP_S))
    for number, (height, steps) in enumerate(peaks):
        start = 300 * (number + 1)
        scores[start : start + steps] = height
    return watched("quiet", scores.tolist(), None)


FALLS = [
    watched(f"fall{number}", [0.1] * 10 + [height] * 5 + [0.1] * 20, 2.0) for number, height in enumerate((0.9, 0.5))
]


def test_a_wish_is_kept_and_most_falls_are_found():
    """In an hour two peaks of 0.7 that last one step: only a setting that waits finds the fall of 0.5 without them."""
    results = [*FALLS, quiet(1, [(0.7, 1), (0.7, 1)])]
    chosen = choose(trials(results, SPEC, "fall"), 1, "fall")
    assert (chosen.found, chosen.events, chosen.false_alarms) == (2, 2, 0)
    assert chosen.min_active_s > 0
    assert chosen.onset_threshold <= 0.5


def test_what_cannot_have_both_loses_the_weaker_fall():
    """Peaks as long as the falls and of 0.7: two in an hour are 48 a day."""
    results = [*FALLS, quiet(1, [(0.7, 8), (0.7, 8)])]
    tried = trials(results, SPEC, "fall")
    strict, loose = choose(tried, 1, "fall"), choose(tried, 50, "fall")
    assert (strict.found, strict.false_alarms) == (1, 0)
    assert strict.onset_threshold > 0.7
    assert (loose.found, loose.false_alarms_per_day) == (2, pytest.approx(48, rel=0.01))
    assert [(trial.found, trial.false_alarms) for trial in frontier(tried)] == [(1, 0), (2, 2)]


def test_a_wish_that_cannot_be_kept_is_refused():
    results = [FALLS[1], quiet(1, [(0.99, 20)])]
    with pytest.raises(QualityError, match=r"no setting with at most 1 false alarms a day .* are 24\.0 a day"):
        choose(trials(results, SPEC, "fall"), 1, "fall")


def test_footage_that_says_nothing_is_refused():
    with pytest.raises(DatasetError, match="needs clips with events and time without"):
        trials([quiet(1, [])], SPEC, "fall")
    of_another = quiet(1, [])
    clip = Clip(Path("x"), "x", frozenset({"brawl"}), (Segment("normal"),))
    with pytest.raises(DatasetError, match="none of the labels that alert"):
        tune(Bundle.load(BUILTIN), [ClipScores(clip, *[getattr(of_another, key) for key in KEYS])], 1)


KEYS = ("sha256", "times_s", "frames", "scores", "alarms", "shape", "skipped_frames")


def test_no_setting_of_the_frontier_is_beaten():
    def trial(found: int, false: int) -> Trial:
        return Trial(0.5, 0.4, 0, 2, found, 9, None, false, false * 24.0)

    tried = [trial(found, false) for found, false in ((3, 4), (2, 1), (2, 2), (1, 1), (3, 3), (0, 0))]
    assert [(one.found, one.false_alarms) for one in frontier(tried)] == [(0, 0), (2, 1), (3, 3)]


def test_falls_that_bodies_tell_are_tuned_by_what_their_machine_did():
    """Scores say nothing of them: under onsets up to 0.5 both falls are found, with one false alarm under 0.3."""
    settings = body_settings(BUILT_IN.spec.alerts["fall"])

    def told(result: ClipScores, highest: float) -> ClipScores:
        alarms = tuple((Alarm("fall", 2.4),) if one.onset_threshold <= highest else () for one in settings)
        return replace(result, tried={"fall": alarms})

    results = [*(told(one, 0.5) for one in FALLS), told(quiet(1, []), 0.3)]
    tried = trials(results, BUILT_IN.spec, "fall")
    assert len(tried) == len(settings)
    chosen = choose(tried, 1, "fall")
    assert (chosen.found, chosen.false_alarms) == (2, 0)
    assert 0.3 < chosen.onset_threshold <= 0.5
    assert chosen.offset_threshold < chosen.onset_threshold
    spec, report = tune(BUILT_IN, results, 1)
    assert spec.alerts["fall"].onset_threshold == report["fall"]["chosen"]["onset_threshold"]


def test_labels_that_nobody_asks_for_are_not_tried():
    assert list(tries_of(BUILT_IN.spec, [FALLS[0].clip])) == ["fall"]
    assert tries_of(SPEC, [FALLS[0].clip]) == {}
    fight = replace(FALLS[0].clip, annotates=frozenset({"violence"}))
    assert tries_of(BUILT_IN.spec, [fight]) == {}


def test_the_replay_is_what_the_box_does(tmp_path, write_clip):
    """The pipeline with other settings on the real model, against a replay of its scores."""
    clip = Clip(
        write_clip(tmp_path / "a.avi", lively=True, frames=60), "a", frozenset({"violence"}), (Segment("violence"),)
    )
    eager = AlertSpec(onset_threshold=0.05, offset_threshold=0.04, min_active_s=0.2, min_quiet_s=0.2, refractory_s=0.0)
    (box,) = watch_clips(BUILTIN, [clip], 1, {"violence": eager})
    (again,) = replay([box], "violence", SPEC.labels.index("violence"), eager, SPEC.heads.scene.window_s)
    assert again.alarms == box.alarms
    assert all(isinstance(alarm, Alarm) for alarm in box.alarms)


def test_the_command_writes_a_tuned_bundle(tmp_path, fights, capsys):
    """Squares that jump about are no fights: whatever the model says of them, it must be told honestly."""
    out = tmp_path / "tuned.zip"
    arguments = ["tune", str(BUILTIN), "--data", str(fights), "--out", str(out), "--workers", "1"]
    assert main([*arguments, "--max-false-alarms-per-day", "0"]) == 2
    code = main([*arguments, "--max-false-alarms-per-day", "1000000"])
    captured = capsys.readouterr()
    if code == 7:
        assert "no setting with at most" in captured.err
        return
    assert code == 0, captured.err
    tuned = Bundle.load(out)
    report = json.loads((tmp_path / "tuned-tuning.json").read_text())
    assert tuned.spec.alerts["violence"].onset_threshold == report["violence"]["chosen"]["onset_threshold"]
    assert tuned.spec.alerts["fall"] == SPEC.alerts["fall"]
    assert (tmp_path / "tuned-tuning.png").stat().st_size > 1000
    assert main(arguments) == 2
