"""What somebody hands us that is damaged or meant ill: messages, configurations, bundles, clips and CSV files.

Each kind begins with good content, changes it, and has it read by what reads it on the box or the workstation. An
`EdgewatchError` of one line that can be shown is the right answer to bad content; anything else that is raised is a
fault.
"""

import io
import json
import random
import shutil
import subprocess
import zipfile
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

import psutil

from edge.bundle import Bundle
from edge.config import BrokerConfig, load
from edge.dashboard import settings as dashboard
from edge.dashboard.desk import Desk
from edge.dashboard.history import History
from edge.errors import MAX_LETTERS, UNSHOWABLE, EdgewatchError
from edge.mqtt.connection import Message
from edge.notify import settings as notifier
from edge.notify.bridge import Bridge
from edge.notify.ledger import Ledger
from edge.sources.file import FileSource
from proofs.rig.scripted import write_bundle
from trainer.clips.datasets.folders import given_groups
from trainer.clips.manifest import read_manifest
from trainer.clips.splits import read_folds

B_PER_MB: Final = 1_000_000
MOST_FAULTS: Final = 20
Read = Callable[[bytes], None]

TOKENS: Final = (
    b"", b"\0", b"\xff\xfe", b"\xef\xbb\xbf", b"\x1b[2J", b"\xed\xa0\x80", b"\r", b"\n", b'"', b"'", b"[", b"[[", b"{",
    b"}", b"=", b".", b",", b";", b"\t", b"-1", b"1e999", b"nan", b"9" * 5000, b"true", b"null", b"../", b"/dev/zero",
    b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x80" * 4, "\u202e".encode(), b"[" * 2000,
)  # fmt: skip
WAYS: Final = ("flip", "cut", "drop", "insert", "double", "swap")
MOST_CHANGES, MOST_BYTES, MOST_NOISE_BYTES = 4, 300, 8
Change = tuple[str, float, int, bytes]


def drawn(chance: random.Random) -> list[Change]:
    """Some changes, every other time only one."""
    many = chance.choice((1, chance.randint(1, MOST_CHANGES)))
    others = (chance.choice(TOKENS), chance.randbytes(chance.randint(0, MOST_NOISE_BYTES)))
    return [
        (chance.choice(WAYS), chance.random(), chance.randint(0, MOST_BYTES), chance.choice(others))
        for _ in range(many)
    ]


def changed(content: bytes, changes: list[Change]) -> bytes:
    """Content after some changes, each of a kind, at a place (0 to 1), of so many bytes, with others in their place."""
    for kind, where, length, other in changes:
        place = round(where * len(content))
        end = place + length
        match kind:
            case "flip":
                content = content[:place] + bytes(byte ^ 1 << length % 8 for byte in content[place : place + 1])
                content += content[place + 1 :]
            case "cut":
                content = content[:place]
            case "drop":
                content = content[:place] + content[end:]
            case "insert":
                content = content[:place] + other + content[place:]
            case "double":
                content = content[:end] + content[place:]
            case _:
                content = content[:place] + other + content[place + len(other) :]
    return content


CONFIGURATION: Final = b"""device_id = "box"
state_dir = "state"
[broker]
url = "mqtt://box@127.0.0.1:1883"
keepalive_s = 30
[outbox]
max_events = 1000
[health]
prometheus_port = 9100
[cameras.hall]
source = "rtsp://10.0.0.7/stream"
rest_zones = [[[0.1, 0.1], [0.5, 0.1], [0.5, 0.5]]]
[cameras.hall.alerts.fall]
onset_threshold = 0.8
"""
NOTIFIER: Final = b"""state_dir = "state"
timezone = "Europe/Vienna"
broker.url = "mqtt://127.0.0.1"
[people.nurse]
quiet = "22:00-06:00"
[[rules]]
name = "falls"
when = ["fall"]
tell = ["nurse"]
hours = "08:00-20:00"
days = ["mon"]
escalate = [{ after_s = 120, tell = ["nurse"] }]
[digest]
at = "07:00"
tell = ["nurse"]
"""
DASHBOARD: Final = b"""broker.url = "mqtt://127.0.0.1"
listen = "127.0.0.1:8478"
state_dir = "state"
max_events = 1000
behind_proxy = "https://alarms.example"
"""


def configuration(folder: Path, good: bytes, read: Callable[[Path], object]) -> tuple[bytes, Read]:
    """A program's file."""
    path = folder / "file.toml"

    def take(content: bytes) -> None:
        path.write_bytes(content)
        read(path)

    return good, take


def zipped_bundle(folder: Path) -> tuple[bytes, Read]:
    """A bundle of one file."""
    path = folder / "bundle.zip"
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(write_bundle(folder / "made").iterdir()):
            archive.writestr(zipfile.ZipInfo(file.name), file.read_bytes(), zipfile.ZIP_DEFLATED)

    def take(content: bytes) -> None:
        path.write_bytes(content)
        Bundle.load(path)

    return packed.getvalue(), take


def bundle_manifest(folder: Path) -> tuple[bytes, Read]:
    """The manifest of a bundle that is a folder."""
    path = write_bundle(folder / "made")
    manifest = path / "bundle.json"

    def take(content: bytes) -> None:
        manifest.write_bytes(content)
        Bundle.load(path)

    return manifest.read_bytes(), take


def clip(folder: Path) -> tuple[bytes, Read]:
    """A short video, in which a picture is as good as another."""
    good, path = folder / "good.mp4", folder / "clip.mp4"
    source = ("-f", "lavfi", "-i", "testsrc=size=64x48:rate=10:duration=1")
    coding = ("-c:v", "libx264", "-g", "5", "-pix_fmt", "yuv420p")
    subprocess.run(["ffmpeg", "-v", "error", *source, *coding, good], check=True)

    def take(content: bytes) -> None:
        path.write_bytes(content)
        for frame in FileSource(path).frames():
            frame.pixels()

    return good.read_bytes(), take


def csv(folder: Path, good: bytes, read: Callable[[Path], object]) -> tuple[bytes, Read]:
    """A CSV file beside clips."""
    path = folder / "rows.csv"
    for name in ("a.mp4", "b.mp4", "caf\u00e9.mp4"):
        (folder / name).write_bytes(b"no video")

    def take(content: bytes) -> None:
        path.write_bytes(content)
        read(path)

    return good, take


EVENT: Final = {
    "schema": 1, "id": "01JCAFE0000000000000000000", "type": "started", "label": "fall", "camera": "hall",
    "score": 0.9, "peak_score": 0.9, "started_at": "2026-01-02T03:04:05.678Z", "state": "lost",
    "since": "2026-01-02T03:04:05.678Z", "fps": 5.0, "reason": "no answer", "version": "1", "fall": 0.5,
    "outbox": {"waiting": 1}, "model": {"name": "m"}, "acknowledged_at": None, "false_alarm": True,
}  # fmt: skip
TOPICS: Final = ("events", "stats", "availability", "hall/status", "hall/scores", "hall/fall/threshold", "events/E/ack")
MOST_LINES: Final = 20


def message(folder: Path) -> tuple[bytes, Read]:
    """What boxes say, to a dashboard and a notifier."""
    said: list[str] = []
    desk = Desk(History(None, 1000, B_PER_MB))
    rule = notifier.RuleConfig(name="all", when=["fall", "lost", "offline"], tell=["nurse"])
    config = notifier.NotifyConfig(
        broker=BrokerConfig(url="mqtt://127.0.0.1"),
        state_dir=folder / "state",
        people={"nurse": notifier.PersonConfig()},
        rules=[rule],
    )
    bridge = Bridge(config, Ledger(config.state_dir, said.append), report=said.append)

    def take(content: bytes) -> None:
        for topic in TOPICS:
            brought = Message(f"edgewatch/box/{topic}", content, retained=False)
            desk.receive(brought)
            bridge.receive(brought)
        shown = json.dumps(desk.state(), ensure_ascii=False)
        shown.encode()
        if UNSHOWABLE.search(shown) or len(said) > MOST_LINES:
            raise AssertionError(f"shows {shown[:MAX_LETTERS]!r}, says {said[-1:]}")

    return json.dumps(EVENT).encode(), take


MANIFEST: Final = b"path,label,group,start_s,end_s,annotates\na.mp4,fall,g,0,1,fall\nb.mp4,normal,h,,,\n"
GROUPS: Final = "path,group\na.mp4,g\nb.mp4,h\ncaf\u00e9.mp4,h\n".encode()
FOLDS: Final = b"path,label,group,fold\na.mp4,fall,g,0\nb.mp4,normal,h,1\n"

KINDS: Final[dict[str, Callable[[Path], tuple[bytes, Read]]]] = {
    "message": message,
    "configuration of a box": lambda folder: configuration(folder, CONFIGURATION, load),
    "configuration of a notifier": lambda folder: configuration(folder, NOTIFIER, notifier.load),
    "configuration of a dashboard": lambda folder: configuration(folder, DASHBOARD, dashboard.load),
    "bundle": zipped_bundle,
    "bundle's manifest": bundle_manifest,
    "clip": clip,
    "manifest of clips": lambda folder: csv(folder, MANIFEST, read_manifest),
    "groups of clips": lambda folder: csv(folder, GROUPS, lambda path: given_groups(folder, path)),
    "folds of clips": lambda folder: csv(folder, FOLDS, lambda path: read_folds(path, read_manifest(path))),
}


def attack(kind: str, folder: Path, examples: int) -> dict[str, Any]:
    """Have so many changed ones of a kind read, the same ones every time; what went wrong, what files came or went,
    and by how much the second half made us grow."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    good, read = KINDS[kind](folder)
    read(good)
    before = listing(folder)
    chance = random.Random(kind)
    counts: dict[str, int] = dict.fromkeys(("refused", "taken", "raised", "faults"), 0)
    first: list[str] = []
    process = psutil.Process()
    half_b = 0
    for number in range(examples):
        if number == examples // 2:
            half_b = process.memory_info().rss
        changes = drawn(chance)
        answer, fault = answered(read, changed(good, changes))
        counts[answer] += 1
        if fault:
            counts["faults"] += 1
            first += [f"{changes}: {fault}"] if len(first) < MOST_FAULTS else []
    grown_mb = (process.memory_info().rss - half_b) / B_PER_MB
    changed_files = sorted(before ^ listing(folder))
    return {"kind": kind, **counts, "first": first, "changed": changed_files, "grown_mb": grown_mb}


def answered(read: Read, content: bytes) -> tuple[str, str]:
    """Whether content was taken or refused, and what was wrong with how."""
    try:
        read(content)
    except EdgewatchError as error:
        words = str(error)
        is_shown = not UNSHOWABLE.search(words) and len(words) <= MAX_LETTERS
        return "refused", "" if is_shown else f"says {words[:MAX_LETTERS]!r}"
    except Exception as error:  # noqa: BLE001 - that is what is looked for
        return "raised", f"{type(error).__name__}: {error}"
    return "taken", ""


def attack_apart(kind: str, folder: Path, examples: int) -> dict[str, Any]:
    """Attack in a process of its own: memory that one kind took and gave back hides what the next one takes."""
    with ProcessPoolExecutor(1, get_context("spawn")) as apart:
        return apart.submit(attack, kind, folder, examples).result()


def listing(folder: Path) -> set[str]:
    """Names of all files below a folder."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}
