"""What the pose network makes of a body whose points are known: found or lost, where, and how sure.

A small model, fitted to what `measuring` found on 220 clips of rendered bodies, 5,280 looks, by the int8 and the
float network, which hardly differ. What it holds, by how much of the trunk is upright:

- A keypoint's score is logistic in a normal variable, whose variance belongs to the clip, to the keypoint in this clip,
  to the look, and to both.
- Its error is the larger the lower its score and the smaller the body; two thirds of it last, since a picture that
  changes little is seen alike.
- Left and right of arms or legs are exchanged, and bodies lost, for a while; both in some clips more than in others.
- What is hidden or cut off is guessed, with little trust.
"""

from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge.people.decoding import LEAST_KEYPOINT_SCORE, LEAST_SCORE
from edge.types import Person
from trainer.synth.bodies.motion import KEYPOINTS
from trainer.synth.timing import Array

GROUPS: Final = np.array((0, 0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6))
"""Of keypoints: head, shoulders, elbows, wrists, hips, knees, ankles."""
UPRIGHT, BENT, DOWN = range(3)
"""Of trunks, by how much of their length goes up. All that follows is in this order."""
UPRIGHT_SHARE, BENT_SHARE = 0.75, 0.35

SCORE_MEANS: Final = np.array([
    (-0.14, 0.40, -0.25, -0.53, 0.67, -0.06, -0.36),
    (-0.21, 0.26, -0.41, -0.74, 0.51, -0.25, -0.74),
    (-0.38, -0.02, -0.70, -0.92, 0.22, -0.46, -0.86),
])  # fmt: skip
"""Logits of scores, by trunk and group."""
SCORE_SPREADS: Final = np.array([
    (0.42, 0.63, 0.72, 0.70, 0.67, 0.79, 0.80),
    (0.45, 0.62, 0.70, 0.64, 0.62, 0.79, 0.97),
    (0.47, 0.64, 0.72, 0.72, 0.65, 0.83, 0.97),
])  # fmt: skip
SCORE_SHARES: Final = (0.4, 0.3, 0.09, 0.21)
"""Of their variance: the clip's, a keypoint's in it, a look's, and the rest."""
SCORE_MEMORY_S: Final = 0.2
SCORE_PER_LOG_SIZE: Final = np.array((0.1, 0.1, 0.3))
HIDDEN_SCORE: Final = (-1.9, 1.1)
"""Logit of what is hidden or outside of the picture: mean and spread."""

ERROR_MEANS: Final = np.array([
    (-3.88, -3.32, -3.48, -3.50, -3.00, -3.48, -3.66),
    (-3.67, -3.28, -3.30, -3.20, -2.90, -3.22, -3.50),
    (-3.40, -3.09, -3.30, -3.25, -2.95, -3.35, -3.44),
])  # fmt: skip
"""Logarithms of errors over the body's height, at a score of 0.5 and a body of `USUAL_PX`."""
ERROR_PER_LOGIT: Final = np.array((-0.59, -0.53, -0.52))
ERROR_PER_LOG_SIZE: Final = np.array((-0.38, -0.53, -0.62))
ERROR_SPREADS: Final = np.array((0.5, 0.6, 0.65))
HIDDEN_ERRORS: Final = np.array((0.1, 0.15, 0.15))
"""Over the body's height, along an axis."""
ERROR_LASTS: Final = np.array((0.68, 0.74, 0.82))
ERROR_WANDERS: Final = np.array((0.22, 0.17, 0.12))
"""Shares of the variance; the rest is new at every look."""
LASTING_S, WANDERING_S = 6.0, 0.3
JUMPING: Final = (0.12, 2.7, 0.33)
"""Most keypoints tremble little and some jump: share of those that do at a look, how far, and how far the others."""
MOST_ERROR: Final = 0.5
USUAL_PX: Final = 100.0
SIZES_PX: Final = (25.0, 300.0)
"""Of standing bodies, of the network's 256: what was measured."""

SWAPPED: Final = {"arms": np.array((0.058, 0.043, 0.115)), "legs": np.array((0.07, 0.073, 0.085))}
"""Share of looks at which left and right are exchanged: half of what was measured. From one look to the next rendered
bodies turn round in 4 to 6 % of cases, real ones, of whom no more can be told, in 1 to 4 %."""
PAIRS: Final = {"arms": ((5, 6), (7, 8), (9, 10)), "legs": ((11, 12), (13, 14), (15, 16))}
SWAP_SHARES: Final = (0.5, 0.47, 0.03)
"""Of what decides about it: the clip's, what lasts for `SWAP_MEMORY_S`, what is new."""
SWAP_MEMORY_S: Final = 2.5

LOST: Final = np.array((0.015, 0.03, 0.004))
LOST_PX: Final = np.array(((8.0, 8.0), (15.0, 12.0), (20.0, 16.0)))
"""Size at which half of the bodies are lost, and how softly; besides the share `LOST` of all."""
LOST_VISIBLE: Final = (0.3, 0.07)
"""Share of keypoints that are seen, likewise."""
LOST_SHARES: Final = (0.5, 0.5)
LOST_MEMORY_S: Final = 0.25

CERTAINTY: Final = np.array((1.7, 1.6, 1.5))
"""Logit of a person's score over the mean of its keypoints', of a body of `USUAL_PX`."""
CERTAINTY_PER_LOG_SIZE, CERTAINTY_SPREAD = 1.15, 0.85
BOX_ERRORS: Final = np.array((0.019, 0.02, 0.029))
"""Of each side, over the body's height."""


@dataclass(frozen=True, slots=True)
class Truth:
    """A body in a camera's pictures. Places are y, x in picture heights."""

    places: Array  # (n, 17, 2)
    visible: NDArray[np.bool_]  # (n, 17): inside the picture, and nothing before it
    boxes: Array  # (n, 4): y0, x0, y1, x1 of the whole body
    sizes: Array  # (n,): height as it stands
    up: Array  # (n,): how much of the trunk's length goes up, -1 to 1
    depths: Array  # (n,): metres from the camera along its axis
    aspect: float


@dataclass(frozen=True, slots=True)
class Observation:
    """What the network would say at each look, lost or not, in picture heights."""

    places: Array  # (n, 17, 2)
    scores: Array  # (n, 17)
    boxes: Array  # (n, 4)
    person_scores: Array  # (n,)
    lost: NDArray[np.bool_]  # (n,)


def trunk_class(up: Array) -> NDArray[np.intp]:
    """As the tables have it, (n,)."""
    return np.where(up > UPRIGHT_SHARE, UPRIGHT, np.where(up > BENT_SHARE, BENT, DOWN))


def network_px(sizes: Array, aspect: float) -> Array:
    """Heights of bodies in the picture that the network sees, whose sides are 256 pixels."""
    return sizes * 256 / max(aspect, 1.0)


def observe(rng: np.random.Generator, truth: Truth, times_s: Array) -> list[Person | None]:
    """What the network says at each look, None where it loses the body."""
    seen = observation(rng, truth, times_s)
    unit = np.array([1, truth.aspect])
    keypoints = np.concatenate([seen.places / unit, seen.scores[..., np.newaxis]], 2).astype(np.float32)
    boxes = (seen.boxes / np.tile(unit, 2)).clip(0, 1).astype(np.float32)
    return [
        None if lost else Person(box, points, score)
        for lost, box, points, score in zip(seen.lost, boxes, keypoints, seen.person_scores.tolist(), strict=True)
    ]


def observation(rng: np.random.Generator, truth: Truth, times_s: Array) -> Observation:
    """The same as arrays."""
    trunk = trunk_class(truth.up)
    px = network_px(truth.sizes, truth.aspect).clip(*SIZES_PX)
    quality = float(rng.standard_normal())
    scores = _scores(rng, truth, (trunk, px), times_s, quality)
    places = _places(rng, truth, (trunk, px), times_s, scores)
    places, scores = _swapped(rng, places, scores, trunk, times_s)
    counting = np.where(scores > LEAST_KEYPOINT_SCORE, scores, 0.0)
    mean = counting.sum(1) / np.maximum((counting > 0).sum(1), 1)
    person_scores = mean * _certainty(rng, (trunk, px), times_s, quality)
    lost = _lost(rng, truth, (trunk, px), times_s, quality) | (person_scores < LEAST_SCORE)
    lasting, fresh = rng.standard_normal(4), rng.standard_normal((len(times_s), 4))
    spread = (BOX_ERRORS[trunk] * truth.sizes)[:, np.newaxis]
    boxes = truth.boxes + spread * (lasting + fresh) / np.sqrt(2)
    return Observation(places, scores, np.sort(boxes.reshape(-1, 2, 2), 1).reshape(-1, 4), person_scores, lost)


def _noise(rng: np.random.Generator, times_s: Array, shape: tuple[int, ...], memory_s: float) -> Array:
    """Normal noise of unit variance that is forgotten within a time: (n, *shape)."""
    found = rng.standard_normal((len(times_s), *shape))
    kept = np.exp(-np.diff(times_s) / memory_s)
    renewed = np.sqrt(1 - kept**2)
    for i, share in enumerate(kept.tolist(), 1):
        found[i] = share * found[i - 1] + renewed[i - 1] * found[i]
    return found


def _scores(
    rng: np.random.Generator,
    truth: Truth,
    trunk_px: tuple[NDArray[np.intp], Array],
    times_s: Array,
    quality: float,
) -> Array:
    trunk, px = trunk_px
    of_clip, of_keypoint, of_look, of_rest = np.sqrt(SCORE_SHARES)
    own = rng.standard_normal(KEYPOINTS)
    look, rest = _noise(rng, times_s, (1,), SCORE_MEMORY_S), _noise(rng, times_s, (KEYPOINTS,), SCORE_MEMORY_S)
    noise = of_clip * quality + of_keypoint * own + of_look * look + of_rest * rest
    rows = trunk[:, np.newaxis]
    logits = SCORE_MEANS[rows, GROUPS] + SCORE_SPREADS[rows, GROUPS] * noise
    logits += (SCORE_PER_LOG_SIZE[trunk] * np.log(px / USUAL_PX))[:, np.newaxis]
    mean, spread = HIDDEN_SCORE
    return 1 / (1 + np.exp(-np.where(truth.visible, logits, mean + spread * noise)))


def _places(
    rng: np.random.Generator,
    truth: Truth,
    trunk_px: tuple[NDArray[np.intp], Array],
    times_s: Array,
    scores: Array,
) -> Array:
    trunk, px = trunk_px
    rows = trunk[:, np.newaxis]
    logits = np.log(scores / (1 - scores))
    usual = ERROR_MEANS[rows, GROUPS] + ERROR_PER_LOGIT[rows] * logits
    usual += (ERROR_PER_LOG_SIZE[trunk] * np.log(px / USUAL_PX))[:, np.newaxis]
    spread = ERROR_SPREADS[rows] * rng.standard_normal(KEYPOINTS)
    amounts = np.where(truth.visible, np.exp(usual + spread), HIDDEN_ERRORS[rows])  # (n, 17)
    lasts, wanders = (np.sqrt(share[trunk])[:, np.newaxis, np.newaxis] for share in (ERROR_LASTS, ERROR_WANDERS))
    noise = lasts * _noise(rng, times_s, (KEYPOINTS, 2), LASTING_S)
    share, far, near = JUMPING
    jumps = np.where(rng.random((len(times_s), KEYPOINTS, 1)) < share, far, near)
    noise += wanders * _noise(rng, times_s, (KEYPOINTS, 2), WANDERING_S)
    noise += np.sqrt(1 - lasts**2 - wanders**2) * jumps * rng.standard_normal(noise.shape)
    error = noise * np.minimum(amounts, MOST_ERROR)[..., np.newaxis] * truth.sizes[:, np.newaxis, np.newaxis]
    return truth.places.clip(0, [1.0, truth.aspect]) + error  # what is cut off is guessed at the edge


def _swapped(
    rng: np.random.Generator, places: Array, scores: Array, trunk: NDArray[np.intp], times_s: Array
) -> tuple[Array, Array]:
    """Left and right exchanged for a while."""
    places, scores = places.copy(), scores.copy()
    of_clip, lasting, fresh = np.sqrt(SWAP_SHARES)
    for limbs, pairs in PAIRS.items():
        level = of_clip * rng.standard_normal() + lasting * _noise(rng, times_s, (), SWAP_MEMORY_S)
        level += fresh * rng.standard_normal(len(times_s))
        exchanged = level > _exceeded(SWAPPED[limbs])[trunk]
        for pair in pairs:
            for values in (places, scores):
                values[np.ix_(exchanged, pair)] = values[np.ix_(exchanged, pair[::-1])]
    return places, scores


def _certainty(
    rng: np.random.Generator, trunk_px: tuple[NDArray[np.intp], Array], times_s: Array, quality: float
) -> Array:
    trunk, px = trunk_px
    noise = (quality + _noise(rng, times_s, (), WANDERING_S)) / np.sqrt(2)
    usual = CERTAINTY[trunk] + CERTAINTY_PER_LOG_SIZE * np.log(px / USUAL_PX)
    return 1 / (1 + np.exp(-(usual + CERTAINTY_SPREAD * noise)))


def _lost(
    rng: np.random.Generator,
    truth: Truth,
    trunk_px: tuple[NDArray[np.intp], Array],
    times_s: Array,
    quality: float,
) -> NDArray[np.bool_]:
    trunk, px = trunk_px
    middle, softness = LOST_PX[trunk].T
    small = 1 / (1 + np.exp((px - middle) / softness))
    seen, how_softly = LOST_VISIBLE
    hidden = 1 / (1 + np.exp((truth.visible.mean(1) - seen) / how_softly))
    share = 1 - (1 - LOST[trunk]) * (1 - small) * (1 - hidden)
    of_clip, of_look = np.sqrt(LOST_SHARES)
    level = of_look * _noise(rng, times_s, (), LOST_MEMORY_S) - of_clip * quality
    return level > _exceeded(share)


def _exceeded(shares: Array) -> Array:
    """What a normal variable exceeds in these shares of cases, (n,)."""
    normal = NormalDist()
    values, places = np.unique(shares.clip(1e-5, 1 - 1e-5), return_inverse=True)
    return np.array([normal.inv_cdf(1 - value) for value in values.tolist()])[places]
