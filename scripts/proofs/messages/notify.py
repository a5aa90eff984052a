"""Whether everybody is told of every alarm, once.

Evidence: a real publisher sends alarms, `edge notify` tells a web service through Apprise, while broker and notifier
are restarted in turn; at the end the notifier is killed a few times as well, where one message may come twice. Then a
box's falls through hostile brokers and messages, full disks and a wrong clock, and how long after their end people and
dashboard had them.
"""

import shutil
import time
from collections.abc import Generator
from contextlib import ExitStack, closing, contextmanager

from edge.bundle import BUILTIN, Bundle
from edge.config import BrokerConfig
from edge.errors import EdgewatchError
from edge.mqtt.outbox import SCHEMA, Outbox
from edge.mqtt.publisher import Publisher
from edge.mqtt.store import Store
from edge.types import Event
from proofs.frame.proof import Evidence, Figure, Figures, Limit, Proof, Setting, say
from proofs.rig import siege
from proofs.rig.listeners import Inbox, Notifier
from proofs.rig.mosquitto import Mosquitto, wait_until

ROUNDS, SHORT_ROUNDS = 20, 4
ALARMS_A_ROUND = 10
ALARM_INTERVAL_S = 0.05
KILLED_ROUNDS = 4
"""Of every so many rounds, one kills the notifier after the others were counted."""

TABLE = (
    Figure("alarms", "alarms sent, broker and notifier restarted in turn"),
    Figure("restarts", "restarts"),
    Figure("lost", "alarms that nobody was told of", limit=Limit("<=", 0)),
    Figure("twice", "alarms told twice", limit=Limit("<=", 0)),
    Figure("killed_alarms", "alarms sent while the notifier was killed"),
    Figure("killed_lost", "of these, alarms that nobody was told of", limit=Limit("<=", 0)),
    Figure("killed_twice", "of these, alarms told twice"),
    *siege.rows("people or page"),
)
RULES = """
[[rules]]
name = "falls"
when = ["fall"]
tell = ["nurse"]
"""


def alarm(number: int) -> Event:
    started_at = "2026-01-02T03:04:05.678Z"
    return Event(
        f"E{number}", f"camera-{number}", "fall", "started", 0.9, 0.9, started_at, None, 0, None, "m", "0", None
    )


@contextmanager
def publishing(port: int, box: str) -> Generator[Publisher]:
    """A box's own publisher: what the broker has not acknowledged is sent again."""
    with closing(Store(None, SCHEMA)) as store:
        broker = BrokerConfig(url=f"mqtt://127.0.0.1:{port}")
        outbox = Outbox(store, 10_000, 10_000_000)
        publisher = Publisher(broker, None, device_id=box, outbox=outbox, report=lambda _: None)
        publisher.start()
        with closing(publisher):
            yield publisher


def measure(setting: Setting) -> Evidence:
    """Send alarms, and restart something after each few."""
    rounds = SHORT_ROUNDS if setting.short else ROUNDS
    folder = setting.work / "run"
    shutil.rmtree(folder, ignore_errors=True)
    with ExitStack() as opened:
        broker = Mosquitto(folder / "broker", remembers=True)
        broker.start()
        opened.callback(broker.stop)
        inbox = opened.enter_context(closing(Inbox()))
        notifier = Notifier(folder / "notifier", broker.port, inbox.url, RULES)
        opened.callback(notifier.stop)
        notifier.start()
        publishers = [opened.enter_context(publishing(broker.port, f"box-{place}")) for place in range(ALARMS_A_ROUND)]
        sent = 0
        told: list[list[int]] = []
        for kills in (False, True):
            first = sent
            for number in range(rounds if not kills else max(1, rounds // KILLED_ROUNDS)):
                is_broker = number % 2 == 0 and not kills
                for place in range(ALARMS_A_ROUND):
                    if place == ALARMS_A_ROUND // 2:
                        broker.stop() if is_broker else notifier.kill() if kills else notifier.stop()
                    publishers[place].publish(alarm(sent))
                    sent += 1
                    time.sleep(ALARM_INTERVAL_S)
                broker.start() if is_broker else notifier.start()
            wanted = range(first, sent)
            try:
                wait_until(lambda wanted=wanted: all(inbox.told[number] for number in wanted), "the last message")
            except EdgewatchError as error:
                say(str(error))
            told.append([len(inbox.told[number]) for number in wanted])
            say(f"{sent - first} alarms{', the notifier killed' if kills else ''}: told {sum(told[-1])} times")
    return {
        "bundle_sha256": Bundle.load(BUILTIN).digest,
        "rounds": rounds,
        "told": told[0],
        "told_when_killed": told[1],
        "outcomes": siege.besiege(setting.work / "siege", short=setting.short),
    }


def figures(evidence: Evidence) -> Figures:
    told, killed = evidence["told"], evidence["told_when_killed"]
    return {
        "alarms": len(told),
        "restarts": evidence["rounds"],
        "lost": told.count(0),
        "twice": sum(times > 1 for times in told),
        "killed_alarms": len(killed),
        "killed_lost": killed.count(0),
        "killed_twice": sum(times > 1 for times in killed),
        **siege.figures(evidence["outcomes"], "people", "page"),
    }


PROOF = Proof(
    name="notify",
    summary="alarms told to people while broker and notifier are restarted, and through all that may go wrong",
    table=TABLE,
    measure=measure,
    figures=figures,
)
