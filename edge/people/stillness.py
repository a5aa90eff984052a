"""Since when a body has not moved: its own points over its height, not what moves around it.

The points of who lies wander, as the network guesses what it cannot see: they are averaged over a second, and those
that it hardly sees do not count.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from edge.people.body import NOTHING, Floats
from edge.types import NS_PER_S

MEMORY_S: Final = 1.0
"""Of the mean of a point's place."""
LEAST_TRUST: Final = 0.5
"""Of a point whose movement counts."""
MOVED_TORSO: Final = 0.1
"""Body heights that the middle of all points has gone: the body rolls, or crawls on."""
MOVED_POINT: Final = 0.2
"""Body heights that two points have gone: an arm moves, or a leg."""
LEAST_POINTS: Final = 2


@dataclass(frozen=True, slots=True)
class Rest:
    """A body that does not move, or has just moved."""

    since_ns: int
    """Of the last movement."""
    now_ns: int
    """Of the last look."""
    places: Floats | None = None  # (13, 2): y, x
    """Mean places of its points, in heights of the picture."""
    trusts: Floats | None = None  # (13,)
    anchor: Floats | None = None  # (13, 2)
    """The same when it last moved."""
    anchor_trusts: Floats | None = None  # (13,)

    def after(self, places: Floats, trusts: Floats, height: float, now_ns: int) -> "Rest":
        """Look at the body once more.

        Args:
            places: of its points (13, 2): y, x, in heights of the picture.
            trusts: in them (13,).
            height: of the body as it stands, in heights of the picture.
            now_ns: later than the last look.
        """
        if self.places is None or self.trusts is None or self.anchor is None or self.anchor_trusts is None:
            return Rest(self.since_ns, now_ns, places, trusts, places, trusts)
        share = float(1 - np.exp(-(now_ns - self.now_ns) / NS_PER_S / MEMORY_S))
        weights = (share * trusts / (share * trusts + (1 - share) * self.trusts + NOTHING))[:, np.newaxis]
        mean = (self.places + weights * (places - self.places)).astype(np.float32)
        mean_trusts = (self.trusts + share * (trusts - self.trusts)).astype(np.float32)
        shown = np.minimum(mean_trusts, self.anchor_trusts)
        if not _has_moved(mean - self.anchor, shown, height):
            # A point that was hidden begins where it appears.
            appeared = (self.anchor_trusts < LEAST_TRUST) & (mean_trusts >= LEAST_TRUST)
            anchor = np.where(appeared[:, np.newaxis], mean, self.anchor).astype(np.float32)
            kept = np.where(appeared, mean_trusts, self.anchor_trusts).astype(np.float32)
            return replace(self, now_ns=now_ns, places=mean, trusts=mean_trusts, anchor=anchor, anchor_trusts=kept)
        return Rest(now_ns, now_ns, mean, mean_trusts, mean, mean_trusts)

    def unseen(self, now_ns: int, *, moves: bool) -> "Rest":
        """Look in vain; `moves`: something moves where the body is."""
        return replace(self, now_ns=now_ns, since_ns=now_ns if moves else self.since_ns)

    def anew(self, now_ns: int) -> "Rest":
        """Begin to count again: nobody looked for long."""
        return replace(self, since_ns=now_ns, now_ns=now_ns)


def _has_moved(shift: Floats, trusts: Floats, height: float) -> bool:
    """Say whether shifts (13, 2) of points with trusts (13,) are movement."""
    lengths = np.hypot(shift[:, 0], shift[:, 1]) / height
    middle = (shift * trusts[:, np.newaxis]).sum(0) / (trusts.sum() + NOTHING) / height
    far = (lengths > MOVED_POINT) & (trusts >= LEAST_TRUST)
    return float(np.hypot(*middle)) > MOVED_TORSO or int(far.sum()) >= LEAST_POINTS
