"""The systems of papers 000 to 002 from clips to figures, at reduced settings: tiny pictures, few units, two epochs.

Those of 003 and 004 are in a file of their own, so that two workers share the time."""

from typing import Any

import numpy as np
import pytest

from edge.errors import ConfigurationError
from trainer.clips.datasets import read_dataset
from trainer.clips.splits import split_validation
from trainer.features.backbone import RANDOM, Weights
from trainer.fitting.recipe import Workshop
from trainer.fitting.run import Run
from trainer.studies.training import Wishes, train
from trainer.studies.verdict import judge

pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation doesn't accept a copy:DeprecationWarning",
    "ignore:In the future `np.object`:FutureWarning",
)

KIND_AT_A_RATE = {
    "efficientnetb0-gru": "recurrent",
    "efficientnetb0-lstm": "recurrent",
    "efficientnetb0-bilstm": "window",
    "convlstm": "window",
    "lrcn": "window",
    "vgg16-lstm": "recurrent",
}
"""What the box runs of each system that is trained with `sampling=rate`."""
SAME_PARTS = {"efficientnetb0-gru"}
"""Backbone and way onto the box are another one's, and `test_cli` converts it: the slow conversion would prove nothing
new."""


@pytest.mark.parametrize("name", KIND_AT_A_RATE)
def test_a_system_learns_from_whole_clips_as_its_paper_has_it(learns_from_whole_clips, name):
    learns_from_whole_clips(name, **({"features": "maps"} if name.startswith("efficientnetb0") else {}))


@pytest.mark.parametrize("name", sorted(set(KIND_AT_A_RATE) - SAME_PARTS))
def test_a_system_of_a_fixed_rate_runs_on_the_box(runs_on_the_box, name):
    runs_on_the_box(name, KIND_AT_A_RATE[name])


def test_what_the_box_says_of_a_window_is_what_was_trained(trained):
    """The last score of a clip against Keras on the clip's last samples, the oldest repeated where some are missing."""
    from trainer.clips.decoding import samples

    run, workshop, held_out = trained("lrcn", "rate", n_steps="8")
    model: Any = run.load_model().window
    result = judge(run, held_out, "float32", workshop).results[0]
    rows = [sample.streams.reshape(-1) for sample in samples(held_out[0].path, run.settings.input)][-8:]
    steps = np.stack([*[rows[0]] * (8 - len(rows)), *rows]).astype(np.float32)[np.newaxis]
    assert len(rows) < 8
    expected = model(steps, training=False)["probabilities"].numpy()[0]
    assert np.allclose(result.scores[-1], expected, atol=1e-4)


@pytest.mark.parametrize("sampling", ["paper", "rate"])
def test_sequences_may_have_another_length_than_the_papers(trained, sampling):
    """The study of paper 001: how many frames a clip needs."""
    run, workshop, held_out = trained("lrcn", sampling, n_steps="6")
    model = run.load_model()
    assert model.window.input_shape == (None, 6, 32 * 32 * 3)
    assert model.window_s == 6 / run.settings.input.rate_hz
    if sampling == "paper":
        assert len(judge(run, held_out, "float32", workshop).results) == 2


REFUSED = [
    ("lrcn", {"hyperparameters": {"n_steps": "0"}}, "--set n_steps=0: give 1 or more"),
    ("lrcn", {"hyperparameters": {"sampling": "luck"}}, "--set sampling=luck: choose paper or rate"),
    ("lrcn", {"stream": "motion"}, "--stream motion: the paper's frames lie too far apart"),
    ("efficientnetb0-gru", {"hyperparameters": {"features": "x"}}, "--set features=x: choose one of pooled, maps"),
]


def test_wishes_that_no_system_has_are_refused(fights, reduced, paper_cache, tmp_path):
    split = split_validation(read_dataset(fights), 0)
    workshop = Workshop(paper_cache, Weights(RANDOM, RANDOM), 1)
    for number, (name, wishes, said) in enumerate(REFUSED):
        with pytest.raises(ConfigurationError, match=said):
            train(reduced(name), Wishes(epochs=1, **wishes), split, tmp_path / str(number), workshop)


def test_a_resumed_run_is_the_same(trained, reduced, fights, tmp_path, monkeypatch):
    """ConvLSTM keeps random numbers inside its cells and wrapped layers; stopped and resumed it must pass through the
    same ones. Bit for bit, in one process."""
    run, workshop, _ = trained("convlstm", "paper")
    expected = run.history()
    split = split_validation(read_dataset(fights), 0)
    wishes = Wishes(epochs=2, hyperparameters={"sampling": "paper", "n_hidden": "4", "batch_size": "4", "n_steps": "5"})
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
