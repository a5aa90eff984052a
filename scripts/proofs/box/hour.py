"""An hour of falls, fights and ordinary footage on two cameras, with kills of streams and broker in between.

Two boxes watch the same films at the same time. One is left alone. Of the other, one stream server is killed at the
end of each film, and the broker at any moment, also while something happens; it must report what the first one does.

Evidence: the whole daemon with the built-in model on real RTSP streams of real clips, cut between normal footage, and
what subscribers received. The built-in model has learned from these clips: this says nothing of accuracy.
"""

import itertools
import random
import shutil
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

from edge.bundle import BUILTIN, Bundle
from edge.errors import DatasetError
from proofs.frame.proof import Evidence, Figure, Figures, Limit, Proof, Setting, say
from proofs.rig.daemon import RealBox
from proofs.rig.mosquitto import Listener, Mosquitto
from proofs.rig.proxy import Proxy, kill_broker
from proofs.rig.rtsp import RtspServer, encode

CAMERAS = ("hall", "stairs")
FILMS, SHORT_FILMS = 20, 1
FILM_S = 180
LEAD_S, BETWEEN_S = 25, 20
LONGEST_OUTAGE_S = 5.0
LAST_S = 20.0
RATE_HZ = 5
"""The bundle's: of more pictures a second each box would sample others, and what is close to a threshold could differ
without a fault."""
FIT = f"scale=640:360:force_original_aspect_ratio=decrease,pad=640:360:-1:-1,setsar=1,fps={RATE_HZ},format=yuv420p"
NORMAL = "normal/vtest.avi"
NORMAL_S = 79
SEED = 23

TABLE = (
    Figure("minutes", "the run took", "min", digits=1),
    Figure("stream_kills", "kills of a stream's server (`kill -9`)"),
    Figure("broker_kills", "kills of the broker (`kill -9`)"),
    Figure("clips", "clips with a fall or a fight shown to each box"),
    Figure("events_quiet", "events of the box that was left alone", limit=Limit(">=", 1)),
    Figure("events", "events of the other"),
    Figure("different", "places where their sequences differ", limit=Limit("<=", 0)),
    Figure("repeats", "repeats, all with id and type of the first"),
)


class Lane:
    """A box with its cameras and its broker."""

    def __init__(self, folder: Path, films: Mapping[str, Sequence[Path]], opened: ExitStack) -> None:
        self._films = films
        self.broker = Mosquitto(folder / "broker")
        self.broker.start()
        opened.callback(self.broker.stop)
        self.listener = opened.enter_context(closing(Listener(self.broker.port)))
        self.proxy = opened.enter_context(closing(Proxy(self.broker.port)))
        self.servers = {name: opened.enter_context(RtspServer({name: films[name][0]}, RATE_HZ)) for name in CAMERAS}
        sources = {name: server.url(name) for name, server in self.servers.items()}
        self.box = RealBox(folder / "box", sources, self.proxy.port)
        opened.callback(self.box.stop)
        self.box.start()

    def show(self, camera: str, number: int) -> None:
        """Begin a film."""
        self.servers[camera].command(camera, "switch", self._films[camera][number])

    def kill_stream(self, camera: str, outage_s: float) -> None:
        self.servers[camera].kill()
        time.sleep(outage_s)
        self.servers[camera].start()

    def kill_broker(self, outage_s: float) -> None:
        kill_broker(self.broker, self.listener, self.proxy, outage_s)


def measure(setting: Setting) -> Evidence:
    """Show the films to both boxes, one after the other."""
    n_films = SHORT_FILMS if setting.short else FILMS
    films = {
        name: [film(setting, shown, f"{name}-{number}") for number, shown in enumerate(list_)]
        for name, list_ in programme(setting.data, n_films).items()
    }
    folder = setting.work / "run"
    shutil.rmtree(folder, ignore_errors=True)
    began_s = time.monotonic()
    with ExitStack() as opened:
        quiet, other = (Lane(folder / name, films, opened) for name in ("quiet", "other"))
        for number in range(n_films):
            _show(number, quiet, other)
        time.sleep(LAST_S)
        for lane in (quiet, other):
            lane.box.stop()
        events = [[_brief(event) for _, event in lane.listener.events] for lane in (quiet, other)]
    return {
        "bundle_sha256": Bundle.load(BUILTIN).digest,
        "minutes": (time.monotonic() - began_s) / 60,
        "films": n_films,
        "stream_kills": max(0, n_films - 1),
        "broker_kills": n_films,
        "quiet": events[0],
        "other": events[1],
    }


def _show(number: int, quiet: Lane, other: Lane) -> None:
    """Show one film, with its kills."""
    chance = random.Random(SEED + number)
    outage_s, broker_outage_s = (chance.uniform(0, LONGEST_OUTAGE_S) for _ in range(2))
    broker_s = chance.uniform(0, FILM_S - LONGEST_OUTAGE_S)
    begin_s = time.monotonic()
    broker = threading.Timer(broker_s, other.kill_broker, [broker_outage_s])
    broker.start()
    if number:
        other.kill_stream(CAMERAS[number % len(CAMERAS)], outage_s)
        for camera, lane in itertools.product(CAMERAS, (quiet, other)):
            lane.show(camera, number)
    time.sleep(max(0.0, begin_s + FILM_S - time.monotonic()))
    broker.join()
    counts = [len(lane.listener.events) for lane in (quiet, other)]
    say(f"film {number + 1}: {counts[0]} and {counts[1]} events")


def programme(data: Path, n_films: int) -> dict[str, list[list[Path]]]:
    """Say which clips stand in which film of which camera: a fall and a fight each, all in the order of their names.

    Raises:
        DatasetError: the data sets are not there.
    """
    falls = sorted(data.glob("gmdcsa24/*/Fall/*.mp4")) + sorted(data.glob("t2v-bed-fall/fall/*.mp4"))
    fights = sorted(data.glob("surveillance-fight/fight/*.mp4"))
    if not falls or not fights or not (data / NORMAL).is_file():
        raise DatasetError(f"{data}: lacks gmdcsa24, t2v-bed-fall, surveillance-fight or {NORMAL}; set EDGEWATCH_DATA")
    pairs = itertools.islice(zip(itertools.cycle(falls), itertools.cycle(fights), strict=False), 2 * n_films)
    shown = [list(pair) for pair in pairs]
    return {"hall": shown[:n_films], "stairs": [pair[::-1] for pair in shown[n_films:]]}


def film(setting: Setting, shown: Sequence[Path], name: str) -> Path:
    """Encode clips between normal footage, filled up with it to the film's length; kept for later runs."""
    out = setting.work / "films" / f"{name}.h264"
    if out.exists():
        return out
    out.parent.mkdir(parents=True, exist_ok=True)
    normal = str(setting.data / NORMAL)
    inputs = ["-t", str(LEAD_S), "-i", normal]
    for number, clip in enumerate(shown):
        inputs += ["-i", str(clip), "-ss", str(LEAD_S), "-t", str(BETWEEN_S if number + 1 < len(shown) else NORMAL_S)]
        inputs += ["-i", normal]
    n_inputs = 1 + 2 * len(shown)
    inputs += ["-stream_loop", "-1", "-i", normal]
    fitted = ";".join(f"[{number}:v]{FIT}[v{number}]" for number in range(n_inputs + 1))
    joined = "".join(f"[v{number}]" for number in range(n_inputs + 1))
    graph = f"{fitted};{joined}concat=n={n_inputs + 1}:v=1[whole]"
    unfinished = out.with_name(f"unfinished-{out.name}")
    encode([*inputs, "-filter_complex", graph, "-map", "[whole]", "-t", str(FILM_S)], unfinished, RATE_HZ)
    unfinished.replace(out)
    return out


def _brief(event: Mapping[str, Any]) -> list[str | None]:
    return [event["camera"], event["id"], event["type"], event["label"], event["reason"]]


def sequence(events: Sequence[Sequence[str | None]]) -> dict[str, list[tuple[str | None, ...]]]:
    """What happened on each camera, in order, each event once. What goes on is said at intervals: left out."""
    once = dict.fromkeys(tuple(event) for event in events if event[2] != "updated")
    return {name: [event[2:] for event in once if event[0] == name] for name in CAMERAS}


def figures(evidence: Evidence) -> Figures:
    """Both boxes must say the same."""
    quiet, other = sequence(evidence["quiet"]), sequence(evidence["other"])
    return {
        "minutes": evidence["minutes"],
        "stream_kills": evidence["stream_kills"],
        "broker_kills": evidence["broker_kills"],
        "clips": 2 * len(CAMERAS) * evidence["films"],
        "events_quiet": sum(map(len, quiet.values())),
        "events": sum(map(len, other.values())),
        "different": sum(1 for name in CAMERAS for _ in _differences(quiet[name], other[name])),
        "repeats": len(evidence["other"]) - len(dict.fromkeys(map(tuple, evidence["other"]))),
    }


def _differences(one: Sequence[object], other: Sequence[object]) -> Iterator[tuple[object, object]]:
    return (pair for pair in itertools.zip_longest(one, other) if pair[0] != pair[1])


PROOF = Proof(
    name="hour",
    summary="an hour of films on two cameras with kills of streams and broker, beside a box that is left alone",
    table=TABLE,
    measure=measure,
    figures=figures,
)
