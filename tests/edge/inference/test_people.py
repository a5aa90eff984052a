"""The person head of the built-in bundle, where it is not what it should be."""

import shutil

import numpy as np
import pytest

from edge.bundle import BUILTIN, MANIFEST, Bundle
from edge.errors import ModelError
from edge.inference.model import open_model
from edge.people.decoding import MOST_PEOPLE
from edge.people.features import N_TRACK_FEATURES


@pytest.fixture
def changed(tmp_path):
    """`changed(old, new)`: the built-in bundle, whose `bundle.json` says something else."""

    def change(old: str, new: str) -> Bundle:
        bundle = tmp_path / "bundle"
        shutil.copytree(BUILTIN, bundle)
        said = (bundle / MANIFEST).read_text()
        assert said.count(old) == 1
        (bundle / MANIFEST).write_text(said.replace(old, new))
        return Bundle.load(bundle)

    return change


@pytest.mark.parametrize(
    ("new", "message"),
    [
        ('"n_state": {more}', r"^person\.tflite: state: shape is .*heads\.person\.n_state of bundle\.json says"),
        ('"n_state": 0', "n_state"),
    ],
)
def test_a_state_that_does_not_fit_is_refused_in_one_line(changed, new, message):
    head = Bundle.load(BUILTIN).spec.heads.person
    assert head is not None
    with pytest.raises(ModelError, match=message) as caught:
        open_model(changed(f'"n_state": {head.n_state},', new.format(more=head.n_state + 1) + ","))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("broken", ["features", "memory"])
def test_scores_that_are_no_numbers_are_refused(broken):
    people = open_model(Bundle.load(BUILTIN)).people
    assert people is not None
    given = {
        "features": np.zeros((MOST_PEOPLE, N_TRACK_FEATURES), np.float32),
        "memory": np.zeros((MOST_PEOPLE, people.n_state), np.float32),
    }
    assert np.isfinite(people.step(**given)[0]).all()
    given[broken][0] = np.nan
    with pytest.raises(ModelError, match="the person head gives scores that are no numbers"):
        people.step(**given)
