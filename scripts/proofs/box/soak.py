"""Whether the box grows: a day of video as fast as possible, with alarms, pictures and clips.

Evidence: resident memory, file descriptors and threads of the whole daemon with the built-in model, read evenly over
the run, while rendered scenes with falls and fights begin anew again and again.
"""

import shutil
import time
from contextlib import ExitStack, closing
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.bundle import BUILTIN, Bundle
from proofs.box import soak_box
from proofs.frame.proof import Evidence, Figure, Figures, Limit, Proof, Setting, say
from proofs.rig.daemon import DEVICE, RealBox
from proofs.rig.mosquitto import Listener, Mosquitto
from trainer.synth import render_scene

CAMERAS = ("hall", "attic")
SCENE_S = 60.0
SEED = 5
DAY_S = 24 * 3600
SHORT_S = 75.0
READING_S, SHORT_READING_S = 10.0, 1.0
WARM_UP_SHARE, SHORT_WARM_UP_SHARE = 0.1, 0.5
S_PER_HOUR = 3600
SECONDS_BETWEEN_WORDS = 60

TABLE = (
    Figure("video_hours", "video watched", "h", digits=1),
    Figure("wall_hours", "in", "h", digits=2),
    Figure("events", "events that arrived"),
    Figure("slope_mb_per_hour", "growth of resident memory after warm-up, an hour of wall time", "MB", Limit("<=", 1)),
    Figure("memory_mb", "resident memory at the end", "MB", digits=1),
    Figure("descriptors", "more file descriptors in the last third than in the first", limit=Limit("<=", 0)),
    Figure("threads", "more threads in the last third than in the first", limit=Limit("<=", 0)),
)


class SoakedBox(RealBox):
    """A box whose recordings never end."""

    def video_s(self) -> float:
        """How much all cameras have shown."""
        return sum(float(path.read_text() or 0) for path in (self.folder / "notes").glob("*"))

    def start(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        cameras = "".join(
            f"[cameras.{name}]\nsource = '{source}'\nrealtime = false\n" for name, source in self.sources.items()
        )
        configuration = self.folder / "edgewatch.toml"
        configuration.write_text(
            f"device_id = '{DEVICE}'\nstate_dir = 'state'\n[broker]\nurl = 'mqtt://127.0.0.1:{self.broker_port}'\n"
            f"[pictures]\nsnapshots = 'blurred'\nclips = true\nmax_bytes = 5000000\n{cameras}"
        )
        self.launch([soak_box.__file__, self.folder / "notes", "run", "--config", configuration])


def measure(setting: Setting) -> Evidence:
    """Watch a day, or what a minute and a quarter holds."""
    folder = setting.work / "run"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    say("rendering scenes")
    scenes = {name: folder / f"{name}.avi" for name in CAMERAS}
    for number, path in enumerate(scenes.values()):
        render_scene(SEED + number, path, SCENE_S / 2 if setting.short else SCENE_S)
    with ExitStack() as opened:
        broker = Mosquitto(folder / "broker")
        broker.start()
        opened.callback(broker.stop)
        listener = opened.enter_context(closing(Listener(broker.port)))
        box = SoakedBox(folder / "box", {name: str(path) for name, path in scenes.items()}, broker.port)
        opened.callback(box.stop)
        box.start()
        readings = _read(box, short=setting.short)
        n_events = len(listener.events)
    return {"bundle_sha256": Bundle.load(BUILTIN).digest, "events": n_events, **readings}


def _read(box: SoakedBox, *, short: bool) -> dict[str, Any]:
    """Read the daemon's needs until a day, or a little, is over."""
    begun_s = said_s = time.monotonic()
    readings: list[tuple[float, float, int, int]] = []
    while True:
        time.sleep(SHORT_READING_S if short else READING_S)
        kernel = box.statistics
        wall_s, video_s = time.monotonic() - begun_s, box.video_s()
        readings.append((round(wall_s, 1), box.memory_mb, kernel.num_fds(), kernel.num_threads()))
        if time.monotonic() - said_s > SECONDS_BETWEEN_WORDS:
            said_s = time.monotonic()
            say(f"{video_s / S_PER_HOUR:.2f} hours of video, {readings[-1][1]:.1f} MB")
        if wall_s >= SHORT_S if short else video_s >= DAY_S:
            break
    warm = int(len(readings) * (SHORT_WARM_UP_SHARE if short else WARM_UP_SHARE))
    return {"video_s": video_s, "wall_s": wall_s, "readings": readings[warm:]}


def figures(evidence: Evidence) -> Figures:
    wall_s, memory_mb, descriptors, threads = np.array(evidence["readings"]).T
    return {
        "video_hours": evidence["video_s"] / S_PER_HOUR,
        "wall_hours": evidence["wall_s"] / S_PER_HOUR,
        "events": evidence["events"],
        "slope_mb_per_hour": float(np.polyfit(wall_s / S_PER_HOUR, memory_mb, 1)[0]),
        "memory_mb": float(memory_mb[-1]),
        "descriptors": growth(descriptors),
        "threads": growth(threads),
    }


def growth(counts: NDArray[np.float64]) -> int:
    """How much higher the last third lies than the first, in medians: a file that is open for a moment is no leak."""
    third = max(1, len(counts) // 3)
    return int(np.median(counts[-third:]) - np.median(counts[:third]))


PROOF = Proof(
    name="soak",
    summary="a day of video, with alarms, pictures and clips: whether the box grows",
    table=TABLE,
    measure=measure,
    figures=figures,
    short_keeps_limits=False,
)
