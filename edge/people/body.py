"""What is measured on bodies, many at a time: thirteen points, their trust, and what lies between them.

Lengths are in heights of the picture: y as it is, x times the aspect ratio (width over height), so that angles and
lengths are what they look like.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge.types import Person

JOINTS: Final = ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
POINTS: Final = ("head", *(f"{side}_{joint}" for joint in JOINTS for side in ("left", "right")))
"""COCO's keypoints, the five of the face as one: their order in it says nothing, and no face is kept."""
HEAD_KEYPOINTS: Final = 5
SHOULDERS, ELBOWS, WRISTS, HIPS, KNEES, ANKLES = range(len(JOINTS))
"""Pairs of `JOINTS`, left and right."""
TORSO, THIGH, SHANK = 0.288, 0.245, 0.246
"""Lengths over the body's height: Drillis and Contini 1966, as in Winter, Biomechanics, figure 4.1."""
NO_TRUST_SCORE, FULL_TRUST_SCORE = 0.1, 0.3
"""Of a keypoint. Those of who lies have 0.2 to 0.4; what is guessed behind a sofa has 0.1."""
NOTHING: Final = 1e-6
"""Instead of a division by 0."""

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Bodies:
    """Several people at one time."""

    places: Floats  # (n, 13, 2): y, x
    trusts: Floats  # (n, 13): from 0, not to be believed, to 1
    boxes: Floats  # (n, 4): y0, x0, y1, x1
    middles: Floats  # (n, 6, 2): y, x between the left and the right of each pair, by trust
    middle_trusts: Floats  # (n, 6)
    centers: Floats  # (n, 2): middles of torsos; of the box where nothing of a torso is seen

    def __getitem__(self, rows: slice | Sequence[int]) -> "Bodies":
        """Some of them, in this order."""
        chosen = rows if isinstance(rows, slice) else np.array(rows, np.intp)
        return Bodies(
            self.places[chosen],
            self.trusts[chosen],
            self.boxes[chosen],
            self.middles[chosen],
            self.middle_trusts[chosen],
            self.centers[chosen],
        )


def bodies(people: Sequence[Person], aspect: float) -> Bodies:
    """Measure people.

    Args:
        people: any number.
        aspect: width of the picture over its height.
    """
    n_people = len(people)
    keypoints = np.array([person.keypoints for person in people], np.float32).reshape(n_people, 17, 3)
    boxes = np.array([person.box for person in people], np.float32).reshape(n_people, 4)
    trusts = ((keypoints[:, :, 2] - NO_TRUST_SCORE) / (FULL_TRUST_SCORE - NO_TRUST_SCORE)).clip(0, 1)  # (n, 17)
    places = keypoints[:, :, :2] * np.array([1, aspect], np.float32)  # (n, 17, 2)
    faces, face_trusts = places[:, :HEAD_KEYPOINTS], trusts[:, :HEAD_KEYPOINTS]
    pairs = places[:, HEAD_KEYPOINTS:].reshape(n_people, 6, 2, 2)
    pair_trusts = trusts[:, HEAD_KEYPOINTS:].reshape(n_people, 6, 2)
    scaled = boxes * np.array([1, aspect, 1, aspect], np.float32)
    middles, middle_trusts = _mean(pairs, pair_trusts), pair_trusts.max(2)
    torso_trusts = middle_trusts[:, [SHOULDERS, HIPS]]
    torsos = _mean(middles[:, [SHOULDERS, HIPS]], torso_trusts)
    is_seen = torso_trusts.any(1, keepdims=True)
    return Bodies(
        places=np.concatenate([_mean(faces, face_trusts)[:, np.newaxis], places[:, HEAD_KEYPOINTS:]], 1),
        trusts=np.concatenate([face_trusts.max(1, keepdims=True), trusts[:, HEAD_KEYPOINTS:]], 1),
        boxes=scaled,
        middles=middles,
        middle_trusts=middle_trusts,
        centers=np.where(is_seen, torsos, (scaled[:, :2] + scaled[:, 2:]) / 2),
    )


def heights(seen: Bodies) -> tuple[Floats, Floats]:
    """Heights that bodies would have if they stood, (n,), by torso and legs, and the trust in them, (n,).

    What points towards the camera looks shorter, so it is a lower bound but for noise. Where neither torso nor leg is
    seen it is the longer side of the box, and the trust is 0.
    """
    joints = seen.middles[:, [SHOULDERS, HIPS, KNEES, ANKLES]]
    trusts = seen.middle_trusts[:, [SHOULDERS, HIPS, KNEES, ANKLES]]
    lengths = np.sqrt(np.square(joints[:, 1:] - joints[:, :-1]).sum(2))  # (n, 3)
    weights = np.minimum(trusts[:, 1:], trusts[:, :-1])
    shares = (weights * np.array([TORSO, THIGH, SHANK], np.float32)).sum(1)
    by_joints = (weights * lengths).sum(1) / (shares + NOTHING)
    by_box = (seen.boxes[:, 2:] - seen.boxes[:, :2]).max(1, initial=0)
    trust = weights.max(1, initial=0)
    return np.maximum(trust * by_joints + (1 - trust) * by_box, NOTHING), trust


def overlaps(first: Floats, second: Floats) -> Floats:
    """Intersection over union of each of some boxes (n, 4) with each of others (m, 4): (n, m)."""
    corner = np.maximum(first[:, np.newaxis, :2], second[:, :2])
    inner = (np.minimum(first[:, np.newaxis, 2:], second[:, 2:]) - corner).clip(0).prod(2)
    areas = [(boxes[:, 2:] - boxes[:, :2]).prod(1) for boxes in (first, second)]
    return inner / (areas[0][:, np.newaxis] + areas[1] - inner + NOTHING)


def _mean(places: Floats, trusts: Floats) -> Floats:
    """Means of places (..., k, 2) by trusts (..., k); 0 where nothing is trusted."""
    return (places * trusts[..., np.newaxis]).sum(-2) / (trusts.sum(-1, keepdims=True) + NOTHING)
