"""How well a converted pose network sees the people that the float one sees: object keypoint similarity, as in COCO.

Ronchi and Perona, "Benchmarking and Error Diagnosis in Multi-Instance Pose Estimation", 2017, section 2: of a keypoint
that is off by d pixels exp(-d^2 / (2 s^2 k^2)), where s^2 is the person's area and k the keypoint's constant; of a
person the mean over the keypoints. Here the area is that of the box, and the float network's answer is the truth.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from edge.people.decoding import LEAST_KEYPOINT_SCORE
from edge.types import Person

SIGMAS = np.array([0.026, *np.repeat([0.025, 0.035, 0.079, 0.072, 0.062, 0.107, 0.087, 0.089], 2)])
"""COCO's, of nose, eyes, ears, shoulders, elbows, wrists, hips, knees, ankles; half of k."""
LEAST_REFERENCE_SCORE = 0.2
"""Of a person of the float network that is to be found."""
MOST_SCORE_DIFFERENCE = 0.2
SHOULDERS, HIPS = [5, 6], [11, 12]

Posture = Literal["upright", "lying"]
POSTURES: tuple[Posture, ...] = get_args(Posture)


@dataclass(frozen=True, slots=True)
class Found:
    """What became of one person of the float network."""

    posture: Posture
    score: float
    similarity: float
    """0 where nobody is there whose score is within 0.2."""


def compare(expected: Sequence[Person], found: Sequence[Person], height_px: int, width_px: int) -> list[Found]:
    """Say of each person of the float network how well another one sees it; each of its people is one at most.

    Args:
        expected: of the float network; those under 0.2 are left out.
        found: of the other network.
        height_px: of the picture that places are relative to.
        width_px: of the picture that places are relative to.
    """
    truths = [person for person in expected if person.score >= LEAST_REFERENCE_SCORE]
    size = np.array([height_px, width_px])
    pairs = [
        (similarity(truth, other, size), i, j)
        for i, truth in enumerate(truths)
        for j, other in enumerate(found)
        if abs(truth.score - other.score) <= MOST_SCORE_DIFFERENCE
    ]
    matched: dict[int, float] = {}
    taken: set[int] = set()
    for value, i, j in sorted(pairs, reverse=True):
        if i not in matched and j not in taken:
            matched[i] = value
            taken.add(j)
    return [Found(posture(truth, size), truth.score, matched.get(i, 0.0)) for i, truth in enumerate(truths)]


def similarity(truth: Person, other: Person, size: NDArray[np.integer]) -> float:
    """Object keypoint similarity over the truth's keypoints that count; `size` is height and width of the picture."""
    counts = truth.keypoints[:, 2] > LEAST_KEYPOINT_SCORE
    off_px = (truth.keypoints[:, :2] - other.keypoints[:, :2]) * size  # (17, 2)
    sides_px = (truth.box[2:] - truth.box[:2]) * size
    spread = 2 * max(float(sides_px.prod()), 1.0) * np.square(2 * SIGMAS)  # (17,)
    return float(np.exp(-np.square(off_px).sum(1) / spread)[counts].mean())


def posture(person: Person, size: NDArray[np.integer]) -> Posture:
    """Whether the torso, from the middle of the shoulders to that of the hips, is nearer to level than to plumb."""
    points = person.keypoints[:, :2] * size
    height_px, width_px = np.abs(points[SHOULDERS].mean(0) - points[HIPS].mean(0))
    return "lying" if width_px > height_px else "upright"
