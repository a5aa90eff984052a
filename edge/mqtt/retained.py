"""What the broker keeps of a box: the latest payload of every retained topic."""

from collections import deque

from edge.mqtt.sizes import SHORT_BYTES
from edge.types import Event

ON, OFF = "ON", "OFF"


class Retained:
    """The payloads in force, and those of them that the connection has still to send. Its owner holds a lock."""

    def __init__(self, repeat_interval_s: float) -> None:
        """Prepare.

        Args:
            repeat_interval_s: the least time between two repeats of one payload.
        """
        self._repeat_interval_s = repeat_interval_s
        self._repeats: dict[str, float] = {}
        """By topic, when the next one may go."""
        self._asked: set[str] = set()
        """Topics whose payloads are to be repeated."""
        self._payloads: dict[str, str] = {}
        self._to_send: deque[tuple[str, str]] | None = None
        """None without a connection: each begins with all payloads, so there is nothing to queue."""
        self._long: dict[str, str] = {}
        """By topic, those to send that have to wait for what is more important; of each topic the latest."""
        self._active: dict[str, set[str]] = {}
        """By topic of the state, the events that hold it at `ON`: a test may run beside the real thing."""

    def put(self, topic: str, payload: str) -> None:
        """Change a payload; an empty one removes the topic."""
        if self._payloads.get(topic) == payload:
            return
        self._payloads[topic] = payload
        self._queue(topic, payload)

    def repeat(self, topic: str) -> None:
        """Send a payload again: once, however often it is asked for within the interval."""
        self._asked.add(topic)

    def queue_repeats(self, now_s: float) -> None:
        """Have those repeats sent whose time has come."""
        for topic in [topic for topic in self._asked if now_s >= self._repeats.get(topic, now_s)]:
            self._asked.discard(topic)
            self._repeats[topic] = now_s + self._repeat_interval_s
            if topic in self._payloads:
                self._queue(topic, self._payloads[topic])

    def put_state(self, topic: str, event: Event) -> None:
        """Show what an event means for its label."""
        active = self._active.setdefault(topic, set())
        if event.type == "ended":
            active.discard(event.id)
        else:
            active.add(event.id)
        self.put(topic, ON if active else OFF)

    def connected(self) -> None:
        """Begin with everything."""
        self._to_send = deque()
        self._asked.clear()
        for topic, payload in self._payloads.items():
            self._queue(topic, payload)

    def disconnected(self) -> None:
        """Queue nothing until there is a connection again."""
        self._to_send = None
        self._long.clear()

    def next(self) -> tuple[str, str] | None:
        """Take the next topic and short payload to send, if there is one."""
        return self._to_send.popleft() if self._to_send else None

    def next_long(self) -> tuple[str, str] | None:
        """Take the next topic and long payload to send, if there is one."""
        return self._long.popitem() if self._long else None

    def is_sent(self) -> bool:
        """Whether a connection has been given everything."""
        return self._to_send is not None and not self._to_send and not self._long

    def _queue(self, topic: str, payload: str) -> None:
        if self._to_send is None:
            return
        self._long.pop(topic, None)
        if len(payload.encode()) > SHORT_BYTES:
            self._long[topic] = payload
        else:
            self._to_send.append((topic, payload))


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
