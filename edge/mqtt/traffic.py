"""What is under way on one connection: at most one event, one stick figure, and a few retained payloads."""

import time
from typing import Final

from edge.errors import BrokerError
from edge.mqtt.connection import Connection
from edge.mqtt.outbox import Waiting, WaitingFigure
from edge.mqtt.sizes import SHORT_BYTES, LongMessage

ACKNOWLEDGE_TIMEOUT_S: Final = 20.0
"""A broker that leaves a message unacknowledged for so long takes nothing from us, whatever its connection says."""
UNNUMBERED: Final = 0
"""In place of the number of a message that is not acknowledged; the answer to a ping proves that it was read."""
MAX_RETAINED: Final = 8
"""Under way at once: an event has no more before it. With event and figure ten, HiveMQ's default limit."""


class Traffic:
    """Knows what the broker has still to acknowledge."""

    def __init__(self, connection: Connection, acknowledge_timeout_s: float = ACKNOWLEDGE_TIMEOUT_S) -> None:
        self.connection = connection
        self.event: Waiting | None = None
        self.figure: WaitingFigure | None = None
        self.finished_figure: WaitingFigure | None = None
        """Which the broker has acknowledged or refused; the caller empties it."""
        self.figure_refused: str | None = None
        """Why it was refused; the caller empties it."""
        self.refused_topics: list[tuple[str, str]] = []
        """Of retained payloads that the broker does not take from us, with its reason; the caller empties it."""
        self.is_answered = False
        """Whether the broker has acknowledged or refused anything."""
        self._acknowledge_timeout_s = acknowledge_timeout_s
        self._event_number = self._figure_number = self._long_number = 0
        self._long: LongMessage | None = None
        self.delivered: LongMessage | None = None
        """Which the broker has taken; the caller empties it."""
        self._retained: dict[int, str] = {}
        """Topic of each message."""
        self._sent_s: dict[int, float] = {}
        """When each message left that is under way, oldest first."""

    def send_event(self, topic: str, payload: str, event: Waiting) -> None:
        """Send the only event; the next one waits until this one is acknowledged."""
        self._event_number = self._send(topic, payload, retain=False)
        self.event = event  # never left out, however long: nothing is to be learned from it

    def send_figure(self, topic: str, figure: WaitingFigure) -> None:
        """Send the only stick figure."""
        self._figure_number = self._send(topic, figure.content, retain=False)
        self._note_long(self._figure_number, topic, len(figure.content))
        self.figure = figure

    def send_retained(self, topic: str, payload: str) -> None:
        """Send a payload that the broker keeps; an empty one ends that."""
        number = self._send(topic, payload, retain=True)
        self._retained[number] = topic
        self._note_long(number, topic, len(payload.encode()))

    def send_status(self, topic: str, payload: str) -> None:
        """Send a payload that the broker keeps and does not acknowledge."""
        self.connection.publish(topic, payload, qos=0, retain=True)
        self.connection.ping()
        self._note_long(UNNUMBERED, topic, len(payload.encode()))

    def take_acknowledged(self) -> Waiting | None:
        """Return the event, if the broker has acknowledged it since the last call.

        Raises:
            BrokerError: it refuses the event, or leaves something unacknowledged.
        """
        for number, reason in self.connection.refused():
            self._finish(number)
            if self.event is not None and number == self._event_number:
                raise BrokerError(f"the broker refuses an event ({reason}); check its ACL")
            if self.figure is not None and number == self._figure_number:
                self.figure_refused = reason
                self._finish_figure()
            else:
                self.refused_topics.append((self._retained.pop(number, "a topic"), reason))
        numbers = self.connection.acknowledged()
        for number in numbers:
            self._finish(number)
            self._retained.pop(number, None)
        if self._figure_number in numbers:
            self._finish_figure()
        if self.event is None or self._event_number not in numbers:
            self._check_overdue()
            return None
        event, self.event = self.event, None
        return event

    def is_idle(self) -> bool:
        """Whether nothing is under way."""
        return not self._sent_s

    def has_room(self) -> bool:
        """Whether one more retained payload may go."""
        return len(self._retained) < MAX_RETAINED

    def long_message(self) -> LongMessage | None:
        """Return what a broker that hangs up now does not take, perhaps."""
        if self._long_number == UNNUMBERED and self.connection.is_ping_answered():
            self._deliver_long()
        return self._long

    def overdue_in_s(self) -> float:
        """How long the broker has for what it acknowledges next; at least 0."""
        now_s = time.monotonic()
        return max(0.0, next(iter(self._sent_s.values()), now_s) + self._acknowledge_timeout_s - now_s)

    def _check_overdue(self) -> None:
        if self._sent_s and self.overdue_in_s() == 0:
            raise BrokerError(
                f"{self.connection.address}: acknowledges no message in {self._acknowledge_timeout_s:g} s; "
                "look at the broker's log and disk"
            )

    def _send(self, topic: str, payload: str | bytes, *, retain: bool) -> int:
        number = self.connection.publish(topic, payload, qos=1, retain=retain)
        self._sent_s[number] = time.monotonic()
        return number

    def _note_long(self, number: int, topic: str, n_bytes: int) -> None:
        if n_bytes > SHORT_BYTES:
            self._long, self._long_number = LongMessage(topic, n_bytes), number

    def _finish(self, number: int) -> None:
        if self._sent_s.pop(number, None) is None:
            return
        self.is_answered = True
        if number == self._long_number:
            self._deliver_long()

    def _deliver_long(self) -> None:
        self.delivered, self._long = self._long or self.delivered, None

    def _finish_figure(self) -> None:
        self.finished_figure, self.figure = self.figure, None
