"""What is under way on one connection: at most one event, one stick figure, and any number of retained payloads."""

from edge.errors import BrokerError
from edge.mqtt.connection import Connection
from edge.mqtt.outbox import Waiting, WaitingFigure


class Traffic:
    """Knows what the broker has still to acknowledge."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.event: Waiting | None = None
        self.figure: WaitingFigure | None = None
        self.finished_figure: WaitingFigure | None = None
        """Which the broker has acknowledged or refused; the caller empties it."""
        self.figure_refused: str | None = None
        """Why it was refused; the caller empties it."""
        self.refused_topics: list[str] = []
        """Of retained payloads that the broker does not take from us; the caller empties it."""
        self._event_number = self._figure_number = 0
        self._retained: dict[int, str] = {}
        """Topic of each message."""

    def send_event(self, topic: str, payload: str, event: Waiting) -> None:
        """Send the only event; the next one waits until this one is acknowledged."""
        self._event_number = self.connection.publish(topic, payload, qos=1, retain=False)
        self.event = event

    def send_figure(self, topic: str, figure: WaitingFigure) -> None:
        """Send the only stick figure."""
        self._figure_number = self.connection.publish(topic, figure.content, qos=1, retain=False)
        self.figure = figure

    def send_retained(self, topic: str, payload: str) -> None:
        """Send a payload that the broker keeps; an empty one ends that."""
        self._retained[self.connection.publish(topic, payload, qos=1, retain=True)] = topic

    def take_acknowledged(self) -> Waiting | None:
        """Return the event, if the broker has acknowledged it since the last call.

        Raises:
            BrokerError: it refuses the event.
        """
        for number, reason in self.connection.refused():
            if self.event is not None and number == self._event_number:
                raise BrokerError(f"the broker refuses an event ({reason}); check its ACL")
            if self.figure is not None and number == self._figure_number:
                self.figure_refused = reason
                self._finish_figure()
            else:
                self.refused_topics.append(self._retained.pop(number, "a topic"))
        numbers = self.connection.acknowledged()
        for number in numbers:
            self._retained.pop(number, None)
        if self._figure_number in numbers:
            self._finish_figure()
        if self.event is None or self._event_number not in numbers:
            return None
        event, self.event = self.event, None
        return event

    def is_idle(self) -> bool:
        """Whether nothing is under way."""
        return self.event is None and self.figure is None and not self._retained

    def _finish_figure(self) -> None:
        self.finished_figure, self.figure = self.figure, None
