"""How much of one sender is listened to: a flood is passed over before it costs anybody else anything."""

from collections import OrderedDict
from typing import Final

EVENTS_PER_S, EVENTS_AT_ONCE = 20.0, 400.0
MAX_SENDERS: Final = 1000


class Allowance:
    """A bucket for each sender, full at first."""

    def __init__(self) -> None:
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()
        """By sender: how many events it had left, and when."""

    def takes(self, sender: str, now_s: float) -> bool:
        """Whether one more event of a sender is listened to; `now_s` may be of any clock."""
        left, at_s = self._left.get(sender, (EVENTS_AT_ONCE, now_s))
        left = min(EVENTS_AT_ONCE, left + max(0.0, now_s - at_s) * EVENTS_PER_S)
        self._left[sender] = (left - 1 if left >= 1 else left, now_s)
        self._left.move_to_end(sender)
        if len(self._left) > MAX_SENDERS:
            self._left.popitem(last=False)
        return left >= 1
