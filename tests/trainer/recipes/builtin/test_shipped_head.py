"""The shipped person head, read back from its file."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from converters.export import export_head
from converters.runtime import Runner
from edge.bundle import BUILTIN, Bundle
from edge.errors import ModelError
from edge.people.decoding import MOST_PEOPLE
from edge.people.features import N_TRACK_FEATURES
from trainer.clips.datasets import read_dataset
from trainer.features.cache import content_sha256
from trainer.features.poses import FALLING
from trainer.recipes.builtin.person import PersonSettings, begun, fit_person, step_of_members, steps_model
from trainer.recipes.builtin.person_examples import Example, examples
from trainer.recipes.builtin.shipped_head import read_members, start_for
from trainer.recipes.edgewatch import FURTHER_RATE
from trainer.synth.bodies import virtual_sequences

ONSET = 0.4
CHANCE = np.random.default_rng(4)
MEAN = CHANCE.normal(0, 1, N_TRACK_FEATURES).astype(np.float32)
DEVIATION = CHANCE.uniform(0.05, 2, N_TRACK_FEATURES).astype(np.float32)


def said(runner: Runner, features: np.ndarray, n_state: int) -> np.ndarray:
    """Probabilities (n_looks, 6, 3) of a file over looks (n_looks, 6, n_features)."""
    state, found = np.zeros((MOST_PEOPLE, n_state), np.float32), []
    for look in features:
        answer = runner.run(features=look, state=state)
        state = answer["next_state"]
        found.append(answer["probabilities"])
    return np.stack(found)


def refit(content: bytes) -> keras.Model:
    """The head that fitting begins with, standardized by other figures than those that it was fitted with."""
    members = [begun(PersonSettings(), MEAN, DEVIATION, k, one) for k, one in enumerate(read_members(content))]
    return step_of_members(members)


def test_fitting_begins_with_what_the_shipped_head_says() -> None:
    bundle = Bundle.load(BUILTIN)
    head = bundle.spec.heads.person
    assert head is not None
    content = bundle.files[head.file]
    features = CHANCE.normal(0, 1, (30, MOST_PEOPLE, N_TRACK_FEATURES)).astype(np.float32)
    expected = said(Runner(content), features, head.n_state)
    assert np.ptp(expected) > 0.5
    found = said(Runner(export_head(refit(content), MOST_PEOPLE)), features, head.n_state)
    np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.parametrize("units", [(5,), (4, 7, 6)])
def test_heads_of_any_number_and_size_are_read(units) -> None:
    keras.utils.set_random_seed(1)
    sizes = [replace(PersonSettings(), units=n, inputs=n + 2) for n in units]
    members = [steps_model(one, MEAN, DEVIATION, k) for k, one in enumerate(sizes)]
    for member in members:
        for layer in member.layers:
            layer.set_weights([CHANCE.normal(0, 0.5, weight.shape) for weight in layer.get_weights()])
    content = export_head(step_of_members(members), MOST_PEOPLE)
    assert [member.units for member in read_members(content)] == list(units)
    features = CHANCE.normal(0, 1, (20, MOST_PEOPLE, N_TRACK_FEATURES)).astype(np.float32)
    again = export_head(refit(content), MOST_PEOPLE)
    np.testing.assert_allclose(
        said(Runner(again), features, sum(units)), said(Runner(content), features, sum(units)), atol=1e-4
    )


def peak(content: bytes, example: Example) -> float:
    """The highest probability of falling."""
    n_state = sum(member.units for member in read_members(content))
    rows = np.repeat(example.features[:, np.newaxis], MOST_PEOPLE, axis=1)
    return float(said(Runner(content), rows, n_state)[:, 0, FALLING].max())


def test_what_goes_on_from_it_still_finds_what_it_found() -> None:
    bundle = Bundle.load(BUILTIN)
    content = bundle.files["person.tflite"]
    bodies = virtual_sequences(31, 10)
    found = [one for body in bodies for one in examples(body) if one.falls and peak(content, one) >= ONSET]
    assert len(found) >= 2
    few = replace(PersonSettings(), epochs=1, times=1, learning_rate=FURTHER_RATE)
    further = export_head(fit_person(bodies[:5], 0, few, start=read_members(content)), MOST_PEOPLE)
    assert [peak(further, one) >= ONSET for one in found] == [True] * len(found)


def test_who_knows_a_clip_is_not_gone_on_from(tmp_path: Path, write_clip: Callable[..., Path]) -> None:
    for number in range(2):
        write_clip(tmp_path / f"mine/fall/{number}.avi", lively=True, seed=number)
    clips, bundle = read_dataset(tmp_path / "mine"), Bundle.load(BUILTIN)
    head = bundle.spec.heads.person
    assert head is not None
    assert sum(member.units for member in start_for(clips, bundle)) == head.n_state
    assert start_for([replace(clips[0], dataset="gmdcsa24"), clips[1]], bundle) == []
    learned = {**bundle.spec.provenance, "clips": [content_sha256(clips[1].path)[:16]]}
    knowing = Bundle(bundle.spec.model_copy(update={"provenance": learned}), bundle.files, bundle.digest)
    assert start_for(clips, knowing) == []


def test_another_network_is_refused() -> None:
    bundle = Bundle.load(BUILTIN)
    scene = bundle.spec.heads.scene
    assert scene.file is not None
    with pytest.raises(ModelError, match="person head: "):
        read_members(bundle.files[scene.file])
