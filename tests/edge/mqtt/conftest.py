"""A publisher and its outbox, and a broker that does only what it is told."""

import contextlib
import random
import select
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from edge.config import BrokerConfig
from edge.mqtt.outbox import SCHEMA, Outbox
from edge.mqtt.publisher import Publisher
from edge.mqtt.store import Store
from edge.mqtt.traffic import ACKNOWLEDGE_TIMEOUT_S
from proofs.rig.proxy import Proxy


@pytest.fixture
def outbox() -> Iterator[Outbox]:
    with contextlib.closing(Store(None, SCHEMA)) as store:
        yield Outbox(store, 1000, 1_000_000)


@pytest.fixture
def start_publisher(outbox: Outbox) -> Iterator[Callable[..., Publisher]]:
    publishers: list[Publisher] = []

    def start(url: str, password: str | None = None, **settings: Any) -> Publisher:
        stats = settings.pop("stats", None)
        report = settings.pop("report", lambda _: None)
        acknowledge_timeout_s = settings.pop("acknowledge_timeout_s", ACKNOWLEDGE_TIMEOUT_S)
        broker = BrokerConfig(url=url, **settings)
        publisher = Publisher(
            broker,
            password,
            device_id="box",
            outbox=outbox,
            report=report,
            stats=stats,
            acknowledge_timeout_s=acknowledge_timeout_s,
        )
        publishers.append(publisher)
        publisher.start()
        return publisher

    yield start
    for publisher in publishers:
        publisher.close()


class MuteBroker:
    """Answers CONNECT and PINGREQ, as MQTT 3.1.1 and 5 want it, and nothing else; takes all connections."""

    def __init__(self) -> None:
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = f"mqtt://127.0.0.1:{self._server.getsockname()[1]}"
        self.connections = 0
        self.refusal_of_5: bytes | None = None
        """Is sent before it hangs up on MQTT 5; None takes that."""
        self.is_silent_at_5 = False
        self.farewell = b""
        """What is sent after the answer to CONNECT."""
        self.received = b""
        """All bytes of all connections."""
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)  # wakes the thread
        self._thread.join()
        self._server.close()

    def _serve(self) -> None:
        peers: list[socket.socket] = []
        while True:
            for ready in select.select([self._server, *peers], [], [])[0]:
                if ready is self._server:
                    try:
                        peers.append(ready.accept()[0])
                    except OSError:
                        for peer in peers:
                            peer.close()
                        return
                elif not self._answer(ready):
                    peers.remove(ready)
                    ready.close()

    def _answer(self, peer: socket.socket) -> bool:
        try:
            received = peer.recv(65536)
            if received[:1] == CONNECT:
                self.connections += 1
                is_version_5 = received[received.index(b"MQTT") + 4] == 5
                if is_version_5 and self.is_silent_at_5:
                    return True
                if is_version_5 and self.refusal_of_5 is not None:
                    peer.sendall(self.refusal_of_5)
                    return False
                peer.sendall(b"\x20\x03\0\0\0" if is_version_5 else b"\x20\x02\0\0")
                peer.sendall(self.farewell)
            elif received == PINGREQ:
                peer.sendall(b"\xd0\0")
        except OSError:
            return False
        self.received += received
        return bool(received)


CONNECT, PINGREQ = b"\x10", b"\xc0\0"


@pytest.fixture
def mute_broker() -> Iterator[MuteBroker]:
    broker = MuteBroker()
    yield broker
    broker.close()


class CuttingProxy(Proxy):
    """Cuts every connection after some hundred bytes from either side."""

    def __init__(self, broker_port: int, cuts: int) -> None:
        self.cuts_left = cuts
        self._random = random.Random(7)
        super().__init__(broker_port)

    def _forward(self, box: socket.socket, broker: socket.socket) -> None:
        budget = self._random.randrange(600, 4000) if self.cuts_left else sys.maxsize
        self.cuts_left -= self.cuts_left > 0
        while budget > 0:
            for source in select.select([box, broker, self._server], [], [])[0]:
                if source is self._server:
                    return  # the next connection, or the end
                received = source.recv(min(budget, 512))
                budget -= len(received)
                if not received:
                    return
                with contextlib.suppress(OSError):
                    (broker if source is box else box).sendall(received)


@pytest.fixture
def cutting_proxy() -> Iterator[Callable[..., CuttingProxy]]:
    """Start a proxy before the broker of a port; it ends with the test."""
    with contextlib.ExitStack() as stack:

        def start(broker_port: int, cuts: int) -> CuttingProxy:
            proxy = CuttingProxy(broker_port, cuts)
            stack.callback(proxy.close)
            return proxy

        yield start


@pytest.fixture
def hanging_lookup(monkeypatch: pytest.MonkeyPatch) -> tuple[threading.Event, threading.Event]:
    """Have lookups of names hang: the first event says that one has begun, the second has them fail."""
    looks, may_end = threading.Event(), threading.Event()

    def look_up(*_: object, **__: object) -> None:
        looks.set()
        may_end.wait(60)
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return looks, may_end
