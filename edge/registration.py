"""Registration of pictures of one camera: where an earlier picture lies in a later one, when the camera has moved.

Corners of the later picture are followed into the earlier one (Lucas and Kanade 1981; Shi and Tomasi 1994), and the
similarity (shift, turn, zoom) that most of them agree on is undone. People move, too, but what stands still holds most
corners.
"""

from typing import Final, cast

import cv2
import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float32]  # (n, 1, 2)

MAX_CORNERS, CORNER_QUALITY, CORNER_DISTANCE_PX = 200, 0.01, 5
WINDOW_PX: Final = (15, 15)
MAX_LEVEL: Final = 3
MIN_CORNERS: Final = 12
MAX_ERROR_PX: Final = 1.0
MIN_AGREEING: Final = 0.4
"""Of the corners that were followed: with fewer, nothing is known of the camera."""
STILL_SHIFT_PX, STILL_CHANGE = 0.15, 0.003
"""Smaller shifts and changes of scale are the method's own noise: a fixed camera stays fixed."""


class Registration:
    """Lays earlier pictures onto one picture."""

    def __init__(self, newest: cv2.typing.MatLike) -> None:
        """Find the corners of the newest picture, (height, width) uint8."""
        self._newest = newest
        found = cv2.goodFeaturesToTrack(newest, MAX_CORNERS, CORNER_QUALITY, CORNER_DISTANCE_PX)
        self._corners = cast("Points | None", found)

    def of(self, earlier: cv2.typing.MatLike) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Return the earlier picture as the camera would have shown it where it is now, and which of its pixels are
        known, both (height, width); the picture as it is where the camera stood still or nothing can be told.
        """
        picture = np.asarray(earlier, np.float32)
        there = self._movement_from(earlier)
        if there is None:
            return picture, np.ones(picture.shape, bool)
        size = (picture.shape[1], picture.shape[0])
        how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        laid = cv2.warpAffine(picture, there, size, flags=how)
        known = cv2.warpAffine(np.ones(picture.shape, np.uint8), there, size, flags=how) > 0
        return np.asarray(laid, np.float32), np.asarray(known, bool)

    def _movement_from(self, earlier: cv2.typing.MatLike) -> NDArray[np.float64] | None:
        """The (2, 3) similarity from the newest picture's pixels to the earlier one's; None: none, as far as one can
        tell."""
        if self._corners is None or len(self._corners) < MIN_CORNERS:
            return None
        corners = self._corners
        followed, found, _ = cv2.calcOpticalFlowPyrLK(
            self._newest, earlier, corners, np.empty_like(corners), winSize=WINDOW_PX, maxLevel=MAX_LEVEL
        )
        kept = np.asarray(found).reshape(-1) == 1
        if kept.sum() < MIN_CORNERS:
            return None
        fitted, agreeing = cv2.estimateAffinePartial2D(
            corners[kept], np.asarray(followed, np.float32)[kept], method=cv2.RANSAC, ransacReprojThreshold=MAX_ERROR_PX
        )
        there = cast("NDArray[np.float64] | None", fitted)
        if there is None or agreeing.sum() < MIN_AGREEING * kept.sum():
            return None
        shift_px, change = np.hypot(there[0, 2], there[1, 2]), np.abs(there[:, :2] - np.eye(2)).max()
        return None if shift_px < STILL_SHIFT_PX and change < STILL_CHANGE else there
