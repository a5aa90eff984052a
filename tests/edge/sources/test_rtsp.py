"""Network cameras, against a real RTSP server on loopback."""

import itertools
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.errors import SourceError
from edge.sources import decoded_frames, rtsp
from edge.sources.addresses import is_stream, without_credentials
from edge.sources.rtsp import RtspSource
from edge.types import NS_PER_S
from proofs.rig.rtsp import MissingServerError, RtspServer, check_installed, encode, free_port

RATE_HZ = 15


@pytest.fixture(scope="session")
def films(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A film that never stands still."""
    try:
        check_installed()
    except MissingServerError as error:
        pytest.skip(str(error))
    folder = tmp_path_factory.mktemp("films")
    text = "testsrc2=size=160x120:rate=15:duration=4"
    return {"small": encode(["-f", "lavfi", "-i", text], folder / "small.h264")}


@pytest.fixture
def server(films: dict[str, Path]) -> Iterator[RtspServer]:
    with RtspServer({"hall": films["small"]}, RATE_HZ) as running:
        yield running


def test_plays_what_the_camera_sends(server):
    source = RtspSource(server.url("hall"))
    frames = list(itertools.islice(decoded_frames(source), 3 * RATE_HZ))
    arrived_ns = time.monotonic_ns()
    source.close()
    assert frames[0].pixels.shape == (120, 160, 3)
    assert not frames[0].pixels.flags.writeable
    assert any((a.pixels != b.pixels).any() for a, b in itertools.pairwise(frames))
    times_s = np.diff([frame.capture_ns for frame in frames]) / NS_PER_S
    assert np.mean(np.abs(times_s * RATE_HZ - 1) < 0.05) > 0.9, "also the first ones, that came while it was opened"
    assert 0 <= arrived_ns - frames[-1].capture_ns < NS_PER_S


class Buffered:
    """A capture that holds pictures of one second at first, then gives one every 1/15 s: (waits before it, stamp)."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, stamps_s: list[float], buffered: int) -> None:
        self.grabbed = 0
        self._stamps_s = stamps_s
        self._buffered = buffered
        self._now_s = 100.0
        monkeypatch.setattr(rtsp.time, "monotonic", lambda: self._now_s)

    def grab(self) -> bool:
        self.grabbed += 1
        self._now_s += 0.001 if self.grabbed <= self._buffered else 1 / RATE_HZ
        return self.grabbed <= len(self._stamps_s)

    def get(self, propId: int, /) -> float:  # noqa: N803 - OpenCV's name
        assert propId == rtsp.cv2.CAP_PROP_POS_MSEC
        return self._stamps_s[self.grabbed - 1] * 1000


@pytest.mark.parametrize("buffered", [1, 2, 15])
@pytest.mark.parametrize("stamps", ["even", "none", "first twice"])
def test_what_was_gathered_while_opening_is_let_go(monkeypatch, buffered, stamps):
    even = [number / RATE_HZ for number in range(40)]
    stamps_s = {"even": even, "none": [0.0] * 40, "first twice": [0.0, *even]}[stamps]
    capture = Buffered(monkeypatch, stamps_s, buffered)
    rtsp.catch_up(capture)
    assert capture.grabbed == buffered + 1


def test_a_stream_that_ends_while_it_is_opened_is_noticed_later(monkeypatch):
    rtsp.catch_up(Buffered(monkeypatch, [0.0], 15))


@pytest.mark.skipif(cv2.__version__.startswith("4.10."), reason="OpenCV 4.10 ends a stream of which one read timed out")
@pytest.mark.usefixtures("films")
def test_a_key_frame_that_is_long_in_coming_is_waited_for(tmp_path, monkeypatch):
    film = encode(["-f", "lavfi", "-i", "testsrc2=size=160x120:rate=15:duration=9"], tmp_path / "long.h264", key_s=3)
    with RtspServer({"hall": film}, RATE_HZ) as running:
        first = decoded_frames(RtspSource(running.url("hall")))
        next(first)  # one pipeline for all its clients: whoever comes now comes between two key frames
        monkeypatch.setattr(rtsp, "READ_TIMEOUT_MS", 400)
        frame = next(decoded_frames(RtspSource(running.url("hall"))))
        assert frame.pixels.std() > 10
        assert next(first).sequence > 0


def test_a_stream_without_a_key_frame_is_given_up(monkeypatch):
    class Silent(Buffered):
        def grab(self) -> bool:
            self._now_s += 5.0
            self.grabbed += 1
            return False

    capture = Silent(monkeypatch, [], 0)
    rtsp.await_first_picture(capture)
    assert capture.grabbed == 3


def test_a_server_that_dies_is_noticed_at_once(server):
    frames = decoded_frames(RtspSource(server.url("hall")))
    next(frames)
    server.kill()
    begin_s = time.monotonic()
    with pytest.raises(SourceError, match=r"^rtsp://127.0.0.1:\d+/hall: gives no more pictures"):
        for _ in frames:
            pass
    assert time.monotonic() - begin_s < 6


def test_a_stream_that_falls_silent_is_noticed(server, monkeypatch):
    monkeypatch.setattr(rtsp, "READ_TIMEOUT_MS", 1000)
    frames = decoded_frames(RtspSource(server.url("hall")))
    next(frames)
    server.command("hall", "silent")
    with pytest.raises(SourceError, match="gives no more pictures"):
        for _ in frames:
            pass


def test_a_server_that_takes_us_and_says_nothing_is_noticed(monkeypatch):
    monkeypatch.setattr(rtsp, "OPEN_TIMEOUT_MS", 500)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"rtsp://admin:hunter2@127.0.0.1:{listener.getsockname()[1]}/hall"
        begin_s = time.monotonic()
        with pytest.raises(SourceError, match="cannot be opened") as caught:
            next(decoded_frames(RtspSource(url)))
        assert time.monotonic() - begin_s < 3
        assert "hunter2" not in str(caught.value)
        assert "admin" not in str(caught.value)


def test_nobody_there_and_no_such_stream(server, capfd):
    for url in (f"rtsp://127.0.0.1:{free_port()}/hall", server.url("attic")):
        with pytest.raises(SourceError, match=f"^{url}: cannot be opened"):
            next(decoded_frames(RtspSource(url)))
    assert capfd.readouterr() == ("", "")


def test_closing_ends_it(server):
    source = RtspSource(server.url("hall"))
    frames = decoded_frames(source)
    next(frames)
    source.close()
    assert list(frames) == []


def test_credentials_stay_out_of_names():
    for url, name in {
        "rtsp://admin:hunter2@192.0.2.1:8554/ch1?user=admin&password=hunter2": "rtsp://192.0.2.1:8554/ch1",
        "rtsps://[2001:db8::1]/a": "rtsps://[2001:db8::1]/a",
        "RTSP://camera.example": "rtsp://camera.example",
    }.items():
        assert without_credentials(url) == name
        assert RtspSource(url).name == name
        assert is_stream(url)


@pytest.mark.parametrize("url", ["rtsp://", "rtsp://admin:hunter2@", "rtsp://h:99999/hunter2", "rtsp://[hunter2/"])
def test_what_is_no_address_is_refused_without_repeating_it(url):
    with pytest.raises(SourceError, match="not the address of a network camera") as caught:
        RtspSource(url)
    assert "hunter2" not in str(caught.value)


def test_a_picture_that_comes_after_the_time_limit_is_none(server):
    source = RtspSource(server.url("hall"))
    frames = decoded_frames(source)
    next(frames)
    source.longest_wait_s = 0.0
    with pytest.raises(SourceError, match="gives no more pictures"):
        next(frames)


@pytest.mark.parametrize("answer", [b"", None])
def test_a_greeting_without_an_answer_is_noticed(answer):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"rtsp://admin:hunter2@127.0.0.1:{listener.getsockname()[1]}/hall?password=hunter2"
        received = []

        def hang_up():
            connection, _ = listener.accept()
            with connection:
                received.append(connection.recv(1000))

        camera = threading.Thread(target=hang_up if answer is not None else lambda: None)
        camera.start()
        with pytest.raises(OSError, match="timed out" if answer is None else "closed without an answer"):
            rtsp.greet(url, 0.5)
        camera.join()
        assert all(line.startswith(b"OPTIONS rtsp://127.0.0.1") and b"hunter2" not in line for line in received)


class Refused:
    """A capture that cannot be opened."""

    def __init__(self, url: str) -> None:
        self.url = url

    def isOpened(self) -> bool:  # noqa: N802 - OpenCV's name
        return False


def test_a_password_is_laid_into_the_url_as_it_must_be_written():
    opened = []

    def opener(url):
        opened.append(Refused(url))
        return opened[-1]

    source = RtspSource("rtsp://admin@192.0.2.1/ch1", "p@ss/w:rd", opener)
    with pytest.raises(SourceError):
        next(decoded_frames(source))
    assert opened[0].url == "rtsp://admin:p%40ss%2Fw%3Ard@192.0.2.1/ch1"
    with pytest.raises(SourceError, match="a password without a user"):
        RtspSource("rtsp://192.0.2.1/ch1", "hunter2")
