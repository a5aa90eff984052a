"""Figures of the proof on an emulated processor."""

import pytest

from proofs.images.arm64 import PROOF, figures

EVENT = "00:0{}.4  fall started  camera camera  score 0.{}\n"
EVIDENCE = {
    "instructions": {"pose": [1000, 1600], "frame": [900, 1100], "known": [500, 700]},
    "differences": {"centers": 0.0, "heat": 0.25},
    "told": {"here": EVENT.format(3, 81), "there": EVENT.format(3, 79)},
}


def test_what_a_run_costs_is_the_difference_of_many_and_few() -> None:
    found = figures(EVIDENCE)
    assert found["pose_to_frame"] == pytest.approx(3)
    assert found["pose_million"] == pytest.approx(300e-6)
    assert found["pi4_pose_ms"] == pytest.approx(17 * 3)
    assert found["pi4_second"] == pytest.approx((10 * 51 + 5 * 3 * 17) / 1000)
    assert found["answers_differ"] == 0.25


def test_an_event_at_another_time_is_another() -> None:
    assert PROOF.missed(figures(EVIDENCE)) == []
    later = {"here": EVENT.format(3, 81), "there": EVENT.format(4, 81)}
    assert PROOF.missed(figures(EVIDENCE | {"told": later}))
    assert figures(EVIDENCE | {"told": None})["same_events"] is None
