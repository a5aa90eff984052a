"""No machine of ours is a Raspberry Pi: its camera is played by a stand-in with the real package's signatures.

They were read from picamera2 0.3.38; the last test compares them where it is installed.
"""
# ruff: noqa: ARG002, B006, PLR0917 - the signatures are the package's

import importlib
import inspect
import time

import numpy as np
import pytest

from edge.errors import SourceError
from edge.sources import decoded_frames
from edge.sources.picamera import PicameraSource


class Request:
    def __init__(self, camera: "Picamera2", metadata: dict) -> None:
        self._camera = camera
        self._metadata = metadata

    def get_metadata(self) -> dict:
        return self._metadata

    def make_array(self, name: str) -> np.ndarray:
        assert name == "main"
        assert self._camera.config is not None
        width_px, height_px = self._camera.config["main"]["size"]
        order = {"BGR888": (255, 0, 0), "RGB888": (0, 0, 255)}[self._camera.config["main"]["format"]]
        return np.full((height_px, width_px, 3), order, np.uint8)  # a red wall

    def release(self) -> None:
        self._camera.held -= 1


class Job:
    def __init__(self, request: Request | None) -> None:
        self._request = request

    def get_result(self, timeout=None) -> Request:
        assert timeout is not None
        if self._request is None:
            raise TimeoutError
        return self._request


class Picamera2:
    """Gives pictures with these metadata, then none."""

    def __init__(self, camera_num=0, verbose_console=None, tuning=None, allocator=None) -> None:
        self.metadata: list[dict] = []
        self.config: dict | None = None
        self.running = False
        self.closed = False
        self.held = 0

    def create_video_configuration(
        self,
        main={},
        lores=None,
        raw={},
        transform=None,
        colour_space=None,
        buffer_count=6,
        controls={},
        display="main",
        encode="main",
        queue=True,
        sensor={},
        use_case="video",
    ) -> dict:
        return {"main": main, "controls": controls}

    def configure(self, camera_config=None) -> None:
        self.config = camera_config

    def start(self, config=None, show_preview=False) -> None:
        self.running = True

    def capture_request(self, wait=None, signal_function=None, flush=None) -> Job:
        assert self.running
        assert wait is False
        if not self.metadata:
            return Job(None)
        self.held += 1
        return Job(Request(self, self.metadata.pop(0)))

    def close(self) -> None:
        self.closed = True


def camera(*metadata: dict) -> tuple[PicameraSource, Picamera2]:
    stand_in = Picamera2()
    stand_in.metadata = list(metadata)
    return PicameraSource(0, lambda _: stand_in), stand_in


def boot_ns() -> int:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


def test_gives_what_the_sensor_took_when_it_took_it():
    source, _ = camera({"SensorTimestamp": boot_ns() - 40_000_000}, {})
    frames = decoded_frames(source)
    first, second = next(frames), next(frames)
    assert first.pixels.shape == (720, 1280, 3)
    assert first.pixels[0, 0].tolist() == [255, 0, 0]
    assert not first.pixels.flags.writeable
    assert time.monotonic_ns() - first.capture_ns == pytest.approx(40_000_000, abs=3_000_000_000)
    assert second.capture_ns > first.capture_ns


def test_pictures_that_nobody_wants_are_not_copied_and_all_are_given_back():
    source, stand_in = camera({}, {}, {})
    frames = source.frames()
    for number, is_copied in enumerate([False, True, False]):
        frame = next(frames)
        assert frame.sequence == number
        assert stand_in.held == 1, "the driver has five others meanwhile"
        if is_copied:
            assert frame.pixels() is not None
    source.close()
    assert list(frames) == []
    assert stand_in.closed


def test_a_camera_that_falls_silent_is_lost():
    source, stand_in = camera({})
    frames = decoded_frames(source)
    next(frames)
    with pytest.raises(SourceError, match="picamera:0: gives no more pictures"):
        next(frames)
    assert stand_in.closed


def test_no_such_camera():
    def refuse(_number):
        raise IndexError("list index out of range")

    with pytest.raises(SourceError, match="picamera:7: cannot be opened"):
        next(decoded_frames(PicameraSource(7, refuse)))


def test_without_the_package_it_says_what_to_install():
    if _package() is not None:
        pytest.skip("picamera2 is here, on a Raspberry Pi")
    with pytest.raises(SourceError, match="python3-picamera2"):
        next(decoded_frames(PicameraSource(0)))


def _package():
    try:
        return importlib.import_module("picamera2")
    except ImportError:
        return None


@pytest.mark.parametrize(
    "name", ["__init__", "create_video_configuration", "configure", "start", "capture_request", "close"]
)
def test_the_stand_in_has_the_packages_signatures(name):
    package = _package()
    if package is None:
        pytest.skip("no Raspberry Pi: picamera2 needs its libcamera")
    real = inspect.signature(getattr(package.Picamera2, name)).parameters
    assert list(inspect.signature(getattr(Picamera2, name)).parameters) == list(real)
