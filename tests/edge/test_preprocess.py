import numpy as np
import pytest

from edge.bundle import InputSpec
from edge.preprocess import motion, n_earlier, resize, streams, trail
from edge.types import Frame

MS = 1_000_000
SPEC = InputSpec(height_px=32, width_px=48, motion_interval_s=0.1, motion_gain=3.0)


def plain(level: int | tuple[int, int, int], ms: int = 0, height: int = 32, width: int = 48) -> Frame:
    pixels = np.empty((height, width, 3), np.uint8)
    pixels[:] = level
    return Frame(pixels, 0, ms * MS)


class TestResize:
    @pytest.mark.parametrize(
        ("height", "width"), [(1, 1), (7, 5), (32, 48), (33, 49), (64, 96), (65, 97), (240, 1000), (1080, 1920)]
    )
    def test_any_size_becomes_the_spec_s(self, height, width):
        small = resize(plain((10, 200, 30), height=height, width=width).pixels, SPEC)
        assert small.shape == (32, 48, 3)
        assert small.dtype == np.uint8
        assert (small == (10, 200, 30)).all()

    def test_exact_quarters_are_means_of_sixteen(self):
        pixels = np.random.default_rng(1).integers(0, 256, (128, 192, 3), np.uint8)
        means = pixels.reshape(32, 4, 48, 4, 3).astype(float).mean(axis=(1, 3))
        assert np.abs(resize(pixels, SPEC) - means).max() <= 1.0  # rounded twice

    @pytest.mark.parametrize(("height", "width"), [(40, 130), (64, 96), (70, 100), (90, 180)])
    def test_no_pixel_of_a_source_is_left_out(self, height, width):
        """A line of light is seen wherever it is: it adds to the mean of the picture about as much as it should."""
        for column in range(10, width - 10, 7):
            pixels = np.zeros((height, width, 3), np.uint8)
            pixels[height // 2 - 2 : height // 2 + 2, column] = 255
            small = resize(pixels, SPEC)
            assert 0.1 < small.mean() / pixels.mean() < 2.5

    def test_is_close_to_the_mean_of_the_area_on_smooth_pictures(self):
        rows, columns = np.mgrid[0:480, 0:640]
        waves = 127 + 60 * np.sin(rows / 40) + 60 * np.cos(columns / 60)
        small = resize(np.repeat(waves[..., np.newaxis], 3, axis=2).astype(np.uint8), SPEC)
        y, x = (np.arange(32) + 0.5) * 480 / 32 - 0.5, (np.arange(48) + 0.5) * 640 / 48 - 0.5
        expected = 127 + 60 * np.sin(y / 40)[:, np.newaxis] + 60 * np.cos(x / 60)[np.newaxis]
        assert np.abs(small[..., 0] - expected).mean() < 1.0

    def test_keeps_the_colour_order(self):
        pixels = plain(0, height=64, width=96).pixels.copy()
        pixels[:, :48] = (255, 0, 0)
        small = resize(pixels, SPEC)
        assert small[16, 4].tolist() == [255, 0, 0]
        assert small[16, 44].tolist() == [0, 0, 0]


class TestMotion:
    @pytest.mark.parametrize(
        ("newest", "earlier", "gap_ms", "expected"),
        [
            (100, 100, 100, 128),
            (110, 100, 100, 158),  # 128 + 3 * 10
            (100, 110, 100, 98),
            (110, 100, 50, 188),  # half the gap: twice as fast
            (110, 100, 20, 188),  # but no more than that
            (110, 100, 200, 143),
            (255, 0, 100, 255),
            (0, 255, 100, 0),
            (110, 100, 0, 128),  # no time between them: nothing known
        ],
    )
    def test_is_the_speed_around_mid_grey(self, newest, earlier, gap_ms, expected):
        picture = motion(plain(newest, gap_ms), plain(earlier, 0), SPEC)
        assert (picture == expected).all()

    def test_colours_move_each_for_itself(self):
        assert motion(plain((10, 20, 30), 100), plain((0, 25, 30)), SPEC)[0, 0].tolist() == [158, 113, 128]


class TestTrail:
    def test_three_successive_differences_newest_first(self):
        frames = [plain(level, ms) for level, ms in ((60, 300), (50, 200), (30, 100), (35, 0))]
        assert trail(frames, SPEC)[0, 0].tolist() == [158, 188, 113]  # 128 + 3 * (10, 20, -5)

    def test_is_of_greys(self):
        frames = [plain((255, 0, 0), 300), *(plain(0, ms) for ms in (200, 100, 0))]
        grey = round(0.299 * 255)
        assert trail(frames, InputSpec(motion_gain=1.0))[0, 0].tolist() == [128 + grey, 128, 128]

    def test_differences_are_at_most_doubled(self):
        frames = [plain(level, ms) for level, ms in ((60, 110), (50, 100), (40, 50), (40, 50))]
        # 10 ms would make it tenfold; 50 ms twofold; and no time at all nothing.
        assert trail(frames, SPEC)[0, 0].tolist() == [188, 188, 128]


def test_streams_come_in_the_spec_s_order():
    frames = [plain(level, ms) for level, ms in ((60, 300), (50, 200), (30, 100), (35, 0))]
    for stream, first_pixels in {
        "rgb": [[60, 60, 60]],
        "motion": [[158, 158, 158]],
        "trail": [[158, 188, 113]],
        "rgb+motion": [[60, 60, 60], [158, 158, 158]],
        "motion+trail": [[158, 158, 158], [158, 188, 113]],
    }.items():
        stacked = streams(frames, SPEC.model_copy(update={"stream": stream}))
        assert stacked.shape == (len(first_pixels), 32, 48, 3)
        assert stacked.dtype == np.uint8
        assert stacked[:, 0, 0].tolist() == first_pixels


def test_says_how_far_back_it_looks():
    found = {stream: n_earlier(InputSpec(stream=stream)) for stream in ("rgb", "motion", "trail", "motion+trail")}
    assert found == {"rgb": 0, "motion": 1, "trail": 3, "motion+trail": 3}
