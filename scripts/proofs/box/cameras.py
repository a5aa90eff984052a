"""Cameras that die, fall silent, freeze or never answer, and one beside them that must not notice.

Evidence: the whole daemon with the built-in model on real RTSP streams, and its own words on the `status` topics.
"""

import random
import shutil
import socket
import statistics
import time
from contextlib import ExitStack, closing

from edge.bundle import BUILTIN, Bundle
from edge.cameras.condition import DELIVERING
from proofs.frame.proof import Evidence, Figure, Figures, Limit, Proof, Setting, say
from proofs.rig.daemon import DEVICE, RealBox
from proofs.rig.mosquitto import Listener, Mosquitto, wait_until
from proofs.rig.rtsp import RtspServer, encode

KILLS, SHORT_KILLS = 50, 4
TRIALS, SHORT_TRIALS = 10, 1
"""Of silence and of standing still."""
LONGEST_OUTAGE_S = 5.0
SETTLING_S = 3.0
FILM = ["-f", "lavfi", "-i", "testsrc2=size=640x360:rate=15", "-t", "4"]
NS_PER_S = 1_000_000_000
SEED = 11

TABLE = (
    Figure("kills", "kills of the RTSP server (`kill -9`)"),
    Figure("return_s", "pictures again after the server's return, longest", "s", Limit("<=", 5), 1),
    Figure("return_median_s", "the same, median", "s", digits=1),
    Figure("silent_s", "a stream that falls silent is `stalled` after, longest", "s", Limit("<=", 6), 1),
    Figure("frozen_s", "a stream that stands still is `stalled` after, longest", "s", Limit("<=", 6), 1),
    Figure("mute_server_s", "a server that accepts and says nothing is `lost` after", "s", Limit("<=", 6), 1),
    Figure("noticed_beside", "changes of state of the camera beside", limit=Limit("<=", 0)),
    Figure("growth_mb", "growth of resident memory, last third of the kills over the first", "MB", Limit("<=", 5)),
)


class States:
    """What the daemon says of one camera."""

    def __init__(self, port: int, camera: str) -> None:
        self.camera = camera
        self._listener = Listener(port, f"edgewatch/{DEVICE}/{camera}/status")

    def __len__(self) -> int:
        return len(self._listener.events)

    def since(self, number: int) -> list[tuple[int, str]]:
        """Arrival (monotonic ns) and state of what came after so many messages."""
        return [(at_ns, status["state"]) for at_ns, status in self._listener.events[number:]]

    def await_one_of(self, states: frozenset[str], number: int = 0) -> int:
        """Wait for a state after so many messages; return when it came."""

        def found() -> list[int]:
            return [at_ns for at_ns, state in self.since(number) if state in states]

        wait_until(found, f"{self.camera}: {' or '.join(sorted(states))}")
        return found()[0]

    def close(self) -> None:
        self._listener.close()


def measure(setting: Setting) -> Evidence:
    """Kill, silence and freeze one camera again and again."""
    folder = setting.work / "run"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    film = encode(FILM, folder / "film.h264")
    with ExitStack() as opened:
        broker = Mosquitto(folder / "broker")
        broker.start()
        opened.callback(broker.stop)
        hall, stairs, porch = (
            opened.enter_context(closing(States(broker.port, name))) for name in ("hall", "stairs", "porch")
        )
        one = opened.enter_context(RtspServer({"hall": film}))
        other = opened.enter_context(RtspServer({"stairs": film}))
        mute = opened.enter_context(socket.create_server(("127.0.0.1", 0)))
        sources = {
            "hall": one.url("hall"),
            "stairs": other.url("stairs"),
            "porch": f"rtsp://127.0.0.1:{mute.getsockname()[1]}/porch",
        }
        box = RealBox(folder / "box", sources, broker.port)
        opened.callback(box.stop)
        box.start()
        asked_ns = porch.await_one_of(frozenset({"starting"}))
        mute_ns = porch.await_one_of(frozenset({"lost"})) - asked_ns
        stairs.await_one_of(DELIVERING)
        hall.await_one_of(DELIVERING)
        settled = len(stairs)
        evidence = _faults(setting, box, one, hall)
        changes = [state for _, state in stairs.since(settled) if state != "ok"]
    return {
        "bundle_sha256": Bundle.load(BUILTIN).digest,
        "mute_server_s": mute_ns / NS_PER_S,
        "beside": changes,
        **evidence,
    }


def _faults(setting: Setting, box: RealBox, server: RtspServer, hall: States) -> Evidence:
    stalls_s: dict[str, list[float]] = {"silent": [], "freeze": []}
    for _ in range(SHORT_TRIALS if setting.short else TRIALS):
        for word, found_s in stalls_s.items():
            found_s.append(_stall(server, hall, word))
            say(f"{word}: stalled after {found_s[-1]:.1f} s")
    chance = random.Random(SEED)
    returns_s: list[float] = []
    memory_mb: list[float] = []
    kills = SHORT_KILLS if setting.short else KILLS
    for number in range(kills):
        returns_s.append(_kill(server, hall, chance.uniform(0, LONGEST_OUTAGE_S)))
        memory_mb.append(box.memory_mb)
        say(f"kill {number + 1} of {kills}: back after {returns_s[-1]:.1f} s, {memory_mb[-1]:.0f} MB")
    return {
        "returns_s": returns_s,
        "silent_s": stalls_s["silent"],
        "frozen_s": stalls_s["freeze"],
        "memory_mb": memory_mb,
    }


def _kill(server: RtspServer, hall: States, outage_s: float) -> float:
    """Kill the server; return how long after its return there are pictures."""
    before = len(hall)
    server.kill()
    hall.await_one_of(frozenset({"lost", "stalled"}), before)
    time.sleep(outage_s)
    gone = len(hall)
    server.start()
    back_ns = time.monotonic_ns()
    return (hall.await_one_of(DELIVERING, gone) - back_ns) / NS_PER_S


def _stall(server: RtspServer, hall: States, word: str) -> float:
    time.sleep(SETTLING_S)
    before = len(hall)
    begun_ns = time.monotonic_ns()
    server.command("hall", word)
    stalled_ns = hall.await_one_of(frozenset({"stalled"}), before)
    stalled = len(hall)
    server.command("hall", "play")
    hall.await_one_of(DELIVERING, stalled)
    return (stalled_ns - begun_ns) / NS_PER_S


def figures(evidence: Evidence) -> Figures:
    memory_mb = evidence["memory_mb"]
    third = max(1, len(memory_mb) // 3)
    growth_mb = statistics.median(memory_mb[-third:]) - statistics.median(memory_mb[:third])
    return {
        "kills": len(evidence["returns_s"]),
        "return_s": max(evidence["returns_s"]),
        "return_median_s": statistics.median(evidence["returns_s"]),
        "silent_s": max(evidence["silent_s"]),
        "frozen_s": max(evidence["frozen_s"]),
        "mute_server_s": evidence["mute_server_s"],
        "noticed_beside": len(evidence["beside"]),
        "growth_mb": growth_mb,
    }


PROOF = Proof(
    name="cameras",
    summary="streams that die, fall silent or stand still, and the camera beside them",
    table=TABLE,
    measure=measure,
    figures=figures,
    short_keeps_limits=False,  # times of a machine that does other things beside
)
