"""What the box says about itself on the `stats` topic."""

import resource
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

from edge.system.latency import Latency
from edge.system.timesync import is_clock_synchronized

RATE_WINDOW_S = 60.0
B_PER_MB = 1_000_000
THERMAL_ZONE = Path("/sys/class/thermal/thermal_zone0/temp")
MILLIDEGREES_PER_DEGREE = 1000
THROTTLED = Path("/sys/devices/platform/soc/soc:firmware/get_throttled")
"""Of a Raspberry Pi: bits, hexadecimal."""
THROTTLING = ("undervoltage", "frequency capped", "throttled", "soft temperature limit")
"""Bit 0 to 3: now. The same bits 16 places higher: since the machine was switched on."""
SINCE_BOOT_SHIFT = 16


class Meter:
    """Rate and latencies of one camera's judged pictures. Safe to use from several threads."""

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        self._lock = threading.Lock()
        self._now_s = now_s
        self._inference = Latency()
        self._capture_to_inference = Latency()
        self._ends_s: deque[float] = deque()
        self._notes: dict[str, Any] = {}
        self.more: Callable[[], dict[str, Any]] = dict
        """Answers further fields."""

    def count(self, capture_ns: int, duration_ns: int, *, live: bool = False) -> None:
        """Take note of a picture that has just been judged.

        Args:
            capture_ns: when it was taken.
            duration_ns: what the networks took; 0 where none ran, which is no latency.
            live: whether its capture time is the monotonic clock's, so that its age is known.
        """
        if duration_ns:
            self._inference.add(duration_ns)
            if live:
                self._capture_to_inference.add(time.monotonic_ns() - capture_ns)
        with self._lock:
            now_s = self._now_s()
            self._ends_s.append(now_s)
            while now_s - self._ends_s[0] > RATE_WINDOW_S:
                self._ends_s.popleft()

    def note(self, **fields: Any) -> None:
        """Have more stand in the stats, in place of what was noted under the same names."""
        with self._lock:
            self._notes |= fields

    def rate_hz(self) -> float | None:
        """Judged pictures a second of wall time, over the last minute; None before there are two."""
        with self._lock:
            ends_s = self._ends_s
            if len(ends_s) < 2 or ends_s[-1] <= ends_s[0]:
                return None
            return round((len(ends_s) - 1) / (ends_s[-1] - ends_s[0]), 2)

    def fields(self) -> dict[str, Any]:
        """Return what stands in the stats."""
        with self._lock:
            notes = dict(self._notes)
        return (
            {
                "rate_hz": self.rate_hz(),
                "inference_ms": self._inference.fields(),
                "capture_to_inference_ms": self._capture_to_inference.fields(),
            }
            | notes
            | self.more()
        )


class Stats:
    """Collects the parts. `payload` may be called from any thread."""

    def __init__(self, model: dict[str, str], backend: Callable[[], str], version: str = "") -> None:
        """Begin to count.

        Args:
            model: name and sha256 of the bundle.
            backend: answers what inference really runs on now.
            version: of this program.
        """
        self._version = version
        self._start_s = time.monotonic()
        self._model = model
        self._backend = backend
        self._parts: dict[str, Callable[[], Any]] = {}
        self._cameras: dict[str, Meter] = {}

    def add(self, name: str, fields: Callable[[], Any]) -> None:
        """Add what another part says about itself."""
        self._parts[name] = fields

    def camera(self, name: str) -> Meter:
        """Return the meter of a camera, new at first."""
        return self._cameras.setdefault(name, Meter())

    def payload(self) -> dict[str, Any]:
        """Return the fields of the `stats` topic."""
        return {
            "version": self._version,
            "uptime_s": round(time.monotonic() - self._start_s, 1),
            "model": self._model,
            "backend": self._backend(),
            "memory_mb": resident_mb(),
            "temperature_c": temperature_c(),
            "throttling": throttling(),
            "clock_synchronized": is_clock_synchronized(),
            "cameras": {name: meter.fields() for name, meter in self._cameras.copy().items()},
        } | {name: fields() for name, fields in self._parts.items()}


def resident_mb() -> float:
    """Resident memory of this process, in MB of 10^6 bytes."""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return round(pages * resource.getpagesize() / B_PER_MB, 1)


def temperature_c() -> float | None:
    """Temperature of the processor, where the machine tells it."""
    try:
        return int(THERMAL_ZONE.read_text("ascii")) / MILLIDEGREES_PER_DEGREE
    except (OSError, ValueError):
        return None


def throttling() -> dict[str, list[str]] | None:
    """Why a Raspberry Pi is slower than it could be, now and at any time since it was switched on; None elsewhere."""
    try:
        bits = int(THROTTLED.read_text("ascii"), 16)
    except (OSError, ValueError):
        return None

    def named(bits: int) -> list[str]:
        return [name for place, name in enumerate(THROTTLING) if bits >> place & 1]

    return {"now": named(bits), "since_boot": named(bits >> SINCE_BOOT_SHIFT)}
