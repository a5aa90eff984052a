"""Figures of the GPU proof."""

from proofs.box.gpu import PROOF, figures

EVIDENCE = {
    "driver": "vk_swiftshader_icd",
    "real": True,
    "differences": [1e-6, 3e-6, 2e-6],
    "memory_mb": 250.0,
    "opened_s": 2.0,
    "frame_s": [0.5, 0.7, 9.0],
}


def test_the_worst_frame_decides() -> None:
    found = figures(EVIDENCE)
    assert found["difference_max"] == 3e-6
    assert found["real_frames"] == found["frames"] == 3
    assert found["frame_ms"] == 700
    assert PROOF.missed(found) == []
    assert PROOF.missed(figures(EVIDENCE | {"differences": [1e-6, 2e-3]}))


def test_noise_is_not_counted_as_footage() -> None:
    assert figures(EVIDENCE | {"real": False})["real_frames"] == 0
