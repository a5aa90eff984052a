"""Figures of a handful of clips whose scores are made up, against counting them by hand."""

from pathlib import Path

import numpy as np
import pytest

from edge.errors import DatasetError
from trainer.clips.manifest import Clip, Segment
from trainer.judging.evaluation import Judge, evaluate, event_figures, refuse_unknown
from trainer.judging.reports import summary, write_confusions
from trainer.judging.scoring import Alarm, ClipScores, video_score

LABELS = ("normal", "fall", "violence")


def scored(
    name: str,
    fall: list[float],
    *,
    start_s: float | None = None,
    alarms_s: tuple[float, ...] = (),
    annotates: frozenset[str] = frozenset({"fall"}),
    shape: tuple[float, float, float, float] = (640, 480, 25, 4),
) -> ClipScores:
    """A clip with a score of falls each second; violence is always 0.9."""
    segments = (Segment("normal"),)
    if start_s is not None:
        segments = (Segment("normal", 0, start_s), Segment("fall", start_s)) if start_s else (Segment("fall"),)
    clip = Clip(Path(name), name[0], annotates, segments, name, "set", timed=True)
    scores = np.array([[1 - value, value, 0.9] for value in fall])
    times_s = np.arange(len(fall), dtype=np.float64)
    alarms = tuple(Alarm("fall", position_s) for position_s in alarms_s)
    return ClipScores(clip, "0" * 64, times_s, scores, scores, alarms, shape, 0)


CLIPS = [
    scored("a1", [0.1, 0.9, 0.8], start_s=1.0, alarms_s=(1.4,)),
    scored("a2", [0.9, 0.9, 0.1], start_s=2.0, alarms_s=(0.5,)),
    scored("b1", [0.2, 0.2, 0.2], start_s=0.0),
    scored("b2", [0.1, 0.1, 0.4], alarms_s=(1.0, 2.0)),
    scored("b3", [0.7, 0.7, 0.9]),
]


def test_figures_by_hand():
    figures = evaluate(CLIPS, Judge(LABELS, {"fall": 0.5}))
    fall = figures["labels"]["fall"]
    # means 0.6, 0.633, 0.2 of falls; 0.2, 0.767 of the others
    assert (fall["videos"]["true_positives"], fall["videos"]["false_positives"]) == (2, 1)
    assert fall["videos"]["auc"] == pytest.approx((1 + 0 + 1 + 0 + 0.5 + 0) / 6)
    assert list(figures["labels"]) == ["fall"]  # of violence, which is always said, the set knows nothing
    # frames: a1 0.1 | 0.9 0.8, a2 0.9 0.9 | 0.1, b1 | 0.2 0.2 0.2, b2 0.1 0.1 0.4, b3 0.7 0.7 0.9
    assert (fall["frames"]["true_positives"], fall["frames"]["false_negatives"]) == (2, 4)
    assert (fall["frames"]["false_positives"], fall["frames"]["true_negatives"]) == (5, 4)
    assert figures["videos"]["confusion"] == [[1, 1, 0], [1, 2, 0], [0, 0, 0]]
    assert [clip["answer"] for clip in figures["clips"]] == ["fall", "fall", "normal", "normal", "fall"]
    assert "fall: balanced accuracy 58.3%" in summary(figures)


def test_rules_of_a_videos_score():
    scores = np.array([[0.9, 0.1], [0.3, 0.8], [0.6, 0.3]])
    assert video_score(scores, ("a", "b"), {}).tolist() == pytest.approx([0.6, 0.4])
    assert video_score(scores, ("a", "b"), {"b": "peak"}).tolist() == pytest.approx([0.6, 0.8])
    assert video_score(scores, ("a", "b"), {"a": "held", "b": "held"}).tolist() == pytest.approx([0.3, 0.3])
    assert video_score(scores[:1], ("a", "b"), {"a": "held"})[0] == 0, "one step holds nothing"
    (clip,) = evaluate([scored("a", [0.9, 0.1], start_s=0.0)], Judge(LABELS, {"fall": 0.8}, {"fall": "peak"}))["clips"]
    assert clip["answer"] == "fall"


def test_intervals_and_ranks_stand_beside_the_figures():
    figures = evaluate(CLIPS, Judge(LABELS, {"fall": 0.5}))
    assert figures["videos"]["accuracy"] == pytest.approx(3 / 5)
    # group a is right throughout, of b one of three: drawn again, from 1/3 to 1
    assert figures["videos"]["accuracy_95"] == pytest.approx([1 / 3, 1])
    # the truth is among the two highest of three wherever violence (0.9) is one of them
    assert figures["videos"]["top_2"] == pytest.approx(3 / 5)
    assert 0 <= figures["frames"]["top_2"] <= 1
    assert "top_3" not in figures["videos"]
    held_out = figures["labels"]["fall"]["calibration"]["expected_error_held_out"]
    assert held_out is None, "a alone, with falls only, fits nothing"


def test_a_score_at_the_threshold_counts():
    (clip,) = evaluate([scored("a", [0.5], start_s=0.0)], Judge(LABELS, {"fall": 0.5}))["clips"]
    assert clip["answer"] == "fall"


def test_events_by_hand():
    events = event_figures(CLIPS, "fall")
    assert (events["clips_with"], events["clips_with_alarm"]) == (3, 1)
    assert events["delays"]["delays_s"] == [pytest.approx(0.4), None, None]
    assert events["delays"]["missed"] == 2
    assert events["delays"]["median_delay_s"] is None
    # the alarm of a2 comes before its start; quiet time is 1 + 2 + 0 + 4 + 4 seconds
    assert events["false_alarms"]["alarms"] == 3
    assert events["false_alarms"]["minutes"] == pytest.approx(11 / 60)
    assert events["recall"] == pytest.approx(1 / 3)
    # of two groups, one has one of two and the other none of one: drawn again, from 0 of 2 to 1 of 2
    assert events["recall_95"] == [0.0, 0.5]
    assert events["median_delay_s_95"] is None, "most draws miss most"
    assert event_figures(CLIPS[3:], "fall")["recall"] is None


def test_of_a_model_that_raises_no_alarms_no_events_are_counted():
    figures = evaluate(CLIPS, Judge(LABELS, {"fall": 0.5}, raises_alarms=False))
    assert figures["labels"]["fall"]["events"] is None
    assert {clip["events"] for clip in figures["clips"]} == {None}
    measured = summary(evaluate(CLIPS, Judge(LABELS, {"fall": 0.5}))).splitlines()
    assert set(measured) - set(summary(figures).splitlines()) == {
        "  fall: 1 of 3 clips raised an alarm, 3 false alarms in 0.2 min (4859.4 to 68862.9 a day)",
        "  fall: most were missed",
    }


def test_every_clip_found_has_an_interval_of_delays():
    delays_s = {"a": 1, "b": 2, "c": 3, "d": 4}
    results = [scored(f"{group}1", [0.9], start_s=0.0, alarms_s=(delay,)) for group, delay in delays_s.items()]
    # the median of four draws is 1 where three or four are: 13 of 256, over 2.5 %
    assert event_figures(results, "fall")["median_delay_s_95"] == [1, 4]


def test_without_thresholds_the_highest_annotated_score_decides():
    both = frozenset({"fall", "violence"})
    (clip,) = evaluate([scored("a", [0.7], start_s=0.0, annotates=both)], Judge(LABELS))["clips"]
    assert clip["answer"] == "violence"
    (clip,) = evaluate([scored("a", [0.7], start_s=0.0)], Judge(LABELS))["clips"]
    assert clip["answer"] == "fall"


def test_thresholds_of_each_fold():
    judges = [Judge(LABELS, {"fall": 0.5}), Judge(LABELS, {"fall": 0.7})]
    figures = evaluate([scored("a", [0.6], start_s=0.0), scored("b", [0.6])], judges)
    assert figures["videos"]["accuracy"] == 1.0


def test_the_baseline_sees_the_shape_alone():
    wide, tall = (1920.0, 1080.0, 25.0, 4.0), (480.0, 640.0, 30.0, 2.0)
    results = [
        scored(f"{group}{number}", [0.5], start_s=0.0 if number % 2 else None, shape=wide if number % 2 else tall)
        for group in "abcde"
        for number in range(4)
    ]
    assert evaluate(results, Judge(LABELS))["labels"]["fall"]["shortcut"]["accuracy"] == 1.0


def test_scores_survive_json():
    again = ClipScores.from_json(CLIPS[0].to_json(), CLIPS[0].clip)
    assert np.allclose(again.scores, CLIPS[0].scores)
    assert (again.alarms, again.shape, again.clip) == (CLIPS[0].alarms, CLIPS[0].shape, CLIPS[0].clip)


def test_pictures_of_confusion(tmp_path):
    import cv2

    write_confusions(tmp_path, evaluate(CLIPS, Judge(LABELS)))
    for name in ("confusion_frames.png", "confusion_videos.png"):
        assert np.asarray(cv2.imread(str(tmp_path / name))).std() > 0
    assert len(list(tmp_path.iterdir())) == 2


def test_a_class_that_the_model_does_not_know_is_refused():
    clip = Clip(Path("a"), "g", frozenset({"brawl"}), (Segment("brawl"),), "a", "set")
    with pytest.raises(DatasetError, match="--positive brawl=violence"):
        refuse_unknown([clip], LABELS)
