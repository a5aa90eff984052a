"""Whether anybody has company: nobody fights alone, and the networks' pictures of movement do not tell how many move.

Everybody is apart where all that moved lately is bodies that were surely seen, none of them with another one near.
Whatever else moves may be who is not found: in the dark, far away, entangled. Chosen on `surveillance-fight`, by
readouts that had not learned from the scene: of 97 fights that were told none was lost, and people were taken for apart
at 2 % of the looks at fights, at 50 % of those at somebody who moves about a room (`gmdcsa24`), at 73 % of those at
somebody in bed (`t2v-bed-fall`). With a share of 0.8 two fights were lost; without the memory of who met it was 53 and
74 %, but of two rendered fighters the one behind the other was forgotten.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import cv2
import numpy as np

from edge.frames.background import cells_of, grown
from edge.frames.glance import GLANCE_PX, Glance
from edge.frames.movement import Cells, Movement
from edge.people.body import NOTHING, Floats
from edge.types import NS_PER_S, Box, Person

LATELY_S: Final = 1.0
"""Over which is asked who moved."""
NEAR: Final = 0.3
"""Between the boxes of two bodies, over the mean of their heights: an arm's length. Who is as near is company, however
little the network is sure of him."""
SURE_SCORE: Final = 0.3
"""Of who is apart. Two who hold each other are often found as one, and hardly."""
MARGIN: Final = 0.3
"""Of a box, on each side: limbs and shadows move beyond it."""
EXPLAINED_SHARE: Final = 0.85
"""Of the cells that moved, those that bodies are in which are apart."""
MET_S: Final = 10.0
"""For so long who was near somebody is thought to be, until they are seen apart: one of two may hide the other."""
GROUP_SHARE: Final = 0.5
"""Of the cells that moved, those in the group that a region is drawn around: with less it is somebody else."""

OFTEN_SHARE: Final = 0.5
"""Of how often the cell moved that moved most: a camera that shakes moves the rest of the picture at times."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """What one look says."""

    capture_ns: int
    boxes: Floats  # (n, 4): y0, x0, y1, x1
    near: Cells  # (n, n): who is near whom, and to himself
    surest: float
    """The best score of a person; 0 where nobody was found."""
    moving: Cells
    """What moved since the last look."""
    explained: int
    """Cells that moved in which a body is that was surely seen and is near nobody."""


@dataclass(frozen=True, slots=True)
class Company:
    """Who was near whom in the last looks."""

    movement: Movement = field(default_factory=Movement)
    lately: tuple[_Seen, ...] = ()
    met_ns: int | None = None
    """When two were last seen near each other; None where they have been seen apart since."""

    def after(self, people: Sequence[Person], seen: Glance, aspect: float) -> "Company":
        """Look once more.

        Args:
            people: all whom the network found, however unsurely.
            seen: the picture in which it did.
            aspect: width of the picture over its height.
        """
        movement = self.movement.after(seen)
        since_ns = seen.capture_ns - round(LATELY_S * NS_PER_S)
        kept = (one for one in self.lately if one.capture_ns > since_ns)
        now = _seen(people, movement.now(), seen.capture_ns, aspect)
        met_ns = self.met_ns if len(people) < 2 else seen.capture_ns if now.near.sum() > len(people) else None
        return Company(movement, (*kept, now), met_ns)

    @property
    def is_apart(self) -> bool:
        """Whether nobody had company lately, so that there was no fight."""
        if not self.lately or np.median([one.surest for one in self.lately]) < SURE_SCORE:
            return False
        if self.met_ns is not None and 0 < self.lately[-1].capture_ns - self.met_ns <= MET_S * NS_PER_S:
            return False  # one of them is not seen now
        explained = sum(one.explained for one in self.lately)
        return bool(explained >= EXPLAINED_SHARE * sum(int(one.moving.sum()) for one in self.lately))

    @property
    def people(self) -> int | None:
        """How many were found at once lately; None where nobody was."""
        return max((len(one.boxes) for one in self.lately), default=0) or None

    @property
    def region(self) -> Box | None:
        """Where most moved lately: around people who are near each other, or one alone, or else around what moved.
        None where nothing did."""
        moved = np.sum([one.moving for one in self.lately], axis=0, initial=0, dtype=int)  # GLANCE_PX
        if not moved.any():
            return None
        last = next((one for one in reversed(self.lately) if len(one.boxes)), None)
        if last is not None:
            groups = [_around(last.boxes[group]) for group in last.near]
            busiest = max(groups, key=lambda box: int(moved[cells_of([box])].sum()))
            if moved[cells_of([busiest])].sum() >= GROUP_SHARE * moved.sum():
                return busiest
        return _largest_place(moved >= OFTEN_SHARE * moved.max())


def _seen(people: Sequence[Person], moving: Cells, capture_ns: int, aspect: float) -> _Seen:
    boxes = np.array([person.box for person in people], np.float32).reshape(-1, 4)
    scores = np.array([person.score for person in people], np.float32)
    near = _gaps(boxes, aspect) <= NEAR
    is_apart = (scores >= SURE_SCORE) & (near.sum(1) == 1)
    explained = moving & cells_of([_grown(box) for box in boxes[is_apart]])
    return _Seen(capture_ns, boxes, near, float(scores.max(initial=0)), moving, int(explained.sum()))


def _gaps(boxes: Floats, aspect: float) -> Floats:
    """Between boxes (n, 4), over the mean of their heights: (n, n)."""
    scaled = boxes * np.array([1, aspect, 1, aspect], np.float32)
    corner = np.maximum(scaled[:, np.newaxis, :2], scaled[:, :2])
    apart = (corner - np.minimum(scaled[:, np.newaxis, 2:], scaled[:, 2:])).clip(0)  # (n, n, 2)
    tall = scaled[:, 2] - scaled[:, 0]
    gaps = np.hypot(apart[..., 0], apart[..., 1]) / ((tall[:, np.newaxis] + tall) / 2 + NOTHING)
    return np.asarray(gaps, np.float32)


def _around(boxes: Floats) -> Box:
    """Around boxes (n, 4), within the picture."""
    return _within([*boxes[:, :2].min(0), *boxes[:, 2:].max(0)])


def _grown(box: Floats) -> Box:
    """A box with its margin, within the picture."""
    tall, wide = box[2] - box[0], box[3] - box[1]
    return _within(list(box + MARGIN * np.array([-tall, -wide, tall, wide])))


def _within(sides: Sequence[float]) -> Box:
    y0, x0, y1, x1 = (min(max(float(side), 0.0), 1.0) for side in sides)
    return y0, x0, y1, x1


def _largest_place(moved: Cells) -> Box:
    """Around the largest place in which cells moved."""
    joined = grown(moved, 1).astype(np.uint8)
    _, _, places, _ = cv2.connectedComponentsWithStats(joined)  # (n, 5): x, y, width, height, area; the rest first
    x, y, wide, tall, _ = (int(side) for side in places[1 + places[1:, cv2.CC_STAT_AREA].argmax()])
    height, width = GLANCE_PX
    return y / height, x / width, (y + tall) / height, (x + wide) / width
