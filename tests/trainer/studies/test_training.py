"""What may be asked of a training, and that copies of clips are learned from and never judged by."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from edge.errors import ConfigurationError
from trainer.cli import main
from trainer.clips.datasets import read_dataset
from trainer.clips.manifest import Clip
from trainer.clips.splits import Split, split_validation
from trainer.features.backbone import RANDOM, Weights
from trainer.features.cache import Cache
from trainer.fitting.recipe import ACCURACY, Workshop
from trainer.fitting.rules import Rules
from trainer.fitting.run import Run, Settings, TrainedModel
from trainer.recipes.catalogue import RECIPES
from trainer.studies.training import Wishes, make_settings, train

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

NO_WEIGHTS = Weights(RANDOM, RANDOM)


@pytest.fixture
def split(fights: Path) -> Split:
    return split_validation(read_dataset(fights), 0)


def wanted(split: Split, recipe: str, **changes: str) -> Settings:
    return make_settings(RECIPES[recipe], Wishes(hyperparameters=changes), split, NO_WEIGHTS)


@pytest.mark.parametrize(
    ("recipe", "changes", "said"),
    [
        ("lrcn", {"dance": "1"}, "--set dance: lrcn knows augment, augment_copies, batch_size, class_weights"),
        ("lrcn", {"finetune_blocks": "1"}, "--set finetune_blocks: lrcn knows"),
        ("lrcn", {"class_weights": "dance:2"}, "no label dance; the labels are normal, violence"),
        ("lrcn", {"label_smoothing": "2"}, "label_smoothing=2: give 0 or more, under 1"),
        ("lrcn", {"focal_gamma": "much"}, "--set focal_gamma=much"),
        ("lrcn", {"augment": "spin"}, "augment=spin: 'spin' is none of"),
        ("lrcn", {"mixed_precision": "true"}, "mixed_precision=true: TensorFlow finds no GPU"),
        ("lrcn", {"mixed_precision": "perhaps"}, "mixed_precision=perhaps: is true or false"),
        ("efficientnetb0-lstm", {"finetune_blocks": "5"}, "finetune_blocks=5: give 1 to 4, or 0 to train none"),
        (
            "efficientnetb0-gru",
            {"finetune_blocks": "1", "sampling": "paper"},
            "finetune_blocks=1: whole clips are judged by the frozen network's features",
        ),
        (
            "efficientnetb0-bilstm",
            {"finetune_blocks": "1", "features": "maps"},
            "finetune_blocks=1: trained blocks end in pooled features; leave out features=maps",
        ),
        ("inceptionv3-lstm", {"plateau": "3"}, "--set plateau: inceptionv3-lstm knows"),
        ("efficientnetb0-gru", {"n_steps": "3"}, "--set n_steps: efficientnetb0-gru knows"),
        ("edgewatch", {"class_weights": "balanced"}, "--set class_weights: edgewatch knows augment"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_done(split, recipe, changes, said):
    with pytest.raises(ConfigurationError, match=said):
        wanted(split, recipe, **changes)


def test_a_run_keeps_of_the_common_settings_what_was_asked_for(split):
    assert dict(wanted(split, "lrcn").hyperparameters) == dict(RECIPES["lrcn"].hyperparameters)
    chosen = wanted(split, "lrcn", focal_gamma="2", augment="flip").hyperparameters
    assert {key: chosen[key] for key in set(chosen) - set(RECIPES["lrcn"].hyperparameters)} == {
        "focal_gamma": 2.0,
        "augment": "flip",
    }


def test_the_learning_rate_may_fall_in_any_recipe_whose_rate_is_constant(split):
    chosen = wanted(split, "efficientnetb0-gru", plateau="3").hyperparameters
    rules = Rules.of(ACCURACY, chosen)
    assert (rules.plateau, rules.plateau_factor, rules.learning_rate) == (3, 0.2, 1e-3)
    assert Rules.of(ACCURACY, wanted(split, "efficientnetb0-gru").hyperparameters).plateau is None


def test_copies_are_learned_from_and_not_chosen_by(split, reduced, tmp_path):
    given: dict[str, list[Clip]] = {}

    def fit(train: Sequence[Clip], validation: Sequence[Clip], *_: Any) -> TrainedModel:
        given.update(train=list(train), validation=list(validation))
        raise KeyboardInterrupt

    recipe = dataclasses.replace(reduced("lrcn"), fit=fit)
    workshop = Workshop(Cache(tmp_path / "cache"), Weights("", ""), 1)
    wishes = Wishes(hyperparameters={"augment": "flip,light", "augment_copies": "2"})
    with pytest.raises(KeyboardInterrupt):
        train(recipe, wishes, split, tmp_path / "run", workshop)
    assert given["validation"] == split.held_out
    n = len(split.train)
    assert given["train"][:n] == split.train
    copies = given["train"][n:]
    assert [(copy.label, copy.group) for copy in copies] == [(clip.label, clip.group) for clip in split.train] * 2
    assert all(copy.path.is_relative_to(tmp_path / "cache") and copy.path.is_file() for copy in copies)
    assert len(Run.load(tmp_path / "run").settings.train_clips) == n


def test_who_keeps_the_last_epoch_learns_from_the_validation_clips_too(split, reduced, tmp_path, capsys):
    given: list[Clip] = []

    def fit(train: Sequence[Clip], *_: Any) -> TrainedModel:
        given.extend(train)
        raise KeyboardInterrupt

    recipe = dataclasses.replace(reduced("efficientnetb0-gru"), fit=fit)
    workshop = Workshop(Cache(tmp_path / "cache"), NO_WEIGHTS, 1)
    with pytest.raises(KeyboardInterrupt):
        train(recipe, Wishes(hyperparameters={"keep": "last"}), split, tmp_path / "run", workshop)
    assert given == [*split.train, *split.held_out]
    assert f"learning from {len(given)} clips, keeping the last epoch" in capsys.readouterr().err


def test_a_momentum_that_would_not_settle_is_refused(split, reduced, tmp_path):
    workshop = Workshop(Cache(tmp_path / "cache"), NO_WEIGHTS, 1)
    wishes = Wishes(hyperparameters={"momentum": "1.5"})
    with pytest.raises(ConfigurationError, match=r"--set momentum=1\.5: give 0 or more, under 1"):
        train(reduced("efficientnetb0-mean"), wishes, split, tmp_path / "run", workshop)


def test_a_recipe_without_epochs_has_nothing_to_log(fights, tmp_path, capsys):
    command = ["train", "--recipe", "edgewatch", "--data", str(fights), "--out", str(tmp_path / "run")]
    assert main([*command, "--tensorboard", str(tmp_path / "log")]) == 2
    assert "--tensorboard: edgewatch is fitted at once" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_one_seed_gives_the_same_figures_to_the_last_digit(fights, tmp_path):
    def figures(name: str, seed: int) -> str:
        run, cache = tmp_path / name / "run", tmp_path / name / "cache"
        command = ["train", "--recipe", "lrcn", "--data", str(fights), "--out", str(run), "--cache", str(cache)]
        command += ["--seed", str(seed), "--epochs", "2", "--workers", "1"]
        command += ["--set", "n_units=4", "batch_size=4", "n_steps=4"]
        assert main(command) == 0
        return (run / "metrics.json").read_text()

    first = figures("first", 3)
    assert figures("second", 3) == first
    assert figures("other", 4) != first
