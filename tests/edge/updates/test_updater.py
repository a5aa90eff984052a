"""What the updater decides, on cameras and a shadow run that say what the test wants."""

import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from edge.bundle import Bundle
from edge.config import Config
from edge.config.updates import key_bytes
from edge.errors import ModelError
from edge.updates.opening import Chosen
from edge.updates.shadow import Findings
from edge.updates.shelf import REQUEST, Choice, Shelf
from edge.updates.taking import Daemon, open_updater
from edge.updates.tap import Tap
from edge.updates.updater import HANG_S, STOP_S, Updater, Watched

OK = {"state": "ok", "judged_hz": 5.0, "target_hz": 5.0}


class Box:
    """An updater with one camera, whose clock is the test's."""

    def __init__(self, folder: Path, running: Bundle, public_key: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.shelf = Shelf(folder)
        self.shelf.folder.mkdir(parents=True)
        self.fields: dict[str, Any] = OK
        self.said: list[tuple[str, str | None]] = []
        self.may_pass: list[bool] = []
        """Beside what was said: whether that may be otherwise another day."""
        self.calls: list[str] = []
        self.now_s = 0.0
        monkeypatch.setattr("edge.updates.updater.time.monotonic", lambda: self.now_s)
        self._running = running
        self._key = key_bytes(public_key)
        self.config = Config.model_validate(
            {"cameras": {"hall": {"source": "0"}}, "updates": {"public_key": public_key, "trial_s": 10}}
        )

    def updater(self, *, on_trial: bool = False) -> Updater:
        watched = Watched(
            taps={"hall": Tap()},
            fields=lambda _camera: self.fields,
            publish=self._hear,
            end_watching=lambda: self.calls.append("end"),
            start_again=lambda: self.calls.append("again"),
            report=lambda _line: None,
        )
        chosen = Chosen(self._running, self._running.digest, on_trial, self.shelf)
        return Updater(self.config, chosen, self.shelf, watched, self._key)

    def _hear(self, status: dict[str, Any]) -> None:
        self.said.append((status["state"], status["reason"]))
        self.may_pass.append(status["may_pass"])


@pytest.fixture
def box(tmp_path: Path, colour_bundle: Path, public_key: str, monkeypatch: pytest.MonkeyPatch) -> Box:
    return Box(tmp_path / "state", Bundle.load(colour_bundle), public_key, monkeypatch)


@pytest.fixture
def tried(box: Box, make_signed):
    """An updater in the middle of a shadow run, and what that is said to have found; its process has ended."""
    shutil.copy(make_signed("newer"), box.shelf.folder / REQUEST)
    updater = box.updater()
    updater.tick()
    assert [state for state, _ in box.said] == ["checked", "shadow"]
    assert updater.is_busy
    assert updater._tried is not None
    updater._tried.shadow.stop()
    updater._tried.shadow.findings = Findings(True, {"hall": 300}, [0.01] * 300)
    return updater, updater._tried.shadow.findings


def test_a_shadow_run_that_finds_nothing_wrong_switches(box: Box, tried) -> None:
    updater, _ = tried
    updater.tick()
    assert box.calls == []
    box.now_s = 61.0
    updater.tick()
    assert (box.said[-1], box.calls) == (("trial", None), ["end"])
    choice = box.shelf.choice()
    assert (choice.in_force, choice.begun, choice.shares) == (None, False, {"hall": 1.0})
    assert choice.trial is not None
    assert box.shelf.load(choice.trial).spec.name == "newer"
    box.now_s += STOP_S + 1
    updater.tick()
    assert box.calls == ["end", "again"]  # the main thread hangs in the model


def test_a_model_that_takes_too_long_is_refused(box: Box, tried) -> None:
    updater, findings = tried
    findings.durations_s[:] = [0.2] * 300
    box.now_s = 61.0
    updater.tick()
    assert box.said[-1] == (
        "refused", "it would take 100% of the time that this machine has for 1 cameras, over 90%"
    )  # fmt: skip
    assert not box.may_pass[-1]
    assert box.shelf.choice().trial is None
    assert not list(box.shelf.folder.glob("*.zip"))
    assert not updater.is_busy


def test_a_model_that_hangs_is_refused(box: Box, tried) -> None:
    updater, findings = tried
    findings.asked_s = 1.0
    box.now_s = HANG_S + 2
    updater.tick()
    assert box.said[-1] == ("refused", "it gave no answer in 60 s")


def test_too_few_pictures_decide_nothing(box: Box, tried) -> None:
    updater, findings = tried
    findings.counts["hall"] = 2
    box.now_s = 61.0
    updater.tick()
    assert box.said[-1][0] == "shadow"
    box.now_s = 121.0
    updater.tick()
    assert box.said[-1] == ("refused", "hall: too few pictures came to try it on")
    assert box.may_pass[-1]


def test_without_a_camera_nothing_is_tried(box: Box, make_signed) -> None:
    box.fields = OK | {"state": "lost"}
    shutil.copy(make_signed("newer"), box.shelf.folder / REQUEST)
    box.updater().tick()
    assert box.said[-1][0] == "refused"
    assert "no camera gives pictures" in str(box.said[-1][1])
    assert box.may_pass[-1]


def test_the_end_of_the_watching_ends_a_shadow_run(box: Box, tried) -> None:
    updater, _ = tried
    with updater.deciding():
        pass
    assert box.said[-1] == ("refused", "the box was stopped while it was tried; send it again")


def test_a_trial_has_to_be_as_good_as_before(box: Box) -> None:
    box.shelf.decide(Choice("configured", trial="x", begun=True, shares={"hall": 0.8, "gone": 1.0}))
    updater = box.updater(on_trial=True)
    box.fields = OK | {"judged_hz": 3.5}  # under 0.9 of the 0.8 before
    box.now_s = 11.0
    updater.tick()
    assert box.said == []
    box.fields = OK | {"judged_hz": 3.7}
    updater.tick()
    assert box.said[-1] == ("proven", None)
    assert box.calls == []
    assert box.shelf.choice().in_force is not None


@pytest.mark.parametrize(
    ("fields", "reason", "may_pass"),
    [
        (OK | {"judged_hz": 3.5}, "the rate of hall dropped: 3.5 of 5 a second", False),
        (OK | {"judged_hz": None}, "the rate of hall dropped: 0.0 of 5 a second", False),
        (OK | {"state": "lost"}, "hall gives no pictures any more (lost)", True),
    ],
)
def test_a_trial_that_is_worse_is_rolled_back(box: Box, fields: dict[str, Any], reason: str, may_pass: bool) -> None:
    box.shelf.decide(Choice("configured", in_force="before", trial="x", begun=True, shares={"hall": 0.8}))
    updater = box.updater(on_trial=True)
    box.fields, box.now_s = fields, 21.0
    updater.tick()
    assert (box.said, box.may_pass, box.calls) == ([("rolled back", reason)], [may_pass], ["end"])
    assert box.shelf.choice() == Choice("configured", in_force="before")


def test_a_model_that_fails_ends_its_trial_and_no_other(box: Box) -> None:
    box.shelf.decide(Choice("configured", trial="x", begun=True, shares={"hall": 1.0}))
    with box.updater(on_trial=True).deciding():
        raise ModelError("it failed")
    assert (box.said[-1], box.calls) == (("rolled back", "it failed"), ["end"])
    with pytest.raises(ModelError, match="it failed"), box.updater().deciding():
        raise ModelError("it failed")


def test_what_ends_the_process_that_looks_at_it_is_not_looked_at_again(
    box: Box, make_signed, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(make_signed("newer"), box.shelf.folder / REQUEST)
    left: dict[Path, bytes] = {}

    def killed(*_: object) -> None:
        left.update({path: path.read_bytes() for path in box.shelf.folder.iterdir()})
        raise ModelError("as far as this process gets")

    monkeypatch.setattr("edge.updates.updater.load_signed", killed)
    box.updater().tick()
    for path, content in left.items():
        path.write_bytes(content)
    monkeypatch.setattr("edge.updates.updater.load_signed", None)  # a second call would end the test
    updater = box.updater()
    assert updater.is_busy
    updater.tick()
    assert box.said[-1] == ("refused", "the box stopped while it looked at it; send it again")
    assert not updater.is_busy
    updater.tick()
    assert len(box.said) == 3


def test_a_request_that_is_replaced_meanwhile_is_another_one(box: Box, make_signed, monkeypatch) -> None:
    """What is kept and tried is what was checked."""
    from edge.updates.signing import load_signed

    request, checked = box.shelf.folder / REQUEST, make_signed("checked").read_bytes()
    request.write_bytes(checked)

    def replaced(*arguments: Any) -> Bundle:
        bundle = load_signed(*arguments)
        request.write_bytes(b"another")
        return bundle

    monkeypatch.setattr("edge.updates.updater.load_signed", replaced)
    updater = box.updater()
    updater.tick()
    assert updater._tried is not None
    updater._tried.shadow.stop()
    assert box.shelf.path_of(updater._tried.bundle.digest).read_bytes() == checked
    assert request.read_bytes() == b"another"


def test_proven_updates_are_remembered_by_their_age(box: Box) -> None:
    box.shelf.decide(Choice("configured", trial="x", begun=True, newest_at="2025-12-01T00:00:00+00:00"))
    updater = box.updater(on_trial=True)
    box.now_s = 21.0
    updater.tick()
    assert box.said[-1] == ("proven", None)
    assert box.shelf.choice().newest_at == box.updater()._chosen.bundle.spec.created_at.isoformat()


def test_older_than_the_newest_that_ran_is_refused(box: Box, make_signed) -> None:
    box.shelf.decide(Choice("configured", newest_at="2026-02-02T00:00:00+00:00"))
    shutil.copy(make_signed("between"), box.shelf.folder / REQUEST)
    box.updater().tick()
    assert box.said[-1][0] == "refused"
    assert "is before 2026-02-02" in str(box.said[-1][1])


def test_a_box_without_the_library_of_signatures_says_so_and_runs(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cryptography", None)
    lines: list[str] = []
    daemon = Daemon(lambda _camera: OK, lambda: None, lines.append)
    chosen = box.updater()._chosen
    assert open_updater(box.config, chosen, {"hall": Tap()}, daemon, None) is not None
    (line,) = lines
    assert line.startswith("updates: cryptography is not installed; install the extra: ")
    assert line.endswith("; until then none are taken")
