"""Whether the picture jumped between two looks: another take, another camera, a camera that was turned round."""

from typing import Final

import numpy as np

from edge.frames.glance import Glance, outlines

CHANGED_LEVELS: Final = 6
"""Grey levels of a cell, less what the whole picture changes by."""
CHANGED_SHARE: Final = 0.5
"""Of all cells. Somebody who walks past changes a third."""
SAME_CORRELATION: Final = 0.2
"""Of outlines. Of 20 cameras, one swung by hand among them, it is 0.22 at least after 0.4 s."""


def jumped(before: Glance, now: Glance) -> bool:
    """Say whether the picture jumped: most of it changed, and its outlines are others. A lamp leaves outlines."""
    change = now.grey.astype(np.int16) - before.grey
    changed = np.abs(change - np.median(change)) >= CHANGED_LEVELS
    if float(changed.mean()) < CHANGED_SHARE:
        return False
    return float((outlines(before) * outlines(now)).sum()) < SAME_CORRELATION
