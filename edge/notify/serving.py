"""Runs the notifier until a signal."""

import sys
import threading
import time
from collections.abc import Mapping
from contextlib import closing
from typing import Final

from edge.config import broker_password
from edge.errors import ConfigurationError
from edge.events.ulid import new_ulid
from edge.mqtt.subscriber import Subscriber, Subscription
from edge.notify.bridge import FILTERS, Bridge
from edge.notify.courier import Courier, Service, services
from edge.notify.ledger import Ledger
from edge.notify.settings import NotifyConfig, addresses
from edge.system.interruption import Interruption

POLL_S: Final = 0.2


def serve(config: NotifyConfig, interruption: Interruption, *, test: bool = False) -> None:
    """Tell people until SIGTERM or Ctrl-C; what is on its way is finished first.

    Args:
        config: the whole file.
        interruption: ends it.
        test: only send everybody one message, and return.

    Raises:
        ConfigurationError: somebody has no address, or the ledger cannot be used.
    """
    reach = services(addresses(config.people))
    if test:
        _send_test(config, reach)
        return
    with closing(Ledger(config.state_dir)) as ledger:
        bridge = Bridge(config, ledger)
        courier = Courier(config, ledger, reach, _say)
        name = ledger.setting("client", new_ulid(config.local(0)))
        subscriber = Subscriber(
            config.broker,
            broker_password(),
            Subscription(f"edgewatch-notify-{name}", FILTERS),
            receive=bridge.receive,
            connected=bridge.connected,
            report=_say,
        )
        news = threading.Event()
        bridge.wake = news.set
        with closing(subscriber):
            subscriber.start()
            while not interruption:
                news.clear()
                wait_s = courier.tick(lambda: bool(interruption))
                deadline_s = time.monotonic() + wait_s
                while not news.is_set() and not interruption and time.monotonic() < deadline_s:
                    interruption.wait(POLL_S)
                subscriber.check()


def _send_test(config: NotifyConfig, reach: Mapping[str, Service]) -> None:
    missed = [person for person in config.people if not reach[person]("Test: edgewatch", "This person can be reached.")]
    if missed:
        raise ConfigurationError(f"people.{missed[0]}: the service does not take a message; check the address")


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
