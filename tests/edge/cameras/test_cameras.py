"""Many cameras in one process: real streams from a real server, faults that stay where they are, fair turns."""

import itertools
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from edge.bundle import Bundle
from edge.cameras import capture, condition, daemon
from edge.cameras.camera import CameraSetup
from edge.cameras.daemon import Cameras
from edge.cameras.watching import Outlets
from edge.errors import ConfigurationError, SourceError
from edge.inference.choice import Backend, Network
from edge.inference.model import Model, open_model
from edge.inference.quantization import Quantization
from edge.inference.tflite import Tensor
from edge.sources.file import FileSource
from edge.sources.opening import open_source
from edge.types import Event, RawFrame
from proofs.rig.rtsp import MissingServerError, RtspServer, check_installed, encode

SILENCE_S = 3.0
FILMS = {
    "moving": "testsrc2=size=160x120:rate=15",
    "other": "life=mold=10:random_fill_ratio=0.3:size=160x120:rate=15",
    "green": "color=0x14dc14:size=320x180:rate=15,noise=alls=20:allf=t",
}


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What takes five seconds on a box takes three here."""
    monkeypatch.setattr(capture, "SILENCE_S", SILENCE_S)
    monkeypatch.setattr(condition, "SILENCE_S", SILENCE_S)


@pytest.fixture
def model(colour_bundle: Path) -> Model:
    return open_model(Bundle.load(colour_bundle))


class Diary:
    """Notes what the daemon says."""

    def __init__(self) -> None:
        self.states: list[tuple[str, str]] = []
        self.counts: Counter[str] = Counter()
        self.events: list[Event] = []
        self.lines: list[str] = []
        self.idles = 0
        self.disk = threading.Event()
        """While it is clear, nothing is written."""
        self.disk.set()

    def judged(self, camera, capture_ns, duration_ns, *, live) -> None:
        assert min(capture_ns, duration_ns) >= 0
        assert isinstance(live, bool)
        self.counts[camera] += 1

    def condition(self, camera, state) -> None:
        self.states.append((camera, state))

    def idle(self) -> None:
        self.idles += 1

    def publish(self, event) -> None:
        assert self.disk.wait(60)
        self.events.append(event)

    def of(self, camera: str) -> list[str]:
        return [state for name, state in self.states if name == camera]


class Stop:
    """Asks to stop, as a signal does."""

    def __init__(self) -> None:
        self.asked = False

    def __bool__(self) -> bool:
        return self.asked


@pytest.fixture
def diary() -> Diary:
    return Diary()


@pytest.fixture
def watch(model: Model, diary: Diary) -> Iterator[Callable[..., Cameras]]:
    """`watch(hall=opener, ...)` runs cameras in a thread of their own until the end of the test."""
    running: list[tuple[threading.Thread, Stop]] = []

    def begin(*, using: Model | None = None, lossless: bool = False, live: bool = True, **openers) -> Cameras:
        setups = [
            CameraSetup(name, opener, model.spec.alerts, live=live, lossless=lossless)
            for name, opener in openers.items()
        ]
        outlets = Outlets(None, None, [diary])
        cameras = Cameras(setups, using or model, outlets, health=diary, report=diary.lines.append)
        stop = Stop()
        thread = threading.Thread(target=cameras.run, args=(stop,))
        thread.start()
        running.append((thread, stop))
        return cameras

    yield begin
    for thread, stop in running:
        stop.asked = True
        thread.join(30)
        assert not thread.is_alive()


@pytest.fixture(scope="session")
def films(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    try:
        check_installed()
    except MissingServerError as error:
        pytest.skip(str(error))
    folder = tmp_path_factory.mktemp("films")
    return {
        name: encode(["-f", "lavfi", "-i", text, "-t", "4"], folder / f"{name}.h264") for name, text in FILMS.items()
    }


@pytest.fixture
def server(films: dict[str, Path]) -> Iterator[RtspServer]:
    with RtspServer({"hall": films["moving"], "stairs": films["other"]}) as running:
        yield running


def stream(server: RtspServer, name: str):
    return partial(open_source, server.url(name))


def test_a_server_that_dies_is_lost_and_found_again_and_the_other_camera_does_not_notice(films, watch, diary, until):
    with RtspServer({"hall": films["moving"]}) as one, RtspServer({"stairs": films["other"]}) as other:
        watch(hall=stream(one, "hall"), stairs=stream(other, "stairs"))
        until(lambda: "ok" in diary.of("hall") and "ok" in diary.of("stairs"), "both cameras")
        one.kill()
        until(lambda: "lost" in diary.of("hall"), "the loss")
        before = diary.counts["stairs"]
        one.start()
        back_s = time.monotonic()
        until(lambda: diary.of("hall")[-1] == "ok", "the return")
        assert time.monotonic() - back_s < 5
        until(lambda: diary.counts["stairs"] > before + 5, "the other camera's pictures")
        assert diary.of("stairs") == ["starting", "ok"]


def test_a_server_that_takes_everybody_and_says_nothing_does_not_keep_others_from_being_opened(
    server, watch, diary, until
):
    with socket.create_server(("127.0.0.1", 0)) as mute:
        url = f"rtsp://127.0.0.1:{mute.getsockname()[1]}/porch"
        watch(porch=partial(open_source, url), hall=stream(server, "hall"), stairs=stream(server, "stairs"))
        until(lambda: "lost" in diary.of("porch"), "the loss")
        assert diary.of("hall") == diary.of("stairs") == ["starting", "ok"]


def test_a_frozen_stream_is_stalled_until_it_moves(server, watch, diary, until):
    watch(hall=stream(server, "hall"))
    until(lambda: diary.of("hall")[-1:] == ["ok"], "pictures")
    server.command("hall", "freeze")
    until(lambda: diary.of("hall")[-1] == "stalled", "the stall")
    assert any("stalled: its picture has not changed" in line for line in diary.lines)
    judged = diary.counts["hall"]
    server.command("hall", "play")
    until(lambda: diary.of("hall")[-1] == "ok" and diary.counts["hall"] > judged, "the return")
    assert diary.of("hall") == ["starting", "ok", "stalled", "ok"], "opened again and again, it was always frozen"


def test_a_silent_stream_is_stalled_until_it_speaks(server, watch, diary, until):
    watch(hall=stream(server, "hall"))
    until(lambda: diary.of("hall")[-1:] == ["ok"], "pictures")
    server.command("hall", "silent")
    until(lambda: diary.of("hall")[-1] == "stalled", "the stall")
    until(lambda: diary.idles, "idleness")
    server.command("hall", "play")
    until(lambda: diary.of("hall")[-1] == "ok", "the return")


def test_a_picture_that_changes_its_size_midway_goes_on(server, films, watch, diary, until):
    watch(hall=stream(server, "hall"))
    until(lambda: diary.of("hall")[-1:] == ["ok"], "pictures")
    server.command("hall", "switch", films["green"])
    # OpenCV 4.10 gives the last picture of the old size again and again, until the camera is opened anew.
    until(lambda: [event.type for event in diary.events] == ["started"], "what the new film shows")
    until(lambda: diary.of("hall")[-1] == "ok", "pictures")
    assert "lost" not in diary.of("hall")


def test_a_camera_that_comes_back_with_another_codec_goes_on(films, watch, diary, until):
    green = encode(["-i", str(films["green"])], films["green"].with_suffix(".h265"))
    before = RtspServer({"hall": films["moving"]})
    with before:
        watch(hall=stream(before, "hall"))
        until(lambda: diary.of("hall")[-1:] == ["ok"], "pictures")
    with RtspServer({"hall": green}, port=before.port):
        until(lambda: [event.type for event in diary.events] == ["started"], "what the new stream shows")
        until(lambda: diary.of("hall")[-1] == "ok", "pictures")


class Wall:
    """A camera before a wall of one colour, ten pictures a second, with noise. `fault` ends it once."""

    name, live, skipped_frames = "wall", True, 0

    def __init__(self, colour=(90, 90, 90), fault: BaseException | None = None, after: int = 10**9) -> None:
        self._colour, self._fault, self._after = colour, fault, after
        self._closed = threading.Event()

    def frames(self):
        rng = np.random.default_rng(0)
        for number in itertools.count():
            if self._closed.wait(0.1):
                return
            if number >= self._after and self._fault is not None:
                raise self._fault
            now_ns = time.monotonic_ns()
            pixels = np.clip(self._colour + rng.normal(0, 9, (48, 64, 3)), 0, 255).astype(np.uint8)
            yield RawFrame.of(pixels, number, now_ns)

    def close(self) -> None:
        self._closed.set()


GREEN = (20, 220, 20)


def test_switching_off_ends_what_is_active_and_on_begins_anew(watch, diary, until):
    cameras = watch(hall=partial(Wall, GREEN), stairs=Wall)
    until(lambda: [event.type for event in diary.events] == ["started"], "the fall")
    cameras.set_enabled("hall", False)
    until(lambda: diary.of("hall")[-1] == "disabled", "the end")
    until(lambda: len(diary.events) == 2, "the event's end")
    assert [(event.type, event.reason) for event in diary.events] == [("started", None), ("ended", "disabled")]
    judged = diary.counts["hall"], diary.counts["stairs"]
    until(lambda: diary.counts["stairs"] > judged[1] + 3, "the other camera's pictures")
    assert diary.counts["hall"] == judged[0]
    cameras.set_enabled("hall", True)
    until(lambda: diary.of("hall")[-1] == "ok", "the return")
    until(lambda: diary.events[-1].type == "started", "the fall that goes on")


def test_a_threshold_holds_from_the_next_picture_and_leaves_an_active_alert_alone(watch, diary, until):
    cameras = watch(hall=partial(Wall, GREEN))
    cameras.set_threshold("hall", "fall", 0.99)  # green gives 0.86
    until(lambda: diary.counts["hall"] > 10, "pictures")
    assert diary.events == []
    cameras.set_threshold("hall", "fall", 0.6)
    until(lambda: diary.events, "the fall")
    cameras.set_threshold("hall", "fall", 0.95)
    judged = diary.counts["hall"]
    until(lambda: diary.counts["hall"] > judged + 5, "pictures")
    assert [event.type for event in diary.events] == ["started"]


def test_a_disk_that_takes_its_time_holds_up_no_picture(watch, diary, until):
    diary.disk.clear()
    cameras = watch(hall=partial(Wall, GREEN))
    until(lambda: cameras.writing_s() > 0, "the fall")
    judged = diary.counts["hall"]
    until(lambda: diary.counts["hall"] > judged + 10, "the pictures after it")
    assert diary.events == []
    diary.disk.set()
    until(lambda: [event.type for event in diary.events] == ["started"], "the event")


@pytest.mark.parametrize("timeout_s", [60.0, 0.1], ids=["slow", "hanging"])
def test_the_end_waits_for_the_disk_but_not_for_ever(model, diary, until, monkeypatch, timeout_s):
    monkeypatch.setattr(daemon, "STOP_TIMEOUT_S", timeout_s)
    setups = [CameraSetup("hall", partial(Wall, GREEN), model.spec.alerts)]
    cameras = Cameras(setups, model, Outlets(None, None, [diary]), health=diary, report=diary.lines.append)
    diary.disk.clear()
    stop = Stop()
    thread = threading.Thread(target=cameras.run, args=(stop,))
    thread.start()
    until(lambda: cameras.writing_s() > 0, "the fall")
    stop.asked = True
    if timeout_s > 1:
        until(lambda: not any(each.name == "camera-hall" for each in threading.enumerate()), "the camera's end")
        diary.disk.set()
        thread.join(30)
        assert [(event.type, event.reason) for event in diary.events] == [("started", None), ("ended", "stopped")]
        return
    thread.join(30)
    assert not thread.is_alive()
    assert diary.lines[-1] == "the disk has not taken the last events; check it"
    diary.disk.set()
    until(lambda: len(diary.events) == 2, "the end of the thread that was left behind")


def test_a_sink_that_fails_ends_the_watching(model, diary):
    def fail(_event):
        raise ConfigurationError("events.jsonl: cannot be written")

    diary.publish = fail
    setups = [CameraSetup("hall", partial(Wall, GREEN), model.spec.alerts)]
    cameras = Cameras(setups, model, Outlets(None, None, [diary]), health=diary, report=diary.lines.append)
    with pytest.raises(ConfigurationError, match="cannot be written"):
        cameras.run(Stop())


def test_what_is_commanded_before_the_beginning_holds_from_the_beginning(model, diary):
    setups = [CameraSetup("hall", partial(Wall, GREEN), model.spec.alerts)]
    cameras = Cameras(setups, model, Outlets(None, None, [diary]), health=diary, report=diary.lines.append)
    cameras.set_enabled("hall", False)
    stop = Stop()
    thread = threading.Thread(target=cameras.run, args=(stop,))
    thread.start()
    stop.asked = True
    thread.join(30)
    assert diary.of("hall") == ["disabled"]


@pytest.mark.parametrize("fault", [SourceError("wall: fell down"), ZeroDivisionError("ours")], ids=["theirs", "ours"])
def test_a_camera_that_breaks_off_is_opened_again_and_a_short_break_is_not_worth_a_word(watch, diary, until, fault):
    opened = []

    def opener():
        opened.append(Wall(fault=None if opened else fault, after=5))
        return opened[-1]

    watch(hall=opener)
    until(lambda: len(opened) == 2 and diary.counts["hall"] > 5, "pictures after the break")
    assert diary.of("hall") == ["starting", "ok"]
    assert ("camera hall: ZeroDivisionError: ours" in diary.lines) == isinstance(fault, ZeroDivisionError)


class Slow:
    """A network that takes its time."""

    def __init__(self, model: Model, takes_s: float) -> None:
        self.outputs = {}
        self.inputs = {"pixels": Tensor(0, (1, 32, 32, 3), np.dtype(np.uint8), Quantization())}
        self._model = model
        self._takes_s = takes_s

    def run(self, values):
        threading.Event().wait(self._takes_s)
        return self._model.network.run(values["pixels"])


def slowed(model: Model, takes_s: float) -> Model:
    return replace(model, network=Network([Backend("slow", lambda: Slow(model, takes_s))], print))


def test_a_machine_that_is_too_slow_sheds_evenly_and_says_so(model, watch, diary, until, monkeypatch):
    monkeypatch.setattr("edge.cameras.camera.MIN_RATE_SPAN_S", 1.0)
    names = ["a", "b", "c"]
    cameras = watch(using=slowed(model, 0.15), **dict.fromkeys(names, Wall))
    until(lambda: sum(diary.counts.values()) >= 30, "pictures")
    assert max(diary.counts.values()) - min(diary.counts.values()) <= 2
    until(lambda: all("slow" in diary.of(name) for name in names), "the states")
    assert all(f"camera {name}: slow: below target rate: this machine is too slow for all its cameras" in diary.lines
               for name in names)  # fmt: skip
    for name in names:
        fields = cameras.fields(name)
        assert fields["shed"] > 5
        assert fields["judged_hz"] < 3


def test_a_recording_as_fast_as_possible_is_judged_to_the_last_picture(model, diary, make_clip):
    clip = make_clip("a.avi", ("grey", 2), ("green", 4), ("grey", 3))
    setups = [CameraSetup(name, partial(FileSource, clip), model.spec.alerts, live=False, lossless=True)
              for name in ("a", "b")]  # fmt: skip
    slow = slowed(model, 0.02)
    Cameras(setups, slow, Outlets(None, None, [diary]), health=diary, report=diary.lines.append).run(Stop())
    assert diary.counts == {"a": 45, "b": 45}
    for name in ("a", "b"):
        told = [(event.type, event.position_s) for event in diary.events if event.camera == name]
        assert told == [("started", pytest.approx(2.4)), ("ended", pytest.approx(7.0, abs=0.41))]
        assert "lost: end of file" in "".join(line for line in diary.lines if f"camera {name}: lost" in line)


def test_live_events_carry_no_position_and_times_of_now(watch, diary, until):
    watch(hall=partial(Wall, GREEN))
    until(lambda: diary.events, "the fall")
    assert diary.events[0].position_s is None
