"""What becomes of the heap, by the kernel's word. Each time in a process of its own."""

import platform
import subprocess
import sys

import pytest

HEAPS = """
import sys, threading
from pathlib import Path
from edge.system.heap import share_heap
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
"""Counts the heaps of threads: the kernel shows them where a multiple of 64 MiB begins."""

HOLES = """
import psutil
from edge.system.heap import trim_heap
blocks = [bytearray(100_000) for _ in range(400)]
del blocks[::2]
before_b = psutil.Process().memory_info().rss
trim_heap()
print(before_b - psutil.Process().memory_info().rss)
"""
"""Measures what is given back of 20 MB in holes between living blocks."""

CODE = """
import cv2, numpy, psutil
from edge.system.heap import drop_code
before_b = psutil.Process().memory_info().rss
drop_code()
after_b = psutil.Process().memory_info().rss
assert cv2.resize(numpy.full((4, 4, 3), 7, numpy.uint8), (2, 2)).tolist() == [[[7] * 3] * 2] * 2
print(before_b - after_b)
"""
"""Measures what is given back of OpenCV's and numpy's code, and runs some of it again."""

pytestmark = pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc" or sys.maxsize < 2**32, reason="glibc of 64 bits alone does so"
)


def number_from(program: str, *arguments: str) -> int:
    command = [sys.executable, "-c", program, *arguments]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def test_threads_share_one_heap() -> None:
    assert number_from(HEAPS, "own") > 0
    assert number_from(HEAPS, "shared") == 0


def test_holes_are_given_back() -> None:
    assert number_from(HOLES) > 15_000_000


def test_code_that_loading_touched_is_given_back_and_still_runs():
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    assert int(done.stdout) > 5e6


CHANGED = """
import ctypes, mmap, sys
from edge.system.heap import drop_code
PAGE = mmap.PAGESIZE
with open(sys.argv[1], "r+b") as file:
    code = mmap.mmap(file.fileno(), PAGE, mmap.MAP_PRIVATE, mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
code[:4] = b"mine"
address = ctypes.addressof(ctypes.c_char.from_buffer(code))
assert ctypes.CDLL(None).mprotect(ctypes.c_void_p(address), ctypes.c_size_t(PAGE), mmap.PROT_READ | mmap.PROT_EXEC) == 0
drop_code()
print(ctypes.string_at(address, 4).decode())
"""
"""A driver that changes its own code after loading, and makes it read-only then."""


def test_code_that_was_changed_after_loading_is_kept(tmp_path):
    library = tmp_path / "driver.so"
    library.write_bytes(b"file" * 4096)
    done = subprocess.run([sys.executable, "-c", CHANGED, str(library)], capture_output=True, text=True, check=True)
    assert done.stdout == "mine\n"
