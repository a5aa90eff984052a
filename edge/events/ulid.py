"""Universally unique, lexicographically sortable identifiers (https://github.com/ulid/spec)."""

import secrets
from datetime import datetime
from typing import Final

ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32
TIME_BITS: Final = 48
RANDOM_BITS: Final = 80
LENGTH: Final = 26


def new_ulid(moment: datetime) -> str:
    """Return 26 characters that sort by the moment (to the millisecond) and are unique by chance."""
    milliseconds = round(moment.timestamp() * 1000) % (1 << TIME_BITS)
    number = (milliseconds << RANDOM_BITS) | secrets.randbits(RANDOM_BITS)
    return "".join(ALPHABET[(number >> (5 * place)) & 31] for place in reversed(range(LENGTH)))
