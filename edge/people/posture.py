"""Whether a body is upright, sits or lies: by how far torso and thighs go down in the picture.

A camera at 1 to 3.5 m sees what stands on the floor upright in its picture. A torso goes down by all of its length when
somebody stands or sits, and by little when somebody lies, across the picture or, foreshortened, along the camera's
axis; thighs go down by all of their length only when somebody stands. A torso that is not down over legs that stand
(picking something up, tying shoes) is none of the three; on all fours counts as lying, since who lies curled up on the
side looks the same from above.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from edge.people.body import ANKLES, HIPS, KNEES, SHANK, SHOULDERS, THIGH, TORSO, Bodies, Floats

POSTURES: Final = ("upright", "sitting", "lying")
UPRIGHT, SITTING, LYING = range(3)
TORSO_DOWN: Final = 0.6
"""Of a torso's length: leaning by 53 degrees. A body along the axis of a camera that looks down by 30 has as much."""
LEGS_DOWN: Final = 0.7
"""Of the length of thighs, or of whole legs. Thighs of who sits facing a camera that looks down by 30 degrees go down
by 0.6, of who walks by 0.9."""
SOFTNESS: Final = 0.1
"""Of the same lengths: where confidence is 0.73, to either side."""
WIDE_SOFTNESS: Final = 0.15
"""Of the body's height, for width less height of the box: who lies is wider than high."""


def posture(seen: Bodies, heights: Floats) -> Floats:
    """Confidence of each posture, (n, 3), as in `POSTURES`; at most 1 together.

    Args:
        seen: n people.
        heights: as they stand, (n,), in heights of the picture.
    """
    torso, torso_trust = _down(seen, SHOULDERS, HIPS, TORSO * heights, TORSO_DOWN)
    thighs, thigh_trust = _down(seen, HIPS, KNEES, THIGH * heights, LEGS_DOWN)
    legs, leg_trust = _down(seen, HIPS, ANKLES, (THIGH + SHANK) * heights, LEGS_DOWN)
    sides = seen.boxes[:, 2:] - seen.boxes[:, :2]
    high = _above((sides[:, 0] - sides[:, 1]) / heights, 0, WIDE_SOFTNESS)
    # What is hidden is guessed from the box; thighs may then be either, but are not below the hips of who lies.
    torso = torso_trust * torso + (1 - torso_trust) * high
    thighs = thigh_trust * thighs + (1 - thigh_trust) * high / 2
    legs = leg_trust * legs + (1 - leg_trust) * thighs
    return np.stack([torso * thighs, torso * (1 - thighs), (1 - torso) * (1 - legs)], 1).astype(np.float32)


def _down(seen: Bodies, above: int, below: int, lengths: Floats, middle: float) -> tuple[Floats, Floats]:
    """Whether one pair of joints is as far below another as when somebody stands, (n,), and the trust in it, (n,)."""
    drops = seen.middles[:, below, 0] - seen.middles[:, above, 0]
    trusts = np.minimum(seen.middle_trusts[:, below], seen.middle_trusts[:, above])
    return _above(drops / lengths, middle, SOFTNESS), trusts


def _above(values: NDArray[np.floating[Any]], middle: float, softness: float) -> Floats:
    """From 0, far below, to 1, far above."""
    return np.asarray((1 + np.tanh((values - middle) / (2 * softness))) / 2, np.float32)
