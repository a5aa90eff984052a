"""Losses and weights against the formulas, written out in numpy."""

from typing import Any

import keras
import numpy as np
import pytest

from edge.errors import ConfigurationError
from trainer.fitting.objective import FocalCrossentropy, Objective, balanced_weights
from trainer.fitting.sequences import FrameBatches, LabelledSequence, SequenceBatches

TRUTH = np.asarray([0, 2])
SHARES = np.asarray([[0.7, 0.2, 0.1], [0.5, 0.3, 0.2]], np.float32)
LABELS = ("normal", "fall", "violence")


def focal(truth: Any, shares: Any, gamma: float = 0.0, smoothing: float = 0.0) -> float:
    loss: Any = FocalCrossentropy(gamma, smoothing)
    return float(loss(truth, shares))


def test_the_focal_loss_is_lins():
    """- (1 - p)^2 log p of the true label, the mean over the two."""
    expected = -np.mean([(1 - p) ** 2 * np.log(p) for p in (0.7, 0.2)])
    assert focal(TRUTH, SHARES, gamma=2.0) == pytest.approx(expected, rel=1e-5)


def test_smoothed_labels_share_out_a_tenth():
    smoothed = 0.9 * np.eye(3)[TRUTH] + 0.1 / 3
    expected = -(smoothed * np.log(SHARES)).sum(axis=1).mean()
    assert focal(TRUTH, SHARES, smoothing=0.1) == pytest.approx(expected, rel=1e-5)


def test_without_either_it_is_the_sparse_cross_entropy():
    assert Objective().loss == "sparse_categorical_crossentropy"
    steps = np.stack([SHARES, SHARES[::-1]])
    truth = np.asarray([[0, 1], [2, 2]])
    kerass: Any = keras.losses.SparseCategoricalCrossentropy()
    assert focal(truth, steps) == pytest.approx(float(kerass(truth, steps)), rel=1e-5)
    assert focal(TRUTH[:, np.newaxis], SHARES) == pytest.approx(focal(TRUTH, SHARES))


def test_a_checkpoint_keeps_the_loss():
    loss = keras.losses.deserialize(keras.losses.serialize(FocalCrossentropy(1.5, 0.2)))
    assert (loss.gamma, loss.smoothing) == (1.5, 0.2)


def test_balanced_weights_make_labels_count_alike():
    batches = FrameBatches(np.zeros((8, 1), np.float32), np.asarray([0] * 6 + [2] * 2), 3, seed=1)
    weights = balanced_weights(batches, 3)
    assert weights.tolist() == pytest.approx([8 / 12, 1, 8 / 4])
    weighted = Objective("balanced").weighted(batches, LABELS)
    sums = np.zeros(3)
    for index in range(weighted.num_batches):
        _, labels, of_labels = weighted[index]
        np.add.at(sums, labels, of_labels)
    assert sums.tolist() == pytest.approx([4, 0, 4])


def test_given_weights_multiply_those_of_padding():
    short = LabelledSequence(np.ones((2, 1), np.float32), np.asarray([0, 1]))
    batches = SequenceBatches([short], length=3, batch_size=1, seed=None)
    inputs, labels, weights = Objective("fall:3").weighted(batches, LABELS)[0]
    assert labels.tolist() == [[0, 1, 0]]
    assert weights.tolist() == [[1, 3, 0]]
    assert inputs["mask"].tolist() == [[True, True, False]]
    assert balanced_weights(batches, 2).tolist() == [1, 1]


def test_weighted_batches_keep_the_order_of_their_epoch():
    batches = FrameBatches(np.arange(6, dtype=np.float32)[:, np.newaxis], np.asarray([0, 1] * 3), 6, seed=1)
    weighted = Objective("balanced").weighted(batches, LABELS)
    weighted.begin_epoch(4)
    batches.begin_epoch(0)
    plain = FrameBatches(np.arange(6, dtype=np.float32)[:, np.newaxis], np.asarray([0, 1] * 3), 6, seed=1)
    plain.begin_epoch(4)
    weighted.begin_epoch(3)
    weighted.on_epoch_end()
    assert weighted[0][0].tolist() == plain[0][0].tolist()


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({"focal_gamma": -1.0}, "focal_gamma=-1: give 0 or more"),
        ({"label_smoothing": 1.0}, "label_smoothing=1: give 0 or more, under 1"),
        ({"class_weights": "fall"}, "is not balanced or LABEL:WEIGHT"),
        ({"class_weights": "fall:0"}, "of weights over 0"),
    ],
)
def test_values_without_meaning_are_refused(wanted, said):
    with pytest.raises(ConfigurationError, match=said):
        Objective.of(wanted)


def test_a_weight_of_no_label_is_refused():
    with pytest.raises(ConfigurationError, match="no label dance; the labels are normal, fall, violence"):
        Objective.of({"class_weights": "dance:2"}).refuse_unknown(LABELS)
