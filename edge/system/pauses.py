"""How long to wait before trying again, for brokers and cameras that are tried for ever."""

import random
from collections.abc import Iterator

FIRST_PAUSE_S = 0.5
JITTER = 0.5
"""A pause is shortened by up to this part of it, so that a fleet does not come back all at once."""


def growing_pauses_s(cap_s: float) -> Iterator[float]:
    """Yield pauses that double from half a second to the cap, jittered, for ever."""
    longest_s = FIRST_PAUSE_S
    while True:
        yield longest_s * (1 - JITTER * random.random())
        longest_s = min(2 * longest_s, cap_s)
