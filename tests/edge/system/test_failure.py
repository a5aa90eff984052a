"""What a failure unit says, from what systemd and the journal tell it."""

import os
from pathlib import Path

import pytest

from edge.system.failure import why_failed

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
    assert told == "edge: box.toml: broker: missing (exit-code 2)"


def test_without_a_journal_the_way_it_ended_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal(tmp_path, monkeypatch)
    told = why_failed("edgewatch.service", MONITOR | {"MONITOR_INVOCATION_ID": "abc"})
    assert told == "edgewatch.service: exit-code 2"
    monkeypatch.setenv("PATH", str(tmp_path / "nowhere"))
    assert why_failed("edgewatch.service", {"MONITOR_INVOCATION_ID": "abc"}) == "edgewatch.service: failed"
