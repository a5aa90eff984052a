"""A box, a notifier and a dashboard for an hour at a broker of which everything goes wrong that can.

Evidence: the whole programs, a scripted camera's falls, mosquitto, and in random order, one after the other: a broker
that acknowledges nothing, refuses by size or denies by its access list, poisoned topics, full disks and a wrong
clock. Of each, how long after its end the broker, people and page had every fall. What comes of one box soon after
another alarm of it is gathered before people are told, so they have twice the time.
"""

import random
import time
from contextlib import ExitStack

from edge.bundle import BUILTIN, Bundle
from proofs.frame.proof import Evidence, Figure, Figures, Limit, Proof, Setting
from proofs.rig import siege

LASTS_S, SHORT_S = 3600.0, 120.0
SEED = 24

TABLE = (
    Figure("minutes", "the run took", "min", digits=1),
    *siege.rows("broker, people or page", limit_s=2 * siege.LATEST_S),
    Figure("memory_mb", "memory of the largest of the three programs", "MB", Limit("<=", 300), 0),
    Figure("log_kb", "all that they wrote in their logs", "kB", Limit("<=", 1000), 0),
)


def measure(setting: Setting) -> Evidence:
    """Begin faults until the time is over."""
    chance = random.Random(SEED)
    began_s = time.monotonic()
    outcomes: list[Evidence] = []
    with ExitStack() as opened:
        besieged = siege.Siege(setting.work / "run", opened)
        while time.monotonic() - began_s < (SHORT_S if setting.short else LASTS_S):
            names = [*siege.FAULTS]
            chance.shuffle(names)
            outcomes += [siege.withstand(besieged, name, short=setting.short) for name in names]
    return {
        "bundle_sha256": Bundle.load(BUILTIN).digest,
        "minutes": (time.monotonic() - began_s) / 60,
        "outcomes": outcomes,
    }


def figures(evidence: Evidence) -> Figures:
    outcomes = evidence["outcomes"]
    return {
        "minutes": evidence["minutes"],
        **siege.figures(outcomes, *siege.AUDIENCES),
        "memory_mb": max(size for outcome in outcomes for size in outcome["memory_mb"].values()),
        "log_kb": outcomes[-1]["log_kb"],
    }


PROOF = Proof(
    name="siege",
    summary="an hour in which hostile brokers and messages, full disks and a wrong clock lose no alarm",
    table=TABLE,
    measure=measure,
    figures=figures,
)
