"""What the box says about itself on the `stats` topic."""

import resource
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from edge.types import Inference

KEPT_INFERENCES = 600
NS_PER_MS = 1_000_000
B_PER_MB = 1_000_000
PERCENTILES = (50, 95, 99)
THERMAL_ZONE = Path("/sys/class/thermal/thermal_zone0/temp")
MILLIDEGREES_PER_DEGREE = 1000


class Meter:
    """Rate and latency of one camera's inferences, over the last 600 of them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._durations_ns: deque[int] = deque(maxlen=KEPT_INFERENCES)
        self._ends_s: deque[float] = deque(maxlen=KEPT_INFERENCES)

    def count(self, inference: Inference) -> None:
        """Take note of an inference that has just ended."""
        with self._lock:
            self._durations_ns.append(inference.duration_ns)
            self._ends_s.append(time.monotonic())

    def rate_hz(self) -> float | None:
        """Inferences a second of wall time; None before the second one."""
        with self._lock:
            ends_s = self._ends_s
            if len(ends_s) < 2 or ends_s[-1] <= ends_s[0]:
                return None
            return round((len(ends_s) - 1) / (ends_s[-1] - ends_s[0]), 2)

    def fields(self) -> dict[str, Any]:
        """Return what stands in the stats."""
        with self._lock:
            durations_ms = np.array(self._durations_ns) / NS_PER_MS
        latency_ms = None
        if durations_ms.size:
            values = np.percentile(durations_ms, PERCENTILES)
            latency_ms = {f"p{percent}": round(float(ms), 2) for percent, ms in zip(PERCENTILES, values, strict=True)}
        return {"rate_hz": self.rate_hz(), "inference_ms": latency_ms}


class Stats:
    """Collects the parts. `payload` may be called from any thread."""

    def __init__(self, model: dict[str, str], backend: str) -> None:
        """Begin to count.

        Args:
            model: name and sha256 of the bundle.
            backend: what inference really runs on.
        """
        self._start_s = time.monotonic()
        self._model = model
        self._backend = backend
        self._parts: dict[str, Callable[[], dict[str, Any]]] = {}
        self._cameras: dict[str, Meter] = {}

    def add(self, name: str, fields: Callable[[], dict[str, Any]]) -> None:
        """Add what another part says about itself."""
        self._parts[name] = fields

    def camera(self, name: str) -> Meter:
        """Return the meter of a camera, new at first."""
        return self._cameras.setdefault(name, Meter())

    def payload(self) -> dict[str, Any]:
        """Return the fields of the `stats` topic."""
        return {
            "uptime_s": round(time.monotonic() - self._start_s, 1),
            "model": self._model,
            "backend": self._backend,
            "memory_mb": resident_mb(),
            "temperature_c": temperature_c(),
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
