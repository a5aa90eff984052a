"""Tells one person what the ledger holds, until his service has taken it. The only module that knows Apprise."""

import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol

import apprise

from edge.errors import ConfigurationError
from edge.notify.ledger import Ledger, Note
from edge.notify.settings import NotifyConfig

FIRST_PAUSE_S: Final = 5.0
LONGEST_PAUSE_S, LONGEST_URGENT_PAUSE_S = 600.0, 30.0
"""Between tries of a service that does not take a message."""
LONGEST_GATHERING_S: Final = 30.0
"""Between two messages on one box: what comes of it meanwhile is one message."""
CALM_S: Final = 600.0
"""A box of which nobody was told for so long is told of at once again."""
LONGEST_WAIT_S: Final = 60.0
LATE_S: Final = 900.0
MAX_GATHERED: Final = 500
MAX_LINES: Final = 10
"""In one message: services refuse longer ones than a few kilobytes."""


class Service(Protocol):
    """Reaches one person; answers whether it did."""

    def __call__(self, title: str, body: str) -> bool: ...


def services(addresses: Mapping[str, str]) -> dict[str, Service]:
    """Return the services behind everybody's Apprise URLs.

    Raises:
        ConfigurationError: one is no such URL. The message does not repeat it: it holds tokens.
    """
    logging.getLogger("apprise").setLevel(logging.CRITICAL)
    found: dict[str, Service] = {}
    for person, urls in addresses.items():
        known = apprise.Apprise()
        # Apprise itself takes what follows a blank for a part of the address before it.
        if not all(known.add(url) for url in urls.split()):  # pyright: ignore[reportUnknownMemberType]
            raise ConfigurationError(
                f"people.{person}: the address is no Apprise URL (in one, a blank is %20); see the list of Apprise's "
                "services"
            )
        found[person] = _Reach(list(known))  # pyright: ignore[reportUnknownArgumentType]
    return found


class _Reach:
    """All of one person's addresses; a message that some have taken is tried again at the others alone."""

    def __init__(self, plugins: Sequence[apprise.NotifyBase]) -> None:
        self._plugins = plugins
        self._message = ("", "")
        self._left: list[apprise.NotifyBase] = []

    def __call__(self, title: str, body: str) -> bool:
        if self._message != (title, body):
            self._message = (title, body)
            self._left = list(self._plugins)
        self._left = [plugin for plugin in self._left if not plugin.notify(body=body, title=title)]
        if not self._left:
            self._message = ("", "")
        return not self._left


class Courier:
    """One person's: what is urgent goes first, and a service that fails or is slow delays nobody else's messages.

    `tick` is to be called from one thread.
    """

    def __init__(
        self,
        person: str,
        service: Service,
        config: NotifyConfig,
        ledger: Ledger,
        *,
        report: Callable[[str], None],
        now_s: Callable[[], float] = time.time,
    ) -> None:
        self._person = person
        self._service = service
        self._urgent_rules = [rule.name for rule in config.rules if rule.urgent]
        self._ledger = ledger
        self._report = report
        self._now_s = now_s
        self._failures = 0
        """Of the service, in a row."""
        self._tried_s = -math.inf
        self._told: dict[str, tuple[int, float]] = {}
        """By box: how many messages since it was calm, and when the last was taken."""
        self._refused: dict[str, int] = {}
        """By box: how often its message was not taken, since one was."""

    def tick(self, stopping: Callable[[], bool] = lambda: False) -> float:
        """Send everything that may be sent; return in how many seconds there is more, at most."""
        while not stopping():
            now_s = self._now_s()
            due = self._ledger.boxes_due(self._person, now_s, self._urgent_rules)
            due.sort(key=lambda found: (not found[1], self._refused.get(found[0], 0)))
            waits_s = {box: self._wait_s(box, now_s, is_urgent=is_urgent) for box, is_urgent in due}
            ready = next((box for box, wait_s in waits_s.items() if wait_s <= 0), None)
            if ready is None:
                next_s = self._ledger.next_due_s(self._person, now_s)
                return min(LONGEST_WAIT_S, *waits_s.values(), math.inf if next_s is None else next_s - now_s)
            self._send(ready, self._take(ready, now_s))
        return 0.0

    def _take(self, box: str, now_s: float) -> list[Note]:
        # A message that its service refuses for ever must not be all that is tried, nor part of all.
        alone = bool(self._refused)
        return self._ledger.take(self._person, box, now_s, self._urgent_rules, is_alone=alone, limit=MAX_GATHERED)

    def _wait_s(self, box: str, now_s: float, *, is_urgent: bool) -> float:
        """Return how long a box's messages have to wait, for the service or to be gathered."""
        longest_s = LONGEST_URGENT_PAUSE_S if is_urgent else LONGEST_PAUSE_S
        messages, told_s = self._told.get(box, (0, -math.inf))
        return max(
            _left_s(self._failures, longest_s, now_s - self._tried_s),
            _left_s(messages, LONGEST_GATHERING_S, now_s - told_s),
        )

    def _send(self, box: str, notes: Sequence[Note]) -> None:
        if not notes:  # withdrawn meanwhile
            return
        title, body = _one_message(notes, self._now_s())
        try:
            is_sent = self._service(title, body)
        except Exception as error:  # noqa: BLE001 - a service's fault must not end the others' messages
            self._report(f"{self._person}: {type(error).__name__}")
            is_sent = False
        now_s = self._now_s()
        if is_sent:
            self._ledger.sent(notes)
            self._failures = 0
            self._refused.pop(box, None)
            self._told = {name: told for name, told in self._told.items() if 0 <= now_s - told[1] < CALM_S}
            self._told[box] = (self._told.get(box, (0, 0.0))[0] + 1, now_s)
            return
        self._ledger.give_back(notes)
        self._failures += 1
        self._tried_s = now_s
        self._refused[box] = self._refused.get(box, 0) + 1
        pause_s = self._wait_s(box, now_s, is_urgent=any(note.rule in self._urgent_rules for note in notes))
        self._report(f"{self._person}: the service does not take {title!r}; trying again in {pause_s:.0f} s")


def _left_s(times: int, longest_s: float, passed_s: float) -> float:
    """Return what is left of a pause that doubles with each time; nothing where the clock was set back."""
    pause_s = min(longest_s, FIRST_PAUSE_S * 2 ** min(times - 1, 10)) if times else 0.0
    return pause_s - passed_s if 0 <= passed_s < pause_s else 0.0


def _one_message(notes: Sequence[Note], now_s: float) -> tuple[str, str]:
    """Return title and body; what two rules say of the same is said once."""
    said = list({(note.subject, note.title, note.body): _said(note, now_s) for note in notes}.values())
    title, body = said[0]
    if len(said) > 1:
        title = f"{title}, and {len(said) - 1} more"
        lines = [f"{each}. {more}" for each, more in said[:MAX_LINES]]
        body = "\n".join([*lines, *([f"and {len(said) - MAX_LINES} more"] if len(said) > MAX_LINES else [])])
    return title, body


def _said(note: Note, now_s: float) -> tuple[str, str]:
    late_s = now_s - note.due_s
    if late_s < LATE_S:
        return note.title, note.body
    late = f"{late_s / 60:.0f} min" if late_s < 2 * 3600 else f"{late_s / 3600:.0f} h"
    return f"Late: {note.title}", f"{note.body} It comes {late} late."
