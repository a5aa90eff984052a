"""Whether the clock is set: what the kernel says, and systemd-timesyncd where the kernel may not be asked."""

import ctypes
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest

from edge.system import timesync as module
from edge.system.timesync import is_clock_synchronized


def test_it_says_what_timedatectl_does() -> None:
    asked = subprocess.run(
        ["timedatectl", "show", "-P", "NTPSynchronized"], capture_output=True, text=True, check=False, timeout=60
    )
    if asked.returncode:
        pytest.skip("timedatectl gives no answer: systemd does not run here")
    assert is_clock_synchronized() == (asked.stdout.strip() == "yes")


@pytest.mark.parametrize(("state", "expected"), [(0, True), (3, True), (5, False)])
def test_the_kernel_s_word_holds(monkeypatch: pytest.MonkeyPatch, state: int, expected: bool) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda _: SimpleNamespace(adjtimex=lambda _: state))
    assert is_clock_synchronized() == expected


def test_where_the_kernel_may_not_be_asked_timesyncd_s_file_tells(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda _: SimpleNamespace(adjtimex=lambda _: -1))
    monkeypatch.setattr(module, "TIMESYNCD", tmp_path / "timesync")
    assert is_clock_synchronized() is None
    (tmp_path / "timesync").mkdir()
    assert is_clock_synchronized() is False
    (tmp_path / "timesync/synchronized").touch()
    assert is_clock_synchronized() is True
