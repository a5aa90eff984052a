"""How long a message the broker takes: as far as it says so (MQTT 5), or shows by hanging up (MQTT 3.1.1)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from edge.mqtt.connection import Connection

SHORT_BYTES: Final = 512
"""Payloads up to this go beside events. Longer ones go alone and when no event waits, so that it is known with which of
them a connection ended."""
MARGIN: Final = 4
"""A payload that is shorter than a refused one by less than a quarter is not tried: those of one topic vary."""


@dataclass(frozen=True, slots=True)
class LongMessage:
    """One that is under way."""

    topic: str
    n_bytes: int


class SizeLimit:
    """What the broker does not take is left out, and said once for each topic."""

    def __init__(self, report: Callable[[str], None]) -> None:
        """Know nothing yet.

        Args:
            report: takes a line for what is left out.
        """
        self._report = report
        self._suspect: str | None = None
        """Topic of what was under way when the broker hung up last, and that has not arrived since."""
        self._refused_bytes: int | None = None
        """What the broker has hung up on."""
        self._said: set[str] = set()

    def takes(self, connection: Connection, topic: str, n_bytes: int) -> bool:
        """Whether to send a payload; where it is to be left out, that is said."""
        reason = self.refusal(connection, topic, n_bytes)
        if reason is not None and topic not in self._said:
            self._said.add(topic)
            self._report(
                f"the broker does not take {n_bytes} bytes of {topic} ({reason}); they are left out; "
                "raise its limit (mosquitto: max_packet_size) and start this box again"
            )
        return reason is None

    def refusal(self, connection: Connection, topic: str, n_bytes: int) -> str | None:
        """Say why not to send a payload; None where the broker takes it, as far as is known."""
        if not connection.takes(topic, n_bytes):
            return f"it takes packets of at most {connection.max_packet_bytes} bytes"
        if self._refused_bytes is not None and n_bytes > self._refused_bytes - self._refused_bytes // MARGIN:
            return f"it hangs up on {self._refused_bytes} bytes"
        return None

    def hang_up(self, under_way: LongMessage | None) -> None:
        """Note with what the broker hung up: twice in a row with the same is no accident."""
        topic = None if under_way is None else under_way.topic
        if under_way is not None and topic == self._suspect:
            self._refused_bytes = min(under_way.n_bytes, self._refused_bytes or under_way.n_bytes)
        self._suspect = topic

    def deliver(self, taken: LongMessage) -> None:
        """Note what the broker has taken: what is shorter is not too long for it."""
        if taken.topic == self._suspect:
            self._suspect = None
        if self._refused_bytes is not None and taken.n_bytes >= self._refused_bytes:
            self._refused_bytes = None
            self._said.clear()
