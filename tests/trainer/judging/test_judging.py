"""`trainer evaluate` of a bundle or run as a command: what it leaves out, and what it writes."""

import json
from pathlib import Path

import cv2
import pytest

from edge.bundle import BUILTIN
from trainer.cli import main

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, fights: Path) -> Path:
    """A run that has set some of five groups apart."""
    folder = tmp_path_factory.mktemp("run")
    command = ["train", "--recipe", "lrcn", "--data", str(fights), "--hold-out", "0.4", "--out", str(folder / "run")]
    command += ["--cache", str(folder / "cache"), "--workers", "1", "--epochs", "1", "--set", "n_units=4", "n_steps=4"]
    assert main(command) == 0
    return folder / "run"


def test_what_was_held_out_is_judged_alone(run, fights, tmp_path, capsys):
    settings = json.loads((run / "run.json").read_text())
    command = ["evaluate", str(run), "--data", str(fights), "--held-out", "--json", "--workers", "1"]
    capsys.readouterr()
    assert main(command) == 0
    said = capsys.readouterr()
    learned = {*settings["train_clips"], *settings["validation_clips"]}
    assert f"trainer: {len(learned)} of 10 clips are left out: the model learned from them\n" in said.err
    figures = json.loads(said.out)["float32"]
    judged = {clip["path"] for clip in figures["clips"]}
    assert (len(judged), judged & learned) == (10 - len(learned), set())
    assert figures["clips_seen_in_training"] == 0
    rows = ["path,label", *(f"{fights.parent / name},{Path(name).parent.name}" for name in learned)]
    (tmp_path / "seen.csv").write_text("\n".join(rows) + "\n")
    assert main([*command[:3], str(tmp_path / "seen.csv"), *command[4:]]) == 6
    said = f"--data: the model learned from all {len(learned)} clips; give footage that it has not seen, or train with"
    assert said in capsys.readouterr().err


def test_held_out_clips_need_a_model_that_says_what_it_learned_from(run, fights, tmp_path, capsys):
    settings = json.loads((run / "run.json").read_text())
    (tmp_path / "run.json").write_text(json.dumps({**settings, "train_clips": {}, "validation_clips": {}}))
    assert main(["evaluate", str(tmp_path), "--data", str(fights), "--held-out", "--workers", "1"]) == 2
    assert "does not say which clips it learned from" in capsys.readouterr().err
    assert main(["evaluate", "--recipe", "lrcn", "--folds", "f.csv", "--data", str(fights), "--held-out"]) == 2
    assert "--held-out: folds judge only what they have not learned from anyway" in capsys.readouterr().err


def test_a_report_is_written(fights, tmp_path, capsys):
    report = tmp_path / "report"
    assert main(["evaluate", str(BUILTIN), "--data", str(fights), "--report", str(report), "--workers", "1"]) == 0
    printed = capsys.readouterr().out
    (folder,) = report.iterdir()
    assert printed.splitlines()[0] == f"{folder.name}:"
    figures = json.loads((folder / "figures.json").read_text())
    assert (figures["n_clips"], figures["model"]["precision"]) == (10, folder.name)
    n_wrong = sum(clip["answer"] != clip["label"] for clip in figures["clips"])
    drawn = {"confusion_frames.png", "confusion_videos.png", "curves.png"} | ({"errors-1.png"} if n_wrong else set())
    assert {path.name for path in folder.iterdir()} == {"figures.json", *drawn}
    assert all(cv2.imread(str(folder / name)) is not None for name in drawn)
