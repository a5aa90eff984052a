"""The systems of papers 003 and 004 from clips to figures, as in `test_paper_runs`."""

import dataclasses
from typing import Any

import pytest

from edge.errors import ConfigurationError
from trainer.clips.datasets import read_dataset
from trainer.clips.splits import split_validation
from trainer.features.backbone import RANDOM, Weights
from trainer.fitting.recipe import Workshop
from trainer.judging.evaluation import evaluate
from trainer.studies.training import Wishes, train
from trainer.studies.verdict import judge

pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation doesn't accept a copy:DeprecationWarning",
    "ignore:In the future `np.object`:FutureWarning",
)

NAMES = ("inceptionv3-lstm-binary", "inceptionv3-lstm", "inceptionv3-simplernn-tanh", "inceptionv3-simplernn-relu")
SAME_PARTS = {"inceptionv3-lstm", "inceptionv3-simplernn-tanh"}
"""Backbone, cell and way onto the box are another one's, so that the slow conversion would prove nothing new."""


@pytest.mark.parametrize("name", NAMES)
def test_a_system_learns_from_whole_clips_as_its_paper_has_it(learns_from_whole_clips, name):
    learns_from_whole_clips(name)


@pytest.mark.parametrize("name", sorted(set(NAMES) - SAME_PARTS))
def test_a_system_of_a_fixed_rate_runs_on_the_box(runs_on_the_box, name):
    runs_on_the_box(name, "recurrent")


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


def test_the_binary_system_refuses_three_labels(reduced, paper_cache, tmp_path, write_clip):
    for number, label in enumerate(("fall", "fight", "normal") * 2):
        write_clip(tmp_path / "set" / label / f"{number}.avi", seed=number)
    split = split_validation(read_dataset(tmp_path / "set"), 0)
    workshop = Workshop(paper_cache, Weights(RANDOM, RANDOM), 1)
    with pytest.raises(ConfigurationError, match=r"holds 3 labels .*tells 2 apart"):
        train(reduced("inceptionv3-lstm-binary"), Wishes(epochs=1), split, tmp_path / "run", workshop)
