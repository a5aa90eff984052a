import pytest

from converters.limits import LEAST_FEATURES_DB, loss_over_limit


def figures(snr_db: float) -> dict[str, float]:
    return {
        "features_snr_db": snr_db,
        "features_cosine": 0.93456,
        "label_agreement": 0.875,
        "latency_ratio": 0.456,
        "size_bytes": 4_900_000,
    }


@pytest.mark.parametrize("precision", sorted(LEAST_FEATURES_DB))
def test_what_reaches_the_limit_is_no_loss(precision):
    least_db = LEAST_FEATURES_DB[precision]
    assert loss_over_limit(precision, figures(least_db)) == ""
    assert loss_over_limit(precision, figures(least_db - 0.01)).startswith(f"{precision} keeps")


def test_features_that_are_not_numbers_are_over_every_limit():
    assert loss_over_limit("int8", figures(float("nan")))


def test_one_line_has_every_figure():
    said = loss_over_limit("int8", figures(7.25))
    for figure in ("7.2 dB", "12 dB", "0.9346", "87.5 %", "0.46 of float32", "4.90 MB"):
        assert figure in said
    assert "\n" not in said
