"""What a power cut leaves of a box: of its file system, and of the events that it had written.

A box whose broker is away watches a clip in QEMU, writes event after event, then installs an update. QEMU logs every
write and flush of its disk (`blklogwrites`); killing QEMU would prove nothing, since this machine keeps what the disk
had only cached. Cuts are made in that log, at random places, with what lay in the disk's cache partly lost. Every disk
that a cut leaves is checked as the box checks it; some are booted, and their broker is there.

Evidence: for each cut how many events had been written before it, by the box's own log, and how many are found.
"""

import random
import shutil
import sqlite3
import subprocess
import threading
import time
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

from edge.bundle import BUILTIN, Bundle
from edge.errors import EdgewatchError
from proofs.boot import DEVICE, Ear
from proofs.clips import small_clip
from proofs.emulator import DATA_PARTITION, HOST, Emulator, call
from proofs.image import PATIENCE_S, Shell
from proofs.mosquitto import Mosquitto, free_port
from proofs.proof import ROOT, Evidence, Figure, Figures, Limit, Proof, Setting, say
from proofs.update import KEYS, Box, make_bundles
from proofs.writelog import Entry, read_entries, replay, surviving

CLIP = "clip.mp4"
N_CUTS, N_BOOTS = 200, 20
N_CUTS_SHORT, N_BOOTS_SHORT = 40, 1
EVENTS, EVENTS_SHORT = 40, 8
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
    Figure("failed_boots", "boots without `online` or with a lost event", limit=NO),
)


class Written:
    """Counts the lines that the box's log says of events, with the length of the disk's log at that moment."""

    def __init__(self, shell: Shell, log: Path) -> None:
        self.sizes_b: list[int] = []
        self._log = log
        self._process = shell.open("journalctl -f -o cat -u edgewatch -n 10000")
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def before(self, entries: list[Entry], cut: int) -> int:
        """Events that had been written when the log had `cut` entries."""
        end_b = entries[cut - 1].end_b if cut else 0
        return sum(size_b <= end_b for size_b in self.sizes_b)

    def close(self) -> None:
        self._process.kill()
        self._process.wait()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if "  camera hall  score " in line:
                self.sizes_b.append(self._log.stat().st_size)


def measure(setting: Setting) -> Evidence:
    """Record one box's writes, then cut."""
    setting.work.mkdir(parents=True, exist_ok=True)
    port = free_port()
    box, written, phases_b = _record(setting, port)
    entries = read_entries(box.log)
    chance = random.Random(SEED)
    # From the first start, from the first event, from the beginning of the update on.
    begins = [_entry_at(entries, place_b) for place_b in (0, *phases_b)]
    n_cuts, n_boots = (N_CUTS_SHORT, N_BOOTS_SHORT) if setting.short else (N_CUTS, N_BOOTS)
    cuts: list[dict[str, Any]] = []
    for number in range(n_cuts):
        phase = number % len(begins)
        cut = chance.randrange(begins[phase], [*begins, len(entries)][phase + 1]) + 1
        disk = _cut(box, entries, cut, random.Random(SEED + number))
        found = _look(box, disk) | {"cut": cut, "phase": phase, "written": written.before(entries, cut)}
        if number >= n_cuts - n_boots:
            say(f"booting what cut {number + 1} left")
            found["booted"] = _boot(disk, setting.work, port, found["written"])
        cuts.append(found)
        disk.unlink()
    return {"bundle_sha256": Bundle.load(BUILTIN).digest, "writes": len(entries), "cuts": cuts}


def _entry_at(entries: list[Entry], place_b: int) -> int:
    """The first entry that ends after a place of the log."""
    return next(number for number, entry in enumerate(entries) if entry.end_b > place_b)


def _record(setting: Setting, port: int) -> tuple[Emulator, Written, tuple[int, int]]:
    """Run a box without a broker until it has written events, and have it install an update.

    Returns:
        the box; when it had written what; the log's length when the first event was written, and at the update.
    """
    key = setting.work / "key"
    key.unlink(missing_ok=True)
    call("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key)
    box = Emulator(ROOT / "edgewatch.img", setting.work / "box")
    box.write_boot(
        {
            "edgewatch.toml": f'device_id = "{DEVICE}"\n[broker]\nurl = "mqtt://{HOST}:{port}"\n'
            f'[cameras.hall]\nsource = "/data/{CLIP}"\nrealtime = false\n',
            "authorized_keys": key.with_suffix(".pub").read_text(),
        }
    )
    box.write_data(small_clip(setting, setting.work / CLIP), CLIP)
    call("cp", "--sparse=always", box.disk, box.before)
    ssh_port = free_port()
    say(f"recording a box; its console is {box.console}")
    with ExitStack() as opened:
        box.start(ssh_port, stick=make_bundles(ROOT / "edgewatch.img", KEYS, setting.work), logs_writes=True)
        opened.callback(box.stop)
        shell = Shell(key, ssh_port)
        shell.wait()
        written = Written(shell, box.log)
        opened.callback(written.close)
        deadline_s = time.monotonic() + PATIENCE_S
        wanted = EVENTS_SHORT if setting.short else EVENTS
        while len(written.sizes_b) < wanted and time.monotonic() < deadline_s:
            time.sleep(POLL_S)
        if not written.sizes_b:
            raise EdgewatchError(f"no event in {PATIENCE_S:.0f} s: {box.last_words()}")
        update_b = box.log.stat().st_size
        say("an update, while events are written")
        code, words, _ = Box(shell).install("good")
        if code:
            raise EdgewatchError(f"rauc install failed: {words}")
    return box, written, (written.sizes_b[0], update_b)


def _cut(box: Emulator, entries: list[Entry], cut: int, chance: random.Random) -> Path:
    disk = box.folder / "cut.img"
    call("cp", "--sparse=always", box.before, disk)
    replay(box.log, disk, surviving(entries, cut, chance))
    return disk


def _look(box: Emulator, disk: Path) -> dict[str, Any]:
    """Check the data partition as the box does, and count the events in it."""
    folder = box.folder / "look"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    data = folder / "data.ext4"
    start_b = box.start_of(DATA_PARTITION)
    call("dd", f"if={disk}", f"of={data}", "bs=1M", f"skip={start_b}", "iflag=skip_bytes", "conv=sparse", "status=none")
    checked = subprocess.run(["e2fsck", "-p", data], capture_output=True, check=False).returncode
    for name in ("outbox.db", "outbox.db-wal"):
        subprocess.run(["debugfs", "-R", f"dump state/{name} {folder / name}", data], capture_output=True, check=True)
    return {"e2fsck": checked, "found": _count(folder / "outbox.db")}


def _count(database: Path) -> int:
    """Events that wait in an outbox; 0 where there is none yet."""
    if not database.exists() or not database.stat().st_size:
        return 0
    with closing(sqlite3.connect(database)) as opened:
        try:
            numbers = [row[0] for row in opened.execute("SELECT sequence FROM waiting ORDER BY sequence")]
        except sqlite3.DatabaseError as error:
            return 0 if "no such table" in str(error) else -1
    return len(numbers) if numbers == list(range(1, len(numbers) + 1)) else -1


def _boot(disk: Path, work: Path, port: int, written: int) -> bool:
    """Boot what a cut left, with a broker; return whether the box comes back with all that it had written."""
    with ExitStack() as opened:
        broker = Mosquitto(work / "broker", port=port)
        broker.start()
        opened.callback(broker.stop)
        ear = opened.enter_context(closing(Ear(port)))
        box = Emulator(disk, work / "cut-box")
        box.start()
        opened.callback(box.stop)

        def is_back() -> bool:
            arrived = {text for _, topic, text in ear.heard if topic.endswith("/events")}
            return ear.first("/availability", "online") is not None and len(arrived) >= written

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
