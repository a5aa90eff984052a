"""Readiness and watchdog, heard by a socket in systemd's stead."""

import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edge.system.health import Health
from edge.system.notify import Notifier
from edge.system.rounds import Rounds
from edge.system.stats import Stats

INFERENCE = (0, 1_000_000)  # capture time and duration, ns


class Systemd:
    """Listens as systemd does."""

    def __init__(self, path: Path) -> None:
        self.address = str(path)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(self.address)
        self._socket.setblocking(False)

    def heard(self) -> list[str]:
        messages = []
        while True:
            try:
                messages.append(self._socket.recv(1000).decode())
            except BlockingIOError:
                return messages

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[Systemd]:
    listener = Systemd(tmp_path / "notify")
    yield listener
    listener.close()


class Clock:
    """Monotonic seconds that a test sets."""

    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def make_health(systemd: Systemd, clock: Clock) -> Callable[..., Health]:
    """Watch cameras with a watchdog of 20 s."""

    def make(*cameras: str, lines: list[str] | None = None, is_connected: Callable[[], bool] | None = None) -> Health:
        notifier = Notifier({"NOTIFY_SOCKET": systemd.address, "WATCHDOG_USEC": "20000000"})
        report = [].append if lines is None else lines.append
        return Health(Stats({}, lambda: "cpu"), notifier, cameras, clock, report=report, is_connected=is_connected)

    return make


def test_the_box_is_ready_when_every_camera_has_inferred_or_is_lost(make_health, systemd: Systemd) -> None:
    health = make_health("hall", "attic", "stairs")
    health.judged("hall", *INFERENCE, live=False)
    health.condition("attic", "starting")
    health.condition("attic", "lost")
    assert systemd.heard() == []
    health.judged("stairs", *INFERENCE, live=False)
    assert systemd.heard() == ["READY=1", "STATUS=3 cameras: 2 starting, 1 lost"]
    health.judged("hall", *INFERENCE, live=False)
    health.condition("hall", "ok")
    health.condition("stairs", "ok")
    assert systemd.heard() == ["STATUS=3 cameras: 1 ok, 1 lost, 1 starting", "STATUS=3 cameras: 2 ok, 1 lost"]


def test_the_status_says_once_whether_the_broker_hears_us(make_health, systemd: Systemd) -> None:
    connected: list[bool] = []
    health = make_health("hall", is_connected=lambda: bool(connected))
    health.judged("hall", *INFERENCE, live=False)
    health.condition("hall", "ok")
    connected.append(True)
    for _ in range(3):
        health.judged("hall", *INFERENCE, live=False)
    assert systemd.heard() == [
        "READY=1",
        "STATUS=1 cameras: 1 starting; broker: away",
        "STATUS=1 cameras: 1 ok; broker: away",
        "STATUS=1 cameras: 1 ok; broker: connected",
    ]


def test_while_a_camera_delivers_only_inferences_feed_the_watchdog(make_health, systemd: Systemd, clock: Clock) -> None:
    health = make_health("hall", "attic")
    health.judged("hall", *INFERENCE, live=False)
    health.condition("attic", "lost")
    health.condition("hall", "ok")
    systemd.heard()
    for clock.now_s in range(1, 20):
        health.judged("hall", *INFERENCE, live=False)
    assert systemd.heard() == ["WATCHDOG=1"] * 3  # every 5 s
    for clock.now_s in range(20, 100):
        health.idle()
        health.condition("attic", "lost")
    assert "WATCHDOG=1" not in systemd.heard()


def test_cameras_that_are_all_gone_are_no_reason_to_start_anew(make_health, systemd: Systemd, clock: Clock) -> None:
    health = make_health("hall", "attic")
    health.condition("hall", "lost")
    health.condition("attic", "starting")
    for clock.now_s in range(1, 20):
        health.idle()
    assert "WATCHDOG=1" not in systemd.heard(), "one may still come"
    health.condition("attic", "stalled")
    systemd.heard()
    for clock.now_s in range(20, 40):
        health.idle()
    assert systemd.heard() == ["WATCHDOG=1"] * 4


def test_where_nothing_is_to_be_watched_nothing_is_wrong(make_health, systemd: Systemd, clock: Clock) -> None:
    health = make_health("hall")
    health.condition("hall", "disabled")
    clock.now_s = 5
    health.idle()
    assert systemd.heard() == ["READY=1", "STATUS=1 cameras: 1 disabled", "WATCHDOG=1"]


@pytest.mark.parametrize("state", ["ok", "lost"])
def test_while_a_thread_hangs_nothing_feeds_the_watchdog(
    make_health, systemd: Systemd, clock: Clock, state: str
) -> None:
    lines: list[str] = []
    health = make_health("hall", lines=lines)
    publisher, chores = Rounds(clock), Rounds(clock)
    health.watch("publisher", publisher.last_s)
    health.watch("housekeeping", chores.last_s)
    health.judged("hall", *INFERENCE, live=False)
    health.condition("hall", state)

    def live(until_s: int) -> list[str]:
        heard = []
        for now_s in range(int(clock.now_s) + 1, until_s + 1):
            clock.now_s = now_s
            health.judged("hall", *INFERENCE, live=False) if state == "ok" else health.idle()
            heard += systemd.heard()
        return heard

    systemd.heard()
    publisher.begin()
    assert live(180) == ["WATCHDOG=1"] * 36
    assert live(400) == [f"STATUS=1 cameras: 1 {state}; publisher hangs"]
    publisher.begin()
    assert live(500)[:2] == [f"STATUS=1 cameras: 1 {state}", "WATCHDOG=1"]
    publisher.rest()
    chores.begin()
    assert live(1000)[-1] == f"STATUS=1 cameras: 1 {state}; housekeeping hangs"
    assert lines == [
        f"{name}: hangs for 180 s; the watchdog is fed no more, and starts the box anew"
        for name in ("publisher", "housekeeping")
    ]


def test_an_abstract_socket_is_understood() -> None:
    name = f"edgewatch-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(f"\0{name}")
        Notifier({"NOTIFY_SOCKET": f"@{name}"}).ready()
        assert listener.recv(100) == b"READY=1"


@pytest.mark.parametrize("environment", [{}, {"NOTIFY_SOCKET": "/nowhere/at/all"}])
def test_nobody_who_listens_is_no_fault(environment: dict[str, str]) -> None:
    notifier = Notifier(environment)
    notifier.ready()
    notifier.stopping()


@pytest.mark.parametrize(
    ("environment", "interval_s"),
    [
        ({}, 0),
        ({"WATCHDOG_USEC": "8000000"}, 2),
        ({"WATCHDOG_USEC": "8000000", "WATCHDOG_PID": str(os.getpid())}, 2),
        ({"WATCHDOG_USEC": "8000000", "WATCHDOG_PID": "1"}, 0),
        ({"WATCHDOG_USEC": "soon"}, 0),
    ],
)
def test_the_watchdog_of_another_process_is_not_ours(environment: dict[str, str], interval_s: float) -> None:
    assert Notifier(environment).feed_interval_s == interval_s
