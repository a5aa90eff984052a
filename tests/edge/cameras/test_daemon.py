"""The daemon in a process of its own: several cameras, faults that stay where they are, crashes and restarts."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

TIMEOUT_S = 120


def edge(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "edge", *map(str, arguments)]


@pytest.fixture
def start_daemon(tmp_path: Path, colour_bundle: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start daemons with a broker's URL and a table of cameras: name and source; `before` is of a command that runs
    them."""
    running: list[subprocess.Popen[str]] = []

    def start(url: str, before: tuple[object, ...] = (), **cameras: Path) -> subprocess.Popen[str]:
        tables = "".join(f"[cameras.{name}]\nsource = '{source}'\n" for name, source in cameras.items())
        configuration = tmp_path / "edgewatch.toml"
        configuration.write_text(
            f"device_id = 'box'\nstate_dir = 'state'\nbundle = '{colour_bundle}'\n[broker]\nurl = '{url}'\n{tables}",
            encoding="utf-8",
        )
        command = [*map(str, before), *edge("run", "--config", configuration)]
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONWARNINGS": "error"},
        )
        running.append(process)
        return process

    yield start
    for process in running:
        process.kill()
        process.communicate()


def states(subscriber, camera: str) -> list[tuple[str, str | None]]:
    statuses = [json.loads(payload) for payload in subscriber.payloads(f"/{camera}/status")]
    return [(status["state"], status["reason"]) for status in statuses]


def test_a_fault_of_one_camera_does_not_touch_the_others(
    mosquitto, start_daemon, make_clip, until, tmp_path: Path
) -> None:
    subscriber = mosquitto.subscribe()
    hall = make_clip("hall.mp4", ("grey", 1.0), ("green", 60.0))
    stairs = make_clip("stairs.mp4", ("grey", 2.0), ("red", 60.0))
    daemon = start_daemon(mosquitto.url, hall=hall, stairs=stairs, attic=tmp_path / "absent.mp4")
    until(lambda: subscriber.payloads("hall/fall/state")[-1:] == ["ON"], "the fall")
    until(lambda: subscriber.payloads("stairs/violence/state")[-1:] == ["ON"], "the fight")
    until(lambda: states(subscriber, "attic")[-1:], "the status")
    assert states(subscriber, "attic")[-1][0] == "lost"
    assert "absent.mp4: No such file" in str(states(subscriber, "attic")[-1][1])
    assert ("ok", None) in states(subscriber, "hall")
    daemon.send_signal(signal.SIGTERM)
    _, errors = daemon.communicate(timeout=TIMEOUT_S)
    assert daemon.returncode == 0, errors
    until(lambda: subscriber.payloads("availability")[-1:] == ["offline"], "offline")
    ended = {(e["camera"], e["reason"]) for e in subscriber.events() if e["type"] == "ended"}
    assert ended == {("hall", "stopped"), ("stairs", "stopped")}
    assert subscriber.payloads("hall/fall/state")[-1] == "OFF"
    assert "Traceback" not in errors


def test_recordings_that_have_all_ended_end_the_daemon(mosquitto, start_daemon, make_clip) -> None:
    daemon = start_daemon(mosquitto.url, hall=make_clip("hall.mp4", ("grey", 1.0)))
    _, errors = daemon.communicate(timeout=TIMEOUT_S)
    assert daemon.returncode == 0, errors
    assert "camera hall: lost: end of file" in errors


def test_a_crash_mid_event_is_ended_by_the_restart(mosquitto, start_daemon, make_clip, until) -> None:
    subscriber = mosquitto.subscribe()
    daemon = start_daemon(mosquitto.url, hall=make_clip("hall.mp4", ("grey", 1.0), ("green", 60.0)))
    until(lambda: subscriber.payloads("hall/fall/state")[-1:] == ["ON"], "the fall")
    daemon.kill()
    daemon.communicate()
    until(lambda: subscriber.payloads("availability")[-1:] == ["offline"], "the will")
    start_daemon(mosquitto.url, hall=make_clip("quiet.mp4", ("grey", 60.0)))
    until(lambda: "ended" in [event["type"] for event in subscriber.events()], "the end")
    events = {(event["id"], event["type"]): event for event in subscriber.events()}  # a crash may repeat `started`
    (started_id, _), (ended_id, _) = events
    assert [transition for _, transition in events] == ["started", "ended"]
    assert (ended_id, events[ended_id, "ended"]["reason"]) == (started_id, "restart")
    until(lambda: subscriber.payloads("hall/fall/state")[-1:] == ["OFF"], "OFF")


def test_events_wait_on_disk_for_a_broker_that_comes_later(start_mosquitto, start_daemon, make_clip, until) -> None:
    mosquitto = start_mosquitto(running=False)
    daemon = start_daemon(mosquitto.url, hall=make_clip("hall.mp4", ("grey", 1.0), ("green", 1.0)))
    output, errors = daemon.communicate(timeout=TIMEOUT_S)
    assert daemon.returncode == 0, errors
    assert "no broker there" in errors
    assert len(output.splitlines()) == 2
    mosquitto.start()
    subscriber = mosquitto.subscribe()
    start_daemon(mosquitto.url, hall=make_clip("quiet.mp4", ("grey", 60.0)))
    until(lambda: len(subscriber.events()) == 2, "the events")
    assert [event["type"] for event in subscriber.events()] == ["started", "ended"]
    assert subscriber.events()[1]["reason"] == "end of file"


NAMESPACE = ("unshare", "--user", "--map-root-user", "--mount")
ON_A_FULL_DISK = (
    'mount -t tmpfs -o size=64k tmpfs "$0" && { cat /dev/zero >"$0/ballast" 2>/dev/null; [ -s "$0/ballast" ]; } '
    '&& exec "$@"'
)


def test_on_a_full_disk_events_are_sent_from_memory_and_that_is_said(
    mosquitto, start_daemon, make_clip, until, tmp_path: Path
) -> None:
    if subprocess.run([*NAMESPACE, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this machine allows no mount namespaces")
    subscriber = mosquitto.subscribe()
    (tmp_path / "state").mkdir()
    before = (*NAMESPACE, "sh", "-c", ON_A_FULL_DISK, tmp_path / "state")
    clip = make_clip("hall.mp4", ("grey", 1.0), ("green", 2.0), ("grey", 60.0))
    daemon = start_daemon(mosquitto.url, before, hall=clip)
    until(lambda: [event["type"] for event in subscriber.events()] == ["started", "ended"], "the fall")
    until(lambda: subscriber.payloads("/stats"), "the stats")
    assert "full" in json.loads(subscriber.payloads("/stats")[-1])["outbox"]["fault"]
    daemon.send_signal(signal.SIGTERM)
    _, errors = daemon.communicate(timeout=TIMEOUT_S)
    assert daemon.returncode == 0, errors
    assert "the disk refuses" in errors
    assert "events are kept in memory" in errors


# edge check


def check(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(edge("check", *arguments), capture_output=True, text=True, timeout=TIMEOUT_S, check=False)


def test_check_says_ok_to_what_is(mosquitto, make_clip, colour_bundle: Path) -> None:
    checked = check("--source", make_clip("a.mp4", ("grey", 1.0)), "--bundle", colour_bundle, "--broker", mosquitto.url)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    lines = checked.stdout.splitlines()
    assert [line.split(": ")[:2] for line in lines] == [
        ["configuration", "ok"],
        ["clock", "ok"],
        ["bundle", "ok"],
        ["camera camera", "ok"],
        ["broker", "ok"],
    ]
    assert "96x64" in lines[3]


def test_check_says_what_is_wrong_and_goes_on(colour_bundle: Path, unused_port: int, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    configuration = tmp_path / "edgewatch.toml"
    configuration.write_text(
        f"state_dir = 'file/state'\nbundle = '{colour_bundle}'\n[broker]\nurl = 'mqtt://127.0.0.1:{unused_port}'\n"
        "[cameras.hall]\nsource = 'absent.mp4'\n",
        encoding="utf-8",
    )
    checked = check("--config", configuration)
    assert checked.returncode == 3
    assert checked.stderr == ""
    parts = [line.split(": ")[:2] for line in checked.stdout.splitlines()]
    assert parts == [
        ["configuration", "ok"],
        ["clock", "ok"],
        ["bundle", "ok"],
        ["camera hall", "wrong"],
        ["state directory", "wrong"],
        ["broker", "wrong"],
    ]
    configuration.write_text("devise_id = 'x'", encoding="utf-8")
    checked = check("--config", configuration)
    assert checked.returncode == 2
    assert "devise_id: unknown key" in checked.stdout
