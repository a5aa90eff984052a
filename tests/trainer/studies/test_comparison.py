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
from trainer.features.backbone import LITE0
from trainer.files import write_json
from trainer.fitting.run import Run, Settings, TrainedModel
from trainer.judging.metrics import binary
from trainer.judging.reliability import calibration, curves
from trainer.studies.comparison import Row, by_name, clips_digest, compare, n_parameters, ranked
from trainer.studies.latency import latency_here
from trainer.studies.machine import processor

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

BROWSER = shutil.which("chromium")
PATIENCE_S = 120
LABELS = ("normal", "fall")
TRUTH = np.asarray([True, True, False, False])
SLOW = {"frame_ms": 1500.0, "after_ms": 2000.0}
"""The latency of an answer that no machine needs that long for."""


def make_run(path: Path, recipe: str, accuracy: float, weights: str = "", **changes: str) -> Path:
    """A finished run of a window model of 4 * 2 + 2 parameters, judged on four clips."""
    spec = InputSpec(height_px=32, width_px=32)
    changed: dict[str, float | int | str | bool] = {"sampling": "paper", **changes}
    settings = Settings(
        recipe=recipe, seed=0, epochs=1, labels=LABELS, input=spec, weights=weights, hyperparameters=changed
    )
    run = Run.start(path, settings)
    steps = keras.Input((4,), name="steps")
    model = keras.Model(steps, {"probabilities": keras.layers.Dense(2)(steps)})
    run.save_model(TrainedModel(None, None, LABELS, spec, 1.0, window=model))
    scores = np.asarray([0.9, 0.4, 0.6, 0.1])
    run.write_metrics(figures_of(accuracy, scores))
    write_json(path / "latency.json", {**SLOW, "processor": processor()})
    return path


def figures_of(accuracy: float, scores: np.ndarray, events: dict[str, Any] | None = None) -> dict[str, Any]:
    found = {
        "videos": binary(TRUTH, scores, 0.5),
        "videos_95": {"auc": [0.2, 0.9]},
        "curves": curves(TRUTH, scores),
        "calibration": calibration(TRUTH, scores),
        "events": events,
    }
    videos = {"accuracy": accuracy, "accuracy_95": [accuracy - 0.1, accuracy + 0.1]}
    clips = [{"sha256": digest} for digest in "abcd"]
    return {"n_clips": 4, "datasets": ["<set>"], "videos": videos, "labels": {"fall": found}, "clips": clips}


EVENTS = {"recall": 0.75, "false_alarms": {"per_hour": 12.5}, "delays": {"median_delay_s": 1.25}}


def make_folds(path: Path, accuracy: float, **more: Any) -> Path:
    """A cross-validation of two folds on the same clips, which learned from all clips outside."""
    for number in range(2):
        make_run(path / f"fold-{number}", "lrcn", 0.0, keep="last")
    figures = {"int8": {}, "float32": {**figures_of(accuracy, np.asarray([0.9, 0.8, 0.6, 0.1]), EVENTS), **more}}
    write_json(path / "folds.json", {"folds": ["fold-0", "fold-1"], "figures": figures})
    return path


@pytest.fixture
def compared(tmp_path: Path, capsys) -> Path:
    """The folder of a comparison of four runs and two cross-validations."""
    runs = [
        make_run(tmp_path / "small", "lrcn", 0.5),
        make_run(tmp_path / "large", "convlstm", 0.75),
        make_run(tmp_path / "learned", "lrcn", 1.0, keep="last"),
        make_run(tmp_path / "other", "efficientnetb0-lstm", 0.25, "x.h5 235dda3a4e6bb64d"),
        make_folds(tmp_path / "pooled", 0.625),
        make_folds(tmp_path / "torn", 0.875, torn_splits=[{"n_groups": 3}]),
    ]
    (tmp_path / "other" / "latency.json").unlink()
    assert main(["compare", *map(str, runs), "--out", str(tmp_path / "page")]) == 0
    assert "comparison.html" in capsys.readouterr().out
    return tmp_path / "page"


def test_rows_rank_within_their_kind(compared):
    rows = json.loads((compared / "comparison.json").read_text())["rows"]
    assert [(row["name"], row["protocol"], row["rank"], row["parameters"]) for row in rows] == [
        ("pooled", "2 folds", 1, 10),
        ("torn", "2 folds, 3 groups on both sides", 1, 10),
        ("learned", "clips it learned from", None, 10),
        ("large", "validation clips", 1, 10),
        ("small", "validation clips", 2, 10),
        ("other", "validation clips", 1, 10 + 4_049_571),  # EfficientNetB0 without classifier, as Keras publishes it
    ]
    assert [row["name"] for row in rows if row["unranked"]] == ["learned"]
    assert rows[5]["backbone"].startswith("stand-in")
    assert [row["latency_ms"] for row in rows[:5]] == [3500] * 5
    assert 0 < rows[5]["latency_ms"] < 1000
    assert rows[0]["accuracy_95"] == [0.525, 0.725]
    assert [rows[0][key] for key in ("found", "false_an_hour", "delay_s")] == [0.75, 12.5, 1.25]
    assert rows[3]["found"] is None  # of whole clips: it raises no alerts
    for name, key in (
        ("roc", "auc"),
        ("accuracy_over_parameters", "parameters"),
        ("accuracy_over_latency", "latency_ms"),
    ):
        assert (compared / f"{name}.png").is_file()
        numbers = json.loads((compared / f"{name}.json").read_text())["numbers"]
        assert [(one["run"], one[key], one["protocol"]) for one in numbers] == [
            (row["name"], row[key], row["protocol"]) for row in rows
        ]
    page = (compared / "comparison.html").read_text()
    assert f"float32: {processor()}." in page
    assert "&lt;set&gt;" in page
    assert "<set>" not in page
    assert "<td>0.625 (0.525 to 0.725)</td>" in page
    assert page.count("Without ranks: figures on clips it learned from prove nothing") == 1
    assert "<td>learned</td><td>lrcn</td><td>-</td>" in page
    assert "http" not in page.replace("<!doctype html>", "")


@pytest.mark.skipif(BROWSER is None, reason="chromium is absent (Debian: apt-get install chromium)")
def test_the_network_that_a_run_took_is_counted(tmp_path):
    run = Run.load(make_run(tmp_path / "lite", "efficientnetb0-lstm", 0.5))
    lite = Run(run.path, run.settings.model_copy(update={"network": LITE0}))
    # 4,652,008 are published; less the classifier of 1,000 classes, and with the means and variances of normalisation
    assert n_parameters(lite) == 10 + 4_652_008 - 1_281_000 + 42_016


def test_a_browser_shows_the_page(compared, tmp_path):
    assert opened((compared / "comparison.html").read_text(), tmp_path) == "true,true,true 11"


@pytest.mark.skipif(BROWSER is None, reason="chromium is absent (Debian: apt-get install chromium)")
def test_a_sweep_is_drawn_over_its_numbers(tmp_path):
    accuracies = {160: 0.5, 20: 0.25, 320: 0.75}
    runs = [make_run(tmp_path / f"n_units={n}", "lrcn", accuracy) for n, accuracy in accuracies.items()]
    page = compare(runs, tmp_path / "page", ("n_units", list(accuracies)))
    numbers = json.loads((page.parent / "accuracy_and_auc_over_n_units.json").read_text())["numbers"]
    assert [(one["run"], one["n_units"], one["accuracy"]) for one in numbers] == [
        ("n_units=20", 20, 0.25),
        ("n_units=160", 160, 0.5),
        ("n_units=320", 320, 0.75),
    ]
    # of scores 0.9 and 0.4 where something happens, 0.6 and 0.1 where nothing does, three of four pairs are in order
    assert [(one["label"], one["auc"], one["auc_95"]) for one in numbers] == [("fall", 0.75, [0.2, 0.9])] * 3
    assert (page.parent / "accuracy_and_auc_over_n_units.png").is_file()
    assert opened(page.read_text(), tmp_path) == "true,true,true,true 4"


def opened(html: str, tmp_path: Path) -> str:
    """What a headless browser without network makes of a page: which pictures it could decode, and table rows."""
    assert BROWSER is not None
    script = (
        "<script>onload=()=>{document.title=[...document.images].map(i=>i.naturalWidth>100).join()+' '"
        "+[...document.querySelectorAll('tr')].length}</script>"
    )
    page = tmp_path / "probe.html"
    page.write_text(html.replace("</html>", f"{script}</html>"))
    command = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}"]
    answer = subprocess.run(
        [*command, "--dump-dom", page.as_uri()], capture_output=True, text=True, timeout=PATIENCE_S, check=True
    )
    return answer.stdout.partition("<title>")[2].partition("</title>")[0]


def test_what_is_no_finished_run_is_refused(tmp_path, capsys):
    spec = InputSpec(height_px=32, width_px=32)
    Run.start(tmp_path / "run", Settings(recipe="lrcn", seed=0, epochs=1, labels=LABELS, input=spec))
    assert main(["compare", str(tmp_path / "run"), "--out", str(tmp_path / "page")]) == 2
    assert "not finished" in capsys.readouterr().err
    assert not (tmp_path / "page").exists()


def test_runs_of_one_name_keep_their_curves(tmp_path):
    paths = [make_run(tmp_path / folder / "run", "lrcn", 0.5) for folder in "ab"]
    compare([*paths, paths[0]], tmp_path / "page")
    for file in ("comparison.json", "roc.json"):
        found = json.loads((tmp_path / "page" / file).read_text())
        assert sorted(one.get("name", one.get("run")) for one in found.get("rows", found.get("numbers"))) == [
            "a/run",
            "b/run",
        ]


def test_names_are_as_long_as_it_takes():
    paths = [Path(text) for text in ("/x/a/run", "/y/a/run", "/x/b/run", "/run", "/x/c", "/x/../x/c")]
    assert list(by_name(paths)) == ["x/a/run", "y/a/run", "b/run", "/run", "c"]


def test_a_latency_of_another_machine_is_measured_anew(tmp_path, capsys):
    run = Run.load(make_run(tmp_path / "run", "lrcn", 0.5))
    for processor_, fits in ((processor(), True), ("another", False), (None, False)):
        write_json(run.path / "latency.json", {**SLOW, **({"processor": processor_} if processor_ else {})})
        before = (run.path / "latency.json").read_bytes()
        told_ms = latency_here(run)
        assert told_ms is not None
        assert (told_ms == 3500) == fits == (told_ms > 1000)
        assert ("timing its answers" not in capsys.readouterr().err) == fits
        assert (run.path / "latency.json").read_bytes() == before


def test_no_latency_of_another_machine_is_told_where_there_is_no_model(tmp_path):
    run = Run.load(make_run(tmp_path / "run", "lrcn", 0.5, sampling="rate"))
    write_json(run.path / "latency.json", {**SLOW, "processor": "another"})
    assert latency_here(run) is None


def test_other_clips_have_another_digest():
    two, other = ({"clips": [{"sha256": one} for one in digests]} for digests in ("ab", "ac"))
    assert clips_digest(two) == clips_digest({"clips": [{"sha256": one} for one in "ba"]}) != clips_digest(other)


def test_equal_rows_keep_an_order():
    def row(name: str, accuracy: float, judged: str) -> Row:
        return Row(name, "r", "b", judged, "p", "s", accuracy, "l", *[None] * 6, parameters=1, latency_ms=None)

    rows = ranked([row("b", 0.5, "y"), row("a", 0.5, "y"), row("c", 0.1, "x")])
    assert [(one.name, one.rank) for one in rows] == [("c", 1), ("a", 1), ("b", 2)]
