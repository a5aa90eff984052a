"""Tells one person what the ledger holds, until his service has taken it. The only module that knows Apprise."""

import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol

import apprise

from edge.errors import ConfigurationError
from edge.notify.ledger import S_PER_DAY, Ledger, Note
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
"""A message that is so late says it; one that some of the addresses have taken is tried at the others no longer."""
MAX_GATHERED: Final = 500
MAX_LINES: Final = 10
"""In one message: services refuse longer ones than a few kilobytes."""


class Service(Protocol):
    """Reaches one address; answers whether it did."""

    def __call__(self, title: str, body: str) -> bool: ...


def services(addresses: Mapping[str, str]) -> dict[str, list[Service]]:
    """Return the services behind everybody's Apprise URLs, one for each address.

    Raises:
        ConfigurationError: one is no such URL. The message does not repeat it: it holds tokens.
    """
    logging.getLogger("apprise").setLevel(logging.CRITICAL)
    found: dict[str, list[Service]] = {}
    for person, urls in addresses.items():
        known = apprise.Apprise()
        # Apprise itself takes what follows a blank for a part of the address before it.
        if not all(known.add(url) for url in urls.split()):  # pyright: ignore[reportUnknownMemberType]
            raise ConfigurationError(
                f"people.{person}: the address is no Apprise URL (in one, a blank is %20); see the list of Apprise's "
                "services"
            )
        found[person] = [_service(plugin) for plugin in known]  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
    return found


def _service(plugin: apprise.NotifyBase) -> Service:
    return lambda title, body: bool(plugin.notify(body=body, title=title))


class _Address:
    """One of a person's, and which messages it has taken that others of his have not."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.taken: set[int] = set()


class Courier:
    """One person's: what is urgent goes first, and a service that fails or is slow delays nobody else's messages.

    `tick` is to be called from one thread.
    """

    def __init__(
        self,
        person: str,
        addresses: Sequence[Service],
        config: NotifyConfig,
        ledger: Ledger,
        *,
        report: Callable[[str], None],
        now_s: Callable[[], float] = time.time,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._person = person
        self._addresses = [_Address(service) for service in addresses]
        self._keep_s = config.keep_days * S_PER_DAY
        self._urgent_rules = [rule.name for rule in config.rules if rule.urgent]
        self._ledger = ledger
        self._report = report
        self._now_s = now_s
        self._monotonic_s = monotonic_s
        self._failed: dict[str, tuple[int, float]] = {}
        """By box: how often its message was not taken, since one was, and when last."""
        self._failed_s = -math.inf
        """When one was not taken, whatever it was of; infinitely long ago where one has been taken since."""
        self._refused_since_s: dict[int, float] = {}
        """By message: since when it is not taken, on the monotonic clock: the other may be set while one waits."""
        self._told: dict[str, tuple[int, float]] = {}
        """By box: how many messages since it was calm, and when the last was taken."""

    def tick(self, stopping: Callable[[], bool] = lambda: False) -> float:
        """Send everything that may be sent; return in how many seconds there is more, at most."""
        while not stopping():
            now_s = self._now_s()
            due = self._ledger.boxes_due(self._person, now_s, self._urgent_rules)
            due.sort(key=lambda found: (not found[1], self._failed.get(found[0], (0, 0.0))[0]))
            waits_s = {box: self._wait_s(box, now_s, is_urgent=is_urgent) for box, is_urgent in due}
            ready = next((box for box, wait_s in waits_s.items() if wait_s <= 0), None)
            if ready is None:
                next_s = self._ledger.next_due_s(self._person, now_s)
                return min(LONGEST_WAIT_S, *waits_s.values(), math.inf if next_s is None else next_s - now_s)
            self._send(ready, self._take(ready, now_s))
        return 0.0

    def _take(self, box: str, now_s: float) -> list[Note]:
        # A message that its service refuses for ever must not be all that is tried, nor part of all.
        alone = bool(self._failed)
        return self._ledger.take(self._person, box, now_s, self._urgent_rules, is_alone=alone, limit=MAX_GATHERED)

    def _wait_s(self, box: str, now_s: float, *, is_urgent: bool) -> float:
        """Return how long a box's messages have to wait, for the service or to be gathered. What is refused again and
        again makes nothing else wait as long."""
        longest_s = LONGEST_URGENT_PAUSE_S if is_urgent else LONGEST_PAUSE_S
        failures, failed_s = self._failed.get(box, (0, -math.inf))
        messages, told_s = self._told.get(box, (0, -math.inf))
        return max(
            _left_s(failures, longest_s, now_s - failed_s),
            _left_s(1, FIRST_PAUSE_S, now_s - self._failed_s),
            _left_s(messages, LONGEST_GATHERING_S, now_s - told_s),
        )

    def _send(self, box: str, notes: Sequence[Note]) -> None:
        if not notes:  # withdrawn meanwhile
            return
        for address in self._addresses:
            self._tell(address, [note for note in notes if note.number not in address.taken])
        now_s = self._now_s()
        told = [note for note in notes if self._is_told(note, now_s)]
        self._ledger.sent(told)
        for address in self._addresses:
            address.taken.difference_update(note.number for note in told)
        if len(told) == len(notes):
            self._succeed(box, now_s)
            return
        self._failed_s = now_s
        self._failed[box] = (self._failed.get(box, (0, 0.0))[0] + 1, now_s)
        left = self._give_back([note for note in notes if note not in told])
        if not left:
            return
        pause_s = self._wait_s(box, now_s, is_urgent=any(note.rule in self._urgent_rules for note in left))
        self._report(f"{self._person}: the service does not take {left[0].title!r}; trying again in {pause_s:.0f} s")

    def _give_back(self, notes: Sequence[Note]) -> list[Note]:
        """Have messages tried again, and return them; those that have been tried for too long are dropped."""
        now_s = self._monotonic_s()
        since_s = {note.number: self._refused_since_s.get(note.number, now_s) for note in notes}
        expired = [note for note in notes if now_s - since_s[note.number] >= self._keep_s]
        left = [note for note in notes if note not in expired]
        since_s |= self._refused_since_s  # of what was taken or withdrawn meanwhile too, which ends by its age
        self._refused_since_s = {number: s for number, s in since_s.items() if now_s - s < self._keep_s}
        self._ledger.give_back(left)
        self._ledger.drop(expired)
        for note in expired:
            self._report(
                f"{self._person}: the service has not taken {note.title!r} in {self._keep_s / S_PER_DAY:g} days; it is "
                "dropped"
            )
        return left

    def _tell(self, address: _Address, notes: Sequence[Note]) -> None:
        if not notes:
            return
        try:
            is_taken = address.service(*_one_message(notes, self._now_s()))
        except Exception as error:  # noqa: BLE001 - a service's fault must not end the others' messages
            self._report(f"{self._person}: {type(error).__name__}")
            return
        if is_taken:
            address.taken.update(note.number for note in notes)

    def _is_told(self, note: Note, now_s: float) -> bool:
        taken = [note.number in address.taken for address in self._addresses]
        return all(taken) or (any(taken) and now_s - note.due_s >= LATE_S)

    def _succeed(self, box: str, now_s: float) -> None:
        self._failed.pop(box, None)
        if self._failed_s > -math.inf:  # the service is back: all may be tried at once
            self._failed = {name: (times, -math.inf) for name, (times, _) in self._failed.items()}
            self._failed_s = -math.inf
        self._told = {name: told for name, told in self._told.items() if 0 <= now_s - told[1] < CALM_S}
        self._told[box] = (self._told.get(box, (0, 0.0))[0] + 1, now_s)


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
