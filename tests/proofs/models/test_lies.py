"""Falls that lie for long: figures from what was told, and one real fall, shorter."""

import shutil
from typing import Any

import numpy as np
import pytest

from edge.inference.tflite import Tensor
from proofs.models.lies import Remembered, lie_down, lying_figures
from trainer.clips.datasets import read_dataset

STARTED, STILL, GOT_UP = ("started", None, 3.0), ("updated", "still_down", 63.0), ("ended", "got_up", 608.0)
GOES_ON = ("updated", None, 13.0)
GOOD = (STARTED, GOES_ON, STILL, GOT_UP)


def told(*events: tuple[str, str | None, float | None], stands_s: float | None = 607.0) -> dict[str, Any]:
    return {"clip": "a.mp4", "turned_s": 605.0, "stands_s": stands_s, "told": list(events)}


def test_who_lies_and_gets_up_is_counted():
    found = lying_figures([told(*GOOD), told(STARTED, STILL, ("ended", "end of file", 620.0), stands_s=None)])
    assert (found["lies_on"], found["lies_still"], found["lies_standing"], found["lies_up"]) == (2, 2, 1, 1)
    assert found["lies_up_s"] == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ((STARTED, STILL, ("ended", "left", 300.0)), (0, 1, 0)),
        ((STARTED, STILL, ("ended", "left", 300.0), ("started", None, 310.0), GOT_UP), (0, 1, 1)),
        ((STARTED, STILL, ("updated", "still_down", 200.0), GOT_UP), (1, 0, 1)),
        ((STARTED, STILL, ("ended", "got_up", 610.5)), (1, 1, 0)),
        ((STARTED, STILL, ("ended", "end of file", 620.0)), (1, 1, 0)),
        ((), (0, 0, 0)),
    ],
    ids=["lost", "told twice", "still twice", "late", "never up", "never told"],
)
def test_what_is_not_as_it_should_be_is_not(events, expected):
    found = lying_figures([told(*events)])
    assert (found["lies_on"], found["lies_still"], found["lies_up"]) == expected


class Counting:
    def __init__(self) -> None:
        self.inputs: dict[str, Tensor] = {}
        self.outputs: dict[str, Tensor] = {}
        self.asked = 0

    def run(self, values):
        self.asked += 1
        return {"sum": values["pixels"].sum(1).astype(np.float32)}


def test_a_network_is_asked_once_for_each_picture():
    network, pictures = Counting(), [np.array([[k, 1]], np.uint8) for k in (3, 4, 3)]
    remembered = Remembered(network)
    assert [float(remembered.run({"pixels": one})["sum"][0]) for one in pictures] == [4, 5, 4]
    assert network.asked == 2


def test_a_real_fall_lies_until_he_stands(data_dir, tmp_path):
    if shutil.which("ffmpeg") is None or not (data_dir / "gmdcsa24").is_dir():
        pytest.skip("needs ffmpeg and gmdcsa24")
    clips = [clip for clip in read_dataset(data_dir / "gmdcsa24") if clip.name == "Subject 3/Fall/20.mp4"]
    (lay,) = lie_down(clips, tmp_path, 80.0)
    found = lying_figures([lay])
    assert (found["lies_on"], found["lies_still"], found["lies_up"]) == (1, 1, 1), lay["told"]
    assert 60 <= next(at_s for _, reason, at_s in lay["told"] if reason == "still_down") <= 75
