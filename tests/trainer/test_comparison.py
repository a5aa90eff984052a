"""The comparison of two small finished runs: ranks, numbers and the page as a browser shows it."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from edge.bundle import InputSpec
from trainer.cli import main
from trainer.comparison import Row, clips_digest, ranked
from trainer.files import write_json
from trainer.metrics import binary
from trainer.reliability import calibration, curves
from trainer.run import Run, Settings, TrainedModel

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

BROWSER = shutil.which("chromium")
PATIENCE_S = 120
LABELS = ("normal", "fall")
TRUTH = np.asarray([True, True, False, False])


def make_run(path: Path, recipe: str, accuracy: float, weights: str) -> Path:
    """A finished run of a window model of 4 * 2 + 2 parameters, judged on four clips."""
    spec = InputSpec(height_px=32, width_px=32)
    sampling: dict[str, float | int | str | bool] = {"sampling": "paper"}
    settings = Settings(
        recipe=recipe, seed=0, epochs=1, labels=LABELS, input=spec, weights=weights, hyperparameters=sampling
    )
    run = Run.start(path, settings)
    steps = keras.Input((4,), name="steps")
    model = keras.Model(steps, {"probabilities": keras.layers.Dense(2)(steps)})
    run.save_model(TrainedModel(None, None, LABELS, spec, 1.0, window=model))
    scores = np.asarray([0.9, 0.4, 0.6, 0.1])
    run.write_metrics(figures_of(accuracy, scores))
    return path


def figures_of(accuracy: float, scores: np.ndarray) -> dict[str, Any]:
    found = {
        "videos": binary(TRUTH, scores, 0.5),
        "videos_95": {"auc": [0.2, 0.9]},
        "curves": curves(TRUTH, scores),
        "calibration": calibration(TRUTH, scores),
    }
    videos = {"accuracy": accuracy, "accuracy_95": [accuracy - 0.1, accuracy + 0.1]}
    clips = [{"sha256": digest} for digest in "abcd"]
    return {"n_clips": 4, "datasets": ["<set>"], "videos": videos, "labels": {"fall": found}, "clips": clips}


def make_folds(path: Path, accuracy: float) -> Path:
    """A cross-validation of two folds on the same clips."""
    for number in range(2):
        make_run(path / f"fold-{number}", "lrcn", 0.0, "")
    write_json(path / "fold-0" / "latency.json", {"frame_ms": 1.5, "after_ms": 2.0})
    figures = {"int8": {}, "float32": figures_of(accuracy, np.asarray([0.9, 0.8, 0.6, 0.1]))}
    write_json(path / "folds.json", {"folds": ["fold-0", "fold-1"], "figures": figures})
    return path


@pytest.fixture
def compared(tmp_path: Path, capsys) -> Path:
    """The folder of a comparison of three runs and a cross-validation."""
    runs = [
        make_run(tmp_path / "small", "lrcn", 0.5, ""),
        make_run(tmp_path / "large", "convlstm", 0.75, ""),
        make_run(tmp_path / "other", "efficientnetb0-lstm", 0.25, "x.h5 235dda3a4e6bb64d"),
        make_folds(tmp_path / "pooled", 0.625),
    ]
    assert main(["compare", *map(str, runs), "--out", str(tmp_path / "page")]) == 0
    assert "comparison.html" in capsys.readouterr().out
    return tmp_path / "page"


def test_rows_rank_within_their_kind(compared):
    rows = json.loads((compared / "comparison.json").read_text())["rows"]
    assert [(row["name"], row["rank"], row["parameters"]) for row in rows] == [
        ("large", 1, 10),
        ("pooled", 2, 10),
        ("small", 3, 10),
        ("other", 1, 10 + 4_049_571),  # EfficientNetB0 without classifier, as Keras publishes its size
    ]
    assert rows[3]["backbone"].startswith("stand-in")
    assert [row["protocol"] for row in rows] == ["validation clips", "2 folds", "validation clips", "validation clips"]
    assert [row["latency_ms"] for row in rows] == [None, 3.5, None, None]
    assert rows[1]["accuracy_95"] == [0.525, 0.725]
    for name, key, n_numbers in (("roc", "auc", 4), ("accuracy_over_parameters", "parameters", 4)):
        assert (compared / f"{name}.png").is_file()
        numbers = json.loads((compared / f"{name}.json").read_text())["numbers"]
        assert len(numbers) == n_numbers
        assert all(key in one for one in numbers)
    (timed,) = json.loads((compared / "accuracy_over_latency.json").read_text())["numbers"]
    assert (timed["run"], timed["latency_ms"], timed["accuracy"]) == ("pooled", 3.5, 0.625)
    page = (compared / "comparison.html").read_text()
    assert "&lt;set&gt;" in page
    assert "<set>" not in page
    assert "<td>0.625 (0.525 to 0.725)</td>" in page
    assert "http" not in page.replace("<!doctype html>", "")


@pytest.mark.skipif(BROWSER is None, reason="chromium is absent (Debian: apt-get install chromium)")
def test_a_browser_shows_the_page(compared, tmp_path):
    """Headless, without network: the tables' text and pictures that it could decode."""
    assert BROWSER is not None
    script = (
        "<script>onload=()=>{document.title=[...document.images].map(i=>i.naturalWidth>100).join()+' '"
        "+[...document.querySelectorAll('tr')].length}</script>"
    )
    page = tmp_path / "probe.html"
    page.write_text((compared / "comparison.html").read_text().replace("</html>", f"{script}</html>"))
    command = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}"]
    answer = subprocess.run(
        [*command, "--dump-dom", page.as_uri()], capture_output=True, text=True, timeout=PATIENCE_S, check=True
    )
    assert "<title>true,true,true 6</title>" in answer.stdout


def test_what_is_no_finished_run_is_refused(tmp_path, capsys):
    spec = InputSpec(height_px=32, width_px=32)
    Run.start(tmp_path / "run", Settings(recipe="lrcn", seed=0, epochs=1, labels=LABELS, input=spec))
    assert main(["compare", str(tmp_path / "run"), "--out", str(tmp_path / "page")]) == 2
    assert "not finished" in capsys.readouterr().err
    assert not (tmp_path / "page").exists()


def test_other_clips_have_another_digest():
    two, other = ({"clips": [{"sha256": one} for one in digests]} for digests in ("ab", "ac"))
    assert clips_digest(two) == clips_digest({"clips": [{"sha256": one} for one in "ba"]}) != clips_digest(other)


def test_equal_rows_keep_an_order():
    def row(name: str, accuracy: float, judged: str) -> Row:
        return Row(name, "r", "b", judged, "p", "s", accuracy, "l", None, None, None, 1, None)

    rows = ranked([row("b", 0.5, "y"), row("a", 0.5, "y"), row("c", 0.1, "x")])
    assert [(one.name, one.rank) for one in rows] == [("c", 1), ("a", 1), ("b", 2)]
