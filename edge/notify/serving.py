"""Runs the notifier until a signal."""

import math
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import closing

from edge.config import broker_password
from edge.errors import EdgewatchError
from edge.events.ulid import new_ulid
from edge.mqtt.subscriber import Subscriber, Subscription
from edge.notify.bridge import FILTERS, UNQUEUED_FILTERS, Bridge
from edge.notify.courier import Courier, Service, services
from edge.notify.delivery import Delivery
from edge.notify.digest import Digest
from edge.notify.ledger import Ledger
from edge.notify.settings import NotifyConfig, addresses
from edge.system.interruption import Interruption

POLL_S, TEND_S = 1.0, 30.0


def serve(config: NotifyConfig, interruption: Interruption, *, test: bool = False) -> None:
    """Tell people until SIGTERM or Ctrl-C; what is on its way is finished first.

    Args:
        config: the whole file.
        interruption: ends it.
        test: only send everybody one message, and return.

    Raises:
        ConfigurationError: somebody has no address, or the ledger cannot be used.
        EdgewatchError: a service does not take the test.
    """
    reach = services(addresses(config.people))
    if test:
        _send_test(config, reach)
        return
    with closing(Ledger(config.state_dir, _say)) as ledger:
        for stranger in ledger.drop_others(config.people):
            _say(f"{stranger}: is in the configuration no more; what was to be told is dropped")
        bridge = Bridge(config, ledger, report=_say)
        digest = Digest(config, ledger)
        delivery = Delivery(Courier(person, ways, config, ledger, report=_say) for person, ways in reach.items())
        bridge.wake = delivery.wake
        name = ledger.setting("client", new_ulid(config.local(0)))
        subscriber = Subscriber(
            config.broker,
            broker_password(),
            Subscription(f"edgewatch-notify-{name}", FILTERS, UNQUEUED_FILTERS),
            receive=bridge.receive,
            connected=bridge.connected,
            report=_say,
        )
        with closing(delivery), closing(subscriber):
            delivery.start()
            subscriber.start()
            tended_s = -math.inf
            while not interruption:
                if time.monotonic() - tended_s >= TEND_S:
                    tended_s = time.monotonic()
                    digest.tick()
                    delivery.wake()
                subscriber.check()
                delivery.check()
                interruption.wait(POLL_S)


def _send_test(config: NotifyConfig, reach: Mapping[str, Sequence[Service]]) -> None:
    test = ("Test: edgewatch", "This person can be reached.")
    missed = [person for person in config.people for tell in reach[person] if not tell(*test)]
    if missed:
        raise EdgewatchError(f"people.{missed[0]}: the service does not take a message; check the address")


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
