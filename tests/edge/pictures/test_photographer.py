"""From events to snapshots, clips and a data set of false alarms."""

import http.server
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import SimpleQueue
from urllib.parse import unquote

import cv2
import numpy as np
import pytest

from edge.config import PicturesConfig
from edge.pictures import photographer as module
from edge.pictures.photographer import Photographer
from edge.pictures.ring import Ring
from edge.pictures.studio import open_photographer, open_rings
from edge.pictures.webm import webm
from edge.sources import decoded_frames
from edge.sources.file import FileSource
from edge.types import NS_PER_S, Event, RawFrame, Transition
from trainer.clips.datasets import read_datasets

ID = "01JD0000000000000000000000"
CLIPS = PicturesConfig(snapshots="full", clips=True, before_s=2.0, after_s=1.0, width_px=320)


def event(kind: Transition = "started", *, test: bool = False) -> Event:
    return Event(ID, "hall", "fall", kind, 0.9, 0.9, "2026-01-01T00:00:00.000Z", None, 0.0, None, "m", "0", None, test)


def play(ring: Ring, first_s: float, last_s: float) -> None:
    """A square that moves to the right, ten pictures a second."""
    for number in range(round(first_s * 10), round(last_s * 10)):
        pixels = np.full((180, 320, 3), 90, np.uint8)
        cv2.rectangle(pixels, (2 * number, 50), (2 * number + 40, 120), (200, 30, 30), -1)
        ring.see(RawFrame.of(pixels, number, number * NS_PER_S // 10))


class Studio:
    """A photographer and what he sends and says."""

    def __init__(self, folder: Path, settings: PicturesConfig) -> None:
        self.sent: dict[str, bytes] = {}
        self.lines: list[str] = []
        rings = open_rings(settings, ["hall"])
        self.ring = rings["hall"]
        self.photographer: Photographer = open_photographer(
            settings, rings, folder, self.sent.__setitem__, self.lines.append
        )
        self.photographer.start()


@pytest.fixture
def open_studio(tmp_path: Path) -> Iterator[Callable[..., Studio]]:
    studios: list[Studio] = []

    def begin(settings: PicturesConfig = CLIPS) -> Studio:
        studios.append(Studio(tmp_path, settings))
        return studios[-1]

    yield begin
    for studio in studios:
        studio.photographer.close()


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_an_event_gives_a_snapshot_at_once_and_a_clip_when_its_seconds_are_over(open_studio, tmp_path, until):
    studio = open_studio()
    play(studio.ring, 0, 5)
    studio.photographer.on_event(event(), round(4.5 * NS_PER_S))
    until(lambda: studio.sent, "the snapshot")
    assert list(studio.sent) == ["hall/snapshot"]
    snapshot = cv2.imdecode(np.frombuffer(studio.sent["hall/snapshot"], np.uint8), cv2.IMREAD_COLOR)
    assert snapshot is not None
    assert snapshot[80, 2 * 45 + 20].tolist() == pytest.approx([30, 30, 200], abs=12)
    play(studio.ring, 5, 6)
    until(lambda: f"events/{ID}/clip" in studio.sent, "the clip")
    assert files(tmp_path) == [f"pictures/hall/{ID}.jpg", f"pictures/hall/{ID}.webm"]
    clip = tmp_path / "pictures" / "hall" / f"{ID}.webm"
    assert clip.read_bytes() == studio.sent[f"events/{ID}/clip"]
    frames = list(decoded_frames(FileSource(clip)))
    assert len(frames) == 31
    assert frames[-1].capture_ns == pytest.approx(3.0 * NS_PER_S, rel=0.01)
    assert studio.photographer.fields()["kept"] == 2


def test_only_what_starts_is_pictured(open_studio, tmp_path):
    studio = open_studio()
    play(studio.ring, 0, 5)
    for other in (event("updated"), event("ended"), event(test=True)):
        studio.photographer.on_event(other, NS_PER_S)
    studio.photographer.close()
    assert files(tmp_path) == []
    assert studio.sent == {}


def test_a_clip_that_is_cut_short_by_the_end_is_made_of_what_there_is(open_studio, tmp_path):
    studio = open_studio()
    play(studio.ring, 0, 5)
    studio.photographer.on_event(event(), round(4.9 * NS_PER_S))
    studio.photographer.close()
    assert files(tmp_path) == [f"pictures/hall/{ID}.jpg", f"pictures/hall/{ID}.webm"]


def test_what_shall_stay_in_the_box_stays(open_studio, tmp_path):
    studio = open_studio(PicturesConfig(snapshots="full", publish=False))
    play(studio.ring, 0, 3)
    studio.photographer.on_event(event(), NS_PER_S)
    studio.photographer.close()
    assert studio.sent == {}
    assert files(tmp_path) == [f"pictures/hall/{ID}.jpg"]


def test_off_is_off():
    assert open_rings(PicturesConfig(), ["hall"]) == {}
    with pytest.raises(ValueError, match="clips need snapshots"):
        PicturesConfig(clips=True)


def test_a_disk_that_takes_nothing_is_said_once_and_pictures_are_sent_all_the_same(open_studio, tmp_path):
    (tmp_path / "pictures").write_text("a file")
    studio = open_studio()
    play(studio.ring, 0, 5)
    studio.photographer.on_event(event(), NS_PER_S)
    studio.photographer.close()
    assert set(studio.sent) == {"hall/snapshot", f"events/{ID}/clip"}
    assert len([line for line in studio.lines if line.startswith("pictures are not kept")]) == 1


def test_an_encoder_that_hangs_is_left_behind_when_the_box_stops(open_studio, monkeypatch):
    encodes, may_end = threading.Event(), threading.Event()

    def encode(_stills):
        encodes.set()
        assert may_end.wait(60)
        return b""

    monkeypatch.setattr(module, "webm", encode)
    monkeypatch.setattr(module, "STOP_TIMEOUT_S", 0.1)
    studio = open_studio()
    play(studio.ring, 0, 5)
    studio.photographer.on_event(event(), NS_PER_S)
    assert encodes.wait(60)
    studio.photographer.close()
    assert studio.lines == ["pictures: the last ones were not finished in 0 s"]
    may_end.set()
    studio.photographer._thread.join(60)


def test_a_clip_that_fails_is_said_once_and_the_next_one_is_made(open_studio, until):
    studio = open_studio()
    tall = np.full((20_000, 64, 3), 90, np.uint8)  # no codec of clips takes so many lines
    for number in range(2):
        studio.ring.see(RawFrame.of(tall, number, number * NS_PER_S))
    studio.photographer.on_event(event(), NS_PER_S)
    until(lambda: studio.sent, "the snapshot")
    studio.ring.see(RawFrame.of(tall, 2, 2 * NS_PER_S))
    until(lambda: studio.lines, "the clip's fault")
    play(studio.ring, 10, 16)
    studio.photographer.on_event(event(), 14 * NS_PER_S)
    studio.photographer.close()
    assert f"events/{ID}/clip" in studio.sent
    (line,) = studio.lines
    assert line.startswith("pictures: OSError: a clip cannot be encoded: ")


def test_a_false_alarm_becomes_a_clip_that_trainer_reads(open_studio, tmp_path):
    studio = open_studio()
    play(studio.ring, 0, 6)
    studio.photographer.on_event(event(), round(4.5 * NS_PER_S))
    studio.photographer.on_false_alarm(ID)
    studio.photographer.on_false_alarm("01JD0000000000000000000009")
    studio.photographer.close()
    assert studio.lines == ["false alarm 01JD0000000000000000000009: there is no clip of it to keep"]
    (clip,) = read_datasets([tmp_path / "false-alarms"])
    assert (clip.path.name, clip.label, clip.group) == (f"hall-{ID}.webm", "normal", "hall")


PAGE = """<!doctype html><video id=v muted autoplay src="clip.webm"></video><script>
v.onended = () => fetch(`/report?played ${v.videoWidth}x${v.videoHeight} ${v.currentTime.toFixed(1)}`);
v.onerror = () => fetch(`/report?failed ${v.error.message}`);
</script>"""


class Site(http.server.BaseHTTPRequestHandler):
    """Shows one clip, and hears what became of it."""

    clip = b""
    reports: SimpleQueue[str]

    def do_GET(self) -> None:
        if self.path.startswith("/report?"):
            self.reports.put(unquote(self.path.removeprefix("/report?")))
        content, kind = (self.clip, "video/webm") if self.path == "/clip.webm" else (PAGE.encode(), "text/html")
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        pass


class Server(http.server.ThreadingHTTPServer):
    """Waits at its end for those who still talk to it."""

    daemon_threads = False


def test_a_browser_plays_a_clip(tmp_path, capfd):
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("chromium is not installed (Debian package chromium)")
    ring = Ring("full", seconds=5.0, rate_hz=10.0, width_px=320)
    play(ring, 0, 2)
    reports: SimpleQueue[str] = SimpleQueue()
    site = type("ThisSite", (Site,), {"clip": webm(ring.between(0, 10 * NS_PER_S)), "reports": reports})
    assert capfd.readouterr().err == "", "OpenCV's remark is held back"
    with Server(("127.0.0.1", 0), site) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        command = [chromium, "--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0"]
        command += ["--autoplay-policy=no-user-gesture-required", f"--user-data-dir={tmp_path / 'profile'}"]
        address = f"http://127.0.0.1:{server.server_port}/"
        browser = subprocess.Popen([*command, address], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            assert reports.get(timeout=60) == "played 320x180 2.0"
        finally:
            browser.terminate()
            browser.wait()
            server.shutdown()
