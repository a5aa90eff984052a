"""The memory proof: its figures, and that it sees what a process tree holds."""

import subprocess
import sys
from pathlib import Path

import cv2
import pytest

from proofs.models import memory, probe

MIB = 1 << 20
HOLD_IN_A_CHILD = """
import subprocess, sys
own = bytearray(b'x') * (100 << 20)
hold = "import sys; held = bytearray(b'x') * (200 << 20); print('held', flush=True); sys.stdin.read()"
subprocess.run([sys.executable, "-c", hold], check=True)
"""


def test_memory_of_a_process_and_its_child_is_added_up() -> None:
    command = [sys.executable, "-c", HOLD_IN_A_CHILD]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        resident = memory.resident_bytes(process.pid)
        process.communicate()
    assert 300 * MIB < resident < 400 * MIB
    assert memory.resident_bytes(process.pid) == 0  # it has ended


def test_highest_memory_of_a_stopped_measurement_counts(tmp_path: Path) -> None:
    (tmp_path / "peak").write_text(str(900 * MIB))
    with subprocess.Popen([sys.executable, "-c", "pass"]) as process:
        assert memory.watch(process, tmp_path / "peak") == 900 * MIB
    (tmp_path / "peak").write_text("1")
    with subprocess.Popen([sys.executable, "-c", "sum(range(10**7))"]) as process:
        peak = memory.watch(process, tmp_path / "peak")
    assert peak > MIB
    assert (tmp_path / "peak").read_text() == str(peak)


def test_probe_reads_age_and_peak_of_its_own_process() -> None:
    code = (
        "import time, probe; held = bytearray(b'x') * (100 << 20); del held; print(probe.age_s(), probe.peak_bytes())"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(probe.__file__).parent,
        capture_output=True,
        text=True,
        check=True,
    )
    age_s, peak_bytes = (float(word) for word in answer.stdout.split())
    assert 0 < age_s < 60
    assert 100 * MIB < peak_bytes < 150 * MIB


def test_rendered_clip_moves(tmp_path: Path) -> None:
    path = tmp_path / "moving.avi"
    memory.write_clip(path)
    capture = cv2.VideoCapture(str(path))
    (_, first), (_, second) = capture.read(), capture.read()
    assert capture.get(cv2.CAP_PROP_FRAME_COUNT) == memory.CLIP_RATE_HZ * memory.CLIP_S
    assert first.shape == (*memory.CLIP_SIZE_PX, 3)
    assert (first != second).any()


def test_figures_take_the_worst_memory_and_the_median_start() -> None:
    runs = [
        {"peak_bytes": 100_000_000, "first_inference_s": 0.5, "training_stack": []},
        {"peak_bytes": 120_500_000, "first_inference_s": 0.4, "training_stack": ["keras"]},
        {"peak_bytes": 110_000_000, "first_inference_s": 3.0, "training_stack": ["keras"]},
    ]
    training = {"n_clips": 23, "peak_bytes": 1_500_000_000}
    found = memory.figures({"runs": runs, "trainings": {"efficientnetb0-mean": training}})
    assert found["edge_peak_mb"] == pytest.approx(120.5)
    assert found["first_inference_s"] == 0.5
    assert found["training_modules"] == 1
    assert found["training_peak_gb_efficientnetb0-mean"] == pytest.approx(1.5)
    assert "training_peak_gb_efficientnetb0-gru" not in found
