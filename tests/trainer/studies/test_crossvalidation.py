"""An official split from its fold file to the figures, with the groups that it has on both sides said and kept."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from edge.errors import DatasetError
from trainer.cli import main
from trainer.clips.datasets import read_dataset
from trainer.clips.manifest import read_rows
from trainer.clips.splits import TRAIN_ONLY, official_folds, torn_splits
from trainer.features.backbone import Weights
from trainer.features.cache import Cache
from trainer.fitting.recipe import Workshop
from trainer.studies.comparison import read_row
from trainer.studies.crossvalidation import cross_validate, plan
from trainer.studies.training import Wishes

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

NAMES = (
    *(f"train/Fight/{source}_0.avi" for source in "abc"),
    *(f"train/NonFight/{source}_0.avi" for source in "xyz"),
    "val/Fight/a_1.avi",
    "val/NonFight/w_0.avi",
)


@pytest.fixture
def rwf(tmp_path: Path, write_clip) -> Path:
    """RWF-2000 with one source video in both of its folders."""
    for number, name in enumerate(NAMES):
        write_clip(tmp_path / "rwf" / name, lively="/Fight/" in name, seed=number)
    return tmp_path / "rwf"


def test_an_official_split_is_judged_as_published_and_its_leak_is_kept(rwf, reduced, tmp_path, capsys):
    clips = read_dataset(rwf)
    folds = official_folds(clips, "official")
    wishes = Wishes(epochs=1, hyperparameters={"n_units": "4", "n_steps": "4", "sampling": "paper"})
    tasks = plan(reduced("lrcn"), wishes, clips, folds, torn=torn_splits(clips, folds))
    assert [clip.name for clip in tasks[0].split.held_out] == list(NAMES[-2:])
    figures = cross_validate(
        tasks, tmp_path / "out", Workshop(Cache(tmp_path / "cache"), Weights("", ""), 1), ["float32"]
    )
    leak = {"dataset": "rwf", "split": "official", "n_groups": 1, "n_clips": 1, "n_judged": 2}
    assert figures["float32"]["torn_splits"] == [leak]
    assert json.loads((tmp_path / "out" / "folds.json").read_text())["figures"]["float32"]["torn_splits"] == [leak]
    assert "trainer: rwf: split official as published has 1 group on both sides" in capsys.readouterr().err
    assert read_row(tmp_path / "out")[0].protocol == "1 folds, 1 groups on both sides"


def test_a_fold_that_leaves_nothing_to_learn_a_label_from_is_refused(rwf, reduced):
    clips = read_dataset(rwf)
    folds = [0 if clip.label == "violence" else 1 for clip in clips]
    with pytest.raises(DatasetError, match="class violence: fold 0 judges its"):
        plan(reduced("edgewatch"), Wishes(), clips, folds)


def test_any_other_split_of_the_same_clips_is_refused(rwf, reduced):
    clips = read_dataset(rwf)
    folds = [0 if clip.name == NAMES[-2] else TRAIN_ONLY for clip in clips]
    assert torn_splits(clips, folds) == []
    with pytest.raises(DatasetError, match="rwf: group a stands on both sides of the split"):
        plan(reduced("lrcn"), Wishes(), clips, folds)


def test_plain_folds_are_judged_and_what_they_tear_is_kept(fights, tmp_path, capsys):
    folds, out = tmp_path / "plain.csv", tmp_path / "out"
    assert main(["folds", "--data", str(fights), "--ungrouped", "2", "--out", str(folds)]) == 0
    placed = {(row["group"], row["fold"]) for row in read_rows(folds, ["group", "fold"])}
    n_torn = len(placed) - 5
    said = f"trainer: fights: split ungrouped has {n_torn} group"
    assert n_torn > 0
    assert said in capsys.readouterr().err
    command = ["evaluate", "--recipe", "lrcn", "--folds", str(folds), "--data", str(fights), "--out", str(out)]
    command += ["--cache", str(tmp_path / "cache"), "--workers", "1", "--epochs", "1"]
    command += ["--set", "n_units=4", "n_steps=4"]
    assert main(command) == 0
    assert said in capsys.readouterr().err
    (torn,) = json.loads((out / "folds.json").read_text())["figures"]["float32"]["torn_splits"]
    assert (torn["split"], torn["n_groups"]) == ("ungrouped", n_torn)
    assert read_row(out)[0].protocol == f"2 folds, {n_torn} groups on both sides"


def test_a_fold_of_a_class_that_it_does_not_learn_is_refused_before_training(fights, reduced):
    clips = read_dataset(fights)
    folds = [0 if clip.label == "violence" else TRAIN_ONLY for clip in clips]
    apart = [replace(clip, group=clip.name) for clip in clips]
    with pytest.raises(DatasetError, match="class violence: fold 0 judges its 5 clips in 5 groups, and 0 clips"):
        plan(reduced("lrcn"), Wishes(), apart, folds)
    also = [replace(clip, dataset="others") for clip in apart]
    (task,) = plan(reduced("lrcn"), Wishes(), apart, folds, also)
    assert {clip.label for clip in task.split.held_out} == {"violence"}
