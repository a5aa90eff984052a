"""Cameras that send JPEG pictures by HTTP, against a real server on loopback."""

import base64
import functools
import itertools
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import cv2
import numpy as np
import pytest

from edge.config import CameraConfig
from edge.errors import SourceError
from edge.sources import decoded_frames, live
from edge.sources.mjpeg import HttpSource

USER = base64.b64encode(b"admin:hunter2").decode()


def level(number: int) -> int:
    return 20 + 5 * (number % 40)


class Camera(BaseHTTPRequestHandler):
    """A camera: `/open` to everybody, `/guarded` to its user, `/ends` after ten pictures, `/hangs` after as many,
    `/huge` with pictures that no camera has."""

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path == "/guarded" and self.headers.get("Authorization") != f"Basic {USER}":
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="camera"')
            self.end_headers()
        elif path == "/elsewhere":
            self.send_response(302)
            self.send_header("Location", "file:///etc/hostname")
            self.end_headers()
        elif path not in {"/open", "/guarded", "/ends", "/hangs", "/huge"}:
            self.send_error(404)
        else:
            size_px = (8000, 8000) if path == "/huge" else (48, 64)
            self._play(10 if path in {"/ends", "/hangs"} else None, size_px)
            if path == "/hangs":
                self.server.ending.wait()  # pyright: ignore[reportAttributeAccessIssue]

    def _play(self, n_pictures: int | None, size_px: tuple[int, int]) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=picture")
        self.end_headers()
        for number in itertools.count() if n_pictures is None else range(n_pictures):
            jpeg = _jpeg(level(number), size_px)
            header = f"--picture\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
            try:
                self.wfile.write(header.encode() + jpeg + b"\r\n")
            except OSError:
                return
            if self.server.ending.wait(0.02):  # pyright: ignore[reportAttributeAccessIssue]
                return

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        pass


@functools.cache
def _jpeg(grey: int, size_px: tuple[int, int]) -> bytes:
    return cv2.imencode(".jpg", np.full((*size_px, 3), grey, np.uint8))[1].tobytes()


@pytest.fixture
def camera() -> Iterator[str]:
    """Host and port."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Camera) as server:
        server.ending = threading.Event()  # pyright: ignore[reportAttributeAccessIssue]
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        yield f"127.0.0.1:{server.server_port}"
        server.ending.set()  # pyright: ignore[reportAttributeAccessIssue]
        server.shutdown()
        serving.join()


def test_plays_what_the_camera_sends_at_the_times_of_its_coming(camera):
    source = HttpSource(f"http://{camera}/open")
    frames = list(itertools.islice(decoded_frames(source), 20))
    source.close()
    assert frames[0].pixels.shape == (48, 64, 3)
    assert all(later.capture_ns > earlier.capture_ns for earlier, later in itertools.pairwise(frames))
    steps = np.diff([int(frame.pixels.mean()) for frame in frames])
    assert np.mean(np.abs(steps - 5) <= 2) > 0.9, "each picture once, in order"
    assert source.skipped_frames == 0


def test_a_password_is_given_and_never_repeated(camera):
    assert next(decoded_frames(HttpSource(f"http://admin@{camera}/guarded?password=hunter2", "hunter2")))
    for url in (f"http://admin:wr0ng@{camera}/guarded?key=wr0ng", f"http://{camera}/guarded"):
        with pytest.raises(SourceError, match="cannot be opened \\(user or password refused\\)") as caught:
            next(HttpSource(url).frames())
        assert "wr0ng" not in str(caught.value)
        assert str(caught.value).startswith(f"http://{camera}/***: ")


def test_no_such_stream(camera):
    with pytest.raises(SourceError, match=f"^http://{camera}/\\*\\*\\*: cannot be opened .*404"):
        next(HttpSource(f"http://{camera}/attic").frames())


def test_it_is_led_nowhere_but_to_other_servers(camera):
    with pytest.raises(SourceError, match="cannot be opened"):
        next(HttpSource(f"http://{camera}/elsewhere").frames())


@pytest.mark.parametrize("path", ["ends", "hangs"])
def test_a_stream_that_breaks_off_or_falls_silent_is_noticed(camera, path, monkeypatch):
    monkeypatch.setattr(live, "READ_TIMEOUT_S", 0.5)
    with pytest.raises(SourceError, match="gives no more pictures"):
        list(HttpSource(f"http://{camera}/{path}").frames())


def test_pictures_that_no_camera_has_are_not_decoded(camera, monkeypatch):
    monkeypatch.setattr(live, "FIRST_PICTURE_S", 1.0)
    source = HttpSource(f"http://{camera}/huge")
    with pytest.raises(SourceError, match="gives no more pictures"):
        next(decoded_frames(source))


def test_a_configuration_takes_it_and_no_password_in_it():
    assert CameraConfig(source="http://admin@192.0.2.1/video").source
    with pytest.raises(ValueError, match="holds a password"):
        CameraConfig(source="http://admin:hunter2@192.0.2.1/video")
    with pytest.raises(ValueError, match="not the address of a network camera"):
        CameraConfig(source="http://")
