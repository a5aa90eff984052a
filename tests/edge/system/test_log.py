"""Lines for the journal."""

import io
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.system.log import LINES_PER_WINDOW, Log, one_line


class Clock:
    """Monotonic seconds that a test sets."""

    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def stream() -> io.StringIO:
    return io.StringIO()


def test_lines_that_differ_in_figures_are_limited_and_counted(stream: io.StringIO) -> None:
    clock = Clock()
    log = Log(stream, now_s=clock)
    for number in range(100):
        log(f"frame {number} is broken")
    log("something else")
    written = stream.getvalue().splitlines()
    assert written == [f"frame {number} is broken" for number in range(LINES_PER_WINDOW)] + ["something else"]
    assert log.fields() == {"left_out": 100 - LINES_PER_WINDOW}
    clock.now_s = 61
    log("frame 100 is broken")
    assert stream.getvalue().splitlines()[-2:] == [
        f"{100 - LINES_PER_WINDOW} more lines like the next one were left out",
        "frame 100 is broken",
    ]


def test_secrets_are_not_written(stream: io.StringIO) -> None:
    log = Log(stream, secrets=["hunter2", ""])
    log("rtsp://admin:pa%20ss@10.0.0.5:554/live?x=1 does not answer")
    log("refused with hunter2")
    assert stream.getvalue() == "rtsp://***@10.0.0.5:554/*** does not answer\nrefused with ***\n"


@pytest.mark.parametrize(
    ("line", "written"),
    [
        ("rtsp://10.0.0.5/user=admin_password=s3cr3t_channel=1_stream=0.sdp: gone", "rtsp://10.0.0.5/***: gone"),
        ("(http://admin:s3/cr3t@cam:80/) is refused", "(http://***@cam:80/) is refused"),
        ("see RTSP://cam?key=s3cr3t, then try again", "see RTSP://cam/***, then try again"),
        ("mqtt://broker:1883: connected; /dev/video0 too", "mqtt://broker:1883: connected; /dev/video0 too"),
    ],
)
def test_of_an_address_the_host_is_written(stream: io.StringIO, line: str, written: str) -> None:
    Log(stream)(line)
    assert stream.getvalue() == written + "\n"


@pytest.mark.parametrize("text", ["a" * 300_000, "a://" * 100_000, "a://b/" + ":" * 300_000, "a://b/" + ":x" * 150_000])
def test_long_lines_are_looked_through_once(stream: io.StringIO, text: str) -> None:
    """Whatever took more than time in proportion would hold this up for minutes."""
    Log(stream)(text)


@given(st.text())
def test_an_occurrence_is_one_line(text: str) -> None:
    stream = io.StringIO()
    Log(stream)(text)
    assert stream.getvalue().endswith("\n")
    assert stream.getvalue()[:-1].isprintable()


def test_many_kinds_of_lines_do_not_fill_the_memory(stream: io.StringIO) -> None:
    log = Log(stream)
    for number in range(5000):
        log("".join(chr(ord("a") + int(digit)) for digit in str(number)))
    assert len(log._windows) <= 1000


def test_the_journal_gets_priorities(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (tmp_path / "journal").open("w+") as file:
        status = os.fstat(file.fileno())
        monkeypatch.setenv("JOURNAL_STREAM", f"{status.st_dev}:{status.st_ino}")
        Log(file)("a line")
        assert (tmp_path / "journal").read_text() == "<6>a line\n"


def test_an_unexpected_error_is_one_line() -> None:
    with pytest.raises(ValueError, match="invalid") as raised:
        int("x")
    line = one_line(raised.value)
    assert line.startswith("ValueError: invalid literal")
    assert "(at test_log.py:" in line
