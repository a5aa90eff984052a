"""The command as users call it: one line for a mistake, the documented exit code, nothing half-written."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from trainer.cli import main
from trainer.commands.parser import make_parser


def trainer(*arguments: str | Path, timeout_s: float = 300) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "trainer.cli", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=False)


def refused(capsys: pytest.CaptureFixture[str], code: int, said: str, *arguments: str | Path) -> None:
    assert main([str(argument) for argument in arguments]) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("trainer: ")
    assert captured.err.count("\n") == 1
    assert said in captured.err


@pytest.fixture(autouse=True)
def _signals():
    kept = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, kept)


def test_usage_mistakes(capsys, tmp_path, fights):
    refused(capsys, 2, "see trainer --help", "dance")
    refused(capsys, 2, "one of the arguments --out --resume is required", "train", "--recipe", "x")
    refused(capsys, 2, "--recipe is missing", "train", "--out", tmp_path / "run", "--data", fights)
    unknown = ("train", "--recipe", "alchemy", "--out", tmp_path / "run", "--data", fights)
    refused(capsys, 2, "--recipe alchemy: no such recipe; choose one of edgewatch, efficientnetb0-mean", *unknown)
    refused(capsys, 2, "--seed: -1 is not from 0", "folds", "--data", fights, "--out", tmp_path / "f", "--seed", "-1")
    backbone = ("train", "--recipe", "edgewatch", "--out", tmp_path / "run", "--backbone", "vgg")
    refused(capsys, 2, "argument --backbone: invalid choice", *backbone)
    refused(capsys, 2, "CLASS=LABEL", "folds", "--data", fights, "--out", tmp_path / "f", "--positive", "x")
    refused(capsys, 2, "either a bundle or run", "evaluate", "--data", fights)
    refused(capsys, 2, "no run that trainer train began", "train", "--resume", tmp_path / "gone")
    refused(capsys, 2, "no run directory", "convert", tmp_path / "gone", "--out", tmp_path / "bundle")
    assert list(tmp_path.iterdir()) == []


def test_data_mistakes(capsys, tmp_path, fights):
    out = ("--out", tmp_path / "f.csv")
    refused(capsys, 6, f"{tmp_path / 'gone'}: no such folder", "folds", "--data", tmp_path / "gone", *out)
    refused(capsys, 6, "5 groups cannot make 6 folds", "folds", "--data", fights, *out, "--number", "6")
    manifest = tmp_path / "manifest.csv"
    manifest.write_text("path,label\nmissing.mp4,fall\n")
    refused(capsys, 6, "missing.mp4: no such file", "folds", "--data", manifest, *out)
    assert not (tmp_path / "f.csv").exists()


def test_a_bundle_that_cannot_be_used(capsys, tmp_path, fights):
    (tmp_path / "bundle").mkdir()
    refused(capsys, 4, "bundle.json", "evaluate", tmp_path / "bundle", "--data", fights)
    refused(capsys, 4, "gone", "evaluate", tmp_path / "gone", "--data", fights)


def test_folds_are_written(capsys, tmp_path, fights):
    path = tmp_path / "folds.csv"
    assert main(["folds", "--data", str(fights), "--out", str(path), "--number", "5"]) == 0
    assert "10 clips in 5 folds" in capsys.readouterr().out
    assert len(path.read_text().splitlines()) == 11


def test_folds_of_a_class_that_one_of_them_judges_and_none_learns_are_refused(capsys, tmp_path, write_clip):
    names = ("train/NonFight/x_0.avi", "train/NonFight/y_0.avi", "val/NonFight/z_0.avi", "val/Fight/a_0.avi")
    for name in names:
        write_clip(tmp_path / "rwf" / name)
    command = ("folds", "--data", tmp_path / "rwf", "--out", tmp_path / "folds.csv")
    for way in (("--leave-one-group-out",), ("--official", "official")):
        refused(capsys, 6, "class violence: fold 0 judges its 1 clip in 1 group, and 0 clips outside", *command, *way)
    assert not (tmp_path / "folds.csv").exists()


def test_help_names_every_option(capsys):
    for command in ("train", "evaluate", "convert", "folds", "synth"):
        with pytest.raises(SystemExit) as end:
            make_parser().parse_args([command, "--help"])
        assert end.value.code == 0
        text = capsys.readouterr().out
        assert "--out" in text
        assert "None" not in text


def test_a_backbone_that_a_recipe_does_not_have_or_whose_weights_are_gone(capsys, fights, tmp_path):
    run, lite0 = tmp_path / "run", ("--backbone", "efficientnet-lite0")
    for recipe, said in (("lrcn", "lrcn has none"), ("efficientnetb0-mean", "give EfficientNetLite0 weights")):
        gone = ("--weights", tmp_path / "gone.pth")
        refused(capsys, 2, said, "train", "--recipe", recipe, *lite0, *gone, "--data", fights, "--out", run)
    assert not run.exists()


def test_a_single_class_is_refused_before_a_run_begins(tmp_path, write_clip):
    run = tmp_path / "run"
    write_clip(tmp_path / "set" / "fight" / "a.avi")
    write_clip(tmp_path / "set" / "fight" / "b.avi")
    answer = trainer("train", "--recipe", "efficientnetb0-mean", "--data", tmp_path / "set", "--out", run)
    assert (answer.returncode, answer.stderr.count("\n")) == (6, 1), answer.stderr
    assert "single label" in answer.stderr
    assert not run.exists()


EPOCHS = 30
"""So many that one of the first can be interrupted."""


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, fights: Path) -> Path:
    """A run with random weights that SIGTERM has stopped once and `--resume` has finished."""
    folder = tmp_path_factory.mktemp("run")
    run, cache = folder / "run", folder / "cache"
    arguments = ["train", "--recipe", "efficientnetb0-gru", "--data", fights, "--out", run, "--cache", cache]
    arguments += [
        "--weights",
        "none",
        "--epochs",
        str(EPOCHS),
        "--set",
        f"patience={EPOCHS}",
        "n_units=4",
        "--workers",
        "1",
    ]
    command = [sys.executable, "-m", "trainer.cli", *map(str, arguments)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    while not list((run / "checkpoints").glob("epoch-*.keras")):  # ends when pytest-timeout says so
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.05)
    process.terminate()
    _, said = process.communicate(timeout=120)
    assert process.returncode == 130, said
    assert "interrupted" in said.splitlines()[-1]
    assert "Traceback" not in said
    assert not (run / "frame.keras").exists()
    done = len(json.loads((run / "history.json").read_text()))
    assert 0 < done < EPOCHS
    answer = trainer("train", "--resume", run, "--cache", cache, "--workers", "1", timeout_s=500)
    assert answer.returncode == 0, answer.stderr
    assert len(json.loads((run / "history.json").read_text())) == EPOCHS
    return run


def test_a_run_directory_holds_everything(trained):
    names = {path.name for path in trained.iterdir()}
    assert names >= {
        "run.json", "history.json", "metrics.json", "checkpoints", "frame.keras", "head.keras",
        "confusion_frames.png", "confusion_videos.png",
    }  # fmt: skip
    assert not [name for name in names if name.startswith(".")]
    figures = json.loads((trained / "metrics.json").read_text())
    assert figures["n_clips"] == 2
    settings = json.loads((trained / "run.json").read_text())
    assert (settings["recipe"], settings["seed"], settings["labels"]) == (
        "efficientnetb0-gru",
        0,
        ["normal", "violence"],
    )


def test_another_seed_on_the_same_run_is_refused(capsys, trained):
    refused(capsys, 2, "another seed (0 there, 9 here)", "train", "--resume", trained, "--seed", "9")


def test_evaluate_counts_the_clips_that_it_was_given(capsys, trained, fights, tmp_path, write_clip):
    answer = trainer("evaluate", trained, "--data", fights, "--json", "--workers", "1")
    assert answer.returncode == 0, answer.stderr
    figures = json.loads(answer.stdout)["float32"]
    assert (figures["n_clips"], figures["clips_seen_in_training"]) == (10, 10)
    assert figures["labels"]["violence"]["videos"]["n_positive"] == 5
    write_clip(tmp_path / "set" / "brawl" / "a.avi", lively=True, seed=98)
    write_clip(tmp_path / "set" / "calm" / "a.avi", seed=99)
    bundle = trained / "bundles" / "float32"
    refused(capsys, 6, "--positive brawl=violence", "evaluate", bundle, "--data", tmp_path / "set")
    positive = ("--positive", "brawl=violence")
    assert main(["evaluate", str(bundle), "--data", str(tmp_path / "set"), *positive, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["float32"]["clips_seen_in_training"] == 0


def test_an_unreadable_clip_is_named(trained, tmp_path, write_clip):
    write_clip(tmp_path / "set" / "fight" / "a.avi")
    (tmp_path / "set" / "fight" / "b.avi").write_bytes(b"no video")
    answer = trainer("evaluate", trained / "bundles" / "float32", "--data", tmp_path / "set", "--workers", "2")
    assert (answer.returncode, answer.stderr.count("\n")) == (6, 1), answer.stderr
    assert "b.avi" in answer.stderr


def test_convert_refuses_to_overwrite(capsys, trained, tmp_path):
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle" / "precious").touch()
    refused(capsys, 2, "bundle: exists", "convert", trained, "--out", tmp_path / "bundle")
    assert [path.name for path in (tmp_path / "bundle").iterdir()] == ["precious"]


def test_rendered_clips_are_a_data_set(capsys, tmp_path):
    from trainer.clips.datasets import read_dataset

    assert main(["synth", "--out", str(tmp_path / "rendered"), "--clips", "2", "--seed", "7"]) == 0
    assert "2 synthetic clips" in capsys.readouterr().out
    clips = read_dataset(tmp_path / "rendered")
    assert [clip.annotates for clip in clips] == [{"fall", "violence"}] * 2
