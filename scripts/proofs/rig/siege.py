"""Box, notifier and dashboard at one broker, of which everything that can go wrong goes wrong in turn."""

import json
import shutil
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from proofs.frame.proof import Figure, Figures, Limit, say
from proofs.rig.daemon import DEVICE, Daemon
from proofs.rig.listeners import CONNECTED, Dashboard, Inbox, Notifier
from proofs.rig.mosquitto import Listener, Mosquitto, wait_until
from proofs.rig.proxy import Proxy
from proofs.rig.scripted import ScriptedBox

AUDIENCES: Final = ("broker", "people", "page")
CAMERAS: Final = tuple(f"camera-{number}" for number in range(3))
PATIENCE_S: Final = 120.0
LATEST_S: Final = 30.0
"""After the end of a fault."""
LOOK_S: Final = 0.1
SHOWS: Final = 2
"""Falls of each camera while a fault lasts."""
SETTLING_S: Final = 3.0
"""A fall is over before its fault ends."""
REPEATS_S: Final = 10.0
"""What is told again comes after all was told."""
SMALL_BYTES: Final = 2048
LONG_BYTES: Final = 17_000_000
INVENTED: Final = 4000
BIRTHS, COMMANDS = 300, 3000
WEEKEND_S: Final = 60 * 3600.0
"""It ends in another half of the day than it began."""
HALF_SPAN: Final = timedelta(hours=5)
RULES: Final = """
[[rules]]
name = "falls"
when = ["fall"]
tell = ["nurse"]
urgent = true
hours = "{hours}"
[[rules]]
name = "troubles"
when = ["lost"]
tell = ["nurse"]
after_s = 1
"""
ILL: Final = {
    "schema": 1, "id": "E", "type": "started", "label": "fall", "camera": "\ud800\x1b[2J", "score": 0.9,
    "peak_score": 0.9, "started_at": "\ud800", "state": "lost", "since": "\x07", "fps": 1.0, "version": "\ud800\x1b",
    "reason": "\x1b]0;\ud800\u202e",
}  # fmt: skip


class Siege:
    """The parts, and what can be done to them."""

    def __init__(self, folder: Path, opened: ExitStack) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        self._folder = folder
        self.falls = 0
        """That each camera has seen."""
        self.late_s: dict[str, float | None] = dict.fromkeys(AUDIENCES, 0.0)
        """How long each audience had to wait since a fault began, at most; None for who never had all."""
        self.broker = Mosquitto(folder / "broker", remembers=True)
        self.broker.start()
        opened.callback(self.broker.stop)
        self.listener = opened.enter_context(closing(Listener(self.broker.port, f"edgewatch/{DEVICE}/events")))
        self.proxy = opened.enter_context(closing(Proxy(self.broker.port)))
        self.inbox = opened.enter_context(closing(Inbox()))
        now = datetime.now()  # noqa: DTZ005 - rules speak of local hours
        hours = f"{now - HALF_SPAN:%H:%M}-{now + HALF_SPAN:%H:%M}"
        self.notifier = Notifier(folder / "notifier", self.broker.port, self.inbox.url, RULES.format(hours=hours))
        self.dashboard = Dashboard(folder / "dashboard", self.broker.port)
        self.box = ScriptedBox(folder / "box", self.proxy.port, CAMERAS, 0, settings="commands = true")
        self.programs: dict[str, Daemon] = {"box": self.box, "notifier": self.notifier, "dashboard": self.dashboard}
        for program in (self.notifier, self.dashboard, self.box):
            program.on_small_disk = True
            opened.callback(program.stop)
            program.start()
        wait_until(lambda: CONNECTED in self.box.log.read_text(), "the connection of the box")

    def restart_broker(self, *lines: str) -> None:
        """Restart it with more lines of configuration; the box is let through when the listener is."""
        self.proxy.is_open = False
        self.listener.forget_subscription()
        self.broker.stop()
        self.broker.start(*lines)
        self.listener.await_subscription()
        self.proxy.is_open = True

    def restart_box(self, behind_s: float) -> None:
        self.await_alarms()  # its disk goes with it
        self.box.stop()
        self.box.behind_s = behind_s
        begin = len(self.box.log.read_text())
        self.box.start()
        sees = [f"camera {camera}: ok" for camera in CAMERAS]
        wait_until(lambda: all(words in self.box.log.read_text()[begin:] for words in sees), "the cameras of the box")

    def see(self) -> None:
        """Let each camera see a fall."""
        self.falls += 1
        self.box.see(1)

    def file(self, name: str, content: str) -> Path:
        """Write a file for the broker."""
        path = self._folder / name
        path.write_text(content)
        return path

    def missing(self) -> dict[str, int]:
        """How many alarms have not come, and by whom: what came in place of another counts for nothing."""
        arrived = {(event["camera"], event["id"], event["type"]) for _, event in list(self.listener.events)}
        begun = {(camera, event_id) for camera, event_id, kind in arrived if kind == "started"}
        whole = Counter(camera for camera, event_id in begun if (camera, event_id, "ended") in arrived)
        shown = Counter(camera for camera, event_id in begun if self.dashboard.shows(DEVICE, event_id))
        return {
            "broker": sum(max(0, self.falls - whole[camera]) for camera in CAMERAS),
            "people": self.inbox.missing(len(CAMERAS), self.falls),
            "page": sum(max(0, self.falls - shown[camera]) for camera in CAMERAS),
        }

    def await_alarms(self) -> None:
        """Wait until everybody has every alarm; note in `late_s` in how many seconds that was."""
        began_s = time.monotonic()
        late_s: dict[str, float | None] = dict.fromkeys(AUDIENCES)
        while None in late_s.values() and time.monotonic() < began_s + PATIENCE_S:
            for program in self.programs.values():
                program.check()
            for audience, count in self.missing().items():
                if count == 0 and late_s[audience] is None:
                    late_s[audience] = time.monotonic() - began_s
            time.sleep(LOOK_S)
        self.late_s = {audience: later(self.late_s[audience], late_s[audience]) for audience in AUDIENCES}


def later(first_s: float | None, second_s: float | None) -> float | None:
    """The longer of two waits, of which None has no end."""
    return None if first_s is None or second_s is None else max(first_s, second_s)


@contextmanager
def deaf(siege: Siege) -> Generator[None]:
    """The broker's connection lives, and no message is acknowledged or kept."""
    siege.proxy.forgets = True
    yield
    siege.proxy.forgets = False


@contextmanager
def refused_by_size(siege: Siege) -> Generator[None]:
    """The broker hangs up on what is longer than a small packet."""
    siege.restart_broker(f"max_packet_size {SMALL_BYTES}")
    yield
    siege.restart_broker()


@contextmanager
def denied(siege: Siege) -> Generator[None]:
    """The broker's access list lets everybody read, and nobody write."""
    rules = siege.file("denied.acl", "topic read #\n")
    siege.restart_broker(f"acl_file {rules}")
    yield
    siege.restart_broker()


@contextmanager
def poisoned(siege: Siege) -> Generator[None]:
    """What no box sends is retained, and everybody subscribes anew; commands and births come by the thousand."""
    topics = [f"edgewatch/ghost-{number}/hall/status" for number in range(INVENTED)]
    ill = json.dumps(ILL).encode()
    kept = dict.fromkeys(topics, json.dumps({"state": "lost", "since": "2026-01-01T00:00:00Z", "fps": 0.0}).encode())
    kept |= dict.fromkeys([f"edgewatch/mad/{suffix}" for suffix in ("stats", "hall/status", "events", "update")], ill)
    kept |= dict.fromkeys(["edgewatch/mad/attic/status", "homeassistant/status"], bytes(LONG_BYTES))
    kept["edgewatch/mad/availability"] = b"\x1b[2J\xff"
    with _attacker(siege) as send:
        send(kept.items(), retain=True)
    begin = len(siege.box.log.read_text())
    siege.restart_broker()
    wait_until(lambda: CONNECTED in siege.box.log.read_text()[begin:], "the connection of the box")
    with _attacker(siege) as send:
        send(
            [(f"edgewatch/{DEVICE}/{number:x}/{number}/threshold/set", b"x\x1b") for number in range(COMMANDS)],
            retain=False,
        )
        send([("homeassistant/status", b"online")] * BIRTHS, retain=False)
        yield
        send(((topic, b"") for topic in kept), retain=True)


@contextmanager
def _attacker(siege: Siege) -> Generator[Callable[..., None]]:
    client = Client(CallbackAPIVersion.VERSION2, clean_session=True)
    client.max_inflight_messages_set(0)
    client.reconnect_delay_set(1, 1)
    client.connect("127.0.0.1", siege.broker.port)
    client.loop_start()
    wait_until(client.is_connected, "the connection of the attacker")

    def send(messages: Iterable[tuple[str, bytes]], *, retain: bool) -> None:
        under_way = [client.publish(topic, payload, 1, retain) for topic, payload in messages]
        wait_until(lambda: all(each.is_published() for each in under_way), "the attack", PATIENCE_S)

    try:
        yield send
    finally:
        client.disconnect()
        client.loop_stop()


def full_disk(name: str) -> Callable[[Siege], Any]:
    """One program's disk has no room left."""
    return lambda siege: siege.programs[name].full_disk()


@contextmanager
def behind(siege: Siege) -> Generator[None]:
    """The box starts with a clock that stood still over the weekend."""
    siege.restart_box(WEEKEND_S)
    yield
    siege.restart_box(0.0)


def are_of_the_past(events: Sequence[dict[str, Any]]) -> bool:
    """Whether events began, by their box's clock, before the weekend that it slept through was over."""
    latest = datetime.now(UTC) - timedelta(seconds=WEEKEND_S / 2)
    return bool(events) and all(datetime.fromisoformat(event["started_at"]) < latest for event in events)


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that goes wrong for a while."""

    hold: Callable[[Siege], Any]
    lasts_s: float
    program: str = ""
    says: str = ""
    """What a program's log must say of it."""
    short_s: float = 6.0
    shows: Callable[[Sequence[dict[str, Any]]], bool] = bool
    """Whether events that came since it began show that it was there."""


FAULTS: Final = {
    "deaf": Fault(deaf, 60.0, "box", "acknowledges no message", short_s=24.0),
    "size": Fault(refused_by_size, 20.0, "box", "left out"),
    "denied": Fault(denied, 90.0, "box", "ACL", short_s=20.0),
    "poisoned": Fault(poisoned, 20.0, "box", "command refused"),
    "disk_of_box": Fault(full_disk("box"), 20.0, "box", "the disk refuses"),
    "disk_of_notifier": Fault(full_disk("notifier"), 20.0, "notifier", "the disk refuses"),
    "disk_of_dashboard": Fault(full_disk("dashboard"), 20.0, "dashboard", "the disk refuses"),
    "clock": Fault(behind, 20.0, shows=are_of_the_past),
}


def withstand(siege: Siege, name: str, *, short: bool) -> dict[str, Any]:
    """Let falls happen while a fault lasts; who had to wait for them how long after its end, and who waits still."""
    fault = FAULTS[name]
    lasts_s = fault.short_s if short else fault.lasts_s
    begin = 0 if not fault.program else len(siege.programs[fault.program].log.read_text())
    before = len(siege.listener.events)
    siege.late_s = dict.fromkeys(AUDIENCES, 0.0)
    with fault.hold(siege):
        for _ in range(SHOWS):
            siege.see()
            time.sleep(lasts_s / SHOWS)
        time.sleep(SETTLING_S)
    siege.await_alarms()
    time.sleep(REPEATS_S)
    said = not fault.program or fault.says in siege.programs[fault.program].log.read_text()[begin:]
    outcome = {
        "fault": name,
        "falls": SHOWS * len(CAMERAS),
        "late_s": siege.late_s,
        "missing": siege.missing(),
        "twice": siege.inbox.surplus(len(CAMERAS), siege.falls),
        "said": said and fault.shows([event for _, event in siege.listener.events[before:]]),
        "memory_mb": {program: siege.programs[program].memory_mb for program in siege.programs},
        "log_kb": sum(program.log.stat().st_size for program in siege.programs.values()) / 1000,
    }
    say(f"{name}: {outcome}")
    return outcome


def besiege(folder: Path, *, short: bool) -> list[dict[str, Any]]:
    """Each fault once, each with parts of its own: what comes of one box soon after another alarm is gathered."""
    outcomes: list[dict[str, Any]] = []
    for name in FAULTS:
        with ExitStack() as opened:
            outcomes.append(withstand(Siege(folder / name, opened), name, short=short))
    return outcomes


def rows(audience: str, limit_s: float = LATEST_S) -> tuple[Figure, ...]:
    """Rows of a table for what `figures` makes of outcomes."""
    return (
        Figure("attacks", "faults of broker, messages, disks and clock, one after the other"),
        Figure("attacked_alarms", "alarms while they lasted"),
        Figure("attacked_lost", f"of these, alarms that never came to {audience}", limit=Limit("<=", 0)),
        Figure("attacked_twice", "told twice", limit=Limit("<=", 0)),
        Figure("attacked_late_s", "the latest, after the end of its fault", "s", Limit("<=", limit_s), 1),
        Figure("unsaid", "faults that no log and no event ever showed", limit=Limit("<=", 0)),
    )


def figures(outcomes: Sequence[dict[str, Any]], *audiences: str) -> Figures:
    """Figures of some outcomes, as some audiences see them."""
    late_s = [outcome["late_s"][audience] for outcome in outcomes for audience in audiences]
    return {
        "attacks": len(outcomes),
        "attacked_alarms": sum(outcome["falls"] for outcome in outcomes),
        "attacked_lost": sum(outcome["missing"][audience] for outcome in outcomes for audience in audiences),
        "attacked_twice": max(outcome["twice"] for outcome in outcomes),
        "attacked_late_s": None if None in late_s else max(late_s),
        # What is repeated is said more rarely: once is enough.
        "unsaid": len(
            {outcome["fault"] for outcome in outcomes} - {each["fault"] for each in outcomes if each["said"]}
        ),
    }
