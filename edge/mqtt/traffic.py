"""What is under way on one connection: at most one event, one stick figure, and any number of retained payloads."""

import time
from typing import Final

from edge.errors import BrokerError
from edge.mqtt.connection import Connection
from edge.mqtt.outbox import Waiting, WaitingFigure

ACKNOWLEDGE_TIMEOUT_S: Final = 20.0
"""A broker that leaves a message unacknowledged for so long takes nothing from us, whatever its connection says."""


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
        self.refused_topics: list[str] = []
        """Of retained payloads that the broker does not take from us; the caller empties it."""
        self.is_answered = False
        """Whether the broker has acknowledged or refused anything."""
        self._acknowledge_timeout_s = acknowledge_timeout_s
        self._event_number = self._figure_number = 0
        self._retained: dict[int, str] = {}
        """Topic of each message."""
        self._sent_s: dict[int, float] = {}
        """When each message left that is under way, oldest first."""

    def send_event(self, topic: str, payload: str, event: Waiting) -> None:
        """Send the only event; the next one waits until this one is acknowledged."""
        self._event_number = self._send(topic, payload, retain=False)
        self.event = event

    def send_figure(self, topic: str, figure: WaitingFigure) -> None:
        """Send the only stick figure."""
        self._figure_number = self._send(topic, figure.content, retain=False)
        self.figure = figure

    def send_retained(self, topic: str, payload: str) -> None:
        """Send a payload that the broker keeps; an empty one ends that."""
        self._retained[self._send(topic, payload, retain=True)] = topic

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
                self.refused_topics.append(self._retained.pop(number, "a topic"))
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

    def _finish(self, number: int) -> None:
        if self._sent_s.pop(number, None) is not None:
            self.is_answered = True

    def _finish_figure(self) -> None:
        self.finished_figure, self.figure = self.figure, None
