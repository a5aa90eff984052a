"""Whether this machine's clock is set from the network: a Raspberry Pi has none that goes on without power."""

import ctypes
from pathlib import Path

TIMESYNCD = Path("/run/systemd/timesync")
TIME_ERROR = 5
"""adjtimex(2): the kernel's clock is not synchronized."""
TIMEX_BYTES = 256
"""More than a `struct timex` has; all zero, it only asks."""


def is_clock_synchronized() -> bool | None:
    """Ask the kernel, or, where a unit's hardening forbids that, systemd-timesyncd; None where neither tells."""
    state = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(TIMEX_BYTES))
    if state >= 0:
        return state != TIME_ERROR
    return (TIMESYNCD / "synchronized").exists() if TIMESYNCD.is_dir() else None
