"""The store on disks that fail: full, read-only, corrupt; and back again."""

import contextlib
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.errors import ConfigurationError
from edge.mqtt import store as module
from edge.mqtt.store import Store

SCHEMA = "CREATE TABLE IF NOT EXISTS notes (number INTEGER PRIMARY KEY, text TEXT);"
EVENT = {
    "camera": "hall",
    "label": "fall",
    "score": 0.93,
    "peak_score": 0.97,
    "started_at": "2026-01-02T03:04:05.678Z",
    "ended_at": None,
    "duration_s": 1.8,
    "reason": None,
    "model_name": "m",
    "model_sha256": "ab" * 32,
    "position_s": None,
}


@pytest.fixture
def lines() -> list[str]:
    return []


@pytest.fixture
def stores() -> Iterator[contextlib.ExitStack]:
    with contextlib.ExitStack() as stack:
        yield stack


@pytest.fixture
def open_store(stores: contextlib.ExitStack, lines: list[str], tmp_path: Path):
    """Open the store of the test's folder; the one before is closed."""

    def opened() -> Store:
        stores.close()
        return stores.enter_context(contextlib.closing(Store(tmp_path, SCHEMA, lines.append)))

    return opened


def note(store: Store, text: str = "") -> None:
    store.write(lambda database: database.execute("INSERT INTO notes (text) VALUES (?)", (text,)))


def notes(store: Store) -> list[str]:
    return [row[0] for row in store.read(lambda database: database.execute("SELECT text FROM notes").fetchall())]


def test_it_syncs_every_commit(open_store) -> None:
    store = open_store()
    assert store._database.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL
    assert store._database.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_work_that_fails_leaves_nothing(open_store) -> None:
    store = open_store()

    def half(database) -> None:
        database.execute("INSERT INTO notes (text) VALUES ('half')")
        raise RuntimeError

    with pytest.raises(RuntimeError):
        store.write(half)
    note(store, "whole")
    assert notes(store) == ["whole"]


def test_a_second_daemon_with_the_same_directory_is_refused(open_store, tmp_path: Path) -> None:
    open_store()
    with pytest.raises(ConfigurationError, match="another edge"):
        Store(tmp_path, SCHEMA)
    open_store()


def test_a_directory_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match=r"file/state/lock: cannot be written \(Not a directory\)"):
        Store(tmp_path / "file" / "state", SCHEMA)


# Corruption


@pytest.mark.parametrize("content", [b"not a database" * 100, b"SQLite format 3\0" + b"\xff" * 4000])
def test_a_file_that_is_no_database_is_set_aside(open_store, lines: list[str], tmp_path: Path, content: bytes) -> None:
    (tmp_path / "outbox.db").write_bytes(content)
    store = open_store()
    note(store, "first")
    (kept,) = tmp_path.glob("outbox.db.corrupt-20*Z")
    assert kept.read_bytes() == content
    (line,) = lines
    assert "corrupt" in line
    assert kept.name in line
    assert store.fault is None
    assert notes(open_store()) == ["first"]
    assert len(lines) == 1


def test_a_database_that_is_damaged_inside_is_set_aside(open_store, stores, lines: list[str], tmp_path: Path) -> None:
    store = open_store()
    for _ in range(100):
        note(store, "x" * 1000)
    stores.close()
    file = tmp_path / "outbox.db"
    content = bytearray(file.read_bytes())
    content[8192:16384] = os.urandom(8192)
    file.write_bytes(content)
    assert notes(open_store()) == []
    assert "corrupt" in lines[0]


def test_a_database_that_breaks_while_it_is_used_is_set_aside(open_store, lines: list[str], tmp_path: Path) -> None:
    store = open_store()
    for _ in range(100):
        note(store, "x" * 1000)
    store._database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    store._database.execute("PRAGMA cache_size = 0")
    with (tmp_path / "outbox.db").open("r+b") as file:
        file.seek(4096)
        file.write(os.urandom(1 << 17))
    note(store, "after")
    assert notes(store) == ["after"]
    assert "corrupt" in lines[0]
    assert notes(open_store()) == ["after"]


def test_a_file_of_a_newer_version_is_set_aside(open_store, stores, lines: list[str], tmp_path: Path) -> None:
    note(open_store(), "from the future")
    stores.close()
    with contextlib.closing(sqlite3.connect(tmp_path / "outbox.db")) as database:
        database.execute("PRAGMA user_version = 99")
    assert notes(open_store()) == []
    (kept,) = tmp_path.glob("outbox.db.newer-*Z")
    (line,) = lines
    assert line == (
        f"{tmp_path / 'outbox.db'}: newer (of format 99, made by a later edge); set aside as {kept.name}, a new "
        "one is begun; what waits in it is sent by the version that made it, once it is renamed back"
    )


def test_only_the_latest_corrupt_files_are_kept(open_store, stores, tmp_path: Path) -> None:
    for number in range(5):
        stores.close()
        for suffix in ("", "-wal", "-shm"):
            (tmp_path / f"outbox.db{suffix}").unlink(missing_ok=True)
        (tmp_path / "outbox.db").write_text(f"{number}" * 200)
        open_store()
    kept = sorted(tmp_path.glob("outbox.db.corrupt-*Z"))
    assert [path.read_text()[0] for path in kept] == ["2", "3", "4"]


# Full, with SQLite's own limit


def fill(store: Store) -> None:
    """Leave no page to the database."""
    (pages,) = store._database.execute("PRAGMA page_count").fetchone()
    store._database.execute(f"PRAGMA max_page_count = {pages}")


def test_a_full_disk_goes_on_in_memory_and_comes_back(
    open_store, lines: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now_s = 0.0
    monkeypatch.setattr(module.time, "monotonic", lambda: now_s)
    store = open_store()
    note(store, "before")
    fill(store)
    note(store, "x" * 100_000)
    assert "full" in store.fault
    note(store, "meanwhile")
    assert notes(store) == ["before", "x" * 100_000, "meanwhile"]
    now_s = 59.0
    store.tend()
    assert store.fault
    now_s = 61.0
    store.tend()
    assert store.fault is None
    assert [line.split(": ")[1].split(" (")[0] for line in lines] == [
        "the disk refuses",
        "the disk takes events again",
    ]
    assert notes(open_store()) == ["before", "x" * 100_000, "meanwhile"]


class Failing(sqlite3.Connection):
    """Neither written nor read, as a card that comes loose."""

    def execute(self, *_):
        raise self._fault()

    def backup(self, *_, **__):
        raise self._fault()

    def _fault(self) -> sqlite3.OperationalError:
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorcode = sqlite3.SQLITE_IOERR
        return error


def test_what_cannot_be_read_when_the_disk_fails_is_taken_along_when_it_comes_back(
    open_store, lines: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_s = 0.0
    monkeypatch.setattr(module.time, "monotonic", lambda: now_s)
    store = open_store()
    note(store, "before")
    store._database.close()
    store._database = Failing(tmp_path / "outbox.db")
    note(store, "meanwhile")
    assert notes(store) == ["meanwhile"]
    assert lines[0] == (
        f"{tmp_path / 'outbox.db'}: cannot be read now (disk I/O error); what is in it is kept, and taken along once "
        "the disk takes events again"
    )
    now_s = 61.0
    store.tend()
    assert store.fault is None
    note(store, "after")
    assert notes(open_store()) == ["before", "meanwhile", "after"]


# Full and read-only, real ones: a small file system in a mount namespace of its own

IN_A_NAMESPACE = """
import errno, json, subprocess, sys, tempfile
from pathlib import Path
from edge.mqtt import store as module
from edge.mqtt.store import Store
disk, schema = Path(sys.argv[1]), sys.argv[2]
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1024k", "tmpfs", disk], check=True)
module.RETRY_INTERVAL_S = 0
def note(store, text):
    store.write(lambda database: database.execute("INSERT INTO notes (text) VALUES (?)", (text,)))
def texts(store):
    return [row[0][0] for row in store.read(lambda d: d.execute("SELECT text FROM notes").fetchall())]
def cut_power(store):
    copies = {path: path.read_bytes() for path in disk.iterdir() if not path.name.endswith(("-shm", "lock"))}
    store.close()
    for path, content in copies.items():
        path.write_bytes(content)
def fill():
    try:
        (disk / "ballast").write_bytes(b"x" * 1024 * 1024)
    except OSError as error:
        assert error.errno == errno.ENOSPC, error
def hide_shared_memory():
    subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", "/dev/shm"], check=True)
"""
FULL = """
store = Store(disk, schema, print)
note(store, "a")
(disk / "ballast").write_bytes(b"x" * (1024 - 200) * 1024)
note(store, "b" * 300_000)
assert store.fault, "not full"
note(store, "c")
assert texts(store) == ["a", "b", "c"], texts(store)
(disk / "ballast").unlink()
store.write(lambda database: database.execute("DELETE FROM notes WHERE text LIKE 'b%'"))
note(store, "d")
assert store.fault is None, store.fault
store.close()
assert texts(Store(disk, schema)) == ["a", "c", "d"]
"""
READ_ONLY = """
store = Store(disk, schema)
note(store, "a")
cut_power(store)
subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
store = Store(disk, schema, print)
assert store.fault, "not read-only"
note(store, "b")
assert texts(store) == ["a", "b"], texts(store)
subprocess.run(["mount", "-o", "remount,rw", disk], check=True)
store.tend()
assert store.fault is None, store.fault
store.close()
assert texts(Store(disk, schema)) == ["a", "b"]
"""
FULL_AT_THE_START = """
tempfile.tempdir = str(disk)
store = Store(disk, schema)
note(store, "a")
cut_power(store)
fill()
store = Store(disk, schema, print)
assert store.fault, "not full"
note(store, "b")
assert texts(store) == ["a", "b"], texts(store)
(disk / "ballast").unlink()
store.tend()
assert store.fault is None, store.fault
store.close()
assert texts(Store(disk, schema)) == ["a", "b"]
"""
UNREADABLE_AT_THE_START = """
hide_shared_memory()
tempfile.tempdir = str(disk)
store = Store(disk, schema)
note(store, "a")
note(store, "b")
cut_power(store)
fill()
store = Store(disk, schema, print)
assert store.fault, "not full"
note(store, "c")
note(store, "d")
assert texts(store) == ["c", "d"], texts(store)
(disk / "ballast").unlink()
store.tend()
assert store.fault is None, store.fault
note(store, "e")
store.close()
assert texts(store := Store(disk, schema)) == ["a", "b", "c", "d", "e"], texts(store)
"""
OUTBOX_UNREADABLE_AT_THE_START = """
from edge.mqtt.outbox import SCHEMA, Outbox
from edge.types import Event
def opened():
    store = Store(disk, SCHEMA, print)
    return store, Outbox(store, 100, 100_000)
def add(outbox, id, type):
    outbox.add(Event(id=id, type=type, **json.loads(sys.argv[3])))
def waiting(outbox):
    found = []
    while (event := outbox.oldest()) is not None:
        found.append((event.fields["id"], event.fields["type"]))
        outbox.remove(event.sequence)
    return found
hide_shared_memory()
tempfile.tempdir = str(disk)
store, outbox = opened()
add(outbox, "1", "started")
add(outbox, "1", "updated")
cut_power(store)
fill()
store, outbox = opened()
assert outbox.depth() == 0
add(outbox, "2", "started")
add(outbox, "2", "ended")
on_its_way = outbox.oldest()
(disk / "ballast").unlink()
store.tend()
assert store.fault is None, store.fault
assert outbox.depth() == 4, outbox.depth()
outbox.remove(on_its_way.sequence)
assert [event.id for event in outbox.active()] == ["1"]
store.close()
store, outbox = opened()
assert waiting(outbox) == [("1", "started"), ("1", "updated"), ("2", "ended")]
assert outbox.fields()["bytes"] == 0
"""
LEDGER_UNREADABLE_AT_THE_START = """
from edge.notify.ledger import Ledger, Note
def note_fall(ledger, subject):
    ledger.add([Note(subject, "all", 0, "nurse", "Fall", "in the hall", 1.0)])
def take(ledger):
    return [note.subject for note in ledger.take("nurse", "box", 2.0, [], is_alone=True, limit=9)]
hide_shared_memory()
tempfile.tempdir = str(disk)
ledger = Ledger(disk, print)
note_fall(ledger, "box/1")
note_fall(ledger, "box/2")
assert take(ledger) == ["box/1", "box/2"]
cut_power(ledger._store)
fill()
ledger = Ledger(disk, print)
note_fall(ledger, "box/3")
assert take(ledger) == ["box/3"]
(disk / "ballast").unlink()
ledger.tend(0.0)
assert take(ledger) == ["box/1", "box/2"]
ledger.close()
ledger = Ledger(disk, print)
assert take(ledger) == ["box/1", "box/2", "box/3"]
"""
NEWER_AND_READ_ONLY = """
store = Store(disk, schema)
note(store, "a")
store._database.execute("PRAGMA user_version = 99")
cut_power(store)
subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
store = Store(disk, schema, print)
note(store, "b")
assert texts(store) == ["b"], texts(store)
subprocess.run(["mount", "-o", "remount,rw", disk], check=True)
store.tend()
assert len(list(disk.glob("outbox.db.newer-*Z"))) == 1
store.close()
assert texts(Store(disk, schema)) == ["b"]
"""
CORRUPT_AND_READ_ONLY = """
(disk / "outbox.db").write_bytes(b"not a database" * 100)
subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
store = Store(disk, schema, print)
assert store.fault, "not read-only"
note(store, "a")
subprocess.run(["mount", "-o", "remount,rw", disk], check=True)
store.tend()
assert store.fault is None, store.fault
store.close()
assert texts(Store(disk, schema)) == ["a"]
"""


@pytest.mark.parametrize(
    "script",
    [
        FULL,
        READ_ONLY,
        FULL_AT_THE_START,
        UNREADABLE_AT_THE_START,
        OUTBOX_UNREADABLE_AT_THE_START,
        LEDGER_UNREADABLE_AT_THE_START,
        CORRUPT_AND_READ_ONLY,
        NEWER_AND_READ_ONLY,
    ],
    ids=[
        "full",
        "read-only",
        "full-at-the-start",
        "unreadable-at-the-start",
        "outbox-unreadable-at-the-start",
        "ledger-unreadable-at-the-start",
        "corrupt-and-read-only",
        "newer-and-read-only",
    ],
)
def test_a_real_disk_that_refuses(tmp_path: Path, script: str) -> None:
    namespace = ["unshare", "--user", "--map-root-user", "--mount"]
    if subprocess.run([*namespace, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this machine allows no mount namespaces")
    code = IN_A_NAMESPACE + script
    run = subprocess.run(
        [*namespace, sys.executable, "-c", code, tmp_path, SCHEMA, json.dumps(EVENT)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    refused, *_, returned = run.stdout.splitlines()
    assert "the disk refuses" in refused
    assert "takes events again" in returned
