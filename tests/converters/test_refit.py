import numpy as np
import pytest

from converters import refit as module
from converters.refit import VALID, refit

SAME = 0


def pictures(n, shape, seed=0):
    chance = np.random.default_rng(seed)
    return [chance.normal(size=(1, *shape)).astype(np.float32) for _ in range(n)]


def convolved(values, weights, strides, padding, *, depthwise):
    """Independent: TensorFlow's convolution."""
    import tensorflow as tf

    kernel = np.transpose(weights, (1, 2, 3, 0))
    name = "VALID" if padding == VALID else "SAME"
    if depthwise:
        return tf.nn.depthwise_conv2d(values, kernel, (1, *strides, 1), name).numpy()
    return tf.nn.conv2d(values, kernel, strides, name).numpy()


@pytest.mark.parametrize(
    ("shape", "strides", "padding", "depthwise"),
    [
        ((6, 1, 1, 5), (1, 1), SAME, False),
        ((4, 3, 3, 3), (2, 2), SAME, False),
        ((4, 3, 3, 3), (2, 2), VALID, False),
        ((1, 3, 3, 5), (1, 1), SAME, True),
        ((1, 5, 5, 5), (2, 2), VALID, True),
    ],
)
def test_the_weights_that_made_the_outputs_are_found(monkeypatch, shape, strides, padding, depthwise):
    monkeypatch.setattr(module, "STRENGTH", 0.0)
    monkeypatch.setattr(module, "STRENGTH_PER_SHARE", 0.0)
    true = np.random.default_rng(1).normal(size=shape).astype(np.float32)
    inputs = pictures(6, (11, 12, shape[-1]))
    outputs = [convolved(values, true, strides, padding, depthwise=depthwise) + 7 for values in inputs]
    wrong = np.zeros_like(true)
    found = refit(wrong, inputs, outputs, strides=strides, padding=padding, depthwise=depthwise)
    np.testing.assert_allclose(found, true, atol=1e-4)


def test_few_rows_hardly_move_the_trained_weights():
    trained = np.random.default_rng(2).normal(size=(4, 1, 1, 60)).astype(np.float32)
    few = pictures(1, (3, 3, 60))
    many = pictures(30, (20, 20, 60))

    def moved(inputs):
        outputs = [np.zeros((*values.shape[:3], 4), np.float32) for values in inputs]
        found = refit(trained, inputs, outputs, strides=(1, 1), padding=SAME, depthwise=False)
        return np.abs(found - trained).mean() / np.abs(trained).mean()

    assert moved(few) < 0.05
    assert moved(many) > 0.5
