"""Shrinking must change nothing of what the model sees; a glance sees what matters."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.bundle import InputSpec
from edge.frames.glance import GLANCE_PX, glance
from edge.frames.preprocess import resize, shrink


@settings(max_examples=40)
@given(
    st.integers(33, 1100),
    st.integers(33, 1900),
    st.sampled_from([(192, 192), (224, 224), (64, 96)]),
    st.integers(0, 9),
)
def test_shrinking_first_gives_bit_for_bit_the_same_picture(height_px, width_px, size, seed):
    pixels = np.random.default_rng(seed).integers(0, 256, (height_px, width_px, 3), np.uint8)
    spec = InputSpec(height_px=size[0], width_px=size[1])
    small = shrink(pixels, spec)
    assert small.size <= pixels.size
    np.testing.assert_array_equal(resize(small, spec), resize(pixels, spec))


def test_a_large_picture_takes_a_sixth_of_the_memory():
    pixels = np.zeros((720, 1280, 3), np.uint8)
    assert 6 * shrink(pixels, InputSpec(height_px=192, width_px=192)).nbytes < pixels.nbytes + 1e5


def test_a_glance_is_grey_small_and_knows_sharpness():
    checks = np.kron(np.indices((24, 32)).sum(axis=0) % 2, np.ones((10, 10))).astype(np.uint8) * 200
    sharp = np.repeat(checks[:, :, np.newaxis], 3, axis=2)
    flat = np.full((240, 320, 3), (255, 0, 0), np.uint8)
    assert glance(sharp, 9).grey.shape == GLANCE_PX
    assert glance(sharp, 9).capture_ns == 9
    assert glance(sharp, 9).sharpness > 10
    assert glance(flat, 9).sharpness == 0
    assert set(glance(flat, 9).grey.ravel().tolist()) == {76}  # 0.299 * 255
