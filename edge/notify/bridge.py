"""From messages of the contract to notes in the ledger: which rules speak of it, and who is told when."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from datetime import time as time_of_day
from typing import Any, Final

from edge.mqtt.allowance import Allowance
from edge.mqtt.connection import Message
from edge.mqtt.incoming import MS_PER_S, ROOT, EventMessage, plausible_ms, read_event, read_object, read_topic
from edge.notify.ledger import Ledger, Note
from edge.notify.settings import TROUBLES, NotifyConfig, RuleConfig, within

FILTERS: Final = (f"{ROOT}/+/events", f"{ROOT}/+/events/+/ack")
UNQUEUED_FILTERS: Final = (f"{ROOT}/+/availability", f"{ROOT}/+/+/status")
"""Retained, so that nothing is missed; in the broker's queue they would take the places of events."""
MAX_TROUBLES, MAX_TROUBLES_OF_BOX = 2000, 64
"""At a time; more are of invented names."""
BROKER: Final = "broker"
"""Takes a box's place where all of them are out of reach."""
S_PER_MIN: Final = 60
CLOCK_OFF_S: Final = 120.0
"""A box that had a connection, and whose event is older, has a wrong clock; or the broker kept it for us."""
BEGINNINGS: Final = {"found_down": "Somebody lies there; nobody was seen falling."}
"""What the reason of an event that starts means."""

TROUBLE: Final = "trouble "
"""Before the name in the ledger's settings."""

Situation = dict[str, Any]


class Bridge:
    """`receive` and `connected` run in the subscriber's thread."""

    def __init__(
        self,
        config: NotifyConfig,
        ledger: Ledger,
        *,
        report: Callable[[str], None],
        now_s: Callable[[], float] = time.time,
    ) -> None:
        self._config = config
        self._ledger = ledger
        self._report = report
        self._allowance = Allowance()
        self._floods: set[str] = set()
        """Boxes that send too much, said already."""
        self._now_s = now_s
        self._troubles: dict[str, dict[str, Situation]] = {}
        """By box and camera, as in the ledger: what is repeated or well costs no look at the disk."""
        for name, situation in ledger.settings(TROUBLE):
            box, _, camera = name.partition("/")
            self._troubles.setdefault(box, {})[camera] = situation
        self.wake: Callable[[], None] = lambda: None
        """Called when there may be something to send."""

    def receive(self, message: Message) -> None:
        """Note whom a message concerns; when this returns, it is on disk."""
        read = read_topic(message.topic)
        if read is None:
            return
        match read:
            case (box, ["events"]):
                event = read_event(message.payload)
                if event is not None:
                    self._event(box, event)
            case (box, ["events", event_id, "ack"]):
                self._answered(f"{box}/{event_id}")
            case (box, ["availability"]):
                self._condition(box, None, "offline" if message.payload == b"offline" else None)
            case (box, [camera, "status"]):
                self._condition(box, camera, _state(message.payload))
            case _:
                return
        self.wake()

    def connected(self, fault: str | None) -> None:
        """Take note of the broker's own absence: nobody is watched over while it lasts."""
        self._condition(BROKER, None, "offline" if fault else None)
        self.wake()

    def _event(self, box: str, event: EventMessage) -> None:
        subject = f"{box}/{event.id}"
        now_s = self._now_s()
        began_ms = plausible_ms(event.started_at, round(now_s * MS_PER_S))
        began_s = now_s if began_ms is None else began_ms / MS_PER_S
        if event.type == "started" and self._is_heard(box, now_s):
            is_clock_off = not event.delayed and abs(now_s - began_s) > CLOCK_OFF_S
            moments_s = (now_s, began_s) if is_clock_off else (began_s,)
            rules = [
                rule for rule in self._rules(event.label, box, event.camera, *moments_s) if rule.tests or not event.test
            ]
            words = f"{_title(event.label)}: {event.camera} in {box}"
            title = f"Test: {words}" if event.test else words
            doubt = f" by the box's clock; it came at {self._clock(now_s)}" if is_clock_off else ""
            body = f"{self._clock(began_s)}{doubt}, score {event.score:.0%}."
            body += f" {BEGINNINGS[event.reason]}" if event.reason in BEGINNINGS else ""
            body += " It comes late: the box had no connection." if event.delayed else ""
            notes = [note for rule in rules for note in self._notes(rule, subject, title, body, now_s)]
            self._ledger.add(notes, (began_s, event.label, box, event.camera, subject))
        if event.acknowledged_at is not None:
            self._answered(subject)

    def _is_heard(self, box: str, now_s: float) -> bool:
        is_heard = self._allowance.takes(box, now_s)
        if is_heard:
            self._floods.discard(box)
        elif box not in self._floods:
            self._floods.add(box)
            self._report(f"{box}: sends more alarms than anybody can be told of; some are passed over")
        return is_heard

    def _answered(self, subject: str) -> None:
        self._ledger.cancel(subject, from_step=1)

    def _condition(self, box: str, camera: str | None, state: str | None) -> None:
        """Take the condition of a box, camera or broker, as often as it is repeated: only a change is news.

        Args:
            box: whose; `broker` is the broker itself.
            camera: None for the box itself.
            state: one of the troubles; None is none of them.
        """
        of_box = self._troubles.get(box, {})
        known = of_box.get(camera or "")
        if (known["state"] if known else None) == state:
            return
        now_s = self._now_s()
        if known is not None:
            self._recovered(box, camera, known, now_s)
            self._know(box, camera, None)
        if state is None or not self._has_room(box, camera):
            return
        subject = f"{box}/{camera or ''}/{state}/{now_s:.3f}"
        what = f"{camera} in {box}" if camera else box
        notes = [
            replace(note, due_s=self._held(rule, note.person, note.due_s + rule.after_s))
            for rule in self._rules(state, box, camera, now_s)
            for note in self._notes(rule, subject, f"{_title(state)}: {what}", f"Since {self._clock(now_s)}.", now_s)
        ]
        self._ledger.add(notes, (now_s, state, box, camera, subject))
        self._know(box, camera, {"state": state, "subject": subject, "since_s": now_s})

    def _has_room(self, box: str, camera: str | None) -> bool:
        if (box, camera) == (BROKER, None):
            return True
        in_all = sum(len(cameras) for cameras in self._troubles.values())
        return in_all < MAX_TROUBLES and len(self._troubles.get(box, ())) < MAX_TROUBLES_OF_BOX

    def _know(self, box: str, camera: str | None, situation: Situation | None) -> None:
        name = camera or ""
        if situation is None:
            del self._troubles[box][name]
        else:
            self._troubles.setdefault(box, {})[name] = situation
        self._ledger.put(f"{TROUBLE}{box}/{name}", situation)

    def _recovered(self, box: str, camera: str | None, known: Situation, now_s: float) -> None:
        subject = str(known["subject"])
        told = self._ledger.was_told(subject)  # before what is on its way is withdrawn
        self._ledger.cancel(subject, from_step=0)
        what = f"{camera} in {box}" if camera else box
        body = f"No longer {known['state']}, after {(now_s - known['since_s']) / S_PER_MIN:.0f} min."
        by_name = {rule.name: rule for rule in self._config.rules}
        self._ledger.add(
            Note(f"{subject}/over", name, 0, person, f"Back: {what}", body, self._held(by_name[name], person, now_s))
            for name, person in told
            if name in by_name
        )

    def _rules(self, what: str, box: str, camera: str | None, *moments_s: float) -> list[RuleConfig]:
        """Return the rules that speak of it at one of these times: better told by one too many than by none."""
        moments = [self._config.local(moment_s) for moment_s in moments_s]
        return [rule for rule in self._config.rules if any(rule.covers(what, box, camera, each) for each in moments)]

    def _notes(self, rule: RuleConfig, subject: str, title: str, body: str, now_s: float) -> Iterator[Note]:
        """Everybody who is told by a rule, at once and as long as nobody answers."""
        if self._config.page is not None:
            body = f"{body} Answer it at {self._config.page}"
        for person in rule.tell:
            yield Note(subject, rule.name, 0, person, title, body, self._held(rule, person, now_s))
        for step, escalation in enumerate(rule.escalate, 1):
            due_s = now_s + escalation.after_s
            unanswered = f"{body} Nobody has answered for {escalation.after_s / S_PER_MIN:.0f} min."
            for person in escalation.tell:
                yield Note(subject, rule.name, step, person, title, unanswered, self._held(rule, person, due_s))

    def _held(self, rule: RuleConfig, person: str, due_s: float) -> float:
        """Return when somebody may be told: at once, or when his quiet hours end."""
        known = self._config.people.get(person)
        quiet = known.quiet if known else None
        moment = self._config.local(due_s)
        if rule.urgent or quiet is None or not within(quiet, moment.time()):
            return due_s
        end = datetime.combine(moment.date(), time_of_day.fromisoformat(quiet.split("-")[1]), moment.tzinfo)
        return (end if end > moment else end + timedelta(days=1)).timestamp()

    def _clock(self, moment_s: float) -> str:
        return f"{self._config.local(moment_s):%H:%M:%S on %d %B}"


def _state(payload: bytes) -> str | None:
    state = (read_object(payload) or {}).get("state")
    return state if isinstance(state, str) and state in TROUBLES else None


def _title(label: str) -> str:
    words = label.replace("_", " ")
    return words[:1].upper() + words[1:]
