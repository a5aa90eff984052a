"""What a failure unit says, from what systemd and the journal tell it."""

import os
from pathlib import Path

import pytest

from edge.system.failure import AGAIN_MIN, why_failed

MONITOR = {"MONITOR_SERVICE_RESULT": "exit-code", "MONITOR_EXIT_STATUS": "2"}


def journal(folder: Path, monkeypatch: pytest.MonkeyPatch, *lines: str) -> None:
    """Put a journalctl on the path that answers so to the invocation `abc`."""
    program = folder / "journalctl"
    program.write_text(
        "#!/bin/sh\ncase $* in *_SYSTEMD_INVOCATION_ID=abc) " + "; ".join(lines or ["exit 1"]) + " ;; esac\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")


def test_the_program_s_last_line_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal(tmp_path, monkeypatch, "echo 'edge: box.toml: broker: missing'")
    told = why_failed("edgewatch.service", MONITOR | {"MONITOR_INVOCATION_ID": "abc"})
    assert told == "edge: box.toml: broker: missing (exit-code 2); it is started again in 20 min"


def test_without_a_journal_the_way_it_ended_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal(tmp_path, monkeypatch)
    told = why_failed("edgewatch.service", MONITOR | {"MONITOR_INVOCATION_ID": "abc"})
    assert told == "edgewatch.service: exit-code 2; it is started again in 20 min"
    monkeypatch.setenv("PATH", str(tmp_path / "nowhere"))
    assert why_failed("edgewatch.service", {"MONITOR_INVOCATION_ID": "abc"}) == (
        "edgewatch.service: failed; it is started again in 20 min"
    )


def test_of_the_journal_s_line_no_secret_and_not_everything_is_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = "boom: rtsp://admin:hunter2@192.0.2.7/user=admin_password=hunter3 \\033[31m" + "x" * 5000
    journal(tmp_path, monkeypatch, f"printf '{line}'")
    told = why_failed("edgewatch.service", MONITOR | {"MONITOR_INVOCATION_ID": "abc"})
    assert told.startswith("boom: rtsp://***@192.0.2.7/*** \\x1b[31mxxx")
    assert told.endswith("x (exit-code 2); it is started again in 20 min")
    assert len(told) < 600


def test_the_timer_that_starts_it_again_has_the_time_that_is_told() -> None:
    timer = (Path(__file__).resolve().parents[3] / "systemd" / "edgewatch-again@.timer").read_text()
    assert f"OnActiveSec={AGAIN_MIN}min" in timer
