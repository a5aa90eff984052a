"""Polygons of a configuration, and pictures behind them."""

import numpy as np
import pytest

from edge.bundle import InputSpec
from edge.config import CameraConfig, parse
from edge.errors import ConfigurationError
from edge.frames.masking import MaskedSource, blacken
from edge.frames.preprocess import resize
from edge.types import RawFrame

RIGHT_HALF = [(0.5, 0.0), (1.0, 0.0), (1.0, 1.0), (0.5, 1.0)]


def white(height_px: int, width_px: int) -> np.ndarray:
    pixels = np.full((height_px, width_px, 3), 255, np.uint8)
    pixels.setflags(write=False)
    return pixels


@pytest.mark.parametrize("size", [(480, 640), (7, 9), (1080, 1920)])
def test_what_a_mask_covers_is_black_to_the_edge(size):
    height_px, width_px = size
    pixels = white(height_px, width_px)
    masked = blacken(pixels, [RIGHT_HALF])
    assert not masked[:, -(width_px // 2) :].any()
    assert (masked[:, : width_px // 2 - 1] == 255).all()
    assert pixels.all(), "the original is not touched"
    assert not masked.flags.writeable


def test_the_model_sees_nothing_of_what_is_masked():
    noise = np.random.default_rng(0).integers(0, 256, (720, 1280, 3), np.uint8)
    other = noise.copy()
    other[:, 660:] = 255 - other[:, 660:]
    spec = InputSpec(height_px=192, width_px=192)
    seen = [resize(blacken(pixels, [RIGHT_HALF]), spec) for pixels in (noise, other)]
    np.testing.assert_array_equal(seen[0], seen[1])


class OneFrame:
    name, live, skipped_frames = "one", True, 3

    def __init__(self) -> None:
        self.closed = False

    def frames(self):
        yield RawFrame.of(white(10, 20), 7, 5)
        yield RawFrame(8, 6, lambda: None)

    def close(self) -> None:
        self.closed = True


def test_a_masked_source_is_the_source_behind_a_mask():
    inner = OneFrame()
    source = MaskedSource(inner, [RIGHT_HALF])
    frame, damaged = source.frames()
    pixels = frame.pixels()
    assert pixels is not None
    assert (frame.sequence, frame.capture_ns, pixels[5, 15].tolist()) == (7, 5, [0, 0, 0])
    assert damaged.pixels() is None
    assert (source.name, source.live, source.skipped_frames) == ("one", True, 3)
    source.close()
    assert inner.closed


def test_overlapping_regions_are_one():
    regions = [RIGHT_HALF, [(0.0, 0.0), (0.6, 0.0), (0.6, 1.0), (0.0, 1.0)]]
    both = blacken(np.full((36, 64, 3), 255, np.uint8), regions) == 0
    assert both.all()


@pytest.mark.parametrize(
    ("points", "message"),
    [
        ([[0.5, 0.5], [1.2, 0.5], [0.5, 0.9]], "point [1.2, 0.5] is outside the picture; coordinates go from 0 to 1"),
        ([[320, 200], [640, 200], [640, 480]], "point [320, 200] is outside the picture; coordinates go from 0 to 1"),
        ([[0, 0], [1, 1], [0.5, 0.5]], "covers nothing; give the corners in order, around the region"),
        ([[0, 0], [1, 1]], "List should have at least 3 items after validation, not 2"),
    ],
)
@pytest.mark.parametrize("key", ["masks", "rest_zones"])
def test_a_region_that_is_none_is_named(key, points, message):
    with pytest.raises(ConfigurationError) as caught:
        parse({"cameras": {"hall": {"source": "0", key: [points]}}}, "file")
    assert str(caught.value) == f"file: cameras.hall.{key}.0: {message}"


def test_the_whole_picture_may_be_masked():
    whole = CameraConfig(source="0", masks=[[(0, 0), (1, 0), (1, 1), (0, 1)]])
    assert not blacken(white(48, 64), whole.masks).any()


def test_masks_are_read_as_they_are_written():
    config = parse({"cameras": {"hall": {"source": "0", "masks": [RIGHT_HALF]}}}, "file")
    assert config.cameras["hall"].masks == [RIGHT_HALF]
