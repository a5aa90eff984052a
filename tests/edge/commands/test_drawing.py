"""`edge mask`: what one sees of masks and rest zones."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.commands.drawing import MIN_WIDTH_PX, draw_camera, drawn
from edge.config import CameraConfig
from edge.errors import ConfigurationError, SourceError

LEFT = [(0.0, 0.0), (0.4, 0.0), (0.4, 1.0), (0.0, 1.0)]
RIGHT = [(0.6, 0.0), (1.0, 0.0), (1.0, 1.0), (0.6, 1.0)]


def grey(height_px: int, width_px: int, level: int = 90) -> np.ndarray:
    return np.full((height_px, width_px, 3), level, np.uint8)


def between_grid_lines(picture: np.ndarray, x: float, y: float) -> np.ndarray:
    """Mean colour of what lies around a relative point."""
    height_px, width_px, _ = picture.shape
    row, column = round(y * height_px), round(x * width_px)
    return picture[row - 4 : row + 4, column - 4 : column + 4].reshape(-1, 3).mean(axis=0)


@pytest.mark.parametrize("size", [(600, 1000), (90, 160)])
def test_masks_are_black_and_rest_zones_tinted_whatever_the_size(size):
    picture = drawn(grey(*size), [LEFT], [RIGHT])
    assert picture.shape[1] == max(size[1], MIN_WIDTH_PX)
    assert picture.shape[0] * size[1] == picture.shape[1] * size[0]
    assert between_grid_lines(picture, 0.35, 0.85) == pytest.approx([0, 0, 0], abs=1)
    assert between_grid_lines(picture, 0.5, 0.85)[0] > 90, "the line at 0.5"
    assert between_grid_lines(picture, 0.55, 0.85) == pytest.approx([90, 90, 90], abs=1)
    red, green, blue = between_grid_lines(picture, 0.65, 0.85)
    assert red < green < blue


def test_the_grid_has_a_line_at_every_tenth():
    picture = drawn(grey(1001, 1001, 0), [], [])
    assert (picture[895, [100, 200, 300, 400, 500, 600, 700, 800, 900]] > 100).all()
    assert (picture[[100, 500, 900], 850] > 100).all()
    assert not picture[895, [350, 450, 550, 650, 750]].any()


def test_what_lies_over_the_border_is_drawn_as_far_as_it_can_be():
    assert drawn(grey(1001, 1001), [LEFT], [])[850, 200].all(), "the grid goes on over masks"
    corner = [(0.0, 0.0), (0.05, 0.0), (0.0, 0.05)]
    assert drawn(grey(60, 80), [corner], [corner]).shape == (600, 800, 3)


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_a_camera_s_picture_is_written(make_clip, tmp_path: Path, suffix):
    settings = CameraConfig(source=str(make_clip("clip.avi", ("green", 1.0))), masks=[LEFT], rest_zones=[RIGHT])
    out = tmp_path / f"hall{suffix}"
    assert draw_camera("hall", settings, out) == f"{out}: hall, 96x64, 1 masks, 1 rest zones"
    written = cv2.imread(str(out))
    assert written is not None
    picture = written[:, :, ::-1]  # RGB
    assert between_grid_lines(picture, 0.35, 0.85) == pytest.approx([0, 0, 0], abs=8)
    assert np.argmax(between_grid_lines(picture, 0.55, 0.85)) == 1, "green"


def test_what_cannot_be_drawn_or_written_is_said(make_clip, tmp_path: Path):
    settings = CameraConfig(source=str(make_clip("clip.avi", ("green", 1.0))))
    with pytest.raises(ConfigurationError, match=r"hall\.gif: cannot be written; give a name that ends with \.png"):
        draw_camera("hall", settings, tmp_path / "hall.gif")
    with pytest.raises(ConfigurationError, match=r"no/hall\.png: cannot be written \(No such file"):
        draw_camera("hall", settings, tmp_path / "no" / "hall.png")
    with pytest.raises(SourceError, match="gone"):
        draw_camera("hall", CameraConfig(source=str(tmp_path / "gone.mp4")), tmp_path / "hall.png")
