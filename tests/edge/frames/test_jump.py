"""Takes that were joined, and takes that go on."""

import itertools
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.frames.glance import GLANCE_PX, Glance, glance
from edge.frames.jump import jumped
from edge.types import NS_PER_S

LOOK_S = (0.1, 0.35)  # apart


def glances(path: Path, most_s: float) -> list[Glance]:
    """Ten a second."""
    capture = cv2.VideoCapture(str(path))
    rate_hz, due_s, found, number = capture.get(cv2.CAP_PROP_FPS), 0.0, [], 0
    while number / rate_hz < most_s and capture.grab():
        if number / rate_hz >= due_s:
            due_s += LOOK_S[0]
            pixels = np.ascontiguousarray(capture.retrieve()[1][..., ::-1], np.uint8)
            found.append(glance(pixels, round(number / rate_hz * NS_PER_S)))
        number += 1
    capture.release()
    return found


TAKES = (  # in different rooms, or outdoors
    "gmdcsa24/Subject 1/Fall/13.mp4",
    "gmdcsa24/Subject 3/ADL/07.mp4",
    "gmdcsa24/Subject 4/ADL/19.mp4",
    "normal/vtest.avi",
    "surveillance-fight/noFight/nofi013.mp4",
)


def test_each_cut_between_two_rooms_is_a_jump(data_dir):
    if missing := [take for take in TAKES if not (data_dir / take).is_file()]:
        pytest.skip(f"no {data_dir / missing[0]}")
    takes = {take: glances(data_dir / take, 3.0) for take in TAKES}
    pairs = list(itertools.permutations(TAKES, 2))
    noticed = [jumped(takes[first][-1], takes[second][0]) for first, second in pairs]
    assert all(noticed), [pair for pair, was in zip(pairs, noticed, strict=True) if not was]


@pytest.mark.parametrize("pattern", ["gmdcsa24/Subject 4/*/*.mp4", "normal/*.*", "surveillance-fight/fight/fi0?5.mp4"])
def test_no_take_that_goes_on_jumps(data_dir, pattern):  # some cameras are swung by hand
    paths = [path for path in sorted(data_dir.glob(pattern)) if path.suffix in {".mp4", ".avi"}]
    if not paths:
        pytest.skip(f"no {data_dir / pattern}")
    for path in paths:
        seen = glances(path, 10.0)
        for step in [round(apart_s / LOOK_S[0]) for apart_s in LOOK_S]:
            assert not any(jumped(a, b) for a, b in zip(seen, seen[step:], strict=False)), path


def picture(light: np.ndarray | float = 1.0) -> Glance:
    grey = cv2.resize(
        np.random.default_rng(0).uniform(60, 180, (9, 16)), GLANCE_PX[::-1], interpolation=cv2.INTER_NEAREST
    )
    return Glance((grey * light).clip(0, 255).astype(np.uint8), 50.0, 0)


@pytest.mark.parametrize("light", [0.3, 1.6, np.linspace(0.4, 1.4, GLANCE_PX[1])], ids=["off", "on", "from the side"])
def test_a_lamp_is_no_jump(light):
    assert not jumped(picture(), picture(light))
    assert not jumped(picture(light), picture())


def test_what_changes_in_a_part_of_the_picture_is_no_jump():
    now = picture().grey.copy()
    now[:, :30] = 255 - now[:, 30:0:-1]
    assert not jumped(picture(), Glance(now, 50.0, 0))
