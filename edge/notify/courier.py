"""Sends what the ledger holds, each message until its service has taken it. The only module that knows Apprise."""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Final, Protocol

import apprise

from edge.errors import ConfigurationError
from edge.notify.ledger import S_PER_DAY, Ledger, Note
from edge.notify.settings import NotifyConfig

FIRST_PAUSE_S, LONGEST_PAUSE_S = 5.0, 600.0
LONGEST_WAIT_S: Final = 60.0
MAX_DIGEST_LINES: Final = 40
DIGEST: Final = "digest"


class Service(Protocol):
    """Reaches one person; answers whether it did."""

    def __call__(self, title: str, body: str) -> bool: ...


def services(addresses: Mapping[str, str]) -> dict[str, Service]:
    """Return the service behind everybody's Apprise URL.

    Raises:
        ConfigurationError: one is no such URL. The message does not repeat it: it holds tokens.
    """
    logging.getLogger("apprise").setLevel(logging.CRITICAL)
    found: dict[str, Service] = {}
    for person, url in addresses.items():
        plugin = apprise.Apprise.instantiate(url)  # pyright: ignore[reportUnknownMemberType]
        if plugin is None:
            raise ConfigurationError(
                f"people.{person}: the address is no Apprise URL; see the list of Apprise's services"
            )
        found[person] = _Reach(plugin)
    return found


class _Reach:
    def __init__(self, plugin: apprise.NotifyBase) -> None:
        self._plugin = plugin

    def __call__(self, title: str, body: str) -> bool:
        return bool(self._plugin.notify(body=body, title=title))


class Courier:
    """`tick` sends what is due; to be called from one thread."""

    def __init__(
        self,
        config: NotifyConfig,
        ledger: Ledger,
        reach: Mapping[str, Service],
        report: Callable[[str], None],
        now_s: Callable[[], float] = time.time,
    ) -> None:
        self._config = config
        self._ledger = ledger
        self._reach = reach
        self._report = report
        self._now_s = now_s

    def tick(self, stopping: Callable[[], bool] = lambda: False) -> float:
        """Send everything that is due; return in how many seconds there is more, at most."""
        self._write_digest()
        while not stopping() and (note := self._ledger.due(self._now_s())) is not None:
            self._send([note, *self._ledger.held_for(note.person, note.due_s)])
        next_s = self._ledger.next_due_s()
        return LONGEST_WAIT_S if next_s is None else min(LONGEST_WAIT_S, max(0.0, next_s - self._now_s()))

    def _send(self, notes: Sequence[Note]) -> None:
        """Tell a person what waited for the same moment, as one message."""
        first = notes[0]
        if first.person not in self._reach:
            for note in notes:
                self._ledger.sent(note)
            self._report(f"{first.person}: is in the configuration no more; {first.title!r} is dropped")
            return
        title, body = first.title, first.body
        if len(notes) > 1:
            title = f"{len(notes)} messages came in quiet hours"
            body = "\n".join(f"{note.title}. {note.body}" for note in notes)
        try:
            is_sent = self._reach[first.person](title, body)
        except Exception as error:  # noqa: BLE001 - a service's fault must not end the others' messages
            self._report(f"{first.person}: {type(error).__name__}")
            is_sent = False
        if is_sent:
            for note in notes:
                self._ledger.sent(note)
            return
        pause_s = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** min(first.attempts, 10))
        self._report(f"{first.person}: the service does not take {title!r}; trying again in {pause_s:.0f} s")
        for note in notes:
            self._ledger.postpone(note, self._now_s() + pause_s, failed=True)

    def _write_digest(self) -> None:
        digest = self._config.digest
        now_s = self._now_s()
        self._ledger.forget(now_s - self._config.keep_days * S_PER_DAY)
        if digest is None:
            return
        now = self._config.local(now_s)
        day = now.date() if f"{now:%H:%M}" >= digest.at else now.date() - timedelta(days=1)
        last = self._ledger.setting(DIGEST, day.isoformat())
        if last >= day.isoformat():
            return
        counted = self._ledger.counted(now_s - S_PER_DAY)
        lines = [f"{times} x {what}: {box}{f', {camera}' if camera else ''}" for what, box, camera, times in counted]
        more = [f"and {len(lines) - MAX_DIGEST_LINES} more"] if len(lines) > MAX_DIGEST_LINES else []
        body = "\n".join([*lines[:MAX_DIGEST_LINES], *more]) or "Nothing happened."
        title = f"The last 24 hours, {now:%d %B}"
        self._ledger.add(Note(f"{DIGEST}/{day}", DIGEST, 0, person, title, body, now_s) for person in digest.tell)
        self._ledger.put(DIGEST, day.isoformat())
