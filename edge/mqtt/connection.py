"""One connection to the broker, from CONNECT to its end. The only module that imports paho.

Every connection has a client of its own, so that nothing waits inside paho: what has to survive a connection is in the
outbox or with the publisher. All of it runs in the publisher's thread.
"""

import select
import socket
import ssl
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from edge.config import BrokerConfig
from edge.errors import BrokerError
from edge.mqtt.refusals import (
    HUNG_UP,
    OversizedMessageError,
    UnansweredError,
    VersionRefusedError,
    absence,
    fallen_silent,
    loss,
    no_answer,
    refusal,
    unusable_tls_files,
)

CONNECT_TIMEOUT_S = 5.0
STOP_TIMEOUT_S = 5.0
"""How long whoever closes waits for a thread that connects: nothing bounds the lookup of a name."""
PROTOCOL_OF_VERSION = {"3.1.1": MQTTProtocolVersion.MQTTv311, "5": MQTTProtocolVersion.MQTTv5}
LATEST, OLDEST = "5", "3.1.1"

MAX_MESSAGE_BYTES = 64 * 1024
"""Of what others send us. Commands are a few bytes; more is an attempt on the box's memory."""
MAX_HEAD_BYTES = 2 + 65_535 + 2
"""Of a message that is thrown away: its topic, and the number by which it is acknowledged."""
MAX_UNREAD_MESSAGES = 100
MAX_HEADER_BYTES = 10
"""Of a PUBLISH packet that we send, without its topic's text."""
SESSION_EXPIRY_S = 7 * 24 * 3600
"""How long an MQTT 5 broker keeps what a listener that is away asked for; older ones decide for themselves."""


@dataclass(frozen=True, slots=True)
class Message:
    """What a subscription brought."""

    topic: str
    payload: bytes
    retained: bool
    """Whether the broker kept it from before we subscribed."""


class _ClosingSocket(ssl.SSLSocket):
    """Closes itself when the handshake fails; paho leaves that to the garbage collector."""

    def do_handshake(self, block: bool = False) -> None:
        try:
            super().do_handshake(block)
        except BaseException:
            self.close()
            raise


class _Client(Client):
    """Refuses a long packet before its memory is taken, or reads it and throws it away; paho would collect 256 MB."""

    max_message_bytes = MAX_MESSAGE_BYTES
    throws_away = False
    is_ping_answered = True

    def ping(self) -> None:
        """Ask for a sign of life, whether or not one is due."""
        self.is_ping_answered = False
        self._send_pingreq()

    def _handle_pingresp(self) -> MQTTErrorCode:
        self.is_ping_answered = True
        return super()._handle_pingresp()

    def is_oversized(self) -> bool:
        """Whether the packet that is being read is too long."""
        return self._in_packet["remaining_length"] > self.max_message_bytes

    def _sock_recv(self, bufsize: int) -> bytes:
        if bufsize > self.max_message_bytes and not self.throws_away:
            raise OversizedMessageError(
                f"somebody sends a message of {bufsize} bytes; check the broker's ACL, and set its message_size_limit"
            )
        if self.is_oversized():
            del self._in_packet["packet"][MAX_HEAD_BYTES:]
            bufsize = min(bufsize, MAX_MESSAGE_BYTES)
        return super()._sock_recv(bufsize)


class Connection:
    """An open connection."""

    def __init__(
        self,
        broker: BrokerConfig,
        password: str | None,
        client_id: str,
        will: tuple[str, str] | None = None,
        *,
        max_message_bytes: int = MAX_MESSAGE_BYTES,
        throws_away_oversized: bool = False,
        keeps_session: bool = False,
        spoke_latest: bool = False,
        send_buffer_bytes: int | None = None,
    ) -> None:
        """Connect and wait for the broker's word.

        Args:
            broker: where, and with which protocol and certificates.
            password: of the URL's user.
            client_id: the same for every connection of this box: the broker then ends the older one at once.
            will: topic and payload that the broker retains when it loses us.
            max_message_bytes: of what others send us; longer ones end the connection,
            throws_away_oversized: or are read, thrown away and counted.
            keeps_session: whether the broker keeps QoS 1 messages for us while we are away.
            spoke_latest: whether the broker has spoken MQTT 5 with us before. One that hangs up or is silent now is
                not taken for one that cannot: older versions acknowledge what is denied.
            send_buffer_bytes: how much the system takes from us before it has left; by default as it likes.

        Raises:
            BrokerError: it is absent or is no broker.
            CredentialsRefusedError: it refuses user, password or certificate.
            VersionRefusedError: it does not speak the version of MQTT that the configuration names.
        """
        self.address = broker.address
        """For messages: the broker's."""
        self._broker = broker
        self._client_id = client_id
        self._has_will = will is not None
        self.thrown_away = 0
        """Messages that were too long."""
        self._max_message_bytes = max_message_bytes
        self._keeps_session = keeps_session
        self._receive: Callable[[Message], None] | None = None
        self._answer: ReasonCode | None = None
        self.max_packet_bytes: int | None = None
        """That the broker takes; None where it does not say."""
        self._end: str | None = None
        self._acknowledged: deque[int] = deque()
        self._refused: deque[tuple[int, str]] = deque()
        self._received: deque[Message] = deque(maxlen=MAX_UNREAD_MESSAGES)
        self.subscription_refused = False
        """Whether the broker does not let us listen to all that we asked for."""
        self._throws_away_oversized = throws_away_oversized
        self._password = password
        self.version = broker.version or LATEST
        """Of MQTT, as it is spoken."""
        try:
            self._connect(will)
        except VersionRefusedError as error:
            if broker.version is not None:
                raise
            if spoke_latest and isinstance(error, UnansweredError):
                raise fallen_silent(error) from error
            self.version = OLDEST
            self._connect(will)
        if send_buffer_bytes is not None and isinstance(sock := self._client.socket(), socket.socket):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer_bytes)

    def publish(self, topic: str, payload: str | bytes, *, qos: int, retain: bool) -> int:
        """Hand a message to the network; return its number, which `acknowledged` repeats for QoS 1."""
        return self._client.publish(topic, payload, qos=qos, retain=retain).mid

    def takes(self, topic: str, n_bytes: int) -> bool:
        """Say whether the broker takes a payload so long, as far as it says so: MQTT 5's do."""
        packet_bytes = MAX_HEADER_BYTES + len(topic.encode()) + n_bytes
        return self.max_packet_bytes is None or packet_bytes <= self.max_packet_bytes

    def ping(self) -> None:
        """Ask for an answer that proves that the broker has read all before it."""
        self._client.ping()

    def is_ping_answered(self) -> bool:
        """Whether that answer has come."""
        return self._client.is_ping_answered

    def acknowledged(self) -> list[int]:
        """Return the numbers of the messages that the broker acknowledged since the last call."""
        numbers = list(self._acknowledged)
        self._acknowledged.clear()
        return numbers

    def refused(self) -> list[tuple[int, str]]:
        """Return the numbers of the messages that the broker refused since the last call, each with its reason."""
        refused = list(self._refused)
        self._refused.clear()
        return refused

    def subscribe(
        self,
        filters: Sequence[str],
        *,
        unqueued: Sequence[str] = (),
        receive: Callable[[Message], None] | None = None,
    ) -> None:
        """Ask for messages; `received` has those that came.

        Args:
            filters: of messages that the broker delivers with QoS 1.
            unqueued: of messages that may be missed: QoS 0.
            receive: takes each message instead of `received`. QoS 1 messages are acknowledged when it returns, and
                come again after it failed.
        """
        self._receive = receive
        self._client.on_subscribe = self._on_subscribe
        self._client.on_message = self._on_message
        wanted = [(pattern, 1) for pattern in filters] + [(pattern, 0) for pattern in unqueued]
        if wanted:
            self._client.subscribe(wanted)

    def received(self) -> list[Message]:
        """Return the messages that came since the last call, the latest hundred at most."""
        received = list(self._received)
        self._received.clear()
        return received

    def exchange(self, timeout_s: float, wake: socket.socket | None = None) -> None:
        """Read and write what the network allows; return after at most `timeout_s`, or earlier when something came.

        Args:
            timeout_s: how long to wait for the network.
            wake: a readable socket ends the wait too. It is left unread.

        Raises:
            BrokerError: the connection is lost.
            OversizedMessageError: what somebody sends us is too long.
        """
        sock = self._client.socket()
        if sock is None:
            raise self._lost()
        if isinstance(sock, ssl.SSLSocket) and sock.pending():
            timeout_s = 0
        readers = [sock] if wake is None else [sock, wake]
        writers = [sock] if self._client.want_write() else []
        readable, writable, _ = select.select(readers, writers, [], timeout_s)
        failure = MQTTErrorCode.MQTT_ERR_SUCCESS
        if sock in readable or (isinstance(sock, ssl.SSLSocket) and sock.pending()):
            failure = self._client.loop_read()
        if not failure and sock in writable:
            failure = self._client.loop_write()
        if not failure:
            failure = self._client.loop_misc()
        if failure or self._client.socket() is None:
            raise self._lost()

    def close(self) -> None:
        """Say goodbye, so that the broker does not publish the will."""
        self._client.disconnect()
        deadline = time.monotonic() + CONNECT_TIMEOUT_S
        while (sock := self._client.socket()) and self._client.want_write() and time.monotonic() < deadline:
            select.select([], [sock], [], CONNECT_TIMEOUT_S)
            self._client.loop_write()
        self._drop_socket()

    def abandon(self) -> None:
        """Drop the connection without a word; the broker then publishes the will."""
        self._drop_socket()

    def _connect(self, will: tuple[str, str] | None) -> None:
        self._answer = self._end = None
        self._client = self._make_client()
        if will is not None:
            self._client.will_set(will[0], will[1], qos=1, retain=True)
        try:
            self._client.connect(self._broker.host, self._broker.port, self._broker.keepalive_s, **self._version_5())
            self._await_answer()
        except BaseException as error:
            self._drop_socket()
            if isinstance(error, OSError | ValueError):
                raise absence(self._broker, error) from error
            raise

    def _make_client(self) -> _Client:
        protocol = PROTOCOL_OF_VERSION[self.version]
        clean = None if protocol == MQTTProtocolVersion.MQTTv5 else not self._keeps_session
        client = _Client(
            CallbackAPIVersion.VERSION2, self._client_id, clean, protocol=protocol, reconnect_on_failure=False
        )
        client.max_message_bytes = self._max_message_bytes
        client.throws_away = self._throws_away_oversized
        client.connect_timeout = CONNECT_TIMEOUT_S
        if self._broker.username is not None:
            client.username_pw_set(self._broker.username, self._password)
        if self._broker.tls:
            try:
                client.tls_set_context(self._tls_context())  # pyright: ignore[reportUnknownMemberType]
            except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
                raise unusable_tls_files(self._broker, error) from error
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_publish = self._on_publish
        return client

    def _version_5(self) -> dict[str, Any]:
        """Have an MQTT 5 broker keep long messages to itself, and our session if it shall."""
        if PROTOCOL_OF_VERSION[self.version] != MQTTProtocolVersion.MQTTv5:
            return {}
        properties = Properties(PacketTypes.CONNECT)
        properties.MaximumPacketSize = self._max_message_bytes
        if self._keeps_session:
            properties.SessionExpiryInterval = SESSION_EXPIRY_S
        return {"properties": properties, "clean_start": not self._keeps_session}

    def _tls_context(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self._broker.ca_file)
        context.sslsocket_class = _ClosingSocket
        if self._broker.client_cert_file is not None:
            context.load_cert_chain(self._broker.client_cert_file, self._broker.client_key_file)
        return context

    def _await_answer(self) -> None:
        deadline = time.monotonic() + CONNECT_TIMEOUT_S
        while self._answer is None and self._end is None:
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                raise UnansweredError(f"{self._broker.address}: answers, but not as an MQTT broker; check the port")
            self._exchange_before_answer(left_s)
        answer = self._answer
        if answer is None:
            raise no_answer(self._broker, self._end or HUNG_UP, retains=self._has_will)
        if answer.is_failure:
            raise refusal(self._broker, str(answer))

    def _exchange_before_answer(self, timeout_s: float) -> None:
        """Like `exchange`, but an end of the connection is for `_await_answer` to explain."""
        try:
            self.exchange(timeout_s)
        except BrokerError:
            self._end = self._end or "connection lost"

    def _lost(self) -> BrokerError:
        return loss(self._broker, self._client_id, self._end or HUNG_UP)

    def _drop_socket(self) -> None:
        if (sock := self._client.socket()) is not None:
            sock.close()

    def _on_connect(
        self, _client: Client, _userdata: Any, _flags: ConnectFlags, code: ReasonCode, properties: Properties | None
    ) -> None:
        self.max_packet_bytes = getattr(properties, "MaximumPacketSize", None)
        self._answer = code

    def _on_disconnect(
        self, _client: Client, _userdata: Any, flags: DisconnectFlags, code: ReasonCode, _properties: Properties | None
    ) -> None:
        is_hang_up = not flags.is_disconnect_packet_from_server and str(code) == "Unspecified error"
        self._end = HUNG_UP if is_hang_up else str(code)

    def _on_publish(
        self, _client: Client, _userdata: Any, number: int, code: ReasonCode, _properties: Properties | None
    ) -> None:
        if code.is_failure:
            self._refused.append((number, str(code)))
        else:
            self._acknowledged.append(number)

    def _on_subscribe(
        self, _client: Client, _userdata: Any, _number: int, codes: list[ReasonCode], _properties: Properties | None
    ) -> None:
        self.subscription_refused |= any(code.is_failure for code in codes)

    def _on_message(self, _client: Client, _userdata: Any, message: MQTTMessage) -> None:
        if self._client.is_oversized():
            self.thrown_away += 1
            return
        try:
            topic = message.topic
        except UnicodeDecodeError:  # no topic that we subscribe to
            return
        received = Message(topic, bytes(message.payload), message.retain)
        if self._receive is None:
            self._received.append(received)
        else:
            self._receive(received)
