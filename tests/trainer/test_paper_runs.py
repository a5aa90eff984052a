"""Every paper's system from clips to figures, at reduced settings: tiny pictures, few units, two epochs."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge.bundle import Bundle
from edge.errors import ConfigurationError
from trainer.backbone import RANDOM, Weights
from trainer.conversion import convert_run
from trainer.datasets import read_dataset
from trainer.evaluation import evaluate
from trainer.features import Cache
from trainer.recipe import Recipe, Workshop
from trainer.recipes import RECIPES
from trainer.run import Run
from trainer.splits import split_validation
from trainer.training import Wishes, judge_run, train
from trainer.verdict import judge

pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation doesn't accept a copy:DeprecationWarning",
    "ignore:In the future `np.object`:FutureWarning",
)

SMALLEST_PX = {"EfficientNetB0": 64, "VGG16": 32, "InceptionV3": 75, "": 32}
SMALL = {"n_units": "4", "n_hidden": "4", "batch_size": "4"}
KIND_AT_A_RATE = {
    "efficientnetb0-gru": "frame+head",
    "efficientnetb0-lstm": "frame+head",
    "efficientnetb0-bilstm": "window",
    "convlstm": "window",
    "lrcn": "window",
    "vgg16-lstm": "frame+head",
    "inceptionv3-lstm-binary": "frame+head",
    "inceptionv3-lstm": "frame+head",
    "inceptionv3-simplernn-tanh": "frame+head",
    "inceptionv3-simplernn-relu": "frame+head",
}
"""What the box runs of each system that is trained with `sampling=rate`."""
SAME_PARTS = {"efficientnetb0-gru", "inceptionv3-lstm", "inceptionv3-simplernn-tanh"}
"""Backbone, cell and way onto the box are another one's, so that the slow conversion would prove nothing new."""


def reduced(name: str) -> Recipe:
    """The recipe with the smallest pictures that its backbone takes."""
    recipe = RECIPES[name]
    size_px = SMALLEST_PX[recipe.network]
    spec = recipe.input.model_copy(update={"height_px": size_px, "width_px": size_px})
    return dataclasses.replace(recipe, input=spec)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Cache:
    return Cache(tmp_path_factory.mktemp("cache"))


@pytest.fixture
def trained(fights: Path, cache: Cache, tmp_path: Path) -> Callable[..., tuple[Run, Workshop, list[Any]]]:
    """`trained(name, sampling, **changes)`: a finished run, what it was made with, and its validation clips."""

    def make(name: str, sampling: str, **changes: str) -> tuple[Run, Workshop, list[Any]]:
        recipe = reduced(name)
        known = {key: value for key, value in SMALL.items() if key in recipe.hyperparameters}
        wishes = Wishes(epochs=2, hyperparameters={**known, "sampling": sampling, **changes})
        weights = Weights(RANDOM, RANDOM) if recipe.network else Weights("", "")
        workshop = Workshop(cache, weights, 1)
        split = split_validation(read_dataset(fights), 0)
        return train(recipe, wishes, split, tmp_path / "run", workshop), workshop, split.held_out

    return make


@pytest.mark.parametrize("name", KIND_AT_A_RATE)
def test_a_system_learns_from_whole_clips_as_its_paper_has_it(trained, name):
    changes = {"features": "maps"} if name.startswith("efficientnetb0") else {}
    run, workshop, held_out = trained(name, "paper", **changes)
    assert len(run.history()) == 2
    figures = judge_run(run, held_out, workshop)
    assert figures["n_clips"] == len(held_out) == 2
    assert (run.path / "confusion_videos.png").is_file()
    shares = [clip["scores"]["violence"] for clip in figures["clips"]]
    assert all(0 <= share <= 1 for share in shares)
    with pytest.raises(ConfigurationError, match="whose end a camera never sees"):
        convert_run(run, "float32", run.path / "bundle")


@pytest.mark.parametrize("name", sorted(set(KIND_AT_A_RATE) - SAME_PARTS))
def test_a_system_of_a_fixed_rate_runs_on_the_box(trained, name):
    run, workshop, held_out = trained(name, "rate")
    figures = judge_run(run, held_out, workshop)
    assert figures["n_clips"] == 2
    bundle = Bundle.load(run.path / "bundles" / "float32")
    assert bundle.spec.kind == KIND_AT_A_RATE[name]
    assert bundle.spec.verification[bundle.spec.kind.removeprefix("frame+")]["probability_difference_max"] < 1e-3


def test_what_the_box_says_of_a_window_is_what_was_trained(trained):
    """The last score of a clip against Keras on the clip's last samples, the oldest repeated where some are missing."""
    from trainer.decoding import samples

    run, workshop, held_out = trained("lrcn", "rate")
    model: Any = run.load_model().window
    result = judge(run, held_out, "float32", workshop).results[0]
    rows = [sample.streams.reshape(-1) for sample in samples(held_out[0].path, run.settings.input)][-20:]
    steps = np.stack([*[rows[0]] * (20 - len(rows)), *rows]).astype(np.float32)[np.newaxis]
    expected = model(steps, training=False)["probabilities"].numpy()[0]
    assert np.allclose(result.scores[-1], expected, atol=1e-4)


def test_other_weights_than_the_runs_are_refused(trained):
    run, workshop, held_out = trained("inceptionv3-lstm", "paper")
    other = dataclasses.replace(workshop, weights=Weights("elsewhere.h5", "123"))
    with pytest.raises(
        ConfigurationError, match=r"--weights: the run was trained with none none, not elsewhere\.h5 123"
    ):
        judge(run, held_out, "float32", other)
    with pytest.raises(ConfigurationError, match=r"--precision int8: .* judges whole clips"):
        judge(run, held_out, "int8", workshop)
    assert evaluate(*_verdict(judge(run, held_out, "float32", workshop)))["n_clips"] == 2


def _verdict(verdict) -> tuple[Any, Any]:
    return verdict.results, verdict.judge


REFUSED = [
    ("lrcn", {"hyperparameters": {"sampling": "luck"}}, "--set sampling=luck: choose paper or rate"),
    ("lrcn", {"stream": "motion"}, "--stream motion: the paper's frames lie too far apart"),
    ("efficientnetb0-gru", {"hyperparameters": {"features": "x"}}, "--set features=x: choose one of pooled, maps"),
]


def test_wishes_that_no_system_has_are_refused(fights, cache, tmp_path):
    split = split_validation(read_dataset(fights), 0)
    workshop = Workshop(cache, Weights(RANDOM, RANDOM), 1)
    for number, (name, wishes, said) in enumerate(REFUSED):
        with pytest.raises(ConfigurationError, match=said):
            train(reduced(name), Wishes(epochs=1, **wishes), split, tmp_path / str(number), workshop)


def test_the_binary_system_refuses_three_labels(cache, tmp_path, write_clip):
    for number, label in enumerate(("fall", "fight", "normal") * 2):
        write_clip(tmp_path / "set" / label / f"{number}.avi", seed=number)
    split = split_validation(read_dataset(tmp_path / "set"), 0)
    workshop = Workshop(cache, Weights(RANDOM, RANDOM), 1)
    with pytest.raises(ConfigurationError, match=r"holds 3 labels .*tells 2 apart"):
        train(reduced("inceptionv3-lstm-binary"), Wishes(epochs=1), split, tmp_path / "run", workshop)


def test_a_resumed_run_is_the_same(trained, fights, tmp_path, monkeypatch):
    """ConvLSTM keeps random numbers inside its cells and wrapped layers; stopped and resumed it must pass through the
    same ones."""
    run, workshop, _ = trained("convlstm", "paper")
    expected = run.history()
    split = split_validation(read_dataset(fights), 0)
    wishes = Wishes(epochs=2, hyperparameters={"sampling": "paper", "n_hidden": "4", "batch_size": "4"})
    write = Run.write_history

    def write_and_stop(self, history):
        write(self, history)
        if len(history) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(Run, "write_history", write_and_stop)
    with pytest.raises(KeyboardInterrupt):
        train(reduced("convlstm"), wishes, split, tmp_path / "stopped", workshop)
    monkeypatch.setattr(Run, "write_history", write)
    resumed = train(reduced("convlstm"), wishes, split, tmp_path / "stopped", workshop)
    assert resumed.history() == expected
