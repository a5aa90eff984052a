"""Nothing is lost: events of a known number through kills of broker and daemon and cuts of the network; then through
brokers that acknowledge nothing or refuse, poisoned topics, full disks and a wrong clock, one after the other.

Evidence: the whole daemon with scripted cameras and model, mosquitto, and between them a proxy that cuts. What arrived,
in its order, against what the script says must come and what the daemon's journal says was stored; of the other faults,
how long after their end everything had arrived.
"""

import hashlib
import random
import shutil
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from typing import Any

from edge.bundle import BUILTIN, Bundle
from proofs.frame.proof import Evidence, Figure, Figures, Limit, Proof, Setting, say
from proofs.rig import siege
from proofs.rig.mosquitto import Listener, Mosquitto, wait_until
from proofs.rig.proxy import Proxy, kill_broker
from proofs.rig.scripted import ScriptedBox

CAMERAS = ("hall", "attic", "stairs")
PAIR = ("started", "ended")
FALLS, SHORT_FALLS = 10_000, 600
BROKER_KILLS, CUTS, DAEMON_KILLS = 20, 20, 50
SHORT_DIVISOR = 10
SILENT_CUTS_EVERY = 5
"""One cut in so many swallows everything without a word, so that only the keepalive notices."""
SILENCE_S = 9.0
LONGEST_OUTAGE_S = 1.0
PATIENCE_S = 120.0
SEED = 7

TABLE = (
    Figure("falls", "falls that the script lets happen"),
    Figure("broker_kills", "kills of the broker (`kill -9`)"),
    Figure("cuts", "cuts of the network"),
    Figure("daemon_kills", "kills of the daemon (`kill -9`)"),
    Figure("missing", "events of the script that did not arrive", limit=Limit("<=", 0)),
    Figure("unknown", "events that arrived and are not of the script", limit=Limit("<=", 0)),
    Figure("out_of_order", "events out of order for their camera and label", limit=Limit("<=", 0)),
    Figure("restarts", "events that a restart ended"),
    Figure("repeats", "repeats, all with id and type of the first"),
    Figure("lost", "events in the journal that did not arrive", limit=Limit("<=", 0)),
    Figure("minutes", "the run took", "min", digits=1),
    *siege.rows("the broker"),
)


class Run:
    """The parts, and what can be done to them."""

    def __init__(self, setting: Setting, falls: int, opened: ExitStack) -> None:
        folder = setting.work / "run"
        shutil.rmtree(folder, ignore_errors=True)
        self.random = random.Random(SEED)
        self.broker = Mosquitto(folder / "broker")
        self.broker.start()
        opened.callback(self.broker.stop)
        self.listener = opened.enter_context(closing(Listener(self.broker.port)))
        self.proxy = opened.enter_context(closing(Proxy(self.broker.port)))
        self.box = ScriptedBox(folder / "box", self.proxy.port, CAMERAS, falls // len(CAMERAS))
        opened.callback(self.box.stop)
        self.box.start()

    def kill_broker(self) -> None:
        kill_broker(self.broker, self.listener, self.proxy, self._outage_s())

    def cut(self) -> None:
        self.proxy.is_open = False
        self.proxy.cut()
        time.sleep(self._outage_s())
        self.proxy.is_open = True

    def swallow(self) -> None:
        self.proxy.swallows = True
        time.sleep(SILENCE_S)
        self.proxy.cut()
        self.proxy.swallows = False

    def kill_daemon(self) -> None:
        time.sleep(self._outage_s())  # it may hit the start, or the recovery
        self.box.kill()
        self.box.start()

    def arrived(self) -> set[tuple[str, str, str]]:
        return {(event["camera"], event["id"], event["type"]) for _, event in list(self.listener.events)}

    def _outage_s(self) -> float:
        return self.random.uniform(0, LONGEST_OUTAGE_S)


def measure(setting: Setting) -> Evidence:
    """Let the faults come evenly over the run, in random order."""
    divisor = SHORT_DIVISOR if setting.short else 1
    falls = (SHORT_FALLS if setting.short else FALLS) // len(CAMERAS) * len(CAMERAS)
    began_s = time.monotonic()
    with ExitStack() as opened:
        run = Run(setting, falls, opened)
        faults = _faults(run, divisor)
        for number, fault in enumerate(faults):
            wanted = 2 * falls * (number + 1) // (len(faults) + 1)
            wait_until(lambda wanted=wanted: len(run.arrived()) >= wanted, f"event {wanted}", PATIENCE_S)
            fault()
            if (number + 1) % 10 == 0:
                say(f"faults: {number + 1} of {len(faults)}, {len(run.arrived())} of {2 * falls} events")
        wait_until(lambda: len(run.arrived()) >= 2 * falls, "the last event", PATIENCE_S)
        run.box.check()
        run.box.stop()
        events = [_brief(event) for _, event in run.listener.events]
        written = [[line["camera"], line["id"], line["type"]] for line in run.box.written()]
    return {
        "bundle_sha256": Bundle.load(BUILTIN).digest,
        "falls": falls,
        "faults": dict(Counter(fault.__name__ for fault in faults)),
        "minutes": (time.monotonic() - began_s) / 60,
        **condensed(events, written),
        "outcomes": siege.besiege(setting.work / "siege", short=setting.short),
    }


def _faults(run: Run, divisor: int) -> list[Callable[[], None]]:
    cuts = CUTS // divisor
    silent = -(-cuts // SILENT_CUTS_EVERY)
    faults = [run.kill_broker] * (BROKER_KILLS // divisor) + [run.kill_daemon] * (DAEMON_KILLS // divisor)
    faults += [run.swallow] * silent + [run.cut] * (cuts - silent)
    run.random.shuffle(faults)
    return faults


def _brief(event: dict[str, Any]) -> list[str | None]:
    return [event["camera"], event["id"], event["type"], event["reason"]]


def condensed(events: Sequence[Sequence[Any]], written: Sequence[Sequence[str]]) -> dict[str, Any]:
    """What the sequences come to: tens of thousands of ids are no evidence that anybody reads.

    Args:
        events: camera, id, type and reason of what arrived, in its order.
        written: camera, id and type of what the journal says was stored, in its order.
    """
    first = list(dict.fromkeys(tuple(event[:3]) for event in events))
    counts = Counter((camera, kind) for camera, _, kind in first)
    return {
        "started": {camera: counts[camera, "started"] for camera in CAMERAS},
        "ended": {camera: counts[camera, "ended"] for camera in CAMERAS},
        "other": sum(counts.values()) - sum(counts[camera, kind] for camera in CAMERAS for kind in PAIR),
        "out_of_order": sum(_disorder(camera, first, written) for camera in CAMERAS),
        "repeats": len(events) - len(first),
        "lost": len({tuple(line) for line in written} - set(first)),
        "ended_by_restart": len({event[1] for event in events if event[3] == "restart"}),
        "sequence_sha256": hashlib.sha256(repr(first).encode()).hexdigest(),
    }


def _disorder(camera: str, first: Sequence[tuple[str, ...]], written: Sequence[Sequence[str]]) -> int:
    """Events of a camera that do not stand where they must: start and end of one fall after the other, as stored."""
    arrived = [event[1:] for event in first if event[0] == camera]
    wrong = sum(kind != PAIR[place % 2] for place, (_, kind) in enumerate(arrived))
    wrong += sum(start[0] != end[0] for start, end in zip(arrived[::2], arrived[1::2], strict=False))
    stored = list(dict.fromkeys(tuple(line[1:]) for line in written if line[0] == camera))
    in_both = set(stored) & set(arrived)
    order = [event for event in arrived if event in in_both]
    wrong += sum(here != there for here, there in zip(order, filter(in_both.__contains__, stored), strict=True))
    return wrong


def figures(evidence: Evidence) -> Figures:
    """Every fall has to arrive with its start and its end."""
    faults, falls = evidence["faults"], evidence["falls"]
    surplus = [count - falls // len(CAMERAS) for kind in PAIR for count in evidence[kind].values()]
    return {
        "falls": falls,
        "broker_kills": faults["kill_broker"],
        "cuts": faults["cut"] + faults["swallow"],
        "daemon_kills": faults["kill_daemon"],
        "missing": -sum(more for more in surplus if more < 0),
        "unknown": sum(more for more in surplus if more > 0) + evidence["other"],
        "out_of_order": evidence["out_of_order"],
        "restarts": evidence["ended_by_restart"],
        "repeats": evidence["repeats"],
        "lost": evidence["lost"],
        "minutes": evidence["minutes"],
        **siege.figures(evidence["outcomes"], "broker"),
    }


PROOF = Proof(
    name="faults",
    summary="no event is lost or out of order through kills, cuts, hostile brokers, full disks, a bad clock",
    table=TABLE,
    measure=measure,
    figures=figures,
)
