"""Run the `edge` command as it is, and write what it took: `probe.py OUT.json run --source clip.mp4`.

A program of its own, so that nothing is in the process but what `edge` brings. It imports the standard library alone.
"""

import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

TRAINING_STACK = ("tensorflow", "keras", "torch", "matplotlib", "pandas", "sklearn")
START_FIELD = 19  # of /proc/self/stat, counted after the program's name: clock ticks from boot to this process's start
BYTES_PER_KIB = 1024


def age_s() -> float:
    """Seconds since the kernel made this process, so that the interpreter's own start counts too."""
    fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    started_s = int(fields[START_FIELD]) / os.sysconf("SC_CLK_TCK")
    return time.clock_gettime(time.CLOCK_BOOTTIME) - started_s


def peak_bytes() -> int:
    """The most memory that was ever resident."""
    status = Path("/proc/self/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * BYTES_PER_KIB


def main() -> None:
    out, sys.argv = Path(sys.argv[1]), ["edge", *sys.argv[2:]]
    from edge import cli, pipeline  # noqa: PLC0415 part of what is measured

    first: dict[str, float] = {}
    steps = pipeline.Watcher.steps

    def timed_steps(self: Any) -> Iterator[Any]:
        for step in steps(self):
            first.setdefault("first_inference_s", age_s())
            yield step

    pipeline.Watcher.steps = timed_steps
    code: int | str | None = 0
    try:
        code = cli.main()
    except SystemExit as end:
        code = end.code
    found = {
        "exit_code": code or 0,
        "peak_bytes": peak_bytes(),
        "training_stack": [name for name in TRAINING_STACK if name in sys.modules],
        **first,
    }
    out.write_text(json.dumps(found))


if __name__ == "__main__":
    main()
