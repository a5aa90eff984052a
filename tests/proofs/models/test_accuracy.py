"""Figures of the accuracy proof, from scores small enough to count by hand."""

from pathlib import Path
from typing import Any

import pytest

from converters.write import write_bundle
from edge.bundle import BUILTIN, Bundle
from proofs.models import without_rendered
from proofs.models.accuracy import PROOF, figures
from proofs.models.folds import PRECISIONS, beside_shipped

Entry = dict[str, Any]


def clip(path: str, group: str, score: float, quantized: float | None = None, *alerts_s: float) -> Entry:
    return {
        "path": path,
        "group": group,
        "fights": path.startswith("fight"),
        "shape": [320, 240, 25, 3],
        "float": {"score": score, "alerts_s": []},
        "quantized": {"score": score if quantized is None else quantized, "alerts_s": list(alerts_s)},
    }


def fold(number: int, threshold: float, *clips: Entry, seed: int = 0) -> Entry:
    thresholds = {"float": threshold, "quantized": threshold}
    return {"seed": seed, "fold": number, "thresholds": thresholds, "clips": list(clips)}


def evidence(*folds: Entry) -> Entry:
    return {"folds": list(folds), "normal": [{"duration_s": 80.0, "events": []}, {"duration_s": 28.0, "events": []}]}


FIGHTS = (
    fold(
        0,
        0.5,
        clip("fight/1", "a", 0.9, 0.9, 1.5, 2.5),
        clip("fight/2", "a", 0.6, 0.4),
        clip("noFight/1", "b", 0.3),
    ),
    fold(1, 0.2, clip("fight/3", "c", 0.25, 0.25, 2.5), clip("noFight/2", "d", 0.28, 0.28, 0.5)),
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


def test_a_clip_is_told_once_and_the_first_alert_counts() -> None:
    found = figures(evidence(*FIGHTS))
    assert found["fights_told"] == pytest.approx(2 / 3)
    assert found["others_told"] == 1
    assert found["fight_delay_s"] == 2.0  # of 1.5 and 2.5


def test_seeds_are_counted_alone_and_averaged() -> None:
    other = (
        fold(0, 0.5, clip("fight/1", "a", 0.9), clip("noFight/2", "d", 0.1), clip("fight/3", "c", 0.9), seed=1),
        fold(1, 0.5, clip("fight/2", "a", 0.9), clip("noFight/1", "b", 0.1), seed=1),
    )
    found = figures(evidence(*FIGHTS, *other))
    assert found["fight_accuracy_float"] == pytest.approx((4 / 5 + 1) / 2)
    assert found["fights_told"] == pytest.approx((2 / 3 + 0) / 2)
    assert found["fight_seeds"] == 2


def test_a_clip_in_two_folds_is_refused() -> None:
    with pytest.raises(ValueError, match="two folds"):
        figures(evidence(FIGHTS[0], FIGHTS[0]))


def test_normal_footage_gives_the_poisson_bound() -> None:
    found = figures(evidence(*FIGHTS))
    assert found["normal_alarms"] == 0
    assert found["normal_minutes"] == pytest.approx(1.8)
    assert found["normal_alarms_per_hour_bound"] == pytest.approx(2.995732 / 0.03, rel=1e-6)  # -ln 0.05 in 108 s


def test_models_of_real_footage_alone_are_judged_alike_but_held_to_nothing() -> None:
    alone = without_rendered.figures({"folds": list(FIGHTS)})
    assert alone["fight_accuracy_float"] == figures(evidence(*FIGHTS))["fight_accuracy_float"]
    assert without_rendered.PROOF.missed(alone) == []
    assert PROOF.missed(alone) != []


def test_folds_are_judged_in_the_precision_that_is_shipped() -> None:
    assert Bundle.load(BUILTIN).spec.networks.scene.precision == PRECISIONS["quantized"]


def test_a_folds_scene_watches_beside_what_the_shipped_bundle_sees_of_people(tmp_path: Path) -> None:
    shipped = Bundle.load(BUILTIN)
    scene = shipped.spec.networks.scene.model_copy(update={"least_rate_hz": 3.0})
    networks = shipped.spec.networks.model_copy(update={"scene": scene, "people": None})
    heads = shipped.spec.heads.model_copy(update={"person": None})
    combine = {label: {"scene": 1.0} for label in shipped.spec.combine}
    spec = shipped.spec.model_copy(update={"networks": networks, "heads": heads, "combine": combine})
    names = spec.named_files
    spec = spec.model_copy(update={"files": {name: shipped.spec.files[name] for name in names}})
    write_bundle(spec, {name: shipped.files[name] for name in names}, tmp_path / "fold")
    watching = Bundle.load(beside_shipped(tmp_path / "fold", tmp_path / "watching"))
    assert watching.spec.networks.scene.least_rate_hz == 3.0
    assert watching.spec.networks.people == shipped.spec.networks.people
    assert watching.files == shipped.files
    assert watching.spec.combine == shipped.spec.combine, "so that who is alone fights nobody"
