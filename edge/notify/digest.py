"""Once a day: what happened in the last 24 hours."""

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Final

from edge.notify.ledger import S_PER_DAY, Ledger, Note
from edge.notify.settings import NotifyConfig

MAX_LINES: Final = 40
NAME: Final = "digest"


class Digest:
    """Tells it when its time has come, and forgets what is long done: `tick` is to be called every minute."""

    def __init__(self, config: NotifyConfig, ledger: Ledger, now_s: Callable[[], float] = time.time) -> None:
        self._config = config
        self._ledger = ledger
        self._now_s = now_s

    def tick(self) -> None:
        """Note what is to be told now."""
        digest = self._config.digest
        now_s = self._now_s()
        self._ledger.tend(now_s - self._config.keep_days * S_PER_DAY)
        if digest is None:
            return
        now = self._config.local(now_s)
        day = now.date() if f"{now:%H:%M}" >= digest.at else now.date() - timedelta(days=1)
        last = self._ledger.setting(NAME, day.isoformat())
        if last >= day.isoformat():
            return
        counted = self._ledger.counted(now_s - S_PER_DAY)
        lines = [f"{times} x {what}: {box}{f', {camera}' if camera else ''}" for what, box, camera, times in counted]
        more = [f"and {len(lines) - MAX_LINES} more"] if len(lines) > MAX_LINES else []
        body = "\n".join([*lines[:MAX_LINES], *more]) or "Nothing happened."
        title = f"The last 24 hours, {now:%d %B}"
        self._ledger.add(Note(f"{NAME}/{day}", NAME, 0, person, title, body, now_s) for person in digest.tell)
        self._ledger.put(NAME, day.isoformat())
