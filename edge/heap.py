"""One heap for all threads.

glibc gives threads heaps of their own, and what a camera's thread frees in its heap serves no other: the process grows
by tens of megabytes, and goes on growing a little for days.
"""

import ctypes
import os

M_ARENA_MAX = -8
"""Of glibc's malloc.h."""


def share_heap() -> None:
    """Let all threads share one heap, where the C library has several; to be called before threads begin."""
    if os.name == "posix" and hasattr(library := ctypes.CDLL(None), "mallopt"):
        library.mallopt(M_ARENA_MAX, 1)
