"""Figures of the proof of the gate, from looks few enough to count by hand."""

from typing import Any

import pytest

from proofs.models.gate import PROOF, figures


def evidence(*, dark: tuple[int, int, float | None] = (20, 20, 0.0), still: float = 0.0) -> dict[str, Any]:
    good = {"fall": (20, 20, 0.0), "slide": (100, 99, 0.1)}
    return {
        "falls": {
            "gmdcsa24": {"clips": {"a": {"day": good, "dark": good | {"fall": dark}}}},
            "urfd": {"clips": {"b": {"day": good, "dark": good}}},
        },
        "fights": {"clips": {"c": {"day": (30, 30, 0.0), "dark": (30, 30, 0.0)}}},
        "stills": {"normal": {"clips": {"one": 0.0, "other": still}}},
        "bodies": {"day": 0.05, "dark": None},
    }


def test_looks_are_pooled_over_all_sets() -> None:
    found = figures(evidence(dark=(20, 19, 0.1)))
    assert (found["falls_day"], found["fall_looks_day"], found["fall_looks_dark"]) == (2, 1.0, 39 / 40)
    assert (found["fall_delay_s_day"], found["fall_delay_s_dark"]) == (0.0, 0.1)
    assert found["slide_looks_day"] == 0.99
    assert (found["smallest_body_day"], found["smallest_body_dark"]) == (0.05, None)
    assert {row.name for row in PROOF.table} == set(found)


@pytest.mark.parametrize(
    ("worse", "missed"),
    [
        ({}, []),
        ({"dark": (20, 10, 0.1)}, ["fall_looks_dark"]),
        ({"dark": (20, 0, None)}, ["fall_looks_dark", "fall_delay_s_dark"]),
        ({"still": 0.04}, ["still_open"]),
    ],
)
def test_a_fall_that_was_not_looked_at_and_a_still_scene_that_was_are_misses(worse, missed) -> None:
    assert [line.split()[0] for line in PROOF.missed(figures(evidence(**worse)))] == missed
