"""What the C library's heap would keep although nobody uses it.

glibc gives threads heaps of their own, and what a camera's thread frees in its heap serves no other thread. Within one
heap, holes between what lives long keep their pages. Both together let a box grow by megabytes a day, for ever.
"""

import ctypes
import functools
import os
from typing import Any

M_ARENA_MAX = -8
"""Of glibc's malloc.h."""


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
