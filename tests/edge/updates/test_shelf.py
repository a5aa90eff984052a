"""Decisions survive whatever ends the process, and a start always finds a bundle that works."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from edge.bundle import Bundle
from edge.updates.shelf import CHOICE, Choice, Shelf, candidates

CALLS = ("fchmod", "fsync", "replace", "open", "fsync", "close")
"""Of a decision, in this order."""
WRITER = """
import os, signal, sys
from pathlib import Path
from edge.updates.shelf import Choice, Shelf

def killing(name):
    call = getattr(os, name)
    def wrapped(*arguments, **options):
        calls.append(name)
        if len(calls) > at:
            os.kill(os.getpid(), signal.SIGKILL)
        return call(*arguments, **options)
    return wrapped

at, calls = int(sys.argv[2]), []
shelf = Shelf(Path(sys.argv[1]))
shelf.decide(Choice("configured", "1", "1"))
for name in ("fchmod", "fsync", "replace", "open", "close"):
    setattr(os, name, killing(name))
shelf.decide(Choice("configured", "2", "2"))
print(*calls)
"""


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path / "state")


@pytest.fixture
def bundles(make_signed, shelf: Shelf, colour_bundle: Path) -> tuple[Bundle, Bundle, Bundle]:
    """The configured one, and two that were put on the shelf."""
    made = []
    for name in ("first", "second"):
        path = make_signed(name)
        made.append(Bundle.load(path))
        shelf.put(made[-1], path.read_bytes())
    return Bundle.load(colour_bundle), made[0], made[1]


class Told(list[tuple[str, str]]):
    def __call__(self, digest: str, fault: str) -> None:
        self.append((digest, fault))


def offered(shelf: Shelf, configured: Bundle) -> tuple[list[tuple[str, bool]], Told]:
    """Names of what a start would run if nothing worked, and whether on trial; and what is told."""
    told = Told()
    return [(bundle.spec.name, on_trial) for bundle, on_trial in candidates(shelf, configured, told)], told


def test_without_updates_the_configured_bundle_runs(shelf: Shelf, colour_bundle: Path) -> None:
    assert offered(shelf, Bundle.load(colour_bundle)) == ([("colours", False)], [])


def test_what_a_later_version_decided_holds_as_far_as_it_is_understood(shelf: Shelf, bundles) -> None:
    configured, first, _ = bundles
    shelf.decide(Choice(configured.digest, in_force=first.digest))
    path = shelf.folder / CHOICE
    path.write_text(json.dumps(json.loads(path.read_bytes()) | {"networks": ["pose"]}))
    assert offered(shelf, configured)[0] == [("first", False), ("colours", False)]


def test_a_trial_comes_first_and_only_once(shelf: Shelf, bundles) -> None:
    configured, first, second = bundles
    shelf.decide(Choice(configured.digest, first.digest, second.digest))
    told = Told()
    run, on_trial = next(candidates(shelf, configured, told))
    assert (run.spec.name, on_trial, told) == ("second", True, [])
    # The box crashed, or lost its power: the former one runs.
    names, told = offered(shelf, configured)
    assert names[0] == ("first", False)
    assert [digest for digest, _ in told][:1] == [second.digest]
    assert "stopped before it had proven itself" in told[0][1]
    assert offered(shelf, configured)[1][1:] == []
    assert not shelf.path_of(second.digest).exists()


def test_what_cannot_be_opened_is_passed_over(shelf: Shelf, bundles) -> None:
    configured, first, second = bundles
    shelf.decide(Choice(configured.digest, first.digest, second.digest))
    assert [name for name, _ in offered(shelf, configured)[0]] == ["second", "first", "colours"]
    shelf.path_of(first.digest).write_bytes(b"PK")
    names, told = offered(shelf, configured)
    assert names == [("colours", False)]
    assert first.digest in dict(told)


def test_another_configured_bundle_ends_the_updates(shelf: Shelf, bundles) -> None:
    configured, first, second = bundles
    shelf.decide(Choice(configured.digest, first.digest))
    assert offered(shelf, configured)[0][0] == ("first", False)
    assert offered(shelf, second)[0] == [("second", False)]
    assert offered(shelf, configured)[0] == [("colours", False)]


def test_the_age_of_the_newest_that_ran_outlives_whatever_ends_it(shelf: Shelf, bundles) -> None:
    configured, first, second = bundles
    shelf.decide(Choice(configured.digest, first.digest, newest_at="2026-02-01T00:00:00+00:00"))
    shelf.path_of(first.digest).unlink()
    assert offered(shelf, configured)[0] == [("colours", False)]
    offered(shelf, second)
    assert shelf.choice() == Choice(second.digest, newest_at="2026-02-01T00:00:00+00:00")


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"what": 1}', b'{"in_force": "absent"}'])
def test_a_decision_that_cannot_be_read_is_none(shelf: Shelf, colour_bundle: Path, content: bytes) -> None:
    shelf.folder.mkdir(parents=True)
    (shelf.folder / CHOICE).write_bytes(content)
    assert offered(shelf, Bundle.load(colour_bundle))[0][-1] == ("colours", False)


@pytest.mark.parametrize("at", range(len(CALLS) + 1))
def test_kill_at_any_step_leaves_a_whole_decision(shelf: Shelf, at: int) -> None:
    """A process that kills itself before its call number `at`; the last one lives."""
    command = [sys.executable, "-c", WRITER, str(shelf.folder.parent), str(at)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == (0 if at == len(CALLS) else -signal.SIGKILL), ended.stderr
    assert ended.stdout.split() == (list(CALLS) if at == len(CALLS) else [])
    decided = "1" if at <= CALLS.index("replace") else "2"
    assert shelf.choice() == Choice("configured", decided, decided)


def test_a_disk_that_refuses_begins_no_trial(shelf: Shelf, bundles, monkeypatch: pytest.MonkeyPatch) -> None:
    configured, first, second = bundles
    shelf.decide(Choice(configured.digest, first.digest, second.digest))

    def refuse(*_: object, **__: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("edge.updates.shelf.write", refuse)
    names, told = offered(shelf, configured)
    assert names == [("first", False), ("colours", False)]
    assert "Read-only file system" in told[0][1]
