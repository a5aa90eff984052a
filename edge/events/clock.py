"""From capture times to moments that people read."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

Clock = Callable[[int], datetime]
"""From a capture time in nanoseconds to the UTC moment that it means."""

NS_PER_US = 1000
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def recording_clock(began_at: datetime) -> Clock:
    """Return the clock of a recording that is taken to begin at `began_at`."""
    return lambda capture_ns: began_at + timedelta(microseconds=capture_ns // NS_PER_US)


def live_clock(now: Callable[[], datetime], monotonic_ns: Callable[[], int]) -> Clock:
    """Return the clock of a camera: capture times are the monotonic clock's, the wall clock may be set at any time."""
    return lambda capture_ns: now() - timedelta(microseconds=(monotonic_ns() - capture_ns) // NS_PER_US)


def rfc3339(moment: datetime) -> str:
    """Milliseconds, UTC, with `Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_rfc3339(text: str) -> datetime:
    """Read a time of the MQTT contract."""
    return datetime.fromisoformat(text)


@cache
def boot_id() -> str:
    """Name this run of the machine: `since_boot_s` counts within it."""
    return BOOT_ID.read_text("ascii").strip()


def since_boot_s() -> float:
    """Seconds that nobody can set, of which every process of this machine has the same."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)
