"""Figures of the proof of the pose network, from people few enough to count by hand."""

from typing import Any

import pytest

from proofs.models.people import PROOF, figures

Seen = list[tuple[str, float, float]]
GOOD: Seen = [("upright", 0.6, 0.96), ("upright", 0.5, 0.96), ("lying", 0.3, 0.9), ("lying", 0.4, 0.94)]


def half(seen: Seen, *, ratio: float = 0.4, macs: float = 1.0, decoding_s: float = 0.001) -> dict[str, Any]:
    pose = {"latency_ratio": ratio, "size_bytes": 5_500_000}
    return {
        "people": {"gmdcsa24": seen[:2], "surveillance-fight": seen[2:]},
        "verification": {"pose": pose, "edgetpu": {"predicted_mac_share": macs}},
        "decoding": {"people": 6, "inference_s": [0.01, 0.01, 0.5], "decoding_s": [decoding_s] * 3},
    }


def evidence(*halves: dict[str, Any]) -> dict[str, Any]:
    return {precision: list(halves) for precision in ("float16", "mixed", "int8")}


def test_good_halves_keep_the_limits() -> None:
    found = figures(evidence(half(GOOD), half(GOOD, ratio=0.45)))
    assert found["upright_int8"] == pytest.approx(0.96)
    assert found["lying_int8"] == pytest.approx(0.92)
    assert (found["upright_people"], found["lying_people"], found["lying_int8_lost"]) == (4, 4, 0)
    assert found["latency_ratio_int8"] == 0.45
    assert found["decoding_ratio"] == pytest.approx(0.1)
    assert PROOF.missed(found) == []
    assert {row.name for row in PROOF.table} == set(found)


def test_people_of_both_halves_are_pooled_and_lost_ones_count_nothing() -> None:
    found = figures(evidence(half(GOOD), half([("lying", 0.3, 0.0)] * 2)))
    assert found["lying_int8"] == pytest.approx((0.9 + 0.94) / 4)
    assert found["lying_int8_lost"] == 0.5
    assert [line.split()[0] for line in PROOF.missed(found)] == ["lying_mixed", "lying_int8"]


@pytest.mark.parametrize(
    ("worse", "missed"),
    [
        ({"ratio": 0.6}, "latency_ratio_int8"),
        ({"macs": 0.98}, "mapped_macs_int8"),
        ({"decoding_s": 0.002}, "decoding_ratio"),
    ],
)
def test_the_worse_half_counts(worse: dict[str, float], missed: str) -> None:
    assert [line.split()[0] for line in PROOF.missed(figures(evidence(half(GOOD), half(GOOD, **worse))))] == [missed]


def test_a_posture_that_nobody_has_is_no_figure() -> None:
    found = figures({"float16": [half(GOOD[:2])], "int8": [half(GOOD[:2])]})
    assert found["lying_int8"] is None
    assert found["lying_people"] == 0
