"""Stopping and going on gives what not stopping gives."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from edge.bundle import InputSpec
from edge.errors import ConfigurationError
from trainer.fitting.loop import fit_epochs, seed_everything
from trainer.fitting.objective import Objective
from trainer.fitting.recipe import ACCURACY, COSINE, LAST, LOSS
from trainer.fitting.rules import Rules, n_plateaus
from trainer.fitting.run import Run, Settings, differences
from trainer.fitting.sequences import FrameBatches

# Keras 3.15 hands TensorFlow variables to h5py in a way that numpy 2 warns of
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")

EPOCHS = 6


def settings(seed: int = 3, epochs: int = EPOCHS, **wanted: Any) -> Settings:
    labels = ("normal", "fall")
    return Settings(recipe="r", seed=seed, epochs=epochs, labels=labels, input=InputSpec(), hyperparameters=wanted)


def model(loss: Any = "sparse_categorical_crossentropy") -> keras.Model:
    built = keras.Sequential(
        [
            keras.Input((8,)),
            keras.layers.BatchNormalization(),
            keras.layers.Dense(6, activation="relu"),
            keras.layers.Dropout(0.4),
            keras.layers.Dense(2, activation="softmax"),
        ]
    )
    built.compile(keras.optimizers.Adam(0.01), loss, metrics=["accuracy"])
    return built


def batches(n: int, seed: int | None) -> FrameBatches:
    random = np.random.default_rng(n)
    features = random.normal(size=(n, 8)).astype(np.float32)
    return FrameBatches(features, (features[:, 0] > 0).astype(np.int64), 16, seed)


def fit(run: Run, patience: int | None = None) -> keras.Model:
    seed_everything(run.settings.seed)
    loss = Objective.of(run.settings.hyperparameters).loss
    rules = Rules.of(ACCURACY, {"patience": patience or 0, "learning_rate": 0.01, **run.settings.hyperparameters})
    return fit_epochs(model(loss), batches(100, 3), batches(40, None), run, rules)


@pytest.mark.parametrize(
    "wanted",
    [
        {},
        {"class_weights": "balanced", "focal_gamma": 2.0, "label_smoothing": 0.1},
        {"schedule": COSINE, "keep": LAST},
    ],
)
def test_a_stopped_run_goes_on_as_if_it_had_not_been(tmp_path, monkeypatch, wanted):
    """Bit for bit, in one process."""
    whole = Run.start(tmp_path / "whole", settings(**wanted))
    expected = fit(whole).get_weights()

    stopped = Run.start(tmp_path / "stopped", settings(**wanted))
    write = stopped.write_history

    def write_and_stop(history):
        write(history)
        if len(history) == 4:
            raise KeyboardInterrupt

    monkeypatch.setattr(stopped, "write_history", write_and_stop)
    with pytest.raises(KeyboardInterrupt):
        fit(stopped)
    resumed = Run.start(tmp_path / "stopped", settings(**wanted))
    assert len(resumed.history()) == 4  # the fourth epoch's checkpoint was not written: it is done again
    weights = fit(resumed).get_weights()
    assert all(np.array_equal(one, two) for one, two in zip(weights, expected, strict=True))
    assert resumed.history() == whole.history()
    assert len(whole.history()) == EPOCHS


@pytest.mark.parametrize(
    ("kept", "reason"),
    [
        ('[{"loss": 0.5', "history.json: Invalid JSON"),
        ('[{"loss": "low"}]', "history.json: Input should be a valid number"),
        ('[{"loss": 0.5, "val_loss": 0.5}]', "history.json tells of 1 epochs, epoch-0006.keras is of 6"),
        (None, "history.json tells of 0 epochs, epoch-0006.keras is of 6"),
    ],
)
def test_a_history_that_is_not_whole_is_refused(tmp_path, kept, reason):
    """Going on without it would count the epochs from the first again."""
    fit(Run.start(tmp_path / "run", settings()))
    path = tmp_path / "run" / "history.json"
    path.unlink()
    if kept is not None:
        path.write_text(kept)
    with pytest.raises(ConfigurationError, match=f"{reason}.*train again with another --out"):
        fit(Run.load(tmp_path / "run"))


def test_another_seed_gives_another_model(tmp_path):
    one = fit(Run.start(tmp_path / "one", settings(seed=1))).get_weights()
    two = fit(Run.start(tmp_path / "two", settings(seed=2))).get_weights()
    assert not all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))


def test_early_stopping_and_the_best_epoch(tmp_path):
    """Accuracy that cannot rise, for validation labels are constant noise to the model, stops after patience."""
    run = Run.start(tmp_path / "run", settings(epochs=40))
    fit(run, patience=2)
    accuracies = [epoch["val_accuracy"] for epoch in run.history()]
    best = int(np.argmax(accuracies))
    assert len(accuracies) == best + 3 or len(accuracies) == 40
    assert (run.checkpoints / f"best-{best + 1:04d}.weights.h5").is_file()
    assert len(list(run.checkpoints.iterdir())) == 2


def test_other_settings_are_refused_by_name(tmp_path):
    Run.start(tmp_path / "run", settings())
    with pytest.raises(
        ConfigurationError, match=r"another seed \(3 there, 4 here\), another epochs \(6 there, 7 here\);"
    ):
        Run.start(tmp_path / "run", settings(seed=4, epochs=7))
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.txt").touch()
    with pytest.raises(ConfigurationError, match="is no run directory"):
        Run.start(tmp_path / "other", settings())
    with pytest.raises(ConfigurationError, match="no run directory"):
        Run.load(tmp_path / "gone")
    with pytest.raises(ConfigurationError, match="not finished"):
        Run.load(tmp_path / "run").load_model()
    for content, reason in (
        (b'{"recipe": 1}', "recipe: Input should be a valid string"),
        (b'{"recipe": "\xff"}', "Invalid JSON"),
        (b'{"recipe": ', "Invalid JSON"),
    ):
        (tmp_path / "run" / "run.json").write_bytes(content)
        with pytest.raises(ConfigurationError, match=rf"run\.json: {reason}.*; train again"):
            Run.load(tmp_path / "run")


def test_differences_name_hyperparameters_and_count_clips():
    there, here = {"n_units": 64, "dropout": 0.4}, {"n_units": 32, "dropout": 0.4, "focal_gamma": 2.0}
    assert differences("hyperparameters", there, here) == [
        "focal_gamma (None there, 2.0 here)",
        "n_units (64 there, 32 here)",
    ]
    clips = differences("train_clips", {"a": "1", "b": "2", "c": "3"}, {"a": "1", "b": "9", "d": "4", "e": "5"})
    assert clips == [
        "set of train clips (1 only there, such as c; 2 only here, such as d; 1 of other content, such as b)"
    ]


def test_weights_and_focus_change_what_is_learned(tmp_path):
    plain = fit(Run.start(tmp_path / "plain", settings(epochs=1))).get_weights()
    choices: list[dict[str, Any]] = [{"class_weights": "fall:5"}, {"focal_gamma": 2.0}, {"label_smoothing": 0.2}]
    for number, wanted in enumerate(choices):
        other = fit(Run.start(tmp_path / str(number), settings(epochs=1, **wanted))).get_weights()
        assert not all(np.array_equal(one, two) for one, two in zip(plain, other, strict=True)), wanted


def test_each_epoch_is_logged_for_tensorboard(tmp_path):
    """Read back by TensorFlow: the tags of Keras's own callback, one value an epoch."""
    run = Run.start(tmp_path / "run", settings(epochs=3))
    seed_everything(3)
    fit_epochs(model(), batches(100, 3), batches(40, None), run, Rules(None), tensorboard=tmp_path / "log")
    for side, prefix in (("train", ""), ("validation", "val_")):
        (path,) = (tmp_path / "log" / "run" / side).iterdir()
        found = logged(path)
        for tag in ("loss", "accuracy"):
            expected = [epoch[prefix + tag] for epoch in run.history()]
            assert found[f"epoch_{tag}"] == pytest.approx(dict(enumerate(expected)))
    assert logged(next((tmp_path / "log" / "run" / "train").iterdir()))["epoch_learning_rate"][2] == pytest.approx(0.01)


def logged(path: Path) -> dict[str, dict[int, float]]:
    """Values by tag and step."""
    compat: Any = tf.compat.v1
    found: dict[str, dict[int, float]] = {}
    for event in compat.train.summary_iterator(str(path)):
        for value in event.summary.value:
            found.setdefault(value.tag, {})[event.step] = float(tf.make_ndarray(value.tensor))
            assert value.metadata.plugin_data.plugin_name == "scalars"
    return found


def test_the_learning_rate_falls_on_a_plateau_of_the_loss(tmp_path):
    """Labels without any rule in them: the validation loss rises sooner or later, and the rate falls by five."""
    run = Run.start(tmp_path / "run", settings(epochs=12))
    seed_everything(3)
    rules = Rules(None, LOSS, plateau=1, learning_rate=0.5)
    trained = fit_epochs(model(), batches(100, 3), batches(40, None), run, rules)
    losses = [epoch["val_loss"] for epoch in run.history()]
    falls = n_plateaus([-loss for loss in losses[:-1]], 1)
    assert falls > 0
    assert float(trained.optimizer.learning_rate) == pytest.approx(0.5 * 0.2**falls)
    best = int(np.argmin(losses)) + 1
    assert (run.checkpoints / f"best-{best:04d}.weights.h5").is_file()


def test_the_last_epoch_is_kept_and_the_learning_rate_falls_to_zero(tmp_path):
    """The rate of the last of five epochs is (1 + cos(4 pi / 5)) / 2 of the first."""
    rules = Rules(1, schedule=COSINE, learning_rate=0.5, keep=LAST)
    run = Run.start(tmp_path / "run", settings(epochs=5))
    seed_everything(3)
    trained = fit_epochs(model(), batches(100, 3), batches(40, None), run, rules)
    assert len(run.history()) == 5
    assert float(trained.optimizer.learning_rate) == pytest.approx(0.5 * 0.0954915)
    after: Any = keras.models.load_model(run.checkpoints / "epoch-0005.keras")
    for one, two in zip(trained.get_weights(), after.get_weights(), strict=True):
        assert np.array_equal(one, two)
