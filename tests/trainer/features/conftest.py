"""Stick figures, flat, as the pose network would give them."""

from dataclasses import dataclass

import numpy as np
import pytest

from edge.types import Person

ALONG = np.array([0.94] * 5 + [0.82] * 2 + [0.63] * 2 + [0.48] * 2 + [0.53] * 2 + [0.285] * 2 + [0.04] * 2)
"""Of COCO's keypoints, from the feet, over the body's height."""
ACROSS = np.array([0, 0.01, -0.01, 0.02, -0.02, *(k * w for w in (0.09, 0.1, 0.1, 0.06, 0.06, 0.06) for k in (1, -1))])


@dataclass(frozen=True)
class Flat:
    """A picture in which bodies of half its height stand and fall to the right."""

    aspect: float = 1.5
    tall: float = 0.5
    ground: float = 0.8

    def seen(self, x, share=0.0, score=0.5, noise=0.0, chance=None) -> Person:
        """A body with its feet at x, in heights of the picture; `share` of a right angle from upright."""
        angle = share * np.pi / 2
        along, across = np.array([-np.cos(angle), np.sin(angle)]), np.array([np.sin(angle), np.cos(angle)])
        places = [self.ground, x] + self.tall * (ALONG[:, None] * along + ACROSS[:, None] * across)
        if chance is not None:
            places = places + chance.normal(0, noise, (17, 2))
        places = places / [1, self.aspect]
        box = np.concatenate([places.min(0) - 0.02, places.max(0) + 0.02])
        keypoints = np.column_stack([places, np.full(17, 0.6)])
        return Person(box.astype(np.float32), keypoints.astype(np.float32), score)


@pytest.fixture(scope="session")
def flat() -> Flat:
    return Flat()
