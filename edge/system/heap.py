"""What would be kept in memory although nobody uses it: by the C library's heap, and of the code of libraries.

glibc gives threads heaps of their own, and what a camera's thread frees in its heap serves no other thread. Within one
heap, holes between what lives long keep their pages. Both together let a box grow by megabytes a day, for ever.
"""

import ctypes
import functools
import os
import re
from pathlib import Path
from typing import Any

M_ARENA_MAX = -8
"""Of glibc's malloc.h."""
MADV_DONTNEED = 4
"""Of Linux's mman.h, the same on every processor of ours."""
MAPPINGS = Path("/proc/self/smaps")
CODE = re.compile(
    r"^([0-9a-f]+)-([0-9a-f]+) r-xp \S+ \S+ \d+ +/.*\n"
    r"(?:\w+: .*\n)*?Anonymous: +0 kB\n(?:\w+: .*\n)*?Swap: +0 kB$",
    re.MULTILINE,
)
"""A part of a file that runs, and of which nothing was changed after it was read, as a GPU's driver does with its own:
what is dropped of it is read again where it is needed."""


@functools.cache
def _function(name: str) -> Any:
    """A function of the C library; None where it has none of this name."""
    return getattr(ctypes.CDLL(None), name, None) if os.name == "posix" else None


def share_heap() -> None:
    """Let all threads share one heap, where the C library has several; to be called before threads begin."""
    if mallopt := _function("mallopt"):
        mallopt(M_ARENA_MAX, 1)


def trim_heap() -> None:
    """Give pages that nobody uses back to the system, where the C library can."""
    if malloc_trim := _function("malloc_trim"):
        malloc_trim(0)


def drop_code() -> None:
    """Give back what loading has left in memory of the libraries' code, where the kernel is Linux; to be called when
    they are loaded.

    The kernel maps 64 KiB around each page that the loader touches. Of the 29 MB that the box's libraries leave, 20
    never run afterwards.
    """
    if not MAPPINGS.is_file() or not (madvise := _function("madvise")):
        return
    for first, end in CODE.findall(MAPPINGS.read_text()):
        start = int(first, 16)
        madvise(ctypes.c_void_p(start), ctypes.c_size_t(int(end, 16) - start), MADV_DONTNEED)
