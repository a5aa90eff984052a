"""Network cameras, against a real RTSP server on loopback."""

import itertools
import os
import re
import select
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import pytest

from edge.errors import SourceError
from edge.sources import decoded_frames, live, rtsp
from edge.sources.addresses import is_stream, without_credentials
from edge.sources.libav import LibavError, Video
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


@dataclass
class Shown:
    """A picture that came, with what the camera says of its time."""

    stamp_s: float | None
    is_repeat: bool = False


class Scripted:
    """A stream that hands out pictures with these stamps, the first `buffered` at once, then one every 1/15 s."""

    has_times = True

    def __init__(self, monkeypatch: pytest.MonkeyPatch, stamps_s: Sequence[float | None], buffered: int = 0) -> None:
        self.closed = False
        self.read = 0
        self._stamps_s = stamps_s
        self._buffered = buffered
        self._now_s = 100.0
        monkeypatch.setattr(live.time, "monotonic", lambda: self._now_s)
        monkeypatch.setattr(live.time, "monotonic_ns", lambda: round(self._now_s * NS_PER_S))

    def packets(self) -> Iterator[list[Shown] | None]:
        for stamp_s in self._stamps_s:
            self._now_s += 0.001 if self.read < self._buffered else 1 / RATE_HZ
            self.read += 1
            yield [Shown(stamp_s)]

    def close(self) -> None:
        self.closed = True


class Undecodable(Scripted):
    """A stream of packets that hold no picture, or none that can be decoded."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, packet: list[Shown] | None, first: int = 0) -> None:
        super().__init__(monkeypatch, [])
        self._packet = packet
        self._first = first

    def packets(self) -> Iterator[list[Shown] | None]:
        for number in range(100_000):
            self._now_s += 1 / RATE_HZ
            self.read += 1
            yield [Shown(None)] if number < self._first else self._packet


def scripted(video: Scripted) -> RtspSource:
    return RtspSource("rtsp://192.0.2.1/hall", None, lambda *_: cast("Video", video))


@pytest.mark.parametrize("buffered", [1, 2, 15])
@pytest.mark.parametrize("stamps", ["even", "none", "first twice"])
def test_what_was_gathered_while_opening_is_let_go(monkeypatch, buffered, stamps):
    even = [number / RATE_HZ for number in range(40)]
    video = Scripted(monkeypatch, {"even": even, "none": [None] * 40, "first twice": [0.0, *even]}[stamps], buffered)
    next(scripted(video).frames())
    assert video.read == buffered + 1


def test_a_stream_that_ends_while_it_is_opened_is_noticed(monkeypatch):
    video = Scripted(monkeypatch, [0.0], 15)
    with pytest.raises(SourceError, match="gives no more pictures"):
        next(scripted(video).frames())
    assert video.closed


def test_a_stream_without_a_key_frame_is_given_up_after_a_while(monkeypatch):
    video = Undecodable(monkeypatch, [])
    with pytest.raises(SourceError, match="gives no more pictures"):
        next(scripted(video).frames())
    assert video.read == pytest.approx(15 * RATE_HZ, abs=1)


def test_before_the_first_key_frame_nothing_counts_as_skipped(monkeypatch):
    source = scripted(Undecodable(monkeypatch, None))
    with pytest.raises(SourceError, match="gives no more pictures"):
        next(source.frames())
    assert source.skipped_frames == 0


def test_pictures_that_can_no_longer_be_decoded_are_counted_and_at_last_given_up(monkeypatch):
    source = scripted(Undecodable(monkeypatch, None, first=5))
    with pytest.raises(SourceError, match="cannot be decoded; check the camera's video format"):
        list(source.frames())
    assert source.skipped_frames == live.MAX_UNDECODED + 1


@pytest.mark.usefixtures("films")
def test_a_key_frame_that_is_long_in_coming_is_waited_for(tmp_path):
    film = encode(["-f", "lavfi", "-i", "testsrc2=size=160x120:rate=15:duration=9"], tmp_path / "long.h264", key_s=3)
    with RtspServer({"hall": film}, RATE_HZ) as running:
        first = decoded_frames(RtspSource(running.url("hall")))
        next(first)  # one pipeline for all its clients: whoever comes now comes between two key frames
        frame = next(decoded_frames(RtspSource(running.url("hall"))))
        assert frame.pixels.std() > 10
        assert next(first).sequence > 0


def test_a_server_that_dies_is_noticed_at_once(server):
    frames = decoded_frames(RtspSource(server.url("hall")))
    next(frames)
    server.kill()
    begin_s = time.monotonic()
    with pytest.raises(SourceError, match=r"^rtsp://127.0.0.1:\d+/\*\*\*: gives no more pictures"):
        for _ in frames:
            pass
    assert time.monotonic() - begin_s < 6


def test_a_stream_that_falls_silent_is_noticed(server, monkeypatch):
    monkeypatch.setattr(live, "READ_TIMEOUT_S", 1.0)
    frames = decoded_frames(RtspSource(server.url("hall")))
    next(frames)
    server.command("hall", "silent")
    with pytest.raises(SourceError, match="gives no more pictures"):
        for _ in frames:
            pass


def test_a_server_that_takes_us_and_says_nothing_is_noticed(monkeypatch):
    monkeypatch.setattr(live, "OPEN_TIMEOUT_S", 0.5)
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
        with pytest.raises(SourceError, match=f"^{re.escape(without_credentials(url))}: cannot be opened"):
            next(decoded_frames(RtspSource(url)))
    assert capfd.readouterr() == ("", "")


def test_what_is_sent_again_is_told_from_a_night_in_which_nothing_changes(films, tmp_path):
    """Both show the same picture, bit for bit; one of them is coded anew."""
    night = encode(
        ["-f", "lavfi", "-i", "color=gray:size=160x120:rate=15:duration=8"], tmp_path / "night.h264", key_s=8
    )
    with RtspServer({"hall": films["small"], "night": night}, RATE_HZ) as server:
        server.command("hall", "freeze")
        for name, is_repeat in (("hall", True), ("night", False)):
            source = RtspSource(server.url(name))
            frames = list(itertools.islice(source.frames(), 1, 2 * RATE_HZ))
            source.close()
            first, last = frames[0].pixels(), frames[-1].pixels()
            assert (first == last).all()
            assert {frame.is_repeat for frame in frames} == {is_repeat}


def test_a_stamp_that_stands_still_is_told(monkeypatch):
    stream = Scripted(monkeypatch, [number / RATE_HZ for number in range(5)] + [4 / RATE_HZ] * 3)
    assert [frame.is_repeat for frame in itertools.islice(scripted(stream).frames(), 6)] == [False] * 4 + [True] * 2


def test_stamps_that_never_advance_are_no_sign_of_pictures_sent_again(monkeypatch):
    stream = Scripted(monkeypatch, [7.0] * 8)
    assert not any(frame.is_repeat for frame in itertools.islice(scripted(stream).frames(), 6))


def test_closing_ends_it(server):
    source = RtspSource(server.url("hall"))
    frames = decoded_frames(source)
    next(frames)
    source.close()
    assert list(frames) == []


def test_credentials_stay_out_of_names():
    for url, name in {
        "rtsp://admin:hunter2@192.0.2.1:8554/ch1?user=admin&password=hunter2": "rtsp://192.0.2.1:8554/***",
        "rtsps://[2001:db8::1]/a": "rtsps://[2001:db8::1]/***",
        "rtsp://192.0.2.1/user=admin_password=hunter2_channel=1_stream=0.sdp?real_stream": "rtsp://192.0.2.1/***",
        "http://192.0.2.1/?pwd=hunter2": "http://192.0.2.1/***",
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


def test_cameras_that_say_nothing_hold_up_no_other(server, monkeypatch):
    monkeypatch.setattr(live, "OPEN_TIMEOUT_S", 60.0)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        mute = RtspSource(f"rtsp://127.0.0.1:{listener.getsockname()[1]}/hall")

        def wait() -> None:
            with suppress(SourceError):
                next(mute.frames())

        waiting = threading.Thread(target=wait)
        waiting.start()
        connection, _ = listener.accept()
        with connection:
            assert connection.recv(1)
            assert next(decoded_frames(RtspSource(server.url("hall")))).pixels.std() > 10
            assert waiting.is_alive()
        waiting.join()


def test_a_camera_that_sends_by_udp_alone_is_played(films, monkeypatch):
    with RtspServer({"hall": films["small"]}, RATE_HZ, udp_only=True) as running:
        frames = list(itertools.islice(decoded_frames(RtspSource(running.url("hall"))), RATE_HZ))
        assert frames[-1].pixels.std() > 10
        monkeypatch.setitem(rtsp.OPTIONS, "rtsp_transport", "tcp")
        with pytest.raises(SourceError, match="cannot be opened"):
            next(RtspSource(running.url("hall")).frames())


class Gate:
    """Before an RTSP server: takes one connection at a time, and frees it a while after its end, as some cameras do."""

    def __init__(self, port: int, hold_s: float) -> None:
        self._hold_s = hold_s
        self._camera_port = port
        self._taken = threading.Lock()
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self.refused = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        with suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                box, _ = self._server.accept()
                if not self._taken.acquire(blocking=False):
                    self.refused += 1
                    box.close()
                    continue
                threading.Thread(target=self._forward, args=(box,), daemon=True).start()

    def _forward(self, box: socket.socket) -> None:
        with box, suppress(OSError), socket.create_connection(("127.0.0.1", self._camera_port)) as camera:
            ways = {box: camera, camera: box}
            while True:
                for source in select.select([*ways], [], [])[0]:
                    if not (received := source.recv(65536)):
                        raise ConnectionAbortedError
                    ways[source].sendall(received)
        threading.Timer(self._hold_s, self._taken.release).start()


def test_a_camera_that_allows_one_connection_and_frees_it_late_is_opened_with_one(server):
    gate = Gate(server.port, hold_s=1.0)
    try:
        frames = decoded_frames(RtspSource(f"rtsp://127.0.0.1:{gate.port}/hall"))
        assert next(frames).pixels.std() > 10
        assert gate.refused == 0
    finally:
        gate.close()


def test_options_are_the_streams_own(server):
    before = dict(os.environ)
    next(RtspSource(server.url("hall")).frames())
    assert dict(os.environ) == before


def test_a_password_is_laid_into_the_url_as_it_must_be_written():
    opened = []

    def opener(url, *_):
        opened.append(url)
        raise LibavError("refused")

    source = RtspSource("rtsp://admin@192.0.2.1/ch1", "p@ss/w:rd", opener)
    with pytest.raises(SourceError, match=r"^rtsp://192.0.2.1/\*\*\*: cannot be opened \(refused\)"):
        next(source.frames())
    assert opened == ["rtsp://admin:p%40ss%2Fw%3Ard@192.0.2.1/ch1"]
    with pytest.raises(SourceError, match="a password without a user"):
        RtspSource("rtsp://192.0.2.1/ch1", "hunter2")


def test_a_user_without_a_password_is_one():
    opened = []

    def opener(url, *_):
        opened.append(url)
        raise LibavError("refused")

    for url in ("rtsp://admin@192.0.2.1/ch1", "rtsp://192.0.2.1/ch1"):
        with pytest.raises(SourceError, match="refused"):
            next(RtspSource(url, "", opener).frames())
    assert opened == ["rtsp://admin:@192.0.2.1/ch1", "rtsp://192.0.2.1/ch1"]
