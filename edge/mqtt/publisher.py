"""Sends what the outbox holds, and keeps the box's retained topics true, for as long as the box runs.

One thread owns the connection. Everybody else only stores and wakes it: `publish` returns when the event is on disk.
The broker is tried for ever, with growing, jittered pauses.
"""

import contextlib
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from edge.config import BrokerConfig
from edge.errors import BrokerError
from edge.mqtt.connection import Connection, CredentialsRefusedError
from edge.mqtt.events import Topics, to_json, with_delivery
from edge.mqtt.outbox import Outbox, Waiting
from edge.pauses import growing_pauses_s
from edge.types import Event

PAUSE_WHILE_FLUSHING_S = 0.25
STATS_INTERVAL_S = 60.0
DELAYED_AFTER_S = 5.0
"""An event that left later than this after it was stored says `delayed`."""
GOODBYE_TIMEOUT_S = 2.0
LONGEST_WAIT_S = 1.0
"""For the network; keepalive and stats are looked at between two waits."""
ON, OFF = "ON", "OFF"
ONLINE, OFFLINE = "online", "offline"


class Publisher:
    """The box's voice."""

    def __init__(
        self,
        broker: BrokerConfig,
        password: str | None,
        *,
        device_id: str,
        outbox: Outbox,
        report: Callable[[str], None],
        stats: Callable[[], dict[str, Any]] | None = None,
    ) -> None:
        """Prepare; `start` opens the connection.

        Args:
            broker: where to send.
            password: of the broker URL's user.
            device_id: names the box in the topics.
            outbox: where events wait. The publisher does not close it.
            report: takes a line when the connection comes or goes.
            stats: answers the payload of the `stats` topic, from the publisher's thread.
        """
        self.topics = Topics(device_id)
        self.fault: BrokerError | None = None
        """Why there is no connection now; None while there is one, and before the first attempt has ended."""
        self.was_connected = False
        self._greeted = False
        self._device_id = device_id
        self._broker = broker
        self._password = password
        self._outbox = outbox
        self._report = report
        self._stats = stats
        self._changes = threading.Condition()
        self._retained: dict[str, str] = {}
        self._to_retain: deque[tuple[str, str]] = deque()
        self._settled = False
        self._flushing = False
        self._stopping = False
        self._fatal: BaseException | None = None
        self._wake_read, self._wake_write = socket.socketpair()
        self._wake_read.setblocking(False)
        self._wake_write.setblocking(False)
        self._thread = threading.Thread(target=self._run, name="publisher", daemon=True)

    def start(self) -> None:
        """Begin to connect, and to send."""
        self._thread.start()

    def publish(self, event: Event) -> None:
        """Store an event, and show its label's state. Both are sent as soon as there is a connection.

        Raises:
            ConfigurationError: the outbox cannot be written.
        """
        self._outbox.add(event, time.time())
        self._retain(self.topics.state(event.camera, event.label), OFF if event.type == "ended" else ON)

    def declare(self, camera: str, label: str) -> None:
        """Say `OFF` for a label that is watched from now on."""
        self._retain(self.topics.state(camera, label), OFF)

    def camera_status(self, camera: str, status: dict[str, Any]) -> None:
        """Publish a camera's own condition."""
        self._retain(self.topics.status(camera), to_json(status))

    def check(self) -> None:
        """Raise what ended the publisher's thread, if something did."""
        if self._fatal is not None:
            raise self._fatal

    def flush(self, timeout_s: float) -> int:
        """Wait until the broker has everything, at most `timeout_s`.

        A broker that refuses the credentials is not waited for.

        Returns:
            how many events it has not acknowledged.
        """
        with self._changes:
            self._flushing = True
            self._notify()
            self._changes.wait_for(
                lambda: self._settled or self._fatal or isinstance(self.fault, CredentialsRefusedError), timeout_s
            )
            self._flushing = False
        self.check()
        return self._outbox.depth()

    def close(self) -> None:
        """Publish `offline`, say goodbye, and end the thread. What waits in the outbox stays there."""
        if self._stopping:
            return
        with self._changes:
            self._stopping = True
            self._notify()
        if self._thread.ident is not None:
            self._thread.join()
        self._wake_read.close()
        self._wake_write.close()

    def _retain(self, topic: str, payload: str) -> None:
        with self._changes:
            if self._retained.get(topic) != payload:
                self._retained[topic] = payload
                self._to_retain.append((topic, payload))
            self._settled = False
            self._notify()

    def _notify(self) -> None:
        """Wake everybody who waits, on the condition or on the network. The lock is held."""
        self._changes.notify_all()
        with contextlib.suppress(BlockingIOError):  # full: it is awake
            self._wake_write.send(b"\0")

    def _run(self) -> None:
        try:
            self._keep_connected()
        except BaseException as error:  # noqa: BLE001 - raised again by `check`, in the thread that can act
            with self._changes:
                self._fatal = error
                self._changes.notify_all()

    def _keep_connected(self) -> None:
        pauses_s = growing_pauses_s()
        while not self._stopping:
            try:
                connection = self._connect()
                pauses_s = growing_pauses_s()
                self._serve(connection)
            except BrokerError as error:
                self._note(error)
                self._pause(next(pauses_s))

    def _connect(self) -> Connection:
        will = (self.topics.availability, OFFLINE)
        connection = Connection(self._broker, self._password, f"edgewatch-{self._device_id}", will)
        with self._changes:
            self.was_connected = True
            self._to_retain = deque([(self.topics.availability, ONLINE), *self._retained.items()])
        self._note(None)
        return connection

    def _serve(self, connection: Connection) -> None:
        """Send and receive until the publisher is closed.

        Raises:
            BrokerError: the connection is lost.
        """
        traffic = _Traffic(connection)
        stats_due_s = 0.0
        try:
            while not self._stopping:
                if self._stats is not None and time.monotonic() >= stats_due_s:
                    stats_due_s = time.monotonic() + STATS_INTERVAL_S
                    connection.publish(self.topics.stats, to_json(self._stats()), qos=0, retain=True)
                self._send_changes(traffic)
                self._send_next_event(traffic)
                self._settle(traffic)
                self._receive(traffic, LONGEST_WAIT_S)
            self._say_goodbye(traffic)
        except BaseException:
            connection.abandon()
            raise
        finally:
            with self._changes:
                self._settled = False

    def _send_changes(self, traffic: "_Traffic") -> None:
        while True:
            with self._changes:
                if not self._to_retain:
                    return
                topic, payload = self._to_retain.popleft()
            traffic.send_retained(topic, payload)

    def _send_next_event(self, traffic: "_Traffic") -> None:
        if traffic.event is not None or (event := self._outbox.oldest()) is None:
            return
        now = datetime.now(UTC)
        delayed = now.timestamp() - event.stored_at_s > DELAYED_AFTER_S
        traffic.send_event(self.topics.events, to_json(with_delivery(event.fields, now, delayed=delayed)), event)

    def _receive(self, traffic: "_Traffic", timeout_s: float) -> None:
        traffic.connection.exchange(timeout_s, self._wake_read)
        with contextlib.suppress(BlockingIOError):
            while self._wake_read.recv(4096):
                pass
        if (acknowledged := traffic.take_acknowledged()) is not None:
            self._outbox.acknowledge(acknowledged.sequence)

    def _settle(self, traffic: "_Traffic") -> None:
        with self._changes:
            self._settled = not self._to_retain and traffic.is_idle() and self._outbox.depth() == 0
            if self._settled:
                self._changes.notify_all()

    def _say_goodbye(self, traffic: "_Traffic") -> None:
        self._send_changes(traffic)
        traffic.send_retained(self.topics.availability, OFFLINE)
        deadline_s = time.monotonic() + GOODBYE_TIMEOUT_S
        while not traffic.is_idle() and (left_s := deadline_s - time.monotonic()) > 0:
            self._receive(traffic, left_s)
        traffic.connection.close()

    def _note(self, fault: BrokerError | None) -> None:
        """Remember why there is no connection, and say so when it is news."""
        with self._changes:
            is_news = str(fault) != str(self.fault) or (fault is None and not self._greeted)
            self._greeted = True
            self.fault = fault
            self._changes.notify_all()
        if is_news:
            self._report(f"{fault}; trying on" if fault else f"connected to {self._broker.address}")

    def _pause(self, pause_s: float) -> None:
        with self._changes:
            if not self._changes.wait_for(lambda: self._stopping or self._flushing, pause_s):
                return
            self._changes.wait_for(lambda: self._stopping, min(pause_s, PAUSE_WHILE_FLUSHING_S))


class _Traffic:
    """What is under way on one connection: at most one event, and any number of retained payloads."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.event: Waiting | None = None
        self._event_number = 0
        self._retained: set[int] = set()
        """Numbers of messages."""

    def send_event(self, topic: str, payload: str, event: Waiting) -> None:
        self._event_number = self.connection.publish(topic, payload, qos=1, retain=False)
        self.event = event

    def send_retained(self, topic: str, payload: str) -> None:
        self._retained.add(self.connection.publish(topic, payload, qos=1, retain=True))

    def take_acknowledged(self) -> Waiting | None:
        """Return the event, if the broker has acknowledged it since the last call."""
        numbers = self.connection.acknowledged()
        self._retained.difference_update(numbers)
        if self.event is None or self._event_number not in numbers:
            return None
        event, self.event = self.event, None
        return event

    def is_idle(self) -> bool:
        return self.event is None and not self._retained
