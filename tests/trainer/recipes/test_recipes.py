from typing import Any

import numpy as np
import pytest

from edge.bundle import InputSpec
from trainer.commands import RECIPE_NAMES
from trainer.features.backbone import RANDOM, Weights, build_backbone, pooled
from trainer.fitting.sequences import FrameBatches, LabelledSequence, SequenceBatches, paper_samples
from trainer.recipes import efficientnetb0_mean
from trainer.recipes.catalogue import RECIPES
from trainer.recipes.shared import hybrid
from trainer.recipes.shared.recurrent import Recurrence, assemble, step_of, steps_model

SMALL = InputSpec(height_px=32, width_px=32)


@pytest.fixture(scope="module")
def backbone():
    import keras

    keras.utils.set_random_seed(0)
    return build_backbone(SMALL, Weights(RANDOM, RANDOM))


def test_the_mean_model_has_the_papers_parameters():
    """4,219,304 parameters, 167,173 of them trainable: section 4.6 of the paper, which has five classes."""
    backbone = build_backbone(InputSpec(), Weights(RANDOM, RANDOM))
    model: Any = efficientnetb0_mean.assemble(backbone, efficientnetb0_mean.build_head(5))
    assert model.count_params() == 4_219_304
    assert sum(int(np.prod(weight.shape)) for weight in model.trainable_weights) == 167_173
    assert model.input_shape == (None, 224, 224, 3)
    assert {name: output.shape for name, output in model.output.items()} == {
        "features": (None, 1280),
        "probabilities": (None, 5),
    }


def test_the_command_knows_the_recipes():
    assert set(RECIPE_NAMES) == set(RECIPES)
    assert all(recipe.name == name for name, recipe in RECIPES.items())


def test_the_papers_training_is_the_default():
    recipe = RECIPES["efficientnetb0-mean"]
    assert recipe.epochs == 50
    assert {key: recipe.hyperparameters[key] for key in ("batch_size", "learning_rate", "patience", "dropout")} == {
        "batch_size": 16,
        "learning_rate": 1e-4,
        "patience": 10,
        "dropout": 0.4,
    }
    assert (recipe.input.stream, recipe.input.rate_hz) == ("rgb", 10)


GRU = Recurrence(lambda wanted: keras_layers().GRUCell(int(wanted["n_units"])), hybrid.top)
LSTM = Recurrence(lambda wanted: keras_layers().LSTMCell(int(wanted["n_units"])), hybrid.top)
SIMPLE = Recurrence(lambda wanted: keras_layers().SimpleRNNCell(int(wanted["n_units"])), hybrid.top)


def keras_layers() -> Any:
    import keras

    return keras.layers


@pytest.mark.parametrize(("recurrence", "n_state"), [(GRU, 5), (LSTM, 10), (SIMPLE, 5)])
def test_the_network_by_steps_is_that_of_the_whole_sequence(recurrence, n_state):
    model: Any = steps_model(recurrence, {"n_units": 5, "dropout": 0.4}, 6, 3)
    head = step_of(model)
    random = np.random.default_rng(0)
    features = random.normal(size=(2, 9, 6)).astype(np.float32)
    lengths = (9, 4)
    mask = np.arange(9) < np.asarray(lengths)[:, np.newaxis]
    whole = model.predict({"features": features, "mask": mask}, verbose=0)
    for row, length in enumerate(lengths):
        state = np.zeros((1, n_state), np.float32)
        for step in range(length):
            answer = head({"features": features[row : row + 1, step], "state": state})
            state = answer["next_state"].numpy()
            assert np.allclose(answer["probabilities"].numpy(), whole[row, step], atol=1e-6)


def test_the_gru_step_is_the_equations():
    """Cho et al. 2014 with the reset gate after the product, in plain numpy."""
    model = steps_model(GRU, {"n_units": 3, "dropout": 0.0}, 4, 2)
    head = step_of(model)
    random = np.random.default_rng(1)
    for weight in model.weights:
        weight.assign(random.normal(size=weight.shape))
    kernel, recurrent, bias, dense, dense_bias = (weight.numpy().astype(float) for weight in model.weights)
    x, state = random.normal(size=(1, 4)), random.normal(size=(1, 3))
    of_x, of_state = x @ kernel + bias[0], state @ recurrent + bias[1]
    update = 1 / (1 + np.exp(-(of_x[:, :3] + of_state[:, :3])))
    reset = 1 / (1 + np.exp(-(of_x[:, 3:6] + of_state[:, 3:6])))
    candidate = np.tanh(of_x[:, 6:] + reset * of_state[:, 6:])
    expected = update * state + (1 - update) * candidate
    logits = expected @ dense + dense_bias
    answer = head({"features": x.astype(np.float32), "state": state.astype(np.float32)})
    assert np.allclose(answer["next_state"].numpy(), expected, atol=1e-5)
    assert np.allclose(answer["probabilities"].numpy(), np.exp(logits) / np.exp(logits).sum(), atol=1e-5)


@pytest.mark.parametrize("n_streams", [1, 2])
@pytest.mark.parametrize(("recurrence", "n_state"), [(GRU, 8), (LSTM, 16)])
def test_the_frame_model_answers_from_a_state_of_zeros(backbone, recurrence, n_state, n_streams):
    head = step_of(steps_model(recurrence, {"n_units": 8, "dropout": 0.4}, 1280 * n_streams, 3))
    frame = assemble(pooled(backbone), head, n_streams)
    answer = frame(np.full((1, 32, 32, 3), 90, np.float32))
    features = np.tile(answer["features"].numpy(), n_streams)
    expected = head({"features": features, "state": np.zeros((1, n_state), np.float32)})
    assert np.allclose(answer["probabilities"].numpy(), expected["probabilities"].numpy(), atol=1e-6)


def test_the_papers_samples():
    times_s = np.arange(100) / 10
    kept = times_s[paper_samples(times_s, trim_s=1 / 3, max_clip_s=7.33)]
    assert (kept[0], kept[-1]) == (0.4, 6.9)
    short = np.arange(5) / 10
    assert paper_samples(short, trim_s=1 / 3, max_clip_s=7.33).all()


def test_an_epoch_shows_every_frame_once_and_its_order_repeats():
    features, labels = np.arange(10, dtype=np.float32)[:, np.newaxis], np.arange(10)
    batches = FrameBatches(features, labels, batch_size=4, seed=1)
    first = np.concatenate([batches[index][1] for index in range(batches.num_batches)])
    assert sorted(first) == list(range(10))
    batches.on_epoch_end()
    second = np.concatenate([batches[index][1] for index in range(batches.num_batches)])
    assert first.tolist() != second.tolist()
    resumed = FrameBatches(features, labels, batch_size=4, seed=1)
    resumed.begin_epoch(1)
    assert np.concatenate([resumed[index][1] for index in range(3)]).tolist() == second.tolist()
    in_order = FrameBatches(features, labels, batch_size=4, seed=None)
    assert np.concatenate([in_order[index][1] for index in range(3)]).tolist() == list(range(10))


def test_padding_is_masked_and_weighs_nothing():
    short = LabelledSequence(np.ones((2, 3), np.float32), np.array([1, 1]))
    long = LabelledSequence(np.ones((6, 3), np.float32), np.array([0] * 6))
    inputs, labels, weights = SequenceBatches([short, long], length=4, batch_size=2, seed=0)[0]
    rows = sorted(inputs["mask"].sum(axis=1).tolist())
    assert rows == [2, 4]
    assert np.array_equal(weights, inputs["mask"].astype(np.float32))
    assert inputs["features"][~inputs["mask"]].sum() == 0
    assert labels.shape == (2, 4)
