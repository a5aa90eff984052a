"""A sweep on the smallest system, called twice."""

import argparse
import json
from pathlib import Path

import pytest

from edge.errors import ConfigurationError
from trainer.cli import main
from trainer.commands.studies import changes_of, numbers_of

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def test_a_sweep_trains_each_value_once_and_compares(fights: Path, tmp_path: Path, capsys):
    out = tmp_path / "units"
    command = ["sweep", "--recipe", "lrcn", "--over", "n_units=2,3", "--data", str(fights), "--out", str(out)]
    command += ["--epochs", "1", "--workers", "1", "--cache", str(tmp_path / "cache"), "--set", "n_steps=4"]
    assert main(command) == 0
    rows = json.loads((out / "comparison.json").read_text())["rows"]
    assert sorted(row["name"] for row in rows) == ["n_units=2", "n_units=3"]
    drawn = json.loads((out / "accuracy_and_auc_over_n_units.json").read_text())["numbers"]
    assert [(one["run"], one["n_units"]) for one in drawn] == [("n_units=2", 2), ("n_units=3", 3)]
    # an LSTM of u units on 2048 numbers, and two classes: 4 u (2048 + u + 1) + 2 u + 2; the convolutions are the same
    counts = {row["name"]: row["parameters"] for row in rows}
    assert counts["n_units=3"] - counts["n_units=2"] == 4 * 3 * 2052 + 6 - (4 * 2 * 2051 + 4)
    before = {path: path.stat().st_mtime_ns for path in out.rglob("window.keras")}
    assert main(command) == 0
    assert {path: path.stat().st_mtime_ns for path in out.rglob("window.keras")} == before
    capsys.readouterr()


def test_values_that_are_none_are_refused(tmp_path, capsys):
    for over in ("n_units", "n_units=", "=,"):
        arguments = ["sweep", "--recipe", "lrcn", "--over", over, "--data", str(tmp_path), "--out", str(tmp_path / "x")]
        assert main(arguments) == 2
        assert "--over" in capsys.readouterr().err


def test_only_numbers_have_an_axis():
    assert numbers_of(["1e-3", "10"]) == [0.001, 10]
    assert numbers_of(["motion", "10"]) is None


def test_options_may_be_tried_as_hyperparameters_are():
    options = argparse.Namespace(set=["dropout=0"])
    assert changes_of("n_units", "3", options) == {"set": ["dropout=0", "n_units=3"]}
    assert changes_of("rate-hz", "2.5", options) == {"rate_hz": 2.5}
    assert changes_of("stream", "motion", options) == {"stream": "motion"}
    with pytest.raises(ConfigurationError, match="argument --epochs: invalid positive value: 'many'"):
        changes_of("epochs", "many", options)
