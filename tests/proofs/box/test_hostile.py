"""What is damaged or meant ill is taken, or refused in one line: a twentieth of what the proof `hostile` tries."""

import shutil
from pathlib import Path

import pytest

from proofs.box.hostile import PROOF, figures
from proofs.rig import hostile

EXAMPLES = 500
LEAK_BYTES = 500_000
FFMPEG = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg makes the clip")


@pytest.mark.parametrize("kind", [pytest.param(kind, marks=FFMPEG if kind == "clip" else ()) for kind in hostile.KINDS])
def test_nothing_that_is_brought_ends_in_a_traceback(tmp_path: Path, kind: str) -> None:
    found = hostile.attack_apart(kind, tmp_path / "run", EXAMPLES)
    assert found["first"] == []
    assert found["changed"] == []
    assert found["taken"] + found["refused"] == EXAMPLES
    assert not PROOF.missed(figures({"attacks": [found]}))


def test_a_fault_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def careless(folder: Path):
        def take(content: bytes) -> None:
            (folder / f"left-{len(content)}").write_bytes(content)
            content.decode("ascii")

        return b"good", take

    monkeypatch.setitem(hostile.KINDS, "careless", careless)
    found = hostile.attack("careless", tmp_path / "run", 100)
    missed = PROOF.missed(figures({"attacks": [found]}))
    assert {line.split()[0] for line in missed} == {"faults", "changed"}


def test_a_leak_is_found_even_where_everything_else_goes_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def leaking(_folder: Path):
        kept: list[bytes] = []

        def take(_content: bytes) -> None:
            kept.append(b"x" * LEAK_BYTES)
            if len(kept) > 1:
                raise RuntimeError

        return b"good", take

    monkeypatch.setitem(hostile.KINDS, "leaking", leaking)
    found = hostile.attack("leaking", tmp_path / "run", 400)
    missed = PROOF.missed(figures({"attacks": [found]}))
    assert {line.split()[0] for line in missed} == {"faults", "grown_mb"}


def test_what_reads_without_a_trace_grows_by_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(hostile.KINDS, "idle", lambda _folder: (b"good", lambda _content: None))
    assert hostile.attack("idle", tmp_path / "run", 2000)["grown_mb"] < 5
