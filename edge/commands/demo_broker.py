"""An embedded MQTT broker on loopback, for `edge run --demo-broker` and demonstrations: not for a box.

It needs the extra `demo`. It takes anyone who can reach this machine's loopback address, and speaks MQTT 3.1.1.
"""

import asyncio
import contextlib
import importlib
import logging
import socket
import threading
from collections.abc import Generator
from typing import Any

from edge.errors import BrokerError, ConfigurationError

LOOPBACK = "127.0.0.1"
START_TIMEOUT_S = 10.0
GRACE_S = 0.5
"""How long subscribers have to receive what the broker took last."""
STOP_TIMEOUT_S = 2.0
"""A subscriber that stays connected would hold the broker's shutdown up."""


@contextlib.contextmanager
def demo_broker() -> Generator[str]:
    """Run a broker on a free port of loopback while the context is open; give its URL.

    Raises:
        ConfigurationError: the extra `demo` is not installed.
        BrokerError: it does not start.
    """
    try:
        broker_module = importlib.import_module("amqtt.broker")  # an extra, without types, slow to import
    except ImportError as error:
        raise ConfigurationError(
            f"--demo-broker: amqtt is not installed ({error}); install the extra: pip install 'edgewatch[demo]'"
        ) from error
    logging.getLogger("amqtt").setLevel(logging.CRITICAL)
    logging.getLogger("transitions").setLevel(logging.CRITICAL)
    port = _free_port()
    server = _Server(broker_module.Broker, port)
    server.start()
    try:
        yield f"mqtt://{LOOPBACK}:{port}"
    finally:
        server.stop()


class _Server:
    """The broker's event loop in a thread of its own."""

    def __init__(self, make_broker: Any, port: int) -> None:
        self._make_broker = make_broker
        self._port = port
        self._loop = asyncio.new_event_loop()
        self._started = threading.Event()
        self._stop = asyncio.Event()
        self._fault: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="demo-broker", daemon=True)

    def start(self) -> None:
        self._thread.start()
        if not self._started.wait(START_TIMEOUT_S) or self._fault is not None:
            raise BrokerError(
                f"{LOOPBACK}:{self._port}: the demo broker does not start ({self._fault or 'no answer'}); try again"
            )

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(GRACE_S + 2 * STOP_TIMEOUT_S)

    def _run(self) -> None:
        with contextlib.closing(self._loop):
            try:
                self._loop.run_until_complete(self._serve())
            except Exception as error:  # noqa: BLE001 - reported by `start`
                self._fault = error
            finally:
                self._started.set()

    async def _serve(self) -> None:
        broker = self._make_broker(
            {
                "listeners": {"default": {"type": "tcp", "bind": f"{LOOPBACK}:{self._port}"}},
                "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
            },
            loop=self._loop,
        )
        await broker.start()
        self._started.set()
        await self._stop.wait()
        await asyncio.sleep(GRACE_S)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(broker.shutdown(), STOP_TIMEOUT_S)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return probe.getsockname()[1]
