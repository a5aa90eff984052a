"""Several devices learn what one learns: two halves of the processor, in a process of their own."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from edge.errors import ConfigurationError
from trainer.clips.datasets import read_dataset
from trainer.clips.splits import split_validation
from trainer.commands.parser import make_parser
from trainer.features.backbone import RANDOM, Weights
from trainer.recipes.catalogue import RECIPES
from trainer.studies.training import Wishes, make_settings

SCRIPT = Path(__file__).with_name("on_two_devices.py")


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the script found."""
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, str(SCRIPT), str(tmp_path_factory.mktemp("devices"))]
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_two_devices_learn_what_one_learns(found):
    """Batch normalisation included, which would see half a batch if each device were alone with its share. Sums are of
    another order, so weights of about 1 differ by some roundings of float32."""
    assert found["weights_apart"] < 1e-5
    one, two = found["histories"]
    assert len(one) == 3
    for epoch, same in zip(one, two, strict=True):
        assert same == pytest.approx(epoch, abs=1e-5)


def test_a_stopped_run_goes_on_as_if_it_had_not_been(found):
    """Bit for bit, in one process."""
    assert found["resumed_apart"] == 0


def test_mixed_precision_goes_with_it(found):
    assert 0 < found["weights_apart_in_float16"] < 0.01


@pytest.mark.parametrize(
    ("recipe", "devices", "changes", "said"),
    [
        ("lrcn", "2", {}, "--devices 2: TensorFlow finds CPU:0 here; give at most 1, or leave it out"),
        ("edgewatch", "all", {}, "--devices all: edgewatch is fitted at once, without batches"),
    ],
)
def test_what_devices_cannot_do_is_refused(fights, recipe, devices, changes, said):
    with pytest.raises(ConfigurationError, match=said):
        settings_with(fights, recipe, devices, changes)


def test_devices_that_cannot_share_a_batch_are_refused(fights, monkeypatch):
    monkeypatch.setattr("trainer.fitting.devices.found_devices", lambda: ["GPU:0", "GPU:1", "GPU:2"])
    with pytest.raises(ConfigurationError, match=r"3 devices cannot share batches of 16 evenly; .* batch_size=15"):
        settings_with(fights, "lrcn", "all", {})
    assert settings_with(fights, "lrcn", "all", {"batch_size": "15"}).devices == 3


def test_a_number_or_all():
    train = ["train", "--out", "run", "--devices"]
    assert [make_parser().parse_args([*train, text]).devices for text in ("all", "2")] == ["all", "2"]
    with pytest.raises(ConfigurationError, match="argument --devices: 0 is not 1 or more"):
        make_parser().parse_args([*train, "0"])


def test_all_devices_of_a_usual_machine_are_one(fights):
    assert settings_with(fights, "lrcn", "all", {}) == settings_with(fights, "lrcn", None, {})


def settings_with(fights: Path, recipe: str, devices: str | None, changes: dict[str, str]) -> Any:
    split = split_validation(read_dataset(fights), 0)
    wishes = Wishes(hyperparameters=changes, devices=devices)
    return make_settings(RECIPES[recipe], wishes, split, Weights(RANDOM, RANDOM))
