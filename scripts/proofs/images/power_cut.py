"""What a power cut leaves of a box: of its file system, and of the events that it had written.

A box whose broker is away watches a clip in QEMU, writes event after event, then installs an update. QEMU logs every
write and flush of its disk (`blklogwrites`); killing QEMU would prove nothing, since this machine keeps what the disk
had only cached. Cuts are made in that log, at random places, with what lay in the disk's cache partly lost. Every disk
that a cut leaves is checked as the box checks it; the first are booted, and their broker is there.

Evidence: for each cut how many events had been written before it, by the box's own log, and how many are found.
"""

import json
import random
import shutil
import sqlite3
import subprocess
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from edge.bundle import BUILTIN, Bundle
from edge.errors import EdgewatchError
from proofs.frame.proof import Evidence, Figure, Figures, Limit, Proof, Setting, say
from proofs.images.boot import Ear
from proofs.images.emulator import DATA_PARTITION, IMAGE, Emulator, call, check_image
from proofs.images.image import PATIENCE_S, Shell, log_in, prepare
from proofs.images.update import KEYS, Box, make_bundles
from proofs.images.writelog import Entry, read_entries, replay, surviving
from proofs.rig.clips import small_clip
from proofs.rig.mosquitto import Mosquitto, free_port
from trainer.files import file_sha256

CLIP = "clip.mp4"
BEFORE, LOG = "before.img", "writes.log"
N_CUTS, N_BOOTS = 100, 20
N_CUTS_SHORT, N_BOOTS_SHORT = 40, 1
EVENTS, EVENTS_SHORT = 12, 8
"""Before the update; under emulation one takes about a minute."""
SEED = 7
UPDATE = 2
"""The phase."""
POLL_S = 1.0
NO = Limit("<=", 0)

TABLE = (
    Figure("cuts", "power cuts", limit=Limit(">=", 20), digits=0),
    Figure("writes", "writes in the log", digits=0),
    Figure("events", "events written before the last cut", digits=0),
    Figure("broken_disks", "cuts after which the file system could not be mended", limit=NO),
    Figure("lost_events", "events lost of those written before their cut", limit=NO),
    Figure("update_cuts", "of these cuts, while an update was written", digits=0),
    Figure("boots", "of these cuts, booted", digits=0),
    Figure("failed_boots", "boots without `online`, or without an event that waited", limit=NO),
)


@dataclass(frozen=True, slots=True)
class Recording:
    """A box that was recorded, as it lies on this machine's disk."""

    folder: Path
    port: int
    """Of this machine's loopback, where the box looks for its broker."""
    data_b: int
    """Where the data partition begins."""
    phases_b: tuple[int, int]
    """The log's length at the first event, and when the update began."""
    sizes_b: list[int]
    """The log's length when each event had been written."""

    @property
    def before(self) -> Path:
        """The disk as it was before the start."""
        return self.folder / BEFORE

    @property
    def log(self) -> Path:
        return self.folder / LOG

    def written(self, log_b: int) -> int:
        """Events that had been written when the log had this length."""
        return sum(size_b <= log_b for size_b in self.sizes_b)


def measure(setting: Setting) -> Evidence:
    """Record one box's writes, then cut. What an earlier call recorded and tried is kept."""
    check_image(IMAGE)
    recorded = setting.once("recording", {"image": file_sha256(IMAGE)}, lambda: _record(setting))
    recording = Recording(setting.work / "box", **recorded)
    entries = read_entries(recording.log)
    n_cuts, n_boots = (N_CUTS_SHORT, N_BOOTS_SHORT) if setting.short else (N_CUTS, N_BOOTS)
    cuts = [
        setting.once(f"cut-{number}", recorded, partial(_try, recording, entries, number, boots=number < n_boots))
        for number in range(n_cuts)
    ]
    return {"bundle_sha256": Bundle.load(BUILTIN).digest, "writes": len(entries), "cuts": cuts}


def _record(setting: Setting) -> Evidence:
    """Run a box without a broker until it has written events, and have it install an update.

    Returns:
        what a `Recording` holds beside its folder.
    """
    work, port = setting.work, free_port()
    work.mkdir(parents=True, exist_ok=True)
    stick = make_bundles(IMAGE, KEYS, work)
    clip = small_clip(setting, work / CLIP)
    box, key = prepare(work, port, f'source = "/data/{CLIP}"\nrealtime = false', clip)
    call("cp", "--sparse=always", box.disk, box.folder / BEFORE)
    with ExitStack() as opened:
        opened.callback(box.stop)
        shell = log_in(box, key, stick=stick, write_log=box.folder / LOG)
        events = opened.enter_context(closing(EventLines(shell, box.folder / LOG)))
        deadline_s = time.monotonic() + PATIENCE_S
        wanted = EVENTS_SHORT if setting.short else EVENTS
        while len(events.sizes_b) < wanted and time.monotonic() < deadline_s:
            time.sleep(POLL_S)
        if not events.sizes_b:
            raise EdgewatchError(f"no event in {PATIENCE_S:.0f} s: {box.last_words()}")
        update_b = (box.folder / LOG).stat().st_size
        say("an update, while events are written")
        code, words, _ = Box(shell).install("good")
        if code:
            raise EdgewatchError(f"rauc install failed: {words}")
        return {
            "port": port,
            "data_b": box.start_of(DATA_PARTITION),
            "phases_b": (events.sizes_b[0], update_b),
            "sizes_b": list(events.sizes_b),
        }


class EventLines:
    """Hears the lines that the box's log says of events, with the length of the disk's log at that moment."""

    def __init__(self, shell: Shell, log: Path) -> None:
        self.sizes_b: list[int] = []
        self._log = log
        self._process = shell.open("journalctl -f -o cat -u edgewatch -n 10000")
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._process.kill()
        self._process.wait()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if "  camera hall  score " in line:
                self.sizes_b.append(self._log.stat().st_size)


def _try(recording: Recording, entries: Sequence[Entry], number: int, *, boots: bool) -> Evidence:
    """Cut the power once: at a random entry of each phase in turn, which begin with the box, its events, its update."""
    chance = random.Random(SEED + number)
    begins = [_entry_at(entries, place_b) for place_b in (0, *recording.phases_b)]
    phase = number % len(begins)
    cut = chance.randrange(begins[phase], [*begins, len(entries)][phase + 1]) + 1
    written = recording.written(entries[cut - 1].end_b)
    disk = recording.folder / "cut.img"
    call("cp", "--sparse=always", recording.before, disk)
    replay(recording.log, disk, surviving(entries, cut, chance))
    data, checked = _check(recording, disk)
    waiting = _waiting(data)
    found = {"cut": cut, "phase": phase, "written": written, "e2fsck": checked, "found": len(waiting)}
    if boots:
        say(f"booting what a cut left, with {len(waiting)} events")
        found["booted"] = _boot(recording, disk, set(waiting))
    disk.unlink()
    return found


def _entry_at(entries: Sequence[Entry], place_b: int) -> int:
    """The first entry that ends after a place of the log."""
    return next(number for number, entry in enumerate(entries) if entry.end_b > place_b)


def _check(recording: Recording, disk: Path) -> tuple[Path, int]:
    """Check the data partition as the box does; return a copy of it, and the exit code of e2fsck."""
    data = recording.folder / "data.ext4"
    data.unlink(missing_ok=True)
    place = (f"skip={recording.data_b}", "iflag=skip_bytes")
    call("dd", f"if={disk}", f"of={data}", "bs=1M", *place, "conv=sparse", "status=none")
    return data, subprocess.run(["e2fsck", "-p", data], capture_output=True, check=False).returncode


def _waiting(data: Path) -> list[tuple[str, str]]:
    """Id and type of each event in the outbox of a data partition, up to the first that is missing."""
    folder = data.with_name("look")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name in ("outbox.db", "outbox.db-wal"):
        subprocess.run(["debugfs", "-R", f"dump state/{name} {folder / name}", data], capture_output=True, check=True)
    database = folder / "outbox.db"
    if not database.exists() or not database.stat().st_size:
        return []
    with closing(sqlite3.connect(database)) as opened:
        try:
            rows = opened.execute("SELECT sequence, fields FROM waiting ORDER BY sequence").fetchall()
        except sqlite3.DatabaseError:
            return []
    return [
        (event["id"], event["type"])
        for number, (sequence, text) in enumerate(rows, start=1)
        if sequence == number and (event := json.loads(text))
    ]


def _boot(recording: Recording, disk: Path, waiting: set[tuple[str, str]]) -> bool:
    """Boot what a cut left, with a broker; return whether the box comes back and sends all that waits in it."""
    with ExitStack() as opened:
        broker = Mosquitto(recording.folder / "broker", port=recording.port)
        broker.start()
        opened.callback(broker.stop)
        ear = opened.enter_context(closing(Ear(recording.port)))
        box = Emulator(disk, recording.folder / "cut-box")
        box.start()
        opened.callback(box.stop)

        def is_back() -> bool:
            events = [json.loads(text) for _, topic, text in ear.heard if topic.endswith("/events")]
            arrived = {(event["id"], event["type"]) for event in events}
            return ear.first("/availability", "online") is not None and arrived >= waiting

        deadline_s = time.monotonic() + PATIENCE_S
        while not is_back() and time.monotonic() < deadline_s and box.is_running():
            time.sleep(POLL_S)
        return is_back()


def figures(evidence: Evidence) -> Figures:
    cuts = evidence["cuts"]
    boots = [cut["booted"] for cut in cuts if "booted" in cut]
    return {
        "cuts": len(cuts),
        "writes": evidence["writes"],
        "events": max(cut["written"] for cut in cuts),
        "broken_disks": sum(cut["e2fsck"] > 1 for cut in cuts),
        "lost_events": sum(max(0, cut["written"] - cut["found"]) for cut in cuts),
        "update_cuts": sum(cut["phase"] == UPDATE for cut in cuts),
        "boots": len(boots),
        "failed_boots": sum(not came_back for came_back in boots),
    }


PROOF = Proof(
    name="power-cut",
    summary="power cuts at random writes of a box in QEMU: file system, events, and whether it boots",
    table=TABLE,
    measure=measure,
    figures=figures,
)
