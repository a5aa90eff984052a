import numpy as np
import pytest

from edge.frames.letterbox import fit, letterbox

PX = 256
SIZES = [(480, 640), (360, 640), (1280, 720), (120, 160), (2160, 3840), (256, 256), (255, 257), (10, 1000), (1, 1)]


def blank(height_px: int, width_px: int) -> np.ndarray:
    return np.zeros((height_px, width_px, 3), np.uint8)


@pytest.mark.parametrize(("height_px", "width_px"), SIZES)
def test_the_whole_picture_in_the_middle_of_black(height_px, width_px):
    source = blank(height_px, width_px)
    source[:] = (10, 200, 30)
    place = fit(source, PX, PX)
    picture = letterbox(source, place)
    assert picture.shape == (PX, PX, 3)
    assert picture.dtype == np.uint8
    filled = (picture == (10, 200, 30)).all(2)
    rows, columns = np.flatnonzero(filled.any(1)), np.flatnonzero(filled.any(0))
    assert filled.sum() == len(rows) * len(columns)
    assert (picture[~filled] == 0).all()
    assert max(len(rows), len(columns)) == PX
    assert len(rows) == pytest.approx(len(columns) * height_px / width_px, abs=1)
    assert abs(rows[0] + rows[-1] - (PX - 1)) <= 1
    assert abs(columns[0] + columns[-1] - (PX - 1)) <= 1


@pytest.mark.parametrize(("height_px", "width_px"), [(480, 640), (1280, 720)])
def test_where_something_is_found_is_where_it_was(height_px, width_px):
    source = blank(height_px, width_px)
    source[200:220, 400:420] = 255
    place = fit(source, PX, PX)
    found = np.argwhere(letterbox(source, place)[..., 0] > 127).mean(0) + 0.5
    undone = place.undone((found / PX).astype(np.float32))
    assert undone == pytest.approx([210 / height_px, 410 / width_px], abs=0.005)


def test_a_wide_network_needs_no_black():
    place = fit(blank(360, 640), 160, 256)
    assert (place.inner_height_px, place.inner_width_px, place.top_px, place.left_px) == (144, 256, 8, 0)


def test_whole_arrays_of_places():
    place = fit(blank(360, 640), PX, PX)
    corners = np.array([[[56 / 256, 0], [200 / 256, 1]]], np.float32)
    assert place.undone(corners) == pytest.approx(np.array([[[0, 0], [1, 1]]]))
