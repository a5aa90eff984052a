"""Whether the camera itself moves: it is carried, it pans, somebody turns it.

Between two glances one shift of the whole picture is fitted to what changed along its edges, robustly (normal flow,
Horn and Schunck 1981), and the camera has moved where that shift explains half of the change: who fills the picture
moves as far, and not all of it one way. Pans of a tenth of the picture's width a second are told at nine looks of ten,
of twice that at all, of half of it at six; those of half the width leave nothing of a glance where it was, and are not.
Of 97 filmed fights that were told (`surveillance-fight`) two are held back by it, both filmed off a screen by hand.
"""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.frames.glance import Glance
from edge.types import NS_PER_S

LEAST_SPEED: Final = 1.5
"""Cells of a glance a second: a fortieth of the picture's width."""
EXPLAINED_SHARE: Final = 0.5
"""Of what changed along edges, by a shift of the picture."""
LEAST_CHANGE: Final = 1.0
"""Grey levels, in the mean over a glance: with less nothing moved as far."""
LATELY_S: Final = 1.0
MOVING_SHARE: Final = 0.6
"""The camera moves while it did at so many of the looks of `LATELY_S`."""
LEAST_LOOKS: Final = 4
SETTLED_S: Final = 1.0
"""After so long without moving it stands still: until then what is remembered of the scene is its own movement."""
HELD_S: Final = 10.0
"""A camera that moves longer, in a bus for one, is judged as it is."""
MAX_GAP_S: Final = 0.5
"""Between glances that are compared."""
BLUR_CELLS: Final = 1.0
SOBEL_GAIN: Final = 8
"""Of a 3 x 3 Sobel filter over a slope of one grey level a cell."""
N_EDGES: Final = 768
"""Cells with the steepest slopes, a quarter of all: what is even shows no movement."""
N_FITS: Final = 3
RIDGE: Final = 1e-3
"""Where all edges run one way, nothing is known of a shift along them."""
NOISE_LEVELS: Final = 0.3

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class CameraMotion:
    """Whether a camera moves, as of the last glance."""

    glance: Glance | None = None
    lately: tuple[tuple[int, bool], ...] = ()
    """When it was looked, and whether the picture had shifted."""
    since_ns: int | None = None
    """Since when it moves; None where it stands still."""
    moved_ns: int = 0
    """When it was last seen to."""

    def after(self, seen: Glance) -> "CameraMotion":
        """Look once more; after a pause all begins anew."""
        now_ns = seen.capture_ns
        if self.glance is None or not 0 < now_ns - self.glance.capture_ns <= MAX_GAP_S * NS_PER_S:
            return CameraMotion(seen)
        kept = (one for one in self.lately if one[0] > now_ns - LATELY_S * NS_PER_S)
        lately = (*kept, (now_ns, has_shifted(self.glance, seen)))
        since_ns, moved_ns = self.since_ns, self.moved_ns
        if len(lately) >= LEAST_LOOKS and sum(moved for _, moved in lately) >= MOVING_SHARE * len(lately):
            since_ns, moved_ns = now_ns if since_ns is None else since_ns, now_ns
        elif now_ns - moved_ns > SETTLED_S * NS_PER_S:
            since_ns = None
        return CameraMotion(seen, lately, since_ns, moved_ns)

    @property
    def holds_back(self) -> bool:
        """Whether what moves in the picture is the camera's movement, and tells of nobody's."""
        if self.glance is None or self.since_ns is None:
            return False
        return self.glance.capture_ns - self.since_ns <= HELD_S * NS_PER_S


def has_shifted(before: Glance, now: Glance) -> bool:
    """Say whether the whole picture shifted between two glances."""
    first, second = _smooth(before), _smooth(now)
    change = second - first
    change -= float(np.median(change))
    if float(np.abs(change).mean()) < LEAST_CHANGE:
        return False
    slopes, changes = _edges(first + second, change)
    shift, left = _fit(slopes, changes)
    elapsed_s = (now.capture_ns - before.capture_ns) / NS_PER_S
    is_far = float(np.hypot(shift[0], shift[1])) >= LEAST_SPEED * elapsed_s
    return is_far and float(np.abs(left).mean()) <= (1 - EXPLAINED_SHARE) * float(np.abs(changes).mean())


def _edges(both: Floats, change: Floats) -> tuple[Floats, Floats]:
    """Slopes (2, n) across and down, in grey levels a cell, of the steepest cells of two glances' sum, and how these
    changed, (n,)."""
    across, down = (np.asarray(cv2.Sobel(both, cv2.CV_32F, dx, 1 - dx), np.float32) for dx in (1, 0))
    steepness = np.abs(across) + np.abs(down)
    steepest = steepness >= float(np.partition(steepness.ravel(), -N_EDGES)[-N_EDGES])
    return np.stack([across[steepest], down[steepest]]) / np.float32(2 * SOBEL_GAIN), change[steepest]


def _fit(slopes: Floats, changes: Floats) -> tuple[Floats, Floats]:
    """The shift (2,), in cells, that explains most changes, and what of them it leaves, (n,)."""
    weights, shift, left = np.ones_like(changes), np.zeros(2, np.float32), changes
    for _ in range(N_FITS):
        weighted = slopes * weights
        products = weighted @ slopes.T  # (2, 2)
        products += np.eye(2, dtype=np.float32) * RIDGE * (1 + float(np.trace(products)))
        shift = np.asarray(np.linalg.solve(products, -weighted @ changes), np.float32)
        left = np.asarray(changes + shift @ slopes, np.float32)
        weights = 1 / (1 + np.square(left / (float(np.median(np.abs(left))) + NOISE_LEVELS)))
    return shift, left


def _smooth(seen: Glance) -> Floats:
    return np.asarray(cv2.GaussianBlur(seen.grey.astype(np.float32), (0, 0), BLUR_CELLS), np.float32)
