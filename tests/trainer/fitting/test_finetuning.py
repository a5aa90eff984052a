"""The last blocks learn, what is before them does not, and its activations are worked out once."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge.errors import ConfigurationError
from trainer.clips.datasets import read_dataset
from trainer.clips.decoding import samples
from trainer.clips.splits import split_validation
from trainer.features.backbone import RANDOM, Weights, build_backbone
from trainer.features.backbones import POOLED
from trainer.features.cache import Cache
from trainer.fitting.finetuning import BLOCK_ENDS, TAIL, Body, end_of, frozen_part
from trainer.fitting.recipe import Recipe, Workshop
from trainer.fitting.run import Run
from trainer.recipes.catalogue import RECIPES
from trainer.studies.training import Wishes, train

pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation doesn't accept a copy:DeprecationWarning",
    "ignore:In the future `np.object`:FutureWarning",
)

RATE = "0.05"
"""High, so that two epochs change weights by more than float16 does."""
SIZES = {"efficientnetb0-mean": {"n_hidden": "4"}, "efficientnetb0-gru": {"n_units": "4", "batch_size": "4"}}
SIZES["efficientnetb0-bilstm"] = SIZES["efficientnetb0-gru"]


def small(name: str) -> Recipe:
    recipe = RECIPES[name]
    return dataclasses.replace(recipe, input=recipe.input.model_copy(update={"height_px": 64, "width_px": 64}))


def tune(
    fights: Path,
    workshop: Workshop,
    out: Path,
    n_blocks: int = 1,
    *,
    name: str = "efficientnetb0-mean",
    epochs: int = 2,
) -> Run:
    wanted = {"finetune_blocks": str(n_blocks), "learning_rate": RATE, **SIZES[name]}
    split = split_validation(read_dataset(fights), 0)
    return train(small(name), Wishes(epochs=epochs, hyperparameters=wanted), split, out, workshop)


@pytest.fixture(scope="module")
def workshop(new_cache: Callable[[], Cache]) -> Workshop:
    return Workshop(new_cache(), Weights(RANDOM, RANDOM), 1)


@pytest.fixture(scope="module")
def tuned(fights: Path, workshop: Workshop, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run of two epochs that trained the last block."""
    return tune(fights, workshop, tmp_path_factory.mktemp("runs") / "run")


def learned(run: Run, workshop: Workshop) -> tuple[set[str], list[str]]:
    """The backbone's layers that differ from those that training began with, and all of them in order."""
    import keras

    frame: Any = run.load_model().frame
    keras.utils.set_random_seed(0)
    before: Any = build_backbone(run.settings.input, workshop.weights)
    after = {layer.name: layer for layer in frame._flatten_layers()}
    names = [layer.name for layer in before.layers if layer.name.startswith(("stem", "block", "top"))]
    return {
        name
        for name in names
        for old, new in zip(before.get_layer(name).get_weights(), after[name].get_weights(), strict=True)
        if not np.array_equal(old, new)
    }, names


def test_without_it_no_block_learns(fights, workshop, tmp_path):
    run = tune(fights, workshop, tmp_path / "run", n_blocks=0)
    assert learned(run, workshop)[0] == set()
    assert len(run.history()) == 2


def test_the_last_block_alone_has_learned(tuned, workshop):
    differ, names = learned(tuned, workshop)
    last_frozen = names.index(BLOCK_ENDS[0])
    assert {"block7a_expand_conv", "top_conv"} <= differ
    assert all(names.index(name) > last_frozen for name in differ)
    assert not any("bn" in name for name in differ)


def test_what_was_trained_on_activations_is_what_the_frame_model_says(tuned, fights):
    """The best epoch's accuracy on validation frames, by the assembled model on the frames themselves."""
    frame: Any = tuned.load_model().frame
    right: list[bool] = []
    for clip in split_validation(read_dataset(fights), 0).held_out:
        seen = list(samples(clip.path, tuned.settings.input))
        last_s = seen[-1].capture_ns / 1e9
        kept = [one for one in seen if 1 / 3 <= one.capture_ns / 1e9 <= last_s - 1 / 3]
        said = frame(np.concatenate([one.streams for one in kept]).astype(np.float32))["probabilities"]
        right += list(np.argmax(said, axis=1) == tuned.settings.labels.index(clip.label))
    assert np.mean(right) == pytest.approx(max(epoch["val_accuracy"] for epoch in tuned.history()), abs=0.051)


def test_a_stopped_run_goes_on_with_the_same_activations(tuned, fights, workshop, tmp_path, monkeypatch):
    """Weights as of the run that was not stopped, bit for bit in one process; no clip is looked at again, no scratch
    file stays."""
    entries = {path: path.stat().st_mtime_ns for path in workshop.cache.folder.rglob("*.npz")}
    assert len(entries) >= 10
    write = Run.write_history

    def write_and_stop(self, history):
        write(self, history)
        if len(history) == 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as changed:
        changed.setattr(Run, "write_history", write_and_stop)
        with pytest.raises(KeyboardInterrupt):
            tune(fights, workshop, tmp_path / "stopped")
    resumed: Any = tune(fights, workshop, tmp_path / "stopped").load_model().frame
    expected: Any = tuned.load_model().frame
    for one, two in zip(expected.get_weights(), resumed.get_weights(), strict=True):
        assert np.array_equal(one, two)
    assert {path: path.stat().st_mtime_ns for path in workshop.cache.folder.rglob("*.npz")} == entries
    assert not [path.name for path in (tmp_path / "stopped").iterdir() if path.name.startswith((".", "tmp"))]


def test_so_many_blocks_are_refused():
    with pytest.raises(ConfigurationError, match="finetune_blocks=5: give 1 to 4, or 0 to train none"):
        end_of(5)


def of_steps(n_features: int) -> Any:
    """A network with two inputs, as is trained for a step at a time."""
    from trainer.recipes.shared.hybrid import top
    from trainer.recipes.shared.recurrent import Recurrence, steps_model

    return steps_model(Recurrence(gru_cell, top), {"dropout": 0.4}, n_features, 2)


def of_windows(n_features: int) -> Any:
    """A network with one input, as is trained for windows."""
    from trainer.recipes.shared.hybrid import top
    from trainer.recipes.shared.recurrent import Recurrence, whole_model

    return whole_model(Recurrence(gru_cell, top, both_ways=True), {"dropout": 0.4}, 3, n_features, 2)


def gru_cell(_: Any) -> Any:
    import keras

    return keras.layers.GRUCell(4)


@pytest.mark.parametrize("build", [of_steps, of_windows])
def test_blocks_before_a_network_say_what_the_whole_backbone_says(build):
    """Two streams, three steps, two clips; the blocks' weights changed as training would."""
    import keras

    spec = small("efficientnetb0-gru").input.model_copy(update={"stream": "rgb+motion"})
    body = Body(POOLED, 1, 3, spec, Weights(RANDOM, RANDOM), 0)
    trained = body.before(build(body.n_features(0)))
    tail, random = trained.get_layer(TAIL), np.random.default_rng(0)
    tail.set_weights([value + random.normal(0, 0.02, value.shape) for value in tail.get_weights()])
    pictures = random.integers(0, 256, (2 * 3 * 2, 64, 64, 3)).astype(np.float32)
    keras.utils.set_random_seed(0)
    frozen: Any = frozen_part(1)
    activations = frozen.build(spec, body.weights)(pictures).numpy().reshape(2, 3, -1)
    backbone: Any = body.backbone_of(trained)
    features = backbone(pictures).numpy().reshape(2, 3, -1)
    expected, said = (
        np.asarray(model({"features": given, "mask": np.ones((2, 3), bool)} if build is of_steps else given))
        for model, given in ((body.network_of(trained), features), (trained, activations))
    )
    assert np.ptp(expected) > 0.01
    assert np.allclose(said, expected, atol=1e-4)


@pytest.mark.parametrize("name", ["efficientnetb0-gru", "efficientnetb0-bilstm"])
def test_the_last_block_learns_with_a_recurrent_network(fights, workshop, tmp_path, name):
    run = tune(fights, workshop, tmp_path / "run", name=name, epochs=1)
    differ, names = learned(run, workshop)
    assert {"block7a_expand_conv", "top_conv"} <= differ
    assert all(names.index(layer) > names.index(BLOCK_ENDS[0]) for layer in differ)
    model = run.load_model()
    part: Any = model.head or model.window
    assert part.inputs[0].shape[-1] == 1280, "the box gives it pooled features"
