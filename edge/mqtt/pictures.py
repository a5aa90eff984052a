"""Pictures and clips on their way to the broker, on a connection of their own: no event waits behind one.

MQTT cannot interrupt a message, and what the system's send buffer holds cannot be overtaken. So each picture goes
beside the events, one at a time, begins when no event waits, and stands still while one does.
"""

import threading
import time
from collections.abc import Callable
from typing import Final

from edge.config import BrokerConfig
from edge.errors import BrokerError
from edge.mqtt.connection import STOP_TIMEOUT_S, Connection

MAX_PICTURES: Final = 4
"""That wait; of each topic only the newest."""
TIMEOUT_S: Final = 120
"""What takes longer is given up."""
SEND_BUFFER_BYTES: Final = 32 * 1024
"""What is in it leaves before an event that comes meanwhile."""
EXCHANGE_S: Final = 1.0


class PicturePost:
    """Sends pictures once, with QoS 0, in a thread of its own, which begins with the first of them."""

    def __init__(
        self,
        broker: BrokerConfig,
        password: str | None,
        client_id: str,
        *,
        events_wait: Callable[[], bool],
        report: Callable[[str], None],
    ) -> None:
        """Prepare.

        Args:
            broker: where to send.
            password: of the broker URL's user.
            client_id: of the connections, which are other ones than the events'.
            events_wait: whether the broker has still to acknowledge an event; asked from the thread.
            report: takes a line for a picture that did not leave.
        """
        self._broker = broker.model_copy(update={"keepalive_s": TIMEOUT_S})  # a slow picture leaves no room for a ping
        self._password = password
        self._client_id = client_id
        self._events_wait = events_wait
        self._report = report
        self._waiting: dict[str, bytes] = {}
        self._changes = threading.Condition()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="picture post", daemon=True)

    def put(self, topic: str, content: bytes) -> None:
        """Have a picture sent, in place of one of its topic that waits; too many are dropped."""
        with self._changes:
            if topic not in self._waiting and len(self._waiting) >= MAX_PICTURES:
                return
            self._waiting[topic] = content
            if self._thread.ident is None:
                self._thread.start()
            self._changes.notify_all()

    def wake(self) -> None:
        """Look again whether events wait."""
        with self._changes:
            self._changes.notify_all()

    def drop(self) -> None:
        """Forget what waits."""
        with self._changes:
            self._waiting.clear()

    def close(self, timeout_s: float = STOP_TIMEOUT_S) -> None:
        """Give up what has not left, and wait for the thread's end, at most so long."""
        with self._changes:
            self._stopping = True
            self._changes.notify_all()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)

    def _run(self) -> None:
        while (picture := self._next()) is not None:
            topic, content = picture
            try:
                self._send(topic, content)
            except BrokerError as error:
                self._report(f"{len(content)} bytes of {topic} did not leave: {error}")

    def _next(self) -> tuple[str, bytes] | None:
        """Wait for a picture, and until no event waits; None ends it all."""
        with self._changes:
            self._changes.wait_for(lambda: self._stopping or (self._waiting and not self._events_wait()))
            if self._stopping:
                return None
            topic = next(iter(self._waiting))
            return topic, self._waiting.pop(topic)

    def _send(self, topic: str, content: bytes) -> None:
        deadline_s = time.monotonic() + TIMEOUT_S
        connection = Connection(self._broker, self._password, self._client_id, send_buffer_bytes=SEND_BUFFER_BYTES)
        try:
            if not connection.takes(topic, len(content)):
                raise BrokerError(f"the broker takes packets of at most {connection.max_packet_bytes} bytes")
            number = connection.publish(topic, content, qos=0, retain=False)
            while number not in connection.acknowledged():  # handed to the system
                if self._await_turn(deadline_s):
                    return
                connection.exchange(EXCHANGE_S)
            connection.close()
        finally:
            connection.abandon()

    def _await_turn(self, deadline_s: float) -> bool:
        """Wait while events wait; say whether it all ends.

        Raises:
            BrokerError: it has taken too long.
        """
        with self._changes:
            left_s = deadline_s - time.monotonic()
            if left_s <= 0 or not self._changes.wait_for(lambda: self._stopping or not self._events_wait(), left_s):
                raise BrokerError(f"it takes longer than {TIMEOUT_S} s")
            return self._stopping
