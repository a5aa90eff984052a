"""Listens to boxes for as long as a program runs, and sends it their commands: what a dashboard or a notifier needs.

One thread owns the connection. The broker is tried for ever, with growing, jittered pauses.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from edge.config.broker import BrokerConfig
from edge.errors import BrokerError
from edge.mqtt.bell import Bell
from edge.mqtt.connection import LATEST, STOP_TIMEOUT_S, Connection, Message
from edge.system.pauses import growing_pauses_s

LONGEST_WAIT_S: Final = 1.0
LONGEST_PAUSE_S: Final = 10.0
"""People sit before what this feeds."""
LASTING_S: Final = 30.0
MAX_UNSENT: Final = 100
MAX_MESSAGE_BYTES: Final = 16_000_000
"""Clips are the longest that boxes send."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """What is listened to, and as whom."""

    client_id: str
    """The broker keeps what came meanwhile under this name: one for each running program."""
    queued: Sequence[str]
    """Filters of messages that must not be missed: the broker keeps them while we are away."""
    unqueued: Sequence[str] = ()
    max_message_bytes: int = MAX_MESSAGE_BYTES


class Subscriber:
    """An ear at the broker."""

    def __init__(
        self,
        broker: BrokerConfig,
        password: str | None,
        subscription: Subscription,
        *,
        receive: Callable[[Message], None],
        connected: Callable[[str | None], None],
        report: Callable[[str], None],
    ) -> None:
        """Prepare; `start` connects.

        Args:
            broker: where to listen.
            password: of the broker URL's user.
            subscription: to what.
            receive: takes each message, in the subscriber's thread; the broker forgets a queued one when it returns.
            connected: takes None when there is a connection, else why there is none.
            report: takes a line when the connection comes or goes.
        """
        self._broker = broker
        self._password = password
        self._subscription = subscription
        self._receive = receive
        self._connected = connected
        self._report = report
        self._said: str | None = None
        self._unsent: deque[tuple[str, str]] = deque(maxlen=MAX_UNSENT)
        self._stopping = threading.Event()
        self._online = False
        self._has_told_of_long = False
        self._spoke_latest = False
        self._fatal: BaseException | None = None
        self._bell = Bell()
        self._thread = threading.Thread(target=self._run, name="subscriber", daemon=True)

    def start(self) -> None:
        """Begin to connect."""
        self._thread.start()

    def send(self, topic: str, payload: str) -> bool:
        """Publish once, with QoS 1, not retained; return False, and send nothing, without a connection."""
        if not self._online:
            return False
        self._unsent.append((topic, payload))
        self._bell.ring()
        return True

    def check(self) -> None:
        """Raise what ended the subscriber's thread, if something did."""
        if self._fatal is not None:
            raise self._fatal

    def close(self) -> None:
        """Say goodbye and end the thread, or leave it behind after a while."""
        if self._stopping.is_set():
            return
        self._stopping.set()
        self._bell.ring()
        if self._thread.ident is not None:
            self._thread.join(STOP_TIMEOUT_S)
        if not self._thread.is_alive():
            self._bell.close()

    def _run(self) -> None:
        try:
            self._keep_connected()
        except BaseException as error:  # noqa: BLE001 - raised again by `check`, in the thread that can act
            self._fatal = error
            self._connected(f"the subscriber failed ({error})")

    def _keep_connected(self) -> None:
        pauses_s = growing_pauses_s(LONGEST_PAUSE_S)
        while not self._stopping.is_set():
            began_s = time.monotonic()
            try:
                self._listen()
            except BrokerError as error:
                self._online = False
                self._note(str(error))
                if time.monotonic() - began_s > LASTING_S:
                    pauses_s = growing_pauses_s(LONGEST_PAUSE_S)
                self._stopping.wait(next(pauses_s))

    def _listen(self) -> None:
        wanted = self._subscription
        connection = Connection(
            self._broker,
            self._password,
            wanted.client_id,
            max_message_bytes=wanted.max_message_bytes,
            throws_away_oversized=True,
            keeps_session=bool(wanted.queued),
            spoke_latest=self._spoke_latest,
        )
        self._spoke_latest |= connection.version == LATEST
        try:
            connection.subscribe(wanted.queued, unqueued=wanted.unqueued, receive=self._receive)
            self._unsent.clear()
            self._online = True
            self._note(None)
            while not self._stopping.is_set():
                self._exchange(connection)
        except BaseException:
            connection.abandon()
            raise
        connection.close()

    def _exchange(self, connection: Connection) -> None:
        self._bell.hush()
        while self._unsent:
            connection.publish(*self._unsent.popleft(), qos=1, retain=False)
        connection.exchange(LONGEST_WAIT_S, self._bell.rung)
        if connection.thrown_away and not self._has_told_of_long:
            self._has_told_of_long = True
            self._report(
                f"{self._broker.address}: somebody sends messages that are too long; they are passed over; check the "
                "broker's ACL, and set its message_size_limit"
            )
        if connection.subscription_refused:
            connection.subscription_refused = False
            self._report(f"{self._broker.address}: the broker does not let us listen to all boxes; check its ACL")
        for _, reason in connection.refused():
            self._report(
                f"{self._broker.address}: the broker does not take a command from us ({reason}); check its ACL"
            )
        connection.acknowledged()

    def _note(self, fault: str | None) -> None:
        self._connected(fault)
        line = f"{fault}; trying on" if fault else f"connected to {self._broker.address}"
        if line != self._said:
            self._said = line
            self._report(line)
