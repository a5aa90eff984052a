"""How long something took, the latest times."""

import threading
from collections import deque

import numpy as np

KEPT = 1000
NS_PER_MS = 1_000_000
PERCENTILES = (50, 95, 99)
MS_DIGITS = 2


class Latency:
    """Percentiles over the latest thousand durations. Safe to use from several threads."""

    def __init__(self) -> None:
        self._durations_ns: deque[int] = deque(maxlen=KEPT)
        self._lock = threading.Lock()

    def add(self, duration_ns: int) -> None:
        """Take note of one."""
        with self._lock:
            self._durations_ns.append(duration_ns)

    def fields(self) -> dict[str, float] | None:
        """Return p50, p95 and p99 in milliseconds, or None when there is none."""
        with self._lock:
            durations_ms = np.array(self._durations_ns) / NS_PER_MS
        if not durations_ms.size:
            return None
        values = np.percentile(durations_ms, PERCENTILES)
        return {f"p{percent}": round(float(ms), MS_DIGITS) for percent, ms in zip(PERCENTILES, values, strict=True)}
