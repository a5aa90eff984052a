"""Pictures on their way: no event waits for one, and there is never more than one."""

import contextlib
import select
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from edge.config import BrokerConfig
from edge.mqtt.pictures import MAX_PICTURES, PicturePost
from edge.types import Event

EVENT = Event(
    "01JCAFE0000000000000000000", "hall", "fall", "started", 0.9, 0.9, "2026-01-02T03:04:05.500Z", None, 1, None, "m",
    "0", None,
)  # fmt: skip
LINE_BYTES = 200_000
CLIP_BYTES = 8_000_000  # more than the buffers of all sockets hold


class SlowLine:
    """Stands between box and broker; while it is slow, only so many bytes of each connection get through to it."""

    def __init__(self, broker_port: int) -> None:
        self.is_slow = True
        self.most_connections = 0
        self._broker_port = broker_port
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = f"mqtt://127.0.0.1:{self._server.getsockname()[1]}"
        self._other: dict[socket.socket, socket.socket] = {}
        """The other end of each."""
        self._left_bytes: dict[socket.socket, int] = {}
        """By the box's ends."""
        self._bell, self._rope = socket.socketpair()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def is_held(self) -> bool:
        """Whether something does not get through."""
        return any(left <= 0 for left in list(self._left_bytes.values()))

    def hurry(self) -> None:
        """Be slow no more."""
        self.is_slow = False
        self._rope.send(b"\0")

    def close(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        for end in (self._server, self._bell, self._rope, *self._other):
            end.close()

    def _serve(self) -> None:
        while True:
            ends = [end for end in self._other if not self.is_slow or self._left_bytes.get(end, 1) > 0]
            for ready in select.select([self._server, self._bell, *ends], [], [])[0]:
                if ready is self._server:
                    try:
                        box, _ = self._server.accept()
                    except OSError:
                        return
                    broker = socket.create_connection(("127.0.0.1", self._broker_port))
                    self._other |= {box: broker, broker: box}
                    self._left_bytes[box] = LINE_BYTES
                    self.most_connections = max(self.most_connections, len(self._left_bytes))
                elif ready is self._bell:
                    self._bell.recv(100)
                elif ready in self._other:
                    self._forward(ready)

    def _forward(self, end: socket.socket) -> None:
        try:
            received = end.recv(65536)
            self._other[end].sendall(received)
        except OSError:
            received = b""
        if end in self._left_bytes:
            self._left_bytes[end] -= len(received)
        if not received:
            for gone in (end, self._other[end]):
                del self._other[gone]
                self._left_bytes.pop(gone, None)
                gone.close()


@pytest.fixture
def slow_line(mosquitto) -> Iterator[SlowLine]:
    with contextlib.closing(SlowLine(mosquitto.port)) as line:
        yield line


def test_an_event_overtakes_a_clip_on_a_slow_line(mosquitto, slow_line, start_publisher, until) -> None:
    subscriber = mosquitto.subscribe()
    publisher = start_publisher(slow_line.url)
    until(publisher.is_connected, "the connection")
    publisher.send_picture("events/1/clip", b"c" * CLIP_BYTES)
    until(slow_line.is_held, "a full line")
    publisher.publish(EVENT)
    assert publisher.flush(20) == 0
    until(subscriber.events, "the event")
    assert not subscriber.payloads("clip")
    slow_line.hurry()
    until(lambda: [len(clip) for clip in subscriber.payloads("clip")] == [CLIP_BYTES], "the clip")


def test_one_picture_is_on_its_way_and_few_wait(mosquitto, slow_line, start_publisher, until) -> None:
    subscriber = mosquitto.subscribe()
    publisher = start_publisher(slow_line.url)
    until(publisher.is_connected, "the connection")
    publisher.send_picture("events/0/clip", b"c" * CLIP_BYTES)
    until(slow_line.is_held, "a full line")
    for number in range(1, 100):
        publisher.send_picture(f"events/{number}/clip", b"c" * 300_000)
        publisher.send_picture("hall/snapshot", b"%d" % number)
    publisher.publish(EVENT)
    assert publisher.flush(20) == 0
    assert slow_line.most_connections == 2
    slow_line.hurry()
    until(lambda: len(subscriber.payloads("clip")) == MAX_PICTURES, "the clips")
    until(lambda: subscriber.payloads("snapshot") == ["99"], "the snapshot")


def test_a_picture_waits_while_an_event_does(mosquitto, until) -> None:
    subscriber = mosquitto.subscribe()
    asked: list[bool] = []
    event_waits = True

    def events_wait() -> bool:
        asked.append(event_waits)
        return event_waits

    broker = BrokerConfig(url=mosquitto.url)
    with contextlib.closing(
        PicturePost(broker, None, "box-pictures", events_wait=events_wait, report=lambda _: None)
    ) as post:
        post.put("edgewatch/box/hall/snapshot", b"jpeg")
        until(lambda: asked, "the question")
        mosquitto.subscribe().close()  # a round trip to the broker
        assert not subscriber.payloads("snapshot")
        event_waits = False
        post.wake()
        until(lambda: subscriber.payloads("snapshot"), "the picture")


def test_an_unforeseen_error_is_said_once_and_ends_no_later_picture(mosquitto, until) -> None:
    subscriber = mosquitto.subscribe()
    lines: list[str] = []
    faults = [OSError("unforeseen"), OSError("unforeseen")]

    def events_wait() -> bool:
        if faults:
            raise faults.pop()
        return False

    broker = BrokerConfig(url=mosquitto.url)
    with contextlib.closing(
        PicturePost(broker, None, "box-pictures", events_wait=events_wait, report=lines.append)
    ) as post:
        for left in (1, 0):
            post.put("edgewatch/box/hall/snapshot", b"lost")
            until(lambda left=left: len(faults) == left and not post._waiting, "the fault")
        post.put("edgewatch/box/hall/snapshot", b"jpeg")
        until(lambda: subscriber.payloads("snapshot"), "the picture")
    assert subscriber.payloads("snapshot") == ["jpeg"]
    (line,) = lines
    assert line.startswith("pictures did not leave: OSError: unforeseen")


def test_a_broker_that_does_not_answer_does_not_hold_the_end() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        broker = BrokerConfig(url=f"mqtt://127.0.0.1:{server.getsockname()[1]}")
        post = PicturePost(broker, None, "box-pictures", events_wait=lambda: False, report=lambda _: None)
        post.put("edgewatch/box/hall/snapshot", b"jpeg")
        with server.accept()[0]:
            began_s = time.monotonic()
            post.close()
            assert time.monotonic() - began_s < 2
    post._thread.join()


@pytest.mark.parametrize("version", ["3.1.1", "5"])
def test_a_clip_that_the_broker_refuses_by_size_costs_no_event(
    start_mosquitto, start_publisher, until, version
) -> None:
    lines: list[str] = []
    mosquitto = start_mosquitto(lines=("max_packet_size 100000",))
    subscriber = mosquitto.subscribe()
    publisher = start_publisher(mosquitto.url, version=version, report=lines.append)
    until(publisher.is_connected, "the connection")
    publisher.send_picture("events/1/clip", b"c" * CLIP_BYTES)
    until(lambda: any(f"{CLIP_BYTES} bytes of edgewatch/box/events/1/clip" in line for line in lines), "the line")
    publisher.send_picture("hall/snapshot", b"jpeg")
    publisher.publish(replace(EVENT, id="01JCAFE0000000000000000001"))
    assert publisher.flush(20) == 0
    until(lambda: subscriber.events() and subscriber.payloads("snapshot"), "event and picture")
    assert publisher.fields()["connections"] == 1
