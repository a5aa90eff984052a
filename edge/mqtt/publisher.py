"""Sends what the outbox holds, and keeps the box's retained topics true, for as long as the box runs.

One thread owns the connection; pictures have one of their own. Everybody else only stores and wakes it: `publish`
returns when the event is on disk. The broker is tried for ever, with growing, jittered pauses.
"""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from edge.config import BrokerConfig
from edge.errors import BrokerError
from edge.events.clock import rfc3339
from edge.events.schema import SCORE_DIGITS, to_json, with_delivery
from edge.mqtt.bell import Bell
from edge.mqtt.connection import LATEST, STOP_TIMEOUT_S, Connection, Message
from edge.mqtt.figures import FigurePost
from edge.mqtt.outbox import Outbox, Waiting
from edge.mqtt.pictures import PicturePost
from edge.mqtt.refusals import CredentialsRefusedError, HungUpError
from edge.mqtt.retained import OFF, Counts, Retained
from edge.mqtt.sizes import SizeLimit
from edge.mqtt.topics import Topics
from edge.mqtt.traffic import ACKNOWLEDGE_TIMEOUT_S, Traffic
from edge.system.latency import Latency
from edge.system.pauses import growing_pauses_s
from edge.system.rounds import Rounds
from edge.types import NS_PER_S, Event

PAUSE_WHILE_FLUSHING_S = 0.25
STATS_INTERVAL_S = 60.0
DELAYED_AFTER_S = 5.0
"""An event that left later than this after it was stored says `delayed`."""
GOODBYE_TIMEOUT_S = 2.0
LONGEST_WAIT_S = 1.0
"""For the network; keepalive and stats are looked at between two waits."""
LONGEST_PAUSE_S = 8.0
"""With the time for an acknowledgement less than half a minute: no alarm waits for longer once its broker is well."""
LASTING_S = 30.0
"""A connection that lasted so long has nothing to do with the faults before it: pauses begin small again."""
HANG_UPS_OF_A_TWIN = 3
"""A broker that hangs up so often, each time soon after it took us, denies us, or has another client of our name."""
PEOPLE_INTERVAL_S = 1.0
"""The least time between two messages about the people before one camera."""
REPEAT_INTERVAL_S = 10.0
"""The least time between two answers to Home Assistant's birth: whoever floods its topic gets no flood back."""
MAX_TIMED_EVENTS = 1000
ONLINE, OFFLINE = "online", "offline"


class Publisher:
    """The box's voice, and its ear."""

    def __init__(
        self,
        broker: BrokerConfig,
        password: str | None,
        *,
        device_id: str,
        outbox: Outbox,
        report: Callable[[str], None],
        stats: Callable[[], dict[str, Any]] | None = None,
        acknowledge_timeout_s: float = ACKNOWLEDGE_TIMEOUT_S,
    ) -> None:
        """Prepare; `start` opens the connection.

        Args:
            broker: where to send.
            password: of the broker URL's user.
            device_id: names the box in the topics.
            outbox: where events wait. The publisher does not close it.
            report: takes a line when the connection comes or goes.
            stats: answers the payload of the `stats` topic, from the publisher's thread.
            acknowledge_timeout_s: a connection ends on which a message is unacknowledged for longer.
        """
        self.topics = Topics(device_id)
        self.fault: BrokerError | None = None
        """Why nothing is acknowledged now; None while something is, and before the first attempt has ended."""
        self.was_connected = False
        self.acknowledgement = Latency()
        """From the capture of the frame that caused an event to the broker's acknowledgement."""
        self.rounds = Rounds()
        """Of the publisher's thread, connected or not."""
        self._last_event: dict[str, str] | None = None
        self._connections = self._hang_ups = 0
        self._spoke_latest = False
        self._greeted = False
        self._device_id = device_id
        self._broker = broker
        self._password = password
        self._outbox = outbox
        self._report = report
        self._sizes = SizeLimit(self._say)
        self._figures = FigurePost(outbox, self.topics, self._sizes, self._say)
        self._stats_due_s = 0.0
        self._stats = stats
        self._acknowledge_timeout_s = acknowledge_timeout_s
        self._filters: list[str] = []
        self._receivers: list[Callable[[Message], None]] = []
        self._changes = threading.Condition()
        self._retained = Retained(REPEAT_INTERVAL_S)
        self._counts = Counts(PEOPLE_INTERVAL_S)
        self._scores: dict[str, str] = {}
        self._pictures = PicturePost(
            broker,
            password,
            f"edgewatch-{device_id}-pictures",
            events_wait=lambda: outbox.depth() > 0,
            report=self._say,
        )
        self._captured_ns: dict[tuple[str, str], int] = {}
        self._n_changes = 0
        self._settled = False
        self._flushing = False
        self._stopping = False
        self._fatal: BaseException | None = None
        self._bell = Bell()
        self._thread = threading.Thread(target=self._run, name="publisher", daemon=True)

    def listen(self, filters: Sequence[str], receive: Callable[[Message], None]) -> None:
        """Have messages given to `receive`, in the publisher's thread. To be called before `start`.

        Args:
            filters: of MQTT topics.
            receive: takes every message that comes, also those that others listen to; it must not fail.
        """
        self._filters += filters
        self._receivers.append(receive)

    def start(self) -> None:
        """Begin to connect, and to send."""
        self._thread.start()

    def publish(self, event: Event, captured_ns: int | None = None) -> None:
        """Store an event, and show its label's state. Both are sent as soon as there is a connection.

        Args:
            event: the transition.
            captured_ns: monotonic time of the frame that caused it; None where there is none, as for recordings.
        """
        if captured_ns is not None and len(self._captured_ns) < MAX_TIMED_EVENTS:
            self._captured_ns[event.id, event.type] = captured_ns
        waited_s = 0.0 if captured_ns is None else (time.monotonic_ns() - captured_ns) / NS_PER_S
        self._outbox.add(event, waited_s)
        self._last_event = {
            "type": event.type,
            "label": event.label,
            "camera": event.camera,
            "at": rfc3339(datetime.now(UTC)),
        }
        with self._changes:
            self._retained.put_state(self.topics.state(event.camera, event.label), event)
            self._notify()

    def declare(self, camera: str, label: str) -> None:
        """Say `OFF` for a label that is watched from now on."""
        self.retain(self.topics.state(camera, label), OFF)

    def camera_status(self, camera: str, status: Mapping[str, Any]) -> None:
        """Publish a camera's own condition."""
        self.retain(self.topics.status(camera), to_json(dict(status)))

    def retain(self, topic: str, payload: str) -> None:
        """Have the broker keep a payload, from now on and after every reconnection; an empty one removes the topic."""
        with self._changes:
            self._retained.put(topic, payload)
            self._notify()

    def repeat(self, topic: str) -> None:
        """Send a retained payload again, for somebody who may have missed it."""
        with self._changes:
            self._retained.repeat(topic)
            self._notify()

    def send_picture(self, topic_suffix: str, content: bytes) -> None:
        """Send a picture or clip once, with QoS 0, when no event waits; without a connection it is dropped."""
        if self.is_connected():
            self._pictures.put(f"{self.topics.base}/{topic_suffix}", content)

    def scores(self, camera: str, scores: Mapping[str, float]) -> None:
        """Send a camera's scores once, with QoS 0; without a connection they are dropped."""
        rounded = {label: round(score, SCORE_DIGITS) for label, score in scores.items()}
        with self._changes:
            if self.is_connected():
                self._scores[f"{self.topics.base}/{camera}/scores"] = to_json(rounded)
                self._notify()

    def people(self, camera: str, people: int | None, lying: int | None) -> None:
        """Say how many people a camera sees; may be said at every look.

        Args:
            camera: its name.
            people: in the picture; None while nobody looks.
            lying: how many of them lie.
        """
        with self._changes:
            if self._counts.put(self.topics.people(camera), to_json({"people": people, "lying": lying})):
                self._notify()

    def figure(self, event_id: str, content: bytes) -> None:
        """Store a part of an event as stick figures, to be called after `publish` of the event.

        It is sent when no event waits. One that the broker refuses, or with which the connection ends, is dropped.

        Args:
            event_id: of the event.
            content: from `edge.people.figures`.
        """
        self._outbox.add_figure(event_id, content)
        self.wake()

    def wake(self) -> None:
        """Have the publisher look into the outbox: somebody else has put something there."""
        with self._changes:
            self._notify()

    def fields(self) -> dict[str, Any]:
        """Return what stands in the stats."""
        return {
            "connections": self._connections,
            "capture_to_acknowledgement_ms": self.acknowledgement.fields(),
            "last_event": self._last_event,
        }

    def check(self) -> None:
        """Raise what ended the publisher's thread, if something did."""
        if self._fatal is not None:
            raise self._fatal

    def is_connected(self) -> bool:
        """Whether the broker hears us, as far as we know."""
        return self.was_connected and self.fault is None

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
        """Publish `offline`, say goodbye, and end the threads, or leave them behind after a while. What waits in the
        outbox stays there."""
        if self._stopping:
            return
        with self._changes:
            self._stopping = True
            self._notify()
        if self._thread.ident is not None:
            self._thread.join(STOP_TIMEOUT_S)
        self._pictures.close()
        if not self._thread.is_alive():
            self._bell.close()

    def _notify(self) -> None:
        """Wake everybody who waits, on the condition or on the network. The lock is held."""
        self._n_changes += 1
        self._settled = False
        self._changes.notify_all()
        self._bell.ring()

    def _run(self) -> None:
        try:
            self._keep_connected()
        except BaseException as error:  # noqa: BLE001 - raised again by `check`, in the thread that can act
            with self._changes:
                self._fatal = error
                self._changes.notify_all()

    def _keep_connected(self) -> None:
        pauses_s = growing_pauses_s(LONGEST_PAUSE_S)
        while not self._stopping:
            self.rounds.begin()
            began_s = time.monotonic()
            try:
                self._serve(self._connect())
            except BrokerError as error:
                if time.monotonic() - began_s > LASTING_S:
                    pauses_s = growing_pauses_s(LONGEST_PAUSE_S)
                    self._hang_ups = 0
                self._lose(self._suspect_twin(error))
                self.rounds.begin()
                self._pause(next(pauses_s))

    def _suspect_twin(self, error: BrokerError) -> BrokerError:
        """Say of a connection that ends again and again what may be the matter: MQTT 3.1.1 gives no reasons."""
        self._hang_ups = self._hang_ups + 1 if isinstance(error, HungUpError) else 0
        if self._hang_ups < HANG_UPS_OF_A_TWIN:
            return error
        return BrokerError(
            f"{error}, again and again, soon after it began; does its ACL deny us, or does another box have the "
            f"device_id {self._device_id!r}?"
        )

    def _connect(self) -> Connection:
        will = (self.topics.availability, OFFLINE)
        client_id = f"edgewatch-{self._device_id}"
        connection = Connection(
            self._broker,
            self._password,
            client_id,
            will,
            throws_away_oversized=True,
            spoke_latest=self._spoke_latest,
        )
        self._spoke_latest |= connection.version == LATEST
        connection.subscribe(self._filters)
        with self._changes:
            self._connections += 1
            self._retained.connected()
            self._counts.connected()
        return connection

    def _serve(self, connection: Connection) -> None:
        """Send and receive until the publisher is closed.

        Raises:
            BrokerError: the connection is lost.
        """
        traffic = Traffic(connection, self._acknowledge_timeout_s)
        traffic.send_retained(self.topics.availability, ONLINE)
        self._stats_due_s = 0.0
        try:
            while not self._stopping:
                self.rounds.begin()
                self._send_next_event(traffic)
                self._send_changes(traffic)
                if traffic.event is None:
                    self._send_optional(traffic)
                self._settle(traffic)
                self._receive(traffic, LONGEST_WAIT_S)
            self._say_goodbye(traffic)
        except BaseException as error:
            connection.abandon()
            long_message = traffic.long_message()
            self._figures.lose(traffic)
            if not isinstance(error, HungUpError):
                raise
            self._sizes.hang_up(long_message)
            if long_message is not None:
                raise BrokerError(f"{error}, at {long_message.n_bytes} bytes of {long_message.topic}") from error
            raise

    def _send_changes(self, traffic: Traffic) -> None:
        with self._changes:
            self._retained.queue_repeats(time.monotonic())
        while traffic.has_room():
            with self._changes:
                change = self._retained.next()
            if change is None:
                return
            traffic.send_retained(*change)

    def _send_optional(self, traffic: Traffic) -> None:
        """Send what may wait for everything else. What is long goes alone."""
        if traffic.is_idle() and traffic.long_message() is None:
            self._send_long(traffic)
        self._send_counts(traffic.connection)
        self._figures.send_next(traffic)
        self._send_scores(traffic.connection)

    def _send_long(self, traffic: Traffic) -> None:
        while True:
            with self._changes:
                change = self._retained.next_long()
            if change is None:
                break
            if self._sizes.takes(traffic.connection, change[0], len(change[1].encode())):
                traffic.send_retained(*change)
                return
        if self._stats is not None and time.monotonic() >= self._stats_due_s:
            self._stats_due_s = time.monotonic() + STATS_INTERVAL_S
            stats = to_json(self._stats())
            if self._sizes.takes(traffic.connection, self.topics.stats, len(stats.encode())):
                traffic.send_status(self.topics.stats, stats)

    def _send_next_event(self, traffic: Traffic) -> None:
        if traffic.event is not None or (event := self._outbox.oldest()) is None:
            return
        delayed = event.waited_s is None or event.waited_s > DELAYED_AFTER_S
        payload = to_json(with_delivery(event.fields, datetime.now(UTC), delayed=delayed))
        if not traffic.connection.takes(self.topics.events, n_bytes := len(payload.encode())):
            raise BrokerError(
                f"{self._broker.address}: takes packets of at most {traffic.connection.max_packet_bytes} bytes, "
                f"an event has {n_bytes}; raise its limit (mosquitto: max_packet_size)"
            )
        traffic.send_event(self.topics.events, payload, event)

    def _send_counts(self, connection: Connection) -> None:
        with self._changes:
            due = self._counts.due(time.monotonic())
        for topic, payload in due:
            connection.publish(topic, payload, qos=0, retain=True)

    def _send_scores(self, connection: Connection) -> None:
        with self._changes:
            scores, self._scores = self._scores, {}
        for topic, payload in scores.items():
            connection.publish(topic, payload, qos=0, retain=False)

    def _receive(self, traffic: Traffic, timeout_s: float) -> None:
        traffic.connection.exchange(min(timeout_s, traffic.overdue_in_s()), self._bell.rung)
        self._bell.hush()
        if (acknowledged := traffic.take_acknowledged()) is not None:
            self._outbox.remove(acknowledged.sequence)
            self._time(acknowledged)
            self._pictures.wake()
        if traffic.is_answered and not self.is_connected():
            self._note(None)
        self._figures.settle(traffic)
        if traffic.delivered is not None:
            self._sizes.deliver(traffic.delivered)
            traffic.delivered = None
        for message in traffic.connection.received():
            for receive in self._receivers:
                receive(message)
        self._report_refusals(traffic)

    def _report_refusals(self, traffic: Traffic) -> None:
        if traffic.connection.thrown_away:
            traffic.connection.thrown_away = 0
            self._say("somebody sends us messages that are too long; they are passed over; check the broker's ACL")
        for topic, reason in traffic.refused_topics:
            self._say(f"the broker does not take {topic} from us ({reason}); check its ACL and its limits")
        traffic.refused_topics.clear()
        if traffic.connection.subscription_refused:
            traffic.connection.subscription_refused = False
            self._say("the broker does not let us listen to all that we ask for, as commands; check its ACL")

    def _time(self, event: Waiting) -> None:
        captured_ns = self._captured_ns.pop((event.fields["id"], event.fields["type"]), None)
        if captured_ns is not None:
            self.acknowledgement.add(time.monotonic_ns() - captured_ns)

    def _settle(self, traffic: Traffic) -> None:
        n_changes = self._n_changes
        is_empty = self._outbox.depth() == 0 and self._outbox.figures() == 0  # a disk is waited for without the lock
        with self._changes:
            is_unchanged = n_changes == self._n_changes
            self._settled = self._retained.is_sent() and traffic.is_idle() and is_empty and is_unchanged
            if self._settled:
                self._changes.notify_all()

    def _lose(self, error: BrokerError) -> None:
        with self._changes:
            self._retained.disconnected()
            self._scores.clear()
            self._settled = False
        self._pictures.drop()
        self._note(error)

    def _say_goodbye(self, traffic: Traffic) -> None:
        deadline_s = time.monotonic() + GOODBYE_TIMEOUT_S
        self._exchange_until_idle(traffic, deadline_s)
        traffic.send_retained(self.topics.availability, OFFLINE)
        self._exchange_until_idle(traffic, deadline_s)
        traffic.connection.close()

    def _exchange_until_idle(self, traffic: Traffic, deadline_s: float) -> None:
        self._send_changes(traffic)
        while not traffic.is_idle() and (left_s := deadline_s - time.monotonic()) > 0:
            self._receive(traffic, left_s)
            self._send_changes(traffic)

    def _say(self, line: str) -> None:
        self._report(f"{self._broker.address}: {line}")

    def _note(self, fault: BrokerError | None) -> None:
        """Remember why there is no connection, and say so when it is news."""
        with self._changes:
            is_news = str(fault) != str(self.fault) or (fault is None and not self._greeted)
            self._greeted = True
            self.was_connected |= fault is None
            self.fault = fault
            self._changes.notify_all()
        if is_news:
            self._report(f"{fault}; trying on" if fault else f"connected to {self._broker.address}")

    def _pause(self, pause_s: float) -> None:
        with self._changes:
            if not self._changes.wait_for(lambda: self._stopping or self._flushing, pause_s):
                return
            self._changes.wait_for(lambda: self._stopping, min(pause_s, PAUSE_WHILE_FLUSHING_S))
