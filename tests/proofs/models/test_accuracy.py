"""Figures of the accuracy proof, from scores small enough to count by hand."""

from typing import Any

import pytest

from edge.bundle import BUILTIN, Bundle
from proofs.models import without_rendered
from proofs.models.accuracy import PROOF, figures
from proofs.models.folds import PRECISION

Entry = dict[str, Any]


def clip(path: str, group: str, label: str, score: float, quantized: float | None = None, **more: Any) -> Entry:
    target = "fall" if path.startswith("gmd") else "violence"
    return {
        "path": path,
        "group": group,
        "label": label,
        "float": {target: score},
        "quantized": {target: score if quantized is None else quantized},
        "shape": [320, 240, 25, 3],
        "events": [],
        **more,
    }


def fold(dataset: str, number: int, threshold: float, *clips: Entry) -> Entry:
    label = "fall" if dataset == "gmdcsa24" else "violence"
    thresholds = {"float": {label: threshold}, "quantized": {label: threshold}}
    return {
        "dataset": dataset,
        "fold": number,
        "thresholds": thresholds,
        "clips": list(clips),
    }


def evidence(*folds: Entry) -> Entry:
    normal = [{"duration_s": 80.0, "events": []}, {"duration_s": 28.0, "events": []}]
    return {"folds": list(folds), "normal": normal}


FIGHTS = (
    fold(
        "surveillance-fight",
        0,
        0.5,
        clip("fight/1", "a", "violence", 0.9),
        clip("fight/2", "a", "violence", 0.6, quantized=0.4),
        clip("noFight/1", "b", "normal", 0.3),
    ),
    fold(
        "surveillance-fight",
        1,
        0.2,
        clip("fight/3", "c", "violence", 0.25),
        clip("noFight/2", "d", "normal", 0.28),
    ),
)


def test_each_fold_decides_by_its_own_threshold() -> None:
    found = figures(evidence(*FIGHTS))
    assert found["fight_accuracy_float"] == pytest.approx(4 / 5)  # noFight/2 is over 0.2
    assert found["fight_accuracy_quantized"] == pytest.approx(3 / 5)
    assert found["fight_accuracy_loss_points"] == pytest.approx(20)
    assert found["fight_lowest_fold_accuracy"] == pytest.approx(1 / 2)


def test_auc_ranks_all_clips_out_of_fold() -> None:
    found = figures(evidence(*FIGHTS))
    # fights .9 .6 .25 against .3 .28: 4 of 6 pairs in order; quantized .9 .4 .25: the same 4
    assert found["fight_auc_float"] == pytest.approx(4 / 6)
    assert found["fight_auc_quantized"] == pytest.approx(4 / 6)


def test_a_clip_in_two_folds_is_refused() -> None:
    with pytest.raises(ValueError, match="two folds"):
        figures(evidence(FIGHTS[0], FIGHTS[0]))


def event(position_s: float, label: str = "fall") -> Entry:
    return {"label": label, "position_s": position_s}


FALLS = (
    fold(
        "gmdcsa24",
        0,
        0.5,
        clip("gmd/1", "1", "fall", 0.9, start_s=2.0, events=[event(1.0), event(2.8)]),
        clip("gmd/2", "1", "fall", 0.9, start_s=2.0, events=[event(3.2), event(9.0)]),
        clip("gmd/3", "1", "normal", 0.7, start_s=None, events=[event(1.0), event(1.5, "violence")]),
    ),
    fold(
        "gmdcsa24",
        1,
        0.5,
        clip("gmd/4", "2", "fall", 0.4, start_s=2.0, events=[event(1.9)]),
        clip("gmd/5", "2", "normal", 0.1, start_s=None),
        clip("gmd/6", "2", "normal", 0.1, start_s=None),
    ),
)


def test_falls() -> None:
    found = figures(evidence(*FALLS))
    assert found["fall_counts"] == "2/3, 2/3"
    assert found["fall_balanced_accuracy"] == pytest.approx(2 / 3)
    assert found["fall_lowest_subject_accuracy"] == pytest.approx(2 / 3)
    assert found["fall_median_delay_s"] == pytest.approx(1.2)  # of 0.8, 1.2 and a miss
    assert found["falls_missed"] == 1
    assert found["false_fall_events"] == 3


def test_mostly_missed_falls_have_no_median_delay() -> None:
    missed = fold("gmdcsa24", 0, 0.5, clip("gmd/1", "1", "fall", 0.9, start_s=2.0), clip("gmd/2", "2", "normal", 0.1))
    assert figures(evidence(missed))["fall_median_delay_s"] is None


def test_normal_footage_gives_the_poisson_bound() -> None:
    found = figures(evidence())
    assert found["normal_alarms"] == 0
    assert found["normal_minutes"] == pytest.approx(1.8)
    assert found["normal_alarms_per_hour_bound"] == pytest.approx(2.995732 / 0.03, rel=1e-6)  # -ln 0.05 in 108 s


def test_models_of_real_footage_alone_are_judged_alike_but_held_to_nothing() -> None:
    alone = without_rendered.figures({"folds": list(FIGHTS)})
    assert alone["fight_accuracy_float"] == figures(evidence(*FIGHTS))["fight_accuracy_float"]
    assert without_rendered.PROOF.missed(alone) == []
    assert PROOF.missed(alone) != []


def test_folds_are_judged_in_the_precision_that_is_shipped() -> None:
    assert Bundle.load(BUILTIN).spec.networks.scene.precision == PRECISION
