"""When something in a clip goes down fastest: where to begin looking for a fall whose time nobody wrote down."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.bundle import InputSpec
from edge.inference.tflite import Interpreter
from edge.types import NS_PER_S
from trainer.clips.decoding import samples
from trainer.clips.manifest import Clip
from trainer.features.cache import Arrays, Cache, sound_entry
from trainer.features.extraction import fill

SPEC: Final = InputSpec(height_px=120, width_px=160, stream="rgb", rate_hz=10.0)
SETTINGS: Final = f"descent-v1 {SPEC.model_dump_json()}"
LEAD_S: Final = 0.4
"""A fall begins this long before its fastest moment: the mean over the annotated falls of `gmdcsa24`."""
MOVING_LEVEL: Final = 8
"""Of the difference between two grey pictures 0.1 s apart, from which a pixel counts as moving."""
LEAST_MOVING_PX: Final = 20
N_SMOOTHED: Final = 3

Grey = NDArray[np.uint8]  # (height, width)


def fall_starts_s(clips: Sequence[Clip], cache: Cache, workers: int) -> list[float]:
    """A guess at the start of the fall in each clip, which holds one: `LEAD_S` before its fastest descent, at least 0.

    Raises:
        DatasetError: a clip cannot be read.
    """
    entries = fill(cache, clips, SETTINGS, _guess, workers=workers, description="descents")
    return [float(sound_entry(entry)["start_s"]) for entry in entries]


def _guess(_: Interpreter | None, path: Path) -> Arrays:
    return {"start_s": np.asarray(fall_start_s(*descent(path)))}


def fall_start_s(times_s: NDArray[np.float64], speeds: NDArray[np.float64]) -> float:
    """`LEAD_S` before the highest of the smoothed speeds of descent, at least 0."""
    smoothed = np.convolve(np.maximum(speeds, 0), np.full(N_SMOOTHED, 1 / N_SMOOTHED), "same")
    return max(0.0, float(times_s[int(smoothed.argmax())]) - LEAD_S)


def descent(path: Path) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How fast what moves goes down: times in s (n,), and pixels of a 160 x 120 picture per 0.1 s (n,).

    Raises:
        DatasetError: the file cannot be read as video.
    """
    moments = [(sample.capture_ns / NS_PER_S, _grey(sample.streams[0])) for sample in samples(path, SPEC)]
    speeds = [
        _speed(before, after, (time_s - before_s) * SPEC.rate_hz)
        for (before_s, before), (time_s, after) in pairwise(moments)
    ]
    return np.asarray([time_s for time_s, _ in moments]), np.asarray([0.0, *speeds])


def _grey(picture: NDArray[np.uint8]) -> Grey:
    return np.asarray(cv2.GaussianBlur(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), (5, 5), 0), np.uint8)


def _speed(before: Grey, after: Grey, periods: float) -> float:
    """Mean vertical optical flow (Farneback 2003) per period over the pixels that move, downwards positive."""
    moving = cv2.absdiff(before, after) > MOVING_LEVEL * periods
    if moving.sum() <= LEAST_MOVING_PX:
        return 0.0
    flow = cv2.calcOpticalFlowFarneback(before, after, None, 0.5, 3, 15, 2, 5, 1.1, 0)  # pyright: ignore[reportArgumentType, reportCallIssue]
    return float(flow[moving, 1].mean() / periods)
