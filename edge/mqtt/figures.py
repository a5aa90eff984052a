"""Stick figures on their way to the broker: after all events, one at a time, and none twice that it does not take."""

from collections.abc import Callable

from edge.mqtt.outbox import Outbox, WaitingFigure
from edge.mqtt.sizes import SizeLimit
from edge.mqtt.topics import Topics
from edge.mqtt.traffic import Traffic


class FigurePost:
    """Sends the parts that wait in the outbox. Used by the publisher's thread."""

    def __init__(self, outbox: Outbox, topics: Topics, sizes: SizeLimit, report: Callable[[str], None]) -> None:
        """Prepare.

        Args:
            outbox: where they wait.
            topics: of the box.
            sizes: knows what the broker does not take.
            report: takes a line when one is dropped.
        """
        self._outbox = outbox
        self._topics = topics
        self._sizes = sizes
        self._report = report

    def send_next(self, traffic: Traffic) -> None:
        """Send the oldest, alone, where nothing else is under way and no event waits."""
        if not traffic.is_idle() or traffic.long_message() is not None:
            return
        if (figure := self._outbox.oldest_figure()) is None:
            return
        topic = self._topics.figure(figure.event_id)
        refusal = self._sizes.refusal(traffic.connection, topic, len(figure.content))
        if refusal is None:
            traffic.send_figure(topic, figure)
        else:
            self._drop(figure, refusal)

    def settle(self, traffic: Traffic) -> None:
        """Forget what the broker has acknowledged or refused."""
        figure, refusal = traffic.finished_figure, traffic.figure_refused
        traffic.finished_figure = traffic.figure_refused = None
        if figure is not None and refusal is not None:
            self._drop(figure, refusal)
        elif figure is not None:
            self._outbox.remove_figure(figure.sequence)

    def lose(self, traffic: Traffic) -> None:
        """Drop what was under way when the connection ended: brokers of MQTT 3.1.1 hang up on what is too large, and to
        try it again and again would keep alarms from them."""
        if traffic.figure is not None:
            self._drop(traffic.figure, "the connection ended")

    def _drop(self, figure: WaitingFigure, reason: str) -> None:
        self._outbox.remove_figure(figure.sequence)
        self._report(f"the broker did not take the stick figures of event {figure.event_id} ({reason})")
