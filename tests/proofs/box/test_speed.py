"""Figures of the speed proof."""

import pytest

from proofs.box.speed import figures


def test_figures() -> None:
    rounds = [
        {"pipeline_fps": 180.0, "bare_fps": 200.0, "frame_inference_s": 0.005, "head_step_s": 0.0001},
        {"pipeline_fps": 95.0, "bare_fps": 100.0, "frame_inference_s": 0.010, "head_step_s": 0.0001},
        {"pipeline_fps": 150.0, "bare_fps": 200.0, "frame_inference_s": 0.005, "head_step_s": 0.0002},
    ]
    pairs = {"quantized_s": [0.004, 0.005], "float_s": [0.008, 0.02]}
    predictions = {"predict_s": [0.1, 0.06, 0.05], "quantized_beside_predict_s": [0.01, 0.003, 0.001]}
    found = figures({"rounds": rounds, **pairs, **predictions})
    assert found["pipeline_to_bare"] == pytest.approx(0.9)
    assert found["head_to_frame"] == pytest.approx(0.02)
    assert found["quantized_to_float"] == pytest.approx(0.375)
    assert found["quantized_ms"] == pytest.approx(4.5)
    assert found["predict_ms"] == pytest.approx(60)
    assert found["daemon_to_predict"] == pytest.approx(20 * 0.9)


def test_a_bundle_without_head_has_no_head_figure() -> None:
    rounds = [{"pipeline_fps": 1.0, "bare_fps": 1.0, "frame_inference_s": 1.0, "head_step_s": None}] * 2
    times = ("quantized_s", "float_s", "predict_s", "quantized_beside_predict_s")
    found = figures({"rounds": rounds, **{key: [1.0, 1.0] for key in times}})
    assert "head_to_frame" not in found
