"""How many heaps threads make, by the kernel's word: a heap of a thread begins at a multiple of 64 MiB."""

import platform
import subprocess
import sys

import pytest

PROGRAM = """
import sys, threading
from pathlib import Path
from edge.heap import share_heap
if sys.argv[1] == "shared":
    share_heap()
held = []
threads = [threading.Thread(target=lambda: held.append(bytearray(50_000))) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
starts = [int(line.split("-")[0], 16) for line in Path("/proc/self/maps").read_text().splitlines() if " rw-p " in line]
print(sum(start % (64 << 20) == 0 for start in starts))
"""


def heaps(which: str) -> int:
    command = [sys.executable, "-c", PROGRAM, which]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc" or sys.maxsize < 2**32, reason="glibc of 64 bits alone does so")
def test_threads_share_one_heap() -> None:
    assert heaps("own") > 0
    assert heaps("shared") == 0
