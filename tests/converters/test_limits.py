from typing import Any

import pytest

from converters.limits import LIMITS, clips_over_limit, loss_over_limit


def figures(snr_db: float) -> dict[str, float]:
    return {
        "features_snr_db": snr_db,
        "features_cosine": 0.93456,
        "label_agreement": 0.875,
        "latency_ratio": 0.456,
        "size_bytes": 4_900_000,
    }


def clips(n_real: int, lost: int, won: int = 0, auc: float = 0.9, n_positive: int = 20) -> dict[str, Any]:
    area = {"n": n_real, "n_positive": n_positive, "auc_float32": 0.9, "auc": auc}
    counts = {"n_clips": n_real, "n_real": n_real, "lost": lost, "won": won}
    return counts | {"labels": {"violence": area}}


@pytest.mark.parametrize("precision", sorted(LIMITS))
def test_what_reaches_the_limit_is_no_loss(precision):
    least_db = LIMITS[precision].features_db
    assert loss_over_limit(precision, figures(least_db)) == ""
    assert loss_over_limit(precision, figures(least_db - 0.01)).startswith(f"{precision} keeps")


def test_features_that_are_not_numbers_are_over_every_limit():
    assert loss_over_limit("int8", figures(float("nan")))


def test_one_line_has_every_figure():
    said = loss_over_limit("int8", figures(7.25))
    for figure in ("7.2 dB", "12 dB", "0.9346", "87.5 %", "0.46 of float32", "4.90 MB"):
        assert figure in said
    assert "\n" not in said


def test_the_features_limits_are_those_of_the_readme():
    assert {precision: limits.features_db for precision, limits in LIMITS.items()} == {
        "float32": 60,
        "float16": 30,
        "mixed": 18,
        "int8": 12,
    }


@pytest.mark.parametrize(
    ("precision", "found", "over"),
    [
        ("int8", clips(60, 1), ""),
        ("int8", clips(60, 3, 2), ""),
        ("int8", clips(60, 2), "int8 loses 2 of 60 clips net (2 lost, 0 won), over the limit of 1"),
        ("int8", clips(233, 2), ""),
        ("int8", clips(233, 5, 2), "int8 loses 3 of 233 clips net (5 lost, 2 won), over the limit of 2"),
        ("mixed", clips(60, 1, 1), ""),
        ("mixed", clips(60, 1), "mixed loses 1 of 60 clips net (1 lost, 0 won), over the limit of 0"),
        ("int8", clips(60, 0, auc=0.89), ""),
        ("int8", clips(60, 0, auc=0.889), "int8 loses 0.011 of the AUC of violence (0.900 in float32, 0.889 now)"),
        ("mixed", clips(60, 0, auc=0.5), ""),
        ("float32", clips(60, 9), ""),
    ],
)
def test_clips_and_areas_have_limits(precision, found, over):
    said = clips_over_limit(precision, found)
    assert said.startswith(over)
    assert bool(said) == bool(over)


def test_few_clips_or_drawn_ones_prove_nothing():
    assert clips_over_limit("int8", clips(39, 9, auc=0.5)) == ""
    assert clips_over_limit("int8", clips(60, 9) | {"n_real": 0}) == ""
    assert clips_over_limit("int8", clips(60, 0, auc=0.5, n_positive=9)) == ""
    assert clips_over_limit("int8", {"untested": "gone"}) == ""
    assert clips_over_limit("int8", {}) == ""


def test_both_losses_stand_in_one_line():
    said = clips_over_limit("int8", clips(60, 5, auc=0.8))
    assert "clips net" in said
    assert "; int8 loses 0.100 of the AUC" in said
