"""The way between box and broker, for proofs that cut it."""

import select
import socket
import threading
import time
from contextlib import suppress

from proofs.rig.mosquitto import Listener, Mosquitto


class Proxy:
    """Stands between box and broker; cuts, swallows, or lets nobody through."""

    def __init__(self, broker_port: int) -> None:
        self.is_open = True
        self.swallows = False
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
        while not self._cut.is_set():
            for source in select.select([box, broker, self._server], [], [], 0.05)[0]:
                if source is self._server:
                    return  # the next connection, or the end
                received = source.recv(65536)
                if not received:
                    return
                if not self.swallows:
                    (broker if source is box else box).sendall(received)


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
