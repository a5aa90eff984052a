"""Whether a camera still sees: not covered, not dark, in focus, and looking where it usually looks.

What it usually sees is learned slowly, so that dusk and a moved chair are nothing new, and not at all while it is
blind. Times are the pictures'.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge.frames.glance import Glance, outlines
from edge.types import NS_PER_S

DARK_LEVEL: Final = 16.0
"""Grey levels; H.264 says black with 16."""
FLAT_CONTRAST: Final = 5.0
"""Standard deviation in grey levels, of a picture in which nothing can be told apart."""
BLURRED_SHARE: Final = 0.4
"""Of the usual sharpness."""
TURNED_CORRELATION: Final = 0.3
"""Of the outlines with the usual ones; light that changes leaves outlines where they are."""
CONFIRM_S: Final = 10.0
"""So long a fault has to last: people walk close past a lens."""
LEARN_S: Final = 120.0
"""After so long, two thirds of what is usual are new."""
FIRST_LEARN_S: Final = 20.0
"""What is usual is not known before."""
ACCEPT_S: Final = 1800.0
"""A camera that looks elsewhere for so long was turned on purpose."""


@dataclass(frozen=True, slots=True)
class View:
    """What a camera usually sees, and what is wrong with what it sees now."""

    outlines: NDArray[np.float32] | None = None  # GLANCE_PX less a margin, mean 0, norm 1
    sharpness: float = 0.0
    learned_s: float = 0.0
    last_ns: int = 0
    suspicion: str | None = None
    """What seems wrong."""
    since_ns: int = 0
    """From when on."""

    def blind(self) -> str | None:
        """Return why the camera is blind, or None."""
        lasted_ns = self.last_ns - self.since_ns
        return self.suspicion if self.suspicion is not None and lasted_ns >= CONFIRM_S * NS_PER_S else None

    def after(self, seen: Glance) -> "View":
        """Return the view after one more picture."""
        now_ns = seen.capture_ns
        lines = outlines(seen)
        suspicion = self._fault(seen, lines)
        if suspicion is not None:
            since_ns = self.since_ns if suspicion == self.suspicion else now_ns
            is_turned = suspicion.startswith(("looks", "is out"))
            if is_turned and now_ns - since_ns >= ACCEPT_S * NS_PER_S:
                return View(last_ns=now_ns)
            return replace(self, last_ns=now_ns, suspicion=suspicion, since_ns=since_ns)
        gap_s = min((now_ns - self.last_ns) / NS_PER_S, 1.0) if self.last_ns else 0.0
        if self.outlines is None:
            return View(lines, seen.sharpness, gap_s, now_ns)
        learned_s = self.learned_s + gap_s
        share = gap_s / min(LEARN_S, max(learned_s, gap_s, 1.0))  # at first a plain mean
        usual = np.asarray(self.outlines + share * (lines - self.outlines), np.float32)
        sharpness = self.sharpness + share * (seen.sharpness - self.sharpness)
        return View(usual, sharpness, learned_s, now_ns)

    def _fault(self, seen: Glance, lines: NDArray[np.float32]) -> str | None:
        level, contrast = float(seen.grey.mean()), float(seen.grey.std())
        if contrast < FLAT_CONTRAST:
            return "is dark" if level < DARK_LEVEL else "is covered"
        if self.outlines is None or self.learned_s < FIRST_LEARN_S:
            return None
        if seen.sharpness < BLURRED_SHARE * self.sharpness:
            return "is out of focus"
        norm = float(np.linalg.norm(self.outlines))
        if norm and float((self.outlines * lines).sum()) / norm < TURNED_CORRELATION:
            return "looks elsewhere than usual"
        return None
