"""From capture times to moments that people read."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

Clock = Callable[[int], datetime]
"""From a capture time in nanoseconds to the UTC moment that it means."""

NS_PER_US = 1000


def recording_clock(began_at: datetime) -> Clock:
    """Return the clock of a recording that is taken to begin at `began_at`."""
    return lambda capture_ns: began_at + timedelta(microseconds=capture_ns // NS_PER_US)


def live_clock(now: Callable[[], datetime], monotonic_ns: Callable[[], int]) -> Clock:
    """Return the clock of a camera: capture times are the monotonic clock's, the wall clock may be set at any time."""
    return lambda capture_ns: now() - timedelta(microseconds=(monotonic_ns() - capture_ns) // NS_PER_US)


def rfc3339(moment: datetime) -> str:
    """Milliseconds, UTC, with `Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
