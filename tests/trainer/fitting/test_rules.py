"""Rules of training, by hand."""

from collections.abc import Mapping

import pytest

from edge.errors import ConfigurationError
from trainer.fitting.recipe import ACCURACY, COSINE, LAST, LOSS, Hyperparameter
from trainer.fitting.rules import Rules, learns_from_validation, n_plateaus
from trainer.recipes.catalogue import RECIPES

EPOCHS = [{ACCURACY: accuracy, LOSS: loss} for accuracy, loss in ((0.5, 0.9), (0.8, 0.6), (0.8, 0.4), (0.7, 0.5))]


def test_plateaus_are_counted():
    """By hand: nothing better than 3 at the third and fourth, then (counted anew) at the sixth and seventh epoch."""
    assert n_plateaus([1, 3, 2, 2, 4, 1, 1, 1], 2) == 2
    assert n_plateaus([1, 1, 1, 1, 1], 2) == 2
    assert n_plateaus([1, 2, 3], 1) == 0
    assert n_plateaus([], 1) == 0


def test_the_first_of_the_best_epochs_is_kept_or_the_last() -> None:
    assert Rules(None).kept(EPOCHS) == 2
    assert Rules(None, LOSS).kept(EPOCHS) == 3
    assert Rules(None, keep=LAST).kept(EPOCHS) == 4


def test_patience_ends_what_chooses_alone() -> None:
    assert Rules(2).end(EPOCHS)
    assert not Rules(3).end(EPOCHS)
    assert not Rules(2, keep=LAST).end(EPOCHS)
    assert not Rules(None).end(EPOCHS)


def test_rates() -> None:
    """Cosine of four epochs: 1, (1 + 1/sqrt 2) / 2, 1/2, (1 - 1/sqrt 2) / 2 of the first."""
    cosine = Rules(None, schedule=COSINE, learning_rate=0.2)
    rates = [cosine.rate_of(EPOCHS[:number], 4) for number in range(4)]
    assert rates == pytest.approx([0.2, 0.2 * 0.8535534, 0.1, 0.2 * 0.1464466])
    assert Rules(None, plateau=1, plateau_factor=0.5, learning_rate=0.2).rate_of(EPOCHS, 9) == pytest.approx(0.05)
    assert Rules(None, learning_rate=0.2).rate_of(EPOCHS, 9) is None


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"schedule": "steps"}, "--set schedule=steps: choose constant or cosine"),
        ({"keep": "first"}, "--set keep=first: choose best or last"),
        ({"schedule": COSINE, "plateau": 3}, "--set plateau=3 schedule=cosine: choose one of them"),
        ({"keep": LAST, "plateau": 3}, "--set plateau=3 keep=last: choose one of them"),
    ],
)
def test_what_has_no_meaning_is_refused(wanted: Mapping[str, Hyperparameter], message: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        Rules.of(ACCURACY, wanted)
    assert str(raised.value) == message


def test_who_learns_from_validation_clips() -> None:
    assert learns_from_validation(RECIPES["edgewatch"], {})
    assert learns_from_validation(RECIPES["lrcn"], {"keep": LAST})
    assert not learns_from_validation(RECIPES["lrcn"], {"keep": "best"})
