"""The real command in a process of its own: what it prints, what it refuses, how it ends."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import paho.mqtt.publish
import pytest

from edge.system.locking import lock

TIMEOUT_S = 120
RIGHT = "correct horse"
EVENTFUL = (("grey", 2.0), ("green", 2.0), ("grey", 2.0), ("red", 2.0))
"""One fall, and a fight that the end of the file ends."""
FIGHT_WITHOUT_END = (("grey", 1.0), ("red", 60.0))


def environment(**variables: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("EDGEWATCH_")}
    return kept | {"PYTHONWARNINGS": "error"} | variables


def edge(*arguments: object, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "edge", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
        env=environment(**variables),
    )


@pytest.fixture
def start_edge() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    running: list[subprocess.Popen[str]] = []

    def start(*arguments: object, **variables: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "edge", *map(str, arguments)]
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment(**variables)
        )
        running.append(process)
        return process

    yield start
    for process in running:
        process.kill()
        process.communicate()


def types(subscriber) -> list[tuple[str, str]]:
    """What arrived, without repeats: QoS 1 may bring an event twice."""
    return [
        (label, type_)
        for _, label, type_ in dict.fromkeys(
            (event["id"], event["label"], event["type"]) for event in subscriber.events()
        )
    ]


EVENTFUL_TYPES = [("fall", "started"), ("fall", "ended"), ("violence", "started"), ("violence", "ended")]


# What it prints


def test_a_clip_gives_its_events_as_lines_and_as_json(make_clip, colour_bundle: Path, tmp_path: Path) -> None:
    clip, file = make_clip("clip.mp4", *EVENTFUL), tmp_path / "events.jsonl"
    run = edge("run", "--source", clip, "--bundle", colour_bundle, "--events", file, "--camera", "hall")
    assert run.returncode == 0, run.stderr
    lines = run.stdout.splitlines()
    assert [line.split("  ")[1] for line in lines] == [" ".join(pair) for pair in EVENTFUL_TYPES]
    assert all("camera hall  score 0." in line for line in lines)
    assert lines[-1].endswith("(end of file)")
    events = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    assert [(event["label"], event["type"]) for event in events] == EVENTFUL_TYPES
    assert 2.0 <= events[0]["position_s"] <= 3.0  # green begins at 2.0
    assert events[0]["id"] == events[1]["id"] != events[2]["id"]
    assert events[3]["reason"] == "end of file"
    assert "2 events" in run.stderr
    assert len(run.stderr.splitlines()) == 1


LEFT_HALF = "[[0, 0], [0.5, 0], [0.5, 1], [0, 1]]"
INSPECT = """
import resource, sys
sockets, OPENING = [], {"socket.__new__", "socket.bind", "socket.connect"}
sys.addaudithook(lambda name, _: sockets.append(name) if name in OPENING else None)
from edge.cli import main
code = main(sys.argv[1:])
heavy = {"tensorflow", "keras", "torch", "matplotlib", "pandas", "paho", "amqtt"} & set(sys.modules)
peak_kib = next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(code, sorted(heavy), sockets, int(peak_kib) // 1024, sep="|")
"""


def test_what_masks_cover_is_drawn(make_clip, tmp_path: Path) -> None:
    make_clip("clip.avi", ("green", 1.0))
    config = tmp_path / "box.toml"
    config.write_text("[cameras.hall]\nsource = 'clip.avi'\nmasks = [[[0, 0], [1, 0], [1, 0.5], [0, 0.5]]]\n")
    out = tmp_path / "hall.png"
    done = edge("mask", "hall", "--config", config, "--out", out)
    assert (done.returncode, done.stderr) == (0, "")
    assert "hall, 96x64, 1 masks, 0 rest zones" in done.stdout
    assert out.read_bytes().startswith(b"\x89PNG")
    refused(edge("mask", "attic", "--config", config), 2, "box.toml", "'attic'", "hall")


def test_a_run_without_broker_opens_no_socket_and_stays_small(make_clip, colour_bundle: Path) -> None:
    clip = make_clip("clip.mp4", *EVENTFUL)
    command = [sys.executable, "-c", INSPECT, "run", "--source", clip, "--bundle", colour_bundle]
    inspected = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=True)
    code, heavy, sockets, resident_mib = inspected.stdout.splitlines()[-1].split("|")
    assert (code, heavy, sockets) == ("0", "[]", "[]")
    assert int(resident_mib) < 143  # 150 MB


def test_the_warning_of_a_bundle_is_printed(make_clip, colour_bundle: Path, tmp_path: Path) -> None:
    manifest = colour_bundle / "bundle.json"
    warning = "int8 keeps 7.2 dB of the features"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"warning": warning}), encoding="utf-8")
    clip, configuration = make_clip("clip.mp4", *EVENTFUL), tmp_path / "edgewatch.toml"
    run = edge("run", "--source", clip, "--bundle", colour_bundle)
    assert run.returncode == 0, run.stderr
    assert run.stderr.splitlines()[0] == f"bundle colours: warning: {warning}"
    configuration.write_text(f"bundle = '{colour_bundle}'\n[cameras.hall]\nsource = '{clip}'\n", encoding="utf-8")
    check = edge("check", "--config", configuration)
    (line,) = (line for line in check.stdout.splitlines() if line.startswith("bundle: "))
    assert line.startswith("bundle: ok: ")
    assert line.endswith(f"; warning: {warning}")


@pytest.mark.parametrize(
    ("zones", "sleeps"), [("", True), ("rest_zones = []", False), (f"rest_zones = [{LEFT_HALF}]", False)]
)
def test_it_is_said_where_found_down_sleeps(make_clip, tmp_path: Path, zones: str, sleeps: bool) -> None:
    configuration = tmp_path / "edgewatch.toml"
    configuration.write_text(f"[cameras.hall]\nsource = '{make_clip('clip.mp4', *EVENTFUL)}'\n{zones}\n")
    check = edge("check", "--config", configuration)
    (line,) = (line for line in check.stdout.splitlines() if line.startswith("camera hall: ok: "))
    assert ("found_down sleeps" in line) == sleeps


def test_of_a_bundle_that_sees_no_people_nothing_sleeps(make_clip, colour_bundle: Path, tmp_path: Path) -> None:
    configuration, clip = tmp_path / "edgewatch.toml", make_clip("clip.mp4", *EVENTFUL)
    configuration.write_text(f"bundle = '{colour_bundle}'\n[cameras.hall]\nsource = '{clip}'\n", encoding="utf-8")
    check = edge("check", "--config", configuration)
    assert "camera hall: ok: " in check.stdout
    assert "found_down" not in check.stdout


@pytest.mark.parametrize(
    ("availability", "runs_here", "warns"),
    [("online", False, True), ("online", True, False), ("offline", False, False)],
)
def test_a_box_elsewhere_of_the_same_name_is_said(
    mosquitto, make_clip, tmp_path: Path, *, availability: str, runs_here: bool, warns: bool
) -> None:
    paho.mqtt.publish.single(
        "edgewatch/box/availability", availability, 1, True, hostname="127.0.0.1", port=mosquitto.port
    )
    configuration = tmp_path / "edgewatch.toml"
    configuration.write_text(
        f"device_id = 'box'\nstate_dir = 'state'\n[broker]\nurl = '{mosquitto.url}'\n"
        f"[cameras.hall]\nsource = '{make_clip('clip.mp4', *EVENTFUL)}'\n"
    )
    with contextlib.ExitStack() as held:
        if runs_here:
            held.callback(os.close, lock(tmp_path / "state"))
        check = edge("check", "--config", configuration)
    (line,) = (line for line in check.stdout.splitlines() if line.startswith("broker: ok: "))
    assert ("warning: a box 'box' is online, and none runs here" in line) == warns
    assert check.returncode == 0


def test_version_and_help() -> None:
    assert edge("--version").stdout.startswith("edgewatch ")
    for command in ((), ("run",), ("check",), ("bench",)):
        shown = edge(*command, "--help")
        assert shown.returncode == 0
        assert "exit code" in shown.stdout or command == ("bench",)


def test_a_reader_that_goes_away_is_no_error(make_clip, colour_bundle: Path) -> None:
    clip = make_clip("clip.mp4", *EVENTFUL)
    command = f"'{sys.executable}' -m edge run --source '{clip}' --bundle '{colour_bundle}' | head -c 1"
    run = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=TIMEOUT_S, check=True)
    assert "Traceback" not in run.stderr


# What bad input gets


def refused(run: subprocess.CompletedProcess[str], code: int, *words: str) -> None:
    """One line that names what is wrong, and the exit code."""
    assert run.returncode == code, run.stderr
    assert len(run.stderr.splitlines()) == 1, run.stderr
    for word in words:
        assert word in run.stderr
    assert run.stdout == ""


@pytest.mark.parametrize(
    ("name", "at_s"),
    [
        ("fall-progressive.mp4", 3.3),
        ("fall-interlaced.mp4", 3.3),
        ("fall-after-a-gap-of-2-min.mp4", 134.5),
        ("fall-after-a-gap-of-50-s.mp4", 64.5),
    ],
)
def test_a_fall_is_found_where_it_is_in_films_of_awkward_kinds(cases_dir: Path, name: str, at_s: float) -> None:
    run = edge("run", "--source", cases_dir / name)
    assert run.returncode == 0, run.stderr
    began = [line[:7].split(":") for line in run.stdout.splitlines() if "fall started" in line]
    assert [60 * float(minutes) + float(seconds) for minutes, seconds in began] == [pytest.approx(at_s, abs=1.0)]


def test_a_name_that_is_not_utf_8_is_read_and_can_be_printed(make_clip, colour_bundle: Path) -> None:
    clip = make_clip("whole.mp4", *EVENTFUL)
    odd = clip.rename(clip.with_name(os.fsdecode(b"B\xfcro.mp4")))
    run = edge("run", "--source", odd, "--bundle", colour_bundle)
    assert run.returncode == 0, run.stderr
    assert "B\ufffdro.mp4: 00:" in run.stdout + run.stderr


@pytest.mark.parametrize("kind", ["absent", "empty", "text", "truncated", "folder", "stream", "password"])
def test_sources_that_are_none(make_clip, colour_bundle: Path, tmp_path: Path, kind: str) -> None:
    source, file = tmp_path / "source.mp4", tmp_path / "events.jsonl"
    code, word = 3, "source.mp4: "
    if kind == "empty":
        source.touch()
    elif kind == "text":
        source.write_text("this is no video\n" * 1000, encoding="utf-8")
    elif kind == "truncated":
        whole = make_clip("whole.mp4", *EVENTFUL).read_bytes()
        source.write_bytes(whole[: len(whole) // 2])  # the index is at the end
    elif kind == "folder":
        source.mkdir()
        code = 2
    elif kind == "stream":
        source, word = "srt://u:hunter2@camera", "srt"
    elif kind == "password":
        source, word = "http://u:hunter2@camera", "holds a password"
        code = 2
    run = edge("run", "--source", source, "--bundle", colour_bundle, "--events", file)
    refused(run, code, word)
    assert "hunter2" not in run.stderr
    assert not file.exists()


def test_a_video_of_one_frame_is_a_short_video(make_clip, colour_bundle: Path) -> None:
    run = edge("run", "--source", make_clip("clip.mp4", ("green", 0.1)), "--bundle", colour_bundle)
    assert (run.returncode, run.stdout) == (0, "")


def test_a_clip_with_a_corrupt_middle_is_used_and_its_loss_counted(make_clip, colour_bundle: Path) -> None:
    clip = make_clip("clip.avi", *EVENTFUL)
    content = bytearray(clip.read_bytes())
    middle = len(content) * 2 // 5
    content[middle : middle + 3000] = b"\xff" * 3000
    clip.write_bytes(content)
    run = edge("run", "--source", clip, "--bundle", colour_bundle)
    assert run.returncode == 0, run.stderr
    assert "frames could not be decoded and were skipped" in run.stderr
    assert "violence started" in run.stdout


def test_bundles_that_do_not_fit(make_clip, colour_bundle: Path, tmp_path: Path) -> None:
    clip, file, manifest = (
        make_clip("clip.mp4", ("grey", 1.0)),
        tmp_path / "events.jsonl",
        colour_bundle / "bundle.json",
    )

    def run(bundle: Path = colour_bundle) -> subprocess.CompletedProcess[str]:
        return edge("run", "--source", clip, "--bundle", bundle, "--events", file)

    refused(run(tmp_path / "absent"), 4, "absent")
    sound = manifest.read_text(encoding="utf-8")
    manifest.write_text(sound.replace('"format_version": 2', '"format_version": 1'), encoding="utf-8")
    refused(run(), 4, "format_version")
    manifest.write_text(sound.replace('"fall", "violence"]', '"fall", "violence", "fire"]'), encoding="utf-8")
    refused(run(), 4, "labels")
    manifest.write_text(sound, encoding="utf-8")
    model = colour_bundle / "frame.tflite"
    model.write_bytes(model.read_bytes()[:-1] + b"?")
    refused(run(), 4, "frame.tflite", "SHA-256")
    model.unlink()
    refused(run(), 4, "frame.tflite")
    assert not file.exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), ("COMMAND", "--help")),
        (("run",), ("--source", "--config")),
        (("run", "--sorce", "x"), ("--sorce",)),
        (("run", "--source", "CLIP", "--camera", "events"), ("cameras.events", "choose another name")),
        (("run", "--source", "CLIP", "--threads", "0"), ("threads",)),
        (("run", "--source", "CLIP", "--events", "/no/such/folder/e.jsonl"), ("/no/such/folder/e.jsonl",)),
        (("run", "--source", "CLIP", "--broker", "localhost"), ("--broker", "mqtt://")),
        (("run", "--source", "CLIP", "--broker", "mqtt://h", "--demo-broker"), ("--demo-broker",)),
        (("run", "--config", "/no/such/file.toml"), ("/no/such/file.toml",)),
    ],
)
def test_usage_and_configuration(make_clip, arguments: tuple[str, ...], words: tuple[str, ...]) -> None:
    clip = make_clip("clip.mp4", ("grey", 1.0))
    refused(edge(*(clip if argument == "CLIP" else argument for argument in arguments)), 2, *words)


def test_a_full_disk_gets_whole_lines_only(make_clip, colour_bundle: Path) -> None:
    run = edge("run", "--source", make_clip("clip.mp4", *EVENTFUL), "--bundle", colour_bundle, "--events", "/dev/full")
    refused(run, 1, "/dev/full", "No space left")


# With a broker


def test_events_arrive_at_the_broker(mosquitto, make_clip, colour_bundle: Path, until) -> None:
    subscriber = mosquitto.subscribe()
    clip = make_clip("clip.mp4", *EVENTFUL)
    run = edge("run", "--source", clip, "--bundle", colour_bundle, "--broker", mosquitto.url)
    assert run.returncode == 0, run.stderr
    until(lambda: subscriber.payloads("availability") == ["online", "offline"], "offline")
    assert types(subscriber) == EVENTFUL_TYPES
    assert subscriber.payloads("camera/fall/state")[-1] == "OFF"
    assert subscriber.payloads("camera/violence/state")[-1] == "OFF"
    assert json.loads(subscriber.payloads("/stats")[0])["backend"] == "cpu"


def test_an_absent_broker_is_told_with_the_number_of_events(make_clip, colour_bundle: Path, unused_port: int) -> None:
    clip = make_clip("clip.mp4", *EVENTFUL)
    run = edge("run", "--source", clip, "--bundle", colour_bundle, "--broker", f"mqtt://127.0.0.1:{unused_port}")
    assert run.returncode == 5
    last = run.stderr.splitlines()[-1]
    assert "4 events were not acknowledged" in last
    assert f"mqtt://127.0.0.1:{unused_port}: no broker there" in last
    assert len(run.stdout.splitlines()) == 4


def test_a_password_is_needed_and_never_shown(start_mosquitto, make_clip, colour_bundle: Path) -> None:
    mosquitto = start_mosquitto(password=RIGHT)
    clip = make_clip("clip.mp4", *EVENTFUL)
    url = f"mqtt://box@127.0.0.1:{mosquitto.port}"
    known = edge("run", "--source", clip, "--bundle", colour_bundle, "--broker", url, EDGEWATCH_MQTT_PASSWORD=RIGHT)
    assert known.returncode == 0, known.stderr
    for refused_url, password in ((url, "hunter2"), (f"mqtt://box:hunter2@127.0.0.1:{mosquitto.port}", "")):
        run = edge(
            "run",
            "--source",
            clip,
            "--bundle",
            colour_bundle,
            "--broker",
            refused_url,
            EDGEWATCH_MQTT_PASSWORD=password,
        )
        assert run.returncode == 5
        assert "refuses user 'box' or the password" in run.stderr.splitlines()[-1]
        assert "hunter2" not in run.stderr + run.stdout
    assert "seen by every user" in run.stderr
    nobody = edge("run", "--source", clip, "--bundle", colour_bundle, "--broker", mosquitto.url)
    assert "the broker wants a user and password" in nobody.stderr


def test_all_events_arrive_when_the_broker_goes_away_and_comes_back(
    start_mosquitto, start_edge, make_clip, colour_bundle: Path, until
) -> None:
    mosquitto = start_mosquitto(remembers=True)
    subscriber = mosquitto.subscribe()
    clip = make_clip("clip.mp4", *EVENTFUL, ("grey", 3.0))
    run = start_edge("run", "--source", clip, "--bundle", colour_bundle, "--broker", mosquitto.url, "--realtime")
    until(lambda: types(subscriber) == EVENTFUL_TYPES[:1], "the first event")
    mosquitto.end()
    assert [run.stdout.readline().split("  ")[1] for _ in range(3)][-1] == "violence started"
    mosquitto.start()
    _, errors = run.communicate(timeout=TIMEOUT_S)
    assert run.returncode == 0, errors
    until(lambda: types(subscriber) == EVENTFUL_TYPES, "all events, in order")
    assert "trying on" in errors


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_a_signal_ends_what_is_active(  # noqa: PLR0917 - fixtures
    mosquitto, start_edge, make_clip, colour_bundle: Path, until, number: signal.Signals, code: int
) -> None:
    subscriber = mosquitto.subscribe()
    clip = make_clip("clip.mp4", *FIGHT_WITHOUT_END)
    run = start_edge("run", "--source", clip, "--bundle", colour_bundle, "--broker", mosquitto.url, "--realtime")
    until(lambda: subscriber.payloads("violence/state")[-1:] == ["ON"], "ON")
    run.send_signal(number)
    output, errors = run.communicate(timeout=TIMEOUT_S)
    assert run.returncode == code, errors
    until(lambda: subscriber.payloads("availability")[-1:] == ["offline"], "offline")
    assert output.splitlines()[-1].endswith("(stopped)")
    assert [(event["type"], event["reason"]) for event in subscriber.events()] == [
        ("started", None),
        ("ended", "stopped"),
    ]
    assert subscriber.payloads("violence/state")[-1] == "OFF"
    assert "Traceback" not in errors


def test_the_demo_broker_passes_the_events_on(start_edge, make_clip, colour_bundle: Path, until, subscribe) -> None:
    pytest.importorskip("amqtt", reason="amqtt is not installed (extra demo)")
    clip = make_clip("clip.mp4", ("grey", 3.0), ("green", 1.0), ("grey", 4.0))
    run = start_edge("run", "--source", clip, "--bundle", colour_bundle, "--demo-broker", "--realtime")
    address = run.stderr.readline()
    assert address.startswith("demo broker: mqtt://127.0.0.1:")
    subscriber = subscribe(int(address.rsplit(":", 1)[1]))
    until(lambda: types(subscriber) == EVENTFUL_TYPES[:2], "the events")
    until(lambda: subscriber.payloads("fall/state")[-1:] == ["OFF"], "OFF")
    _, errors = run.communicate(timeout=TIMEOUT_S)
    assert run.returncode == 0, errors


def test_the_demo_broker_says_when_its_extra_is_missing(make_clip) -> None:
    without = "import sys; sys.modules['amqtt'] = None; from edge.cli import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", without, "run", "--source", make_clip("clip.mp4", ("grey", 1.0)), "--demo-broker"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    refused(run, 2, "amqtt is not installed", "edgewatch[demo]")
