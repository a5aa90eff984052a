"""What a conversion changes about clips, on scores made by hand, and which clips are watched for it."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from trainer.bundles.changes import MOST_CLIPS, changes, chosen
from trainer.clips.manifest import Clip, Segment
from trainer.judging.evaluation import Judge
from trainer.judging.scoring import ClipScores

LABELS = ("normal", "fall", "violence")
JUDGE = Judge(LABELS, {"violence": 0.5, "fall": 0.5})


def clip(label: str, number: int, dataset: str = "set", group: str = "") -> Clip:
    name = f"{label}/{number}.avi"
    return Clip(Path(name), group or name, frozenset({"violence"}), (Segment(label),), name, dataset)


def scored(truth: list[str], violence: list[float]) -> list[ClipScores]:
    return [
        ClipScores(
            clip(label, number),
            f"{number:064d}",
            np.asarray([0.2]),
            np.asarray([[1 - score, 0.9, score]]),
            np.asarray([[1 - score, 0.9, score]]),
            (),
            (64, 48, 10, 1.5),
            0,
        )
        for number, (label, score) in enumerate(zip(truth, violence, strict=True))
    ]


def test_flips_are_counted_both_ways_and_areas_by_label():
    truth = ["violence", "violence", "violence", "normal", "normal", "violence"]
    before = scored(truth, [0.9, 0.8, 0.4, 0.6, 0.1, 0.7])
    after = scored(truth, [0.9, 0.3, 0.45, 0.2, 0.1, 0.25])
    found = changes(before, after, JUDGE)
    assert (found["n_clips"], found["n_real"], found["lost"], found["won"]) == (6, 6, 2, 1)
    assert (found["accuracy_float32"], found["accuracy"], found["same_answer"]) == (0.6667, 0.5, 0.5)
    # Of eight pairs of a fight and none, the fight stands higher in seven (0.4 is under 0.6), then in all.
    assert found["labels"] == {"violence": {"n": 6, "n_positive": 4, "auc_float32": 0.875, "auc": 1.0}}


def test_one_class_has_no_area():
    results = scored(["violence", "violence"], [0.9, 0.2])
    assert changes(results, results, JUDGE)["labels"]["violence"]["auc"] is None


def test_what_is_watched_is_spread_over_sets_labels_and_groups():
    crowd = [clip("normal", number, group="one scene") for number in range(500)]
    others = [clip("normal", 500 + number) for number in range(10)]
    fights = [clip("violence", number, "other") for number in range(30)]
    drawn = [clip("violence", number, "rendered-1-240") for number in range(240)]
    watched = chosen([*crowd, *others, *fights, *drawn], "clips")
    assert (len(watched.clips), watched.n_found, watched.source) == (MOST_CLIPS, 780, "clips")
    assert Counter(one.dataset for one in watched.clips) == {"set": 30, "other": 30}
    assert {one.group for one in watched.clips} >= {one.group for one in others}
    assert chosen([*crowd, *others, *fights], "clips").clips == watched.clips
    assert len(chosen(drawn, "clips").clips) == MOST_CLIPS


def test_footage_that_is_too_long_is_not_watched(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(
        "trainer.bundles.changes.duration_s", lambda path: {"0": 4000.0, "1": 500.0}.get(path.stem, 90.0)
    )
    watched = chosen([clip("normal", number) for number in range(5)], "clips")
    assert 1 <= len(watched.clips) < 5
    assert "normal/0.avi" not in {one.name for one in watched.clips}
