"""Tracks over real clips, through the published network in float, at five steps a second."""

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.frames.letterbox import fit, letterbox
from edge.people.body import SHOULDERS, bodies
from edge.people.decoding import decode
from edge.people.posture import LYING, UPRIGHT
from edge.people.tracking import Tracks, is_somebody, step
from edge.types import NS_PER_S

PERIOD_S = 0.2
PX = 256


def frames(path: Path) -> Iterator[tuple[int, np.ndarray]]:
    """Capture time and RGB picture, five a second."""
    capture = cv2.VideoCapture(str(path))
    rate_hz, due_s, number = capture.get(cv2.CAP_PROP_FPS), 0.0, 0
    while capture.grab():
        if number / rate_hz >= due_s:
            due_s += PERIOD_S
            yield round((number / rate_hz + 1) * NS_PER_S), np.ascontiguousarray(capture.retrieve()[1][..., ::-1])
        number += 1
    capture.release()


def followed(path: Path, published_maps) -> list[Tracks]:
    states = [Tracks()]
    for now_ns, frame in frames(path):
        place = fit(frame, PX, PX)
        people = decode(published_maps(letterbox(frame, place))[0], place)
        states.append(step(states[-1], people, now_ns, frame.shape[1] / frame.shape[0]))
    return states


@pytest.mark.parametrize("clip", ["Subject 1/Fall/13.mp4", "Subject 2/Fall/13.mp4", "Subject 3/Fall/16.mp4"])
def test_who_falls_is_one_track_that_sinks_and_lies(data_dir, published_maps, clip):
    path = data_dir / "gmdcsa24" / clip
    if not path.is_file():
        pytest.skip(f"no {path}")
    states = followed(path, published_maps)
    tracks = [state.tracks[0] for state in states if state.tracks]
    assert states[-1].next_id == 2
    assert tracks[-1].posture[LYING] > 0.6
    assert is_somebody(tracks[-1])
    shoulders = np.array([bodies([track.person], 4 / 3).middles[0, SHOULDERS, 0] / track.height for track in tracks])
    within = round(2 / PERIOD_S)
    sunk = max(float(shoulders[k] - shoulders[max(k - within, 0) : k + 1].min()) for k in range(len(shoulders)))
    assert sunk > 0.4


def test_who_walks_stays_upright(data_dir, published_maps):
    path = data_dir / "gmdcsa24" / "Subject 1" / "ADL" / "10.mp4"
    if not path.is_file():
        pytest.skip(f"no {path}")
    states = followed(path, published_maps)
    assert states[-1].next_id == 2
    assert all(state.tracks[0].posture[UPRIGHT] > 0.5 for state in states if state.tracks)
