"""What the broker keeps of a box: the latest payload of every retained topic."""

from collections import deque

from edge.types import Event

ON, OFF = "ON", "OFF"


class Retained:
    """The payloads in force, and those of them that the connection has still to send. Its owner holds a lock."""

    def __init__(self) -> None:
        self._payloads: dict[str, str] = {}
        self._to_send: deque[tuple[str, str]] | None = None
        """None without a connection: each begins with all payloads, so there is nothing to queue."""
        self._active: dict[str, set[str]] = {}
        """By topic of the state, the events that hold it at `ON`: a test may run beside the real thing."""

    def put(self, topic: str, payload: str) -> None:
        """Change a payload; an empty one removes the topic."""
        if self._payloads.get(topic) == payload:
            return
        self._payloads[topic] = payload
        if self._to_send is not None:
            self._to_send.append((topic, payload))

    def repeat(self, topic: str) -> None:
        """Send a payload again."""
        if self._to_send is not None and topic in self._payloads:
            self._to_send.append((topic, self._payloads[topic]))

    def put_state(self, topic: str, event: Event) -> None:
        """Show what an event means for its label."""
        active = self._active.setdefault(topic, set())
        if event.type == "ended":
            active.discard(event.id)
        else:
            active.add(event.id)
        self.put(topic, ON if active else OFF)

    def connected(self, *first: tuple[str, str]) -> None:
        """Begin with everything, after some payloads of this connection's own."""
        self._to_send = deque([*first, *self._payloads.items()])

    def disconnected(self) -> None:
        """Queue nothing until there is a connection again."""
        self._to_send = None

    def next(self) -> tuple[str, str] | None:
        """Take the next topic and payload to send, if there is one."""
        return self._to_send.popleft() if self._to_send else None

    def is_sent(self) -> bool:
        """Whether a connection has been given everything."""
        return self._to_send is not None and not self._to_send


class Counts:
    """Retained payloads that change often and may be missed. Its owner holds a lock."""

    def __init__(self, interval_s: float) -> None:
        """Prepare.

        Args:
            interval_s: the least time between two payloads of one topic.
        """
        self._interval_s = interval_s
        self._payloads: dict[str, str] = {}
        self._sent: dict[str, tuple[str, float]] = {}
        """What was sent last on this connection, and when."""

    def put(self, topic: str, payload: str) -> bool:
        """Change a payload; say whether it is another than before."""
        is_new = self._payloads.get(topic) != payload
        self._payloads[topic] = payload
        return is_new

    def connected(self) -> None:
        """Send everything again."""
        self._sent.clear()

    def due(self, now_s: float) -> list[tuple[str, str]]:
        """Take the topics and payloads that are to be sent now."""
        found = [(topic, payload) for topic, payload in self._payloads.items() if self._is_due(topic, payload, now_s)]
        self._sent |= {topic: (payload, now_s) for topic, payload in found}
        return found

    def _is_due(self, topic: str, payload: str, now_s: float) -> bool:
        sent = self._sent.get(topic)
        return sent is None or (sent[0] != payload and now_s - sent[1] >= self._interval_s)
