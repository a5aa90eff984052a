"""What the pose network makes of a body whose points are known: found or lost, where, and how sure.

A small model of errors that were measured on rendered bodies (`measured`). A keypoint's score is logistic in a normal
variable, and its error the larger the lower the score; both go on for a while, as a picture that changes little is
seen alike. Bodies are lost for a while too.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge.types import Person
from trainer.synth.bodies.motion import KEYPOINTS
from trainer.synth.timing import Array

GROUPS: Final = (0, 0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6)
"""Of keypoints: head, shoulders, elbows, wrists, hips, knees, ankles."""
UPRIGHT, BENT, DOWN = range(3)
"""Of trunks: how much of their length goes up."""
UPRIGHT_SHARE, BENT_SHARE = 0.75, 0.35

SCORE_MEANS: Final = np.array([
    (0.6, 0.9, 0.3, -0.1, 0.7, 0.6, 0.5),
    (0.3, 0.5, 0.0, -0.4, 0.3, 0.2, 0.2),
    (-0.4, 0.0, -0.5, -0.8, -0.3, -0.4, -0.4),
])  # fmt: skip
"""Logits of scores by trunk and group, in the mean."""
SCORE_SPREADS: Final = np.full((3, 7), 1.0)
"""Their standard deviation."""
SHARED: Final = 0.6
"""Share of the variance that all keypoints of a body have together."""
HIDDEN_LOGIT: Final = -1.9
ERROR_MEANS: Final = np.array([
    (-4.1, -3.9, -3.7, -3.5, -3.7, -3.6, -3.7),
    (-3.8, -3.7, -3.4, -3.2, -3.5, -3.3, -3.4),
    (-3.3, -3.3, -3.1, -2.9, -3.1, -3.0, -2.9),
])  # fmt: skip
"""Logarithms of errors at a score of 0.5, over the body's height, by trunk and group."""
ERROR_PER_LOGIT: Final = -0.35
ERROR_SPREAD: Final = 0.5
MOST_ERROR: Final = 0.6
SCORE_MEMORY_S, ERROR_MEMORY_S, LOST_MEMORY_S = 0.7, 0.4, 0.5
JITTER: Final = 0.35
"""Share of the error that is new at every look."""
LOST: Final = (0.01, 0.03, 0.12)
"""Share of looks at which a body of a good size is lost, by trunk."""
SMALL_PX, SMALL_SLOPE_PX = 26.0, 5.0
"""Height at which half of standing bodies are lost, of the network's 256 pixels."""
SWAPPED: Final = (0.03, 0.05, 0.1)
"""Share of looks at which left and right of arms or legs are exchanged, by trunk."""
SWAP_MEMORY_S: Final = 0.3
LEAST_PERSON_SCORE: Final = 0.1
PAIRS: Final = {"arms": ((5, 6), (7, 8), (9, 10)), "legs": ((11, 12), (13, 14), (15, 16))}


@dataclass(frozen=True, slots=True)
class Truth:
    """A body in a camera's pictures. Places are y, x in picture heights."""

    places: Array  # (n, 17, 2)
    visible: NDArray[np.bool_]  # (n, 17): inside the picture, and nothing before it
    boxes: Array  # (n, 4): y0, x0, y1, x1 of the whole body
    sizes: Array  # (n,): height as it stands
    up: Array  # (n,): how much of the trunk's length goes up, -1 to 1
    aspect: float


def trunk_class(up: Array) -> NDArray[np.intp]:
    """As the tables have it, (n,)."""
    return np.where(up > UPRIGHT_SHARE, UPRIGHT, np.where(up > BENT_SHARE, BENT, DOWN))


def network_px(sizes: Array, aspect: float) -> Array:
    """Heights in the picture that the network sees."""
    return sizes * 256 / max(aspect, 1.0)


def observe(rng: np.random.Generator, truth: Truth, times_s: Array) -> list[Person | None]:
    """What the network says at each look, None where it loses the body."""
    trunk = trunk_class(truth.up)
    scores = _scores(rng, truth, trunk, times_s)
    places = _places(rng, truth, trunk, scores, times_s)
    places, scores = _swapped(rng, places, scores, trunk, times_s)
    lost = _lost(rng, truth, trunk, times_s)
    boxes = _boxes(rng, truth, times_s)
    unit = np.array([1, truth.aspect])
    found: list[Person | None] = []
    for i in range(len(times_s)):
        counting = scores[i][scores[i] > 0.127]
        score = float(counting.mean() * rng.uniform(0.75, 1.0)) if len(counting) else 0.0
        seen = truth.visible[i].sum() >= 4
        if lost[i] or not seen or score < LEAST_PERSON_SCORE:
            found.append(None)
            continue
        keypoints = np.column_stack([places[i] / unit, scores[i]]).astype(np.float32)
        box = (boxes[i] / np.tile(unit, 2)).clip(0, 1).astype(np.float32)
        found.append(Person(box, keypoints, score))
    return found


def _noise(rng: np.random.Generator, times_s: Array, shape: tuple[int, ...], memory_s: float) -> Array:
    """Normal noise of unit variance that is forgotten within a time: (n, *shape)."""
    fresh = rng.standard_normal((len(times_s), *shape))
    kept = np.exp(-np.diff(times_s) / memory_s)
    found = fresh.copy()
    for i, share in enumerate(kept, 1):
        found[i] = share * found[i - 1] + np.sqrt(1 - share**2) * fresh[i]
    return found


def _scores(rng: np.random.Generator, truth: Truth, trunk: NDArray[np.intp], times_s: Array) -> Array:
    groups = np.array(GROUPS)
    common, own = _noise(rng, times_s, (1,), SCORE_MEMORY_S), _noise(rng, times_s, (KEYPOINTS,), SCORE_MEMORY_S)
    person = rng.standard_normal() * 0.5
    noise = np.sqrt(SHARED) * (0.5 * person + 0.85 * common) + np.sqrt(1 - SHARED) * own
    means = SCORE_MEANS[trunk[:, np.newaxis], groups]
    logits = means + SCORE_SPREADS[trunk[:, np.newaxis], groups] * noise
    small = np.minimum(network_px(truth.sizes, truth.aspect) / 80, 1)[:, np.newaxis]
    logits = logits + 1.5 * np.log(small)
    logits = np.where(truth.visible, logits, HIDDEN_LOGIT + 0.7 * own)
    return 1 / (1 + np.exp(-logits))


def _places(rng: np.random.Generator, truth: Truth, trunk: NDArray[np.intp], scores: Array, times_s: Array) -> Array:
    groups = np.array(GROUPS)
    logits = np.log(scores / (1 - scores))
    spread = ERROR_SPREAD * _noise(rng, times_s, (KEYPOINTS,), SCORE_MEMORY_S)
    sizes = np.exp(ERROR_MEANS[trunk[:, np.newaxis], groups] + ERROR_PER_LOGIT * logits + spread)
    lasting, fresh = (
        _noise(rng, times_s, (KEYPOINTS, 2), ERROR_MEMORY_S),
        rng.standard_normal((len(times_s), KEYPOINTS, 2)),
    )
    noise = np.sqrt(1 - JITTER) * lasting + np.sqrt(JITTER) * fresh
    heights = truth.sizes[:, np.newaxis, np.newaxis]
    error = np.minimum(sizes, MOST_ERROR)[:, :, np.newaxis] * noise / 1.25 * heights
    frame = np.array([1.0, truth.aspect])
    inside = truth.places.clip(-0.02 * frame, 1.02 * frame)  # what is cut is guessed at the edge
    return inside + error


def _swapped(
    rng: np.random.Generator, places: Array, scores: Array, trunk: NDArray[np.intp], times_s: Array
) -> tuple[Array, Array]:
    """Left and right exchanged for a while."""
    places, scores = places.copy(), scores.copy()
    for pairs in PAIRS.values():
        level = _noise(rng, times_s, (), SWAP_MEMORY_S)
        exchanged = level > np.array([_normal_quantile(share) for share in SWAPPED])[trunk]
        for left, right in pairs:
            for values in (places, scores):
                kept = values[exchanged, left].copy()
                values[exchanged, left] = values[exchanged, right]
                values[exchanged, right] = kept
    return places, scores


def _normal_quantile(share: float) -> float:
    """What a normal variable exceeds in this share of cases."""
    from statistics import NormalDist  # noqa: PLC0415

    return NormalDist().inv_cdf(1 - min(max(share, 1e-4), 1 - 1e-4))


def _lost(rng: np.random.Generator, truth: Truth, trunk: NDArray[np.intp], times_s: Array) -> NDArray[np.bool_]:
    level = _noise(rng, times_s, (), LOST_MEMORY_S)
    px = network_px(truth.sizes, truth.aspect)
    small = 1 / (1 + np.exp((px - SMALL_PX) / SMALL_SLOPE_PX))
    share = 1 - (1 - np.array(LOST)[trunk]) * (1 - small) * (0.6 + 0.4 * truth.visible.mean(1))
    thresholds = np.array([_normal_quantile(float(value)) for value in share])
    return level > thresholds


def _boxes(rng: np.random.Generator, truth: Truth, times_s: Array) -> Array:
    noise = _noise(rng, times_s, (4,), ERROR_MEMORY_S)
    return truth.boxes + 0.03 * truth.sizes[:, np.newaxis] * noise
