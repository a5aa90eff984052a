"""The way between box and broker, for proofs that cut it."""

import select
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

from proofs.rig.mosquitto import Listener, Mosquitto

PUBLISH = 3
"""Type of MQTT's packets that carry a message."""


class Packets:
    """Splits what comes into MQTT's packets."""

    def __init__(self) -> None:
        self._rest = b""

    def take(self, received: bytes) -> Iterator[bytes]:
        """Yield the packets that are whole now."""
        self._rest += received
        while (end := self._end()) is not None:
            yield self._rest[:end]
            self._rest = self._rest[end:]

    def _end(self) -> int | None:
        length = 0
        for place, byte in enumerate(self._rest[1:5]):
            length |= (byte & 0x7F) << 7 * place
            if byte < 0x80:
                end = place + 2 + length
                return end if end <= len(self._rest) else None
        return None


class Proxy:
    """Stands between box and broker; cuts, swallows, forgets, or lets nobody through."""

    def __init__(self, broker_port: int) -> None:
        self.is_open = True
        self.swallows = False
        self.forgets = False
        """Whether it keeps the box's messages to itself, as a broker that lives and acknowledges nothing."""
        self._broker_port = broker_port
        self._cut = threading.Event()
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def cut(self) -> None:
        """End the connection that is there."""
        self._cut.set()

    def close(self) -> None:
        self._cut.set()
        with suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._server.close()

    def _accept(self) -> None:
        while True:
            try:
                box, _ = self._server.accept()
            except OSError:
                return
            self._cut.clear()
            with box, suppress(OSError):
                if self.is_open:
                    with socket.create_connection(("127.0.0.1", self._broker_port)) as broker:
                        self._forward(box, broker)

    def _forward(self, box: socket.socket, broker: socket.socket) -> None:
        packets = Packets()
        while not self._cut.is_set():
            for source in select.select([box, broker, self._server], [], [], 0.05)[0]:
                if source is self._server:
                    return  # the next connection, or the end
                received = source.recv(65536)
                if not received:
                    return
                if source is broker and not self.swallows:
                    box.sendall(received)
                for packet in packets.take(received) if source is box else ():
                    if not self.swallows and not (self.forgets and packet[0] >> 4 == PUBLISH):
                        with suppress(OSError):  # what it said before it hung up is still to be read
                            broker.sendall(packet)


def kill_broker(broker: Mosquitto, listener: Listener, proxy: Proxy, outage_s: float) -> None:
    """Kill the broker and start it again after a while.

    The box is let through again when the listener is: what a broker takes while nobody listens is not ours.
    """
    proxy.is_open = False
    listener.forget_subscription()
    broker.kill()
    time.sleep(outage_s)
    broker.start()
    listener.await_subscription()
    proxy.is_open = True
