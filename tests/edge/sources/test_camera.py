"""No machine of ours has a camera: what OpenCV gives of one is played by a stand-in with the same calls."""

import time

import cv2
import numpy as np
import pytest

from edge.errors import SourceError
from edge.sources import decoded_frames
from edge.sources.camera import MAX_FAILED_READS, CameraSource


class FakeCapture:
    """A capture whose reads are scripted: a number is a frame of this stamp in ms, None one that cannot be read."""

    def __init__(self, *reads: float | None) -> None:
        self._reads = list(reads)
        self._stamp_ms = 0.0
        self.released = False

    def isOpened(self) -> bool:  # noqa: N802 - OpenCV's name
        return True

    def grab(self) -> bool:
        stamp = self._reads.pop(0) if self._reads else None
        self._stamp_ms = stamp or 0.0
        return stamp is not None

    def get(self, prop: int) -> float:
        assert prop == cv2.CAP_PROP_POS_MSEC
        return self._stamp_ms

    def retrieve(self):
        return True, np.full((4, 4, 3), (255, 0, 0), np.uint8)

    def release(self) -> None:
        self.released = True


def camera(capture: FakeCapture) -> CameraSource:
    return CameraSource(0, opener=lambda _: capture)


def test_times_are_the_drivers_where_they_are_of_the_monotonic_clock():
    now_ms = time.monotonic_ns() / 1e6
    capture = FakeCapture(now_ms - 50, now_ms - 20)
    frames = decoded_frames(camera(capture))
    found = [next(frames).capture_ns / 1e6, next(frames).capture_ns / 1e6]
    assert found == pytest.approx([now_ms - 50, now_ms - 20], abs=0.01)


@pytest.mark.parametrize("stamp_ms", [0.001, 1.7e12])
def test_stamps_of_another_clock_are_not_believed(stamp_ms):
    before_ns = time.monotonic_ns()
    frame = next(decoded_frames(camera(FakeCapture(stamp_ms))))
    assert before_ns <= frame.capture_ns <= time.monotonic_ns()


def test_times_always_increase():
    now_ms = time.monotonic_ns() / 1e6
    frames = decoded_frames(camera(FakeCapture(now_ms, now_ms, now_ms - 100)))
    times = [next(frames).capture_ns for _ in range(3)]
    assert times == sorted(set(times))


def test_frames_are_rgb():
    frame = next(decoded_frames(camera(FakeCapture(1.0))))
    assert frame.pixels[0, 0].tolist() == [0, 0, 255]
    assert CameraSource(3).name == "/dev/video3"
    assert CameraSource(3).live


def test_a_few_failed_reads_are_survived_and_many_are_not():
    capture = FakeCapture(1.0, *[None] * MAX_FAILED_READS, 1.0)
    frames = decoded_frames(camera(capture))
    assert next(frames).sequence == 0
    assert next(frames).sequence == 1
    with pytest.raises(SourceError, match=r"/dev/video0: gives no more pictures"):
        next(frames)
    assert capture.released


def test_closing_ends_it_and_gives_the_device_back():
    capture = FakeCapture(1.0, 1.0, 1.0)
    source = camera(capture)
    frames = decoded_frames(source)
    next(frames)
    source.close()
    assert list(frames) == []
    assert capture.released


@pytest.mark.parametrize("device", ["/dev/video987", "/dev/null", 987])
def test_what_is_no_camera_is_refused(device, capfd):
    with pytest.raises(SourceError, match="cannot be opened as a camera") as caught:
        next(decoded_frames(CameraSource(device)))
    assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")
