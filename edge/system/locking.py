"""One process at a time uses a folder of state; others can see whether one does."""

import fcntl
import os
from pathlib import Path
from typing import Final

LOCK_FILE: Final = "lock"


def lock(folder: Path, name: str = LOCK_FILE) -> int:
    """Lock a folder, or what lies in it under a lock of another name, for this process.

    Returns:
        the descriptor that holds the lock until it is closed.

    Raises:
        OSError: another process holds it (BlockingIOError), or the disk refuses.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(folder / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def is_locked(folder: Path) -> bool:
    """Whether a process holds a folder."""
    try:
        descriptor = os.open(folder / LOCK_FILE, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
