import cv2
import numpy as np
import pytest

from edge.bundle import InputSpec
from edge.frames.preprocess import acceleration, motion, n_earlier, resize, streams, trail
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


class TestAcceleration:
    def test_the_newest_difference_less_the_one_before(self):
        frames = [plain(level, ms) for level, ms in ((60, 200), (50, 100), (30, 0))]
        assert (acceleration(frames, SPEC) == 128 + 3 * (10 - 20)).all()

    def test_each_difference_is_scaled_by_its_own_gap_and_at_most_doubled(self):
        frames = [plain(level, ms) for level, ms in ((60, 210), (50, 200), (40, 0))]
        assert (acceleration(frames, SPEC) == 128 + 3 * (2 * 10 - 10 // 2)).all()

    def test_is_of_greys_and_stays_in_range(self):
        grey = round(0.299 * 255)
        frames = [plain((255, 0, 0), 200), plain(0, 100), plain(0, 0)]
        assert (acceleration(frames, InputSpec(height_px=32, width_px=48, motion_gain=1.0)) == 128 + grey).all()
        assert (acceleration([plain(0, 200), plain(255, 100), plain(0, 0)], SPEC) == 0).all()

    def test_a_camera_that_shakes_shows_what_moves_and_not_itself(self):
        """A textured wall seen from three places, and a bright figure that jumps to the right at last."""
        spec = InputSpec(height_px=144, width_px=192, motion_gain=3.0)
        random = np.random.default_rng(5)
        sizes = [(240 // px, 192 // px) for px in (4, 12, 24, 48)]  # as in nature, detail at every scale
        spots = [random.integers(0, 60, (height, width)).astype(np.float32) for width, height in sizes]
        scales = [cv2.resize(each, (240, 192), interpolation=cv2.INTER_CUBIC).clip(0, 60) for each in spots]
        wall = np.repeat(np.sum(scales, axis=0).astype(np.uint8)[..., np.newaxis], 3, axis=2)

        def seen(right: int, down: int, figure: int, ms: int) -> Frame:
            scene = wall.copy()
            scene[80:120, figure : figure + 20] = 255
            return Frame(np.ascontiguousarray(scene[24 + down :][:144, 24 + right :][:, :192]), 0, ms * MS)

        frames = [seen(4, 3, 120, 200), seen(-3, 2, 100, 100), seen(2, -4, 100, 0)]
        found = np.abs(acceleration(frames, spec)[..., 0].astype(int) - 128)
        of_figure = np.s_[80 - 27 : 120 - 27, 100 - 28 : 140 - 28]  # where it is and was, in the newest view
        assert found[of_figure].mean() > 60
        found[of_figure] = 0
        assert found.mean() < 6
        shaken = np.abs(motion(frames[0], frames[1], spec)[..., 0].astype(int) - 128)
        assert shaken.mean() > 30, "which is all that the other streams show"


def test_streams_come_in_the_spec_s_order():
    frames = [plain(level, ms) for level, ms in ((60, 300), (50, 200), (30, 100), (35, 0))]
    for stream, first_pixels in {
        "rgb": [[60, 60, 60]],
        "motion": [[158, 158, 158]],
        "trail": [[158, 188, 113]],
        "rgb+motion": [[60, 60, 60], [158, 158, 158]],
        "motion+trail": [[158, 158, 158], [158, 188, 113]],
        "acceleration": [[98, 98, 98]],
        "motion+trail+acceleration": [[158, 158, 158], [158, 188, 113], [98, 98, 98]],
    }.items():
        stacked = streams(frames, SPEC.model_copy(update={"stream": stream}))
        assert stacked.shape == (len(first_pixels), 32, 48, 3)
        assert stacked.dtype == np.uint8
        assert stacked[:, 0, 0].tolist() == first_pixels


def test_says_how_far_back_it_looks():
    found = {
        stream: n_earlier(InputSpec(stream=stream)) for stream in ("rgb", "motion", "acceleration", "motion+trail")
    }
    assert found == {"rgb": 0, "motion": 1, "acceleration": 2, "motion+trail": 3}
