"""From a folder of own clips to a tuned bundle with four commands, as somebody new to it would type them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from edge.bundle import Bundle

RECIPE = ("--recipe", "lrcn", "--epochs", "2", "--set", "sampling=rate", "batch_size=4")
"""The smallest of the recipes that a box can run: it needs no weights."""


@pytest.fixture
def own_clips(tmp_path: Path, write_clip) -> Path:
    """Twenty-four clips of two classes, in folders as people name them, and one that was cut off in copying."""
    root = tmp_path / "My Clips"
    for number in range(24):
        lively = bool(number % 2)
        name = f"{'Fight' if lively else 'no fight'}/IMG_{number:04}.avi"
        write_clip(root / name, frames=60, lively=lively, seed=number)
    whole = (root / "Fight" / "IMG_0001.avi").read_bytes()
    (root / "Fight" / "IMG_0099.avi").write_bytes(whole[:300])
    return root


def trainer(folder: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "trainer.cli", *map(str, arguments)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_four_commands_make_a_tuned_bundle(own_clips: Path, tmp_path: Path) -> None:
    checked = trainer(tmp_path, "data", "check", own_clips)
    assert checked.returncode == 6
    assert "25 clips: normal 12, violence 13" in checked.stdout
    assert "broken: My Clips/Fight/IMG_0099.avi" in checked.stdout
    trained = trainer(tmp_path, "train", *RECIPE, "--data", own_clips, "--hold-out", "0.2", "--out", "runs/mine")
    assert trained.returncode == 0, trained.stderr
    assert "1 of 25 clips are broken and left out" in trained.stderr
    converted = trainer(tmp_path, "convert", "runs/mine", "--out", "mine.zip")
    assert converted.returncode == 0, converted.stderr
    tuned = trainer(tmp_path, "tune", "mine.zip", "--data", own_clips, "--out", "tuned.zip")
    assert tuned.returncode == 0, tuned.stderr
    said = [*checked.stderr.splitlines(), *trained.stderr.splitlines(), *converted.stderr.splitlines()]
    assert not [line for line in said if "Warning" in line or "Traceback" in line]
    bundle = Bundle.load(tmp_path / "tuned.zip")
    assert list(bundle.spec.labels) == ["normal", "violence"]
    report = json.loads((tmp_path / "tuned-tuning.json").read_text())
    assert set(report) == {"violence"}
