"""What the person head is given of a track at a step, and the scene head of the two who are nearest to each other.

Lengths are over the height that a body has when it stands, so they say the same wherever it is in the picture, however
large, standing or lying; speeds are those per second of the data. Only tracks that were seen at this step take one.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from edge.people.body import ANKLES, HIPS, NOTHING, POINTS, SHOULDERS, WRISTS, Bodies, Floats, bodies, overlaps
from edge.people.posture import POSTURES
from edge.types import Track

TRACK_FEATURES: Final = (
    *(f"{point}_{axis}" for point in POINTS for axis in ("y", "x")),  # from the middle of the hips, body heights
    *(f"{point}_trust" for point in POINTS),
    *(f"{point}_speed_{axis}" for point in POINTS for axis in ("y", "x")),  # body heights per second
    "box_height",  # body heights
    "box_width",
    *POSTURES,
    "score",
    "elapsed_s",  # since the track was seen before
    "sunk",  # body heights that the middle of the torso is below where it was highest lately
    "lifted",  # body heights of the lower side of the box above where the body stood: on a bed more than on a floor
)
PAIR_FEATURES: Final = (
    "distance",  # between the middles of the torsos, body heights
    "overlap",  # of the boxes: intersection over union
    "approach",  # body heights per second
    "hands_most",  # body heights per second towards the other, beside the own torso's, of whose hands are faster
    "hands_least",
    "feet_most",
    "feet_least",
    "score",  # of the less sure
)
FEATURES_VERSION: Final = 2
"""To be raised when the same people give other features of tracks: heads are trained with one version."""
N_TRACK_FEATURES: Final = len(TRACK_FEATURES)
N_PAIR_FEATURES: Final = len(PAIR_FEATURES)
MOST_SPEED: Final = 6.0
"""Body heights per second. A hand that strikes has 5; beyond, left and right were exchanged."""
MOST_ELAPSED_S: Final = 5.0
"""More is said as this: the box's looks while it rests lie so far apart."""


def track_features(tracks: Sequence[Track], aspect: float) -> Floats:
    """Features of tracks at the time that they were last seen, float32 (n_tracks, n_features), as in `TRACK_FEATURES`.

    What of a body is not seen is 0, place, trust and speed.

    Args:
        tracks: any number.
        aspect: width of the picture over its height.
    """
    seen = bodies([track.person for track in tracks], aspect)
    heights = _heights(tracks)[:, np.newaxis]
    hip_trusts = seen.middle_trusts[:, HIPS, np.newaxis]
    hips = np.where(hip_trusts > 0, seen.middles[:, HIPS], seen.centers)[:, np.newaxis]
    shown = (seen.trusts > 0)[:, :, np.newaxis]
    places = (seen.places - hips) * shown / heights[:, np.newaxis]
    speeds = (_velocities(tracks) * shown / heights[:, np.newaxis]).clip(-MOST_SPEED, MOST_SPEED)
    rest = [(*track.posture, track.person.score, min(track.elapsed_s, MOST_ELAPSED_S)) for track in tracks]
    levels = np.array([(track.top, track.floor) for track in tracks], np.float32).reshape(-1, 2)
    moved = (np.stack([seen.centers[:, 0], seen.boxes[:, 2]], 1) - levels) * [1, -1] / heights
    return np.concatenate(
        [
            _flat(places),
            seen.trusts,
            _flat(speeds),
            (seen.boxes[:, 2:] - seen.boxes[:, :2]) / heights,
            np.array(rest, np.float32).reshape(-1, len(POSTURES) + 2),
            moved,
        ],
        1,
    ).astype(np.float32)


def nearest_pair(tracks: Sequence[Track], aspect: float) -> tuple[Track, Track] | None:
    """The two tracks that are nearest to each other over their heights; None where there are not two."""
    if len(tracks) < 2:
        return None
    centers, heights = bodies([track.person for track in tracks], aspect).centers, _heights(tracks)
    apart = np.sqrt(np.square(centers[:, np.newaxis] - centers).sum(2)) / (heights[:, np.newaxis] + heights)
    np.fill_diagonal(apart, np.inf)
    i, j = divmod(int(apart.argmin()), len(tracks))
    return tracks[i], tracks[j]


def pair_features(pair: tuple[Track, Track] | None, aspect: float) -> Floats:
    """Features of two tracks, whichever comes first, float32 (n_pair_features,), as in `PAIR_FEATURES`; 0 for none."""
    if pair is None:
        return np.zeros(N_PAIR_FEATURES, np.float32)
    seen, heights = bodies([track.person for track in pair], aspect), _heights(pair)
    between = seen.centers[1] - seen.centers[0]
    distance = float(np.hypot(*between))
    direction = between / (distance + NOTHING)
    directions = np.stack([direction, -direction])  # (2, 2): of each to the other
    velocities = _velocities(pair)
    torsos = _torso_velocities(seen, velocities)
    approach = float((torsos * directions).sum()) / heights.mean()
    towards = ((velocities - torsos[:, np.newaxis]) * directions[:, np.newaxis]).sum(2) / heights[:, np.newaxis]
    hands, feet = (np.sort(_joint(towards, joint).max(1)) for joint in (WRISTS, ANKLES))
    speeds = np.array([approach, hands[1], hands[0], feet[1], feet[0]]).clip(-MOST_SPEED, MOST_SPEED)
    overlap = overlaps(seen.boxes[:1], seen.boxes[1:])[0, 0]
    score = min(track.person.score for track in pair)
    return np.array([distance / heights.mean(), overlap, *speeds, score], np.float32)


def _flat(values: Floats) -> Floats:
    """(n, 13, 2) as (n, 26)."""
    return values.reshape(len(values), 2 * len(POINTS))


def _heights(tracks: Sequence[Track]) -> Floats:
    return np.array([track.height for track in tracks], np.float32)


def _velocities(tracks: Sequence[Track]) -> Floats:
    return np.array([track.velocities for track in tracks], np.float32).reshape(len(tracks), len(POINTS), 2)


def _joint(values: Floats, pair: int) -> Floats:
    """Left and right of a pair of joints, of values (n, 13, ...): (n, 2, ...)."""
    return values[:, 1 + 2 * pair : 3 + 2 * pair]


def _torso_velocities(seen: Bodies, velocities: Floats) -> Floats:
    """Of shoulders and hips by trust, (n, 2)."""
    inside = np.concatenate([_joint(velocities, SHOULDERS), _joint(velocities, HIPS)], 1)
    trusts = np.concatenate([_joint(seen.trusts, SHOULDERS), _joint(seen.trusts, HIPS)], 1)[:, :, np.newaxis]
    return (inside * trusts).sum(1) / (trusts.sum(1) + NOTHING)
